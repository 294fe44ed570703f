//! Tables of good and bad job files: what the good ones become, what is said about the bad ones.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

mod bad;

/// A snapshot without the expression, which would repeat the table.
fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true, snapshot_path => "tests/snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}

const FULL: &str = r#"
version: 1
name: everything at once
labels: [linux, x86-64]
queue: slow
priority: -5
sandbox: {backend: jail, root: host, policy: ci, network: none}
limits: {memory: 256M, wall_time: 2m, cpus: 0.5, idle_time: 30s, processes: 64}
env: {MODE: 0755, VERSION: 1.10, FAST: true, EMPTY: ""}
inputs:
  src/main.py: {inline: "print(6 * 7)\n", executable: true}
  data.bin: {blob: "sha256:00000000000000000000000000000000000000000000000000000000000000ff"}
  lib: {file: lib.tar.gz, unpack: tar-gz}
steps:
  - run: |
      # the first line that is no comment is the name
      python3 src/main.py
  - name: sort
    command: [sort, -n]
    stdin: {file: numbers.txt}
    workdir: lib
    env: {LC_ALL: C}
    limits: {memory: 64M, wall_time: 10s, cpus: 0.25, idle_time: 5s}
    continue_on_error: true
  - run: print('clean')
    shell: python
    always: true
    stdin: {inline: "yes"}
secrets: [TOKEN, {name: deploy-key, env: DEPLOY_KEY}]
outputs: [{name: score, paths: [score.txt], required: true}]
artifacts: [{name: logs, paths: ['logs/**/*.txt', 'core.?'], max_size: 1M}]
retry: {max_attempts: 5, on: [infrastructure]}
timeouts: {queue: 1h, total: 10m}
report: [{webhook: "https://example.org:8443/hook?x=1"}]
"#;

fn yaml(text: &str) -> Result<JobSpec, SpecError> {
    JobSpec::parse(text, Format::Yaml)
}

/// What a store keeps.
fn checked(text: &str) -> String {
    serde_json::to_string_pretty(&yaml(text).unwrap()).unwrap()
}

#[test]
fn everything_that_can_be_written_is_read() {
    snapshot("full", &checked(FULL));
}

#[test]
fn what_is_left_out_has_its_default() {
    snapshot("defaults", &checked("steps: [{run: true}]"));
}

#[test]
fn three_languages_say_the_same() {
    let toml = "name = 'sum'\nlimits.memory = '64M'\n[inputs.'a b.txt']\ninline = 'x'\n\
                [[steps]]\nrun = 'cat'\nstdin.file = 'a b.txt'\n[steps.env]\nN = 0x10\n";
    let json = r#"{"name":"sum","limits":{"memory":67108864},"inputs":{"a b.txt":{"inline":"x"}},
                   "steps":[{"run":"cat","stdin":{"file":"a b.txt"},"env":{"N":16}}]}"#;
    let text = "{name: sum, limits: {memory: 64M}, inputs: {a b.txt: {inline: x}},
                 steps: [{run: cat, stdin: {file: a b.txt}, env: {N: 16}}]}";
    let job = yaml(text).unwrap();
    assert_eq!(JobSpec::parse(toml, Format::Toml), Ok(job.clone()));
    assert_eq!(JobSpec::parse(json, Format::Json), Ok(job));
}

#[test]
fn an_alias_stands_for_what_was_anchored() {
    let text = "limits: &small {memory: 64M}\nsteps: [{run: a, limits: *small}, {run: b}]";
    assert_eq!(yaml(text).unwrap().steps[0].limits.memory, Bytes::mib(64));
}

#[test]
fn steps_without_a_name_are_called_by_what_they_run_and_never_alike() {
    let text = "steps: [{run: make}, {name: make (2), run: x}, {run: make}, {command: [echo, \"a\\nb\"]}]";
    let names: Vec<String> = yaml(text).unwrap().steps.into_iter().map(|step| step.name).collect();
    assert_eq!(names, ["make", "make (2)", "make (3)", "echo a b"]);
}

#[test]
fn values_can_be_set_from_outside() {
    let set = |words: &[&str]| {
        let settings: Vec<Setting> = words.iter().map(|word| word.parse().unwrap()).collect();
        JobSpec::parse_with("steps: [{run: make}]", Format::Yaml, &settings)
    };
    let job = set(&["name=x=y", "limits.memory=64M", "steps.0.env.MODE=fast"]).unwrap();
    assert_eq!((job.name.as_str(), job.limits.memory), ("x=y", Bytes::mib(64)));
    assert_eq!(job.steps[0].env["MODE"], "fast");
    for (words, message) in [
        ("limits.memory=much", "limits.memory: 'much' has no number; write a size such as"),
        ("steps.1.run=x", "steps: '1' is no place in this list; it has 1, from 0 on"),
        ("steps.0.run.x=y", "steps.0.run: this is a single value and has no 'x'"),
        ("colour=red", "colour: there is no such key; the keys here are version, name,"),
    ] {
        let error = set(&[words]).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!("=x".parse::<Setting>().is_err() && "a..b=x".parse::<Setting>().is_err());
}

#[test]
fn the_schema_describes_every_key() {
    let schema = serde_json::to_string_pretty(&JobSpec::schema()).unwrap();
    snapshot("schema", &schema);
}

/// One line for each text, with what is said about it.
fn said_about(table: &[(Format, &str)]) -> String {
    let mut said = String::new();
    for (format, text) in table {
        let error = JobSpec::parse(text, *format).expect_err(text);
        writeln!(said, "{}\n  => {error}\n", text.trim_end().replace('\n', "\n   ")).unwrap();
    }
    said
}

/// Texts that are nearly job files, from pieces of them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "steps:",
        "\n",
        "  ",
        "- ",
        "run: x",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "limits:",
        "memory: 1G",
        "\"",
        ":",
        " ",
        "inputs",
        "a.txt",
        "inline",
        "=",
        "|",
        "\t",
        "#",
        "'",
        "<<: ",
        "!!str ",
        "---",
        "é",
        "null",
        "name: 1",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in prop_oneof![pieces(), any::<String>()]) {
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            if let Err(error) = JobSpec::parse(&text, format) {
                prop_assert!(!error.what.is_empty());
            }
        }
    }

    #[test]
    fn a_printed_job_parses_to_itself(
        name in "[^\\p{Cc}]{1,100}", script in "[^\0]{0,40}x", value in "[^\0]{0,40}", path in "[a-z]{1,9}(/[a-z]{1,9}){0,3}",
        memory in 1_u64 << 20..1_u64 << 40, micros in 1..1_u64 << 40, millis in 1..64_000_u32, priority in -100..=100_i8,
    ) {
        let mut job = yaml(FULL).unwrap();
        let roomy = yaml("{steps: [{run: x}], limits: {idle_time: none, cpus: none}}").unwrap().limits;
        job.name = name.clone();
        job.priority = priority;
        job.limits = Limits { memory: Bytes::new(memory), wall_time: WallTime::micros(micros), ..roomy.clone() };
        let limits = Limits { cpus: NonZeroU32::new(millis).map(crate::Cpus::Millis), ..job.limits.clone() };
        job.steps = vec![Step {
            name, action: Action::Run { script, shell: Shell::Bash }, env: [("A".to_owned(), value.clone())].into(),
            workdir: Some(path.clone()), stdin: Some(StepInput::Inline(value)), limits, continue_on_error: false,
            always: true,
        }];
        job.outputs[0].paths = vec![path];
        prop_assert_eq!(JobSpec::parse(&job.to_json(), Format::Json), Ok(job));
    }
}

#[test]
fn the_examples_are_jobs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let jobs: Vec<JobSpec> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| {
            yaml(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{path:?}:{error}"))
        })
        .collect();
    assert!(jobs.len() >= 5, "{} examples", jobs.len());
}

/// Every key of the schema, with the table it is in, stands in the page about job files.
#[test]
fn the_page_about_job_files_names_every_key() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/JOBS.md")).unwrap();
    let schema = JobSpec::schema();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys = tables.filter_map(|table| table["properties"].as_object()).flat_map(|keys| keys.keys());
    let missing: Vec<&String> = keys.filter(|key| !page.contains(&format!("| `{key}` |"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}
