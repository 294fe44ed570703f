//! Compiles the hostile programs, once per change of their source.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};

use crate::binary::scratch;

/// The folder of compiled payloads; [`crate::Dayfly::payloads`] shows it in the jail as `/payload`.
///
/// `DAYFLY_PAYLOADS` names one that was compiled elsewhere, for machines without a compiler.
pub fn payloads() -> &'static Path {
    static PAYLOADS: OnceLock<PathBuf> = OnceLock::new();
    PAYLOADS.get_or_init(|| match std::env::var_os("DAYFLY_PAYLOADS") {
        Some(dir) => PathBuf::from(dir),
        None => compile_all(),
    })
}

fn compile_all() -> PathBuf {
    let out = scratch().join("payloads");
    fs::create_dir_all(&out).unwrap();
    let lock = File::create(scratch().join("payloads.lock")).unwrap();
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno).unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads");
    let header = sources.join("payload.h");
    for entry in fs::read_dir(&sources).unwrap() {
        let source = entry.unwrap().path();
        let name = source.file_stem().unwrap().to_owned();
        match source.extension().and_then(|extension| extension.to_str()) {
            Some("c") => compile(&source, &header, &out.join(name)),
            Some("py" | "sh") => copy(&source, &out.join(source.file_name().unwrap())),
            _ => {}
        }
    }
    out
}

fn compile(source: &Path, header: &Path, binary: &Path) {
    if is_newer(binary, source) && is_newer(binary, header) {
        return;
    }
    let fresh = binary.with_extension("new");
    let output = Command::new("gcc")
        .args([
            "-std=gnu17",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Wno-return-type",
            "-static",
            "-pthread",
            "-o",
        ])
        .args([&fresh, source])
        .output()
        .unwrap_or_else(|error| panic!("gcc is needed to compile the payloads: {error}"));
    assert!(output.status.success(), "{source:?}: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(fresh, binary).unwrap();
}

fn copy(source: &Path, target: &Path) {
    if !is_newer(target, source) {
        fs::copy(source, target).unwrap();
    }
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    matches!((changed(made), changed(source)), (Ok(made), Ok(source)) if made > source)
}
