//! What goes into the workspace and what comes out of it.

use dayfly_jobs::wire::Completion;
use dayfly_jobs::{Digest, Verdict};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::{Bench, job, spec, with};

/// A packed tar file of these paths and contents.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn collect(name: &str, paths: &[&str]) -> Value {
    json!({ "name": name, "paths": paths, "max_size": 1 << 20, "required": true })
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_are_there_and_blobs_are_fetched_once() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let blob = bench.fake.upload(b"from a blob\n");
    let packed =
        bench.fake.upload(&archive(&[("bin/tool", "#!/bin/sh\necho tool\n"), ("deep/er/file", "packed\n")]));
    let inputs = json!([
        { "path": "a/inline.txt", "source": { "inline": "from the job file\n" } },
        { "path": "a/blob", "source": { "blob": blob } },
        { "path": "run.sh", "source": { "inline": "#!/bin/sh\necho ran\n" }, "executable": true },
        { "path": "src", "source": { "blob": packed }, "unpack": "tar-gz" },
    ]);
    let script = "cat a/inline.txt a/blob src/deep/er/file; ./run.sh; src/bin/tool; echo more >>a/blob";
    for _ in 0..2 {
        let lease = bench.fake.submit(spec(with(job(&[("look", script)]), "/inputs", inputs.clone())));
        bench.fake.end_of(lease).await;
        assert_eq!(bench.fake.log(lease), "from the job file\nfrom a blob\npacked\nran\ntool\n");
    }
    assert_eq!(bench.fake.words().blob_reads, 2);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_cannot_be_used_are_the_jobs_fault() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let broken = bench.fake.upload(b"no archive");
    let evil = bench.fake.upload(&archive(&[("ok", "x")])[..20]);
    let large = bench.fake.upload(&vec![b'x'; 1 << 20]);
    let inline = |path: &str| json!({ "path": path, "source": { "inline": "x" } });
    let blob = |digest: Digest, unpack: Value| json!({ "path": "in", "source": { "blob": digest }, "unpack": unpack });
    let missing = Digest([7; 32]);
    for (inputs, reason) in [
        (json!([inline("same"), inline("same")]), "there already"),
        (json!([inline("file"), inline("file/below")]), "a link or a file"),
        (json!([inline("../out")]), "'..'"),
        (json!([inline("/etc/passwd")]), "absolute"),
        (json!([blob(missing, Value::Null)]), "no blob"),
        (json!([blob(broken, json!("tar-gz"))]), "broken"),
        (json!([blob(evil, json!("tar-gz"))]), "broken"),
        (json!([blob(large, Value::Null)]), "disk"),
        (json!([{ "path": "x", "source": { "file": "local" } }]), "not uploaded"),
    ] {
        let small = with(job(&[("never", "true")]), "/limits/disk_bytes", json!(256 << 10));
        let result = bench.result(spec(with(small, "/inputs", inputs.clone()))).await;
        let Verdict::BadInput { reason: told } = &result.verdict else {
            panic!("{inputs}: {:?}", result.verdict)
        };
        assert!(told.contains(reason), "{told}");
        assert_eq!(result.steps[0].outcome, None);
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_come_with_the_result_and_artifacts_as_blobs() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let script = "mkdir -p out/deep; echo report >out/report.txt; printf '\\377' >raw; echo big >out/deep/a.bin; \
                  echo big >out/b.bin; ln -s /etc/passwd out/link.bin; mkfifo out/pipe.bin; exit 7";
    let job = with(job(&[("make", script)]), "/outputs", json!([collect("report", &["out/*.txt", "raw"])]));
    let job = with(job, "/artifacts", json!([collect("bins", &["out/**/*.bin"])]));
    let result = bench.result(spec(job)).await;
    assert!(matches!(result.verdict, Verdict::Failed { .. }), "{:?}", result.verdict);
    let outputs: Vec<_> = result
        .outputs
        .iter()
        .map(|file| (&*file.path, file.text.as_deref(), file.base64.as_deref()))
        .collect();
    assert_eq!(outputs, [("out/report.txt", Some("report\n"), None), ("raw", None, Some("/w=="))]);
    let paths: Vec<_> = result.artifacts.iter().map(|artifact| &*artifact.path).collect();
    assert_eq!(paths, ["out/b.bin", "out/deep/a.bin"]);
    let digest = Digest(sha2::Sha256::digest(b"big\n").into());
    assert!(result.artifacts.iter().all(|artifact| artifact.digest == digest));
    let kept = bench.fake.words().blobs.get(&digest).cloned();
    assert_eq!(kept.as_deref(), Some(b"big\n".as_slice()));
    let writes = bench.fake.words().blob_writes;
    assert_eq!(writes, 2);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_collected_is_told() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    for (script, path, reason) in [
        ("true", "missing", "does not exist"),
        ("true", "*.none", "nothing matches"),
        ("mkdir folder", "folder", "a folder"),
        ("mkfifo pipe", "pipe", "no regular file"),
        ("ln -s /etc/passwd link", "link", "symbolic link"),
        ("ln -s /etc dir", "dir/passwd", "symbolic link"),
        ("echo x >locked; chmod 0 locked", "locked", "EACCES"),
        ("truncate -s 2M sparse", "sparse", "max_size"),
        ("true", "/etc/passwd", "does not exist"),
        ("true", "../../etc/passwd", "leads out"),
    ] {
        let job = with(job(&[("make", script)]), "/artifacts", json!([collect("wanted", &[path])]));
        let result = bench.result(spec(job)).await;
        let Verdict::BadOutput { reason: told } = &result.verdict else {
            panic!("{path}: {:?}", result.verdict)
        };
        assert!(told.contains(reason), "{path}: {told}");
        assert_eq!(result.artifacts, []);
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_when_nobody_can_swap_them_any_more() {
    let Some(bench) = Bench::start(|_| {}).await else { return };
    let script =
        "echo good >out; (while :; do ln -sf /etc/passwd out; rm -f out; echo good >out; done) & sleep 0.05";
    for _ in 0..10 {
        let job = with(job(&[("swap", script)]), "/outputs", json!([collect("out", &["out"])]));
        let lease = bench.fake.submit(spec(job));
        let Completion::Finished { result, .. } = bench.fake.end_of(lease).await else { panic!() };
        assert!(
            result.outputs.iter().all(|file| matches!(file.text.as_deref(), Some("good\n" | ""))),
            "{result:?}"
        );
    }
    bench.end().await;
}
