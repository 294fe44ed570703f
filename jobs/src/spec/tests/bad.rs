//! Bad job files, and what is said about each. Read the snapshots as somebody would who made the mistake.

use super::*;

fn yaml_table(texts: &[&str]) -> String {
    let table: Vec<(Format, &str)> = texts.iter().map(|text| (Format::Yaml, *text)).collect();
    said_about(&table)
}

#[test]
fn texts_that_are_not_in_their_language() {
    snapshot(
        "language",
        &said_about(&[
            (Format::Yaml, ""),
            (Format::Yaml, "\u{feff}steps: [{run: x}"),
            (Format::Yaml, "steps: [{run: x}"),
            (Format::Yaml, "steps:\n\t- run: x"),
            (Format::Yaml, "steps:\n- run: x\n- run: y\nname: a\nname: b"),
            (Format::Yaml, "steps: [{run: x}]\n---\nsteps: [{run: x}]"),
            (Format::Yaml, "steps: [{run: !!str x}]"),
            (Format::Yaml, "base: &b {run: x}\nsteps: [{<<: *b}]"),
            (Format::Yaml, "steps: &a [*a]"),
            (Format::Yaml, "steps: [*nobody]"),
            (Format::Yaml, "[a, b]: c"),
            (Format::Json, "{\"steps\": [\n  {\"run\": \"x\",}]}"),
            (Format::Json, "{\"steps\": [\n  {\"run\": \"x\", \"run\": \"y\"}]}"),
            (Format::Json, "{\"steps\": [{\"run\": \"\\ud800\"}]}"),
            (Format::Json, "{\"steps\": []} x"),
            (Format::Toml, "name = 'a'\nname = 'b'"),
            (Format::Toml, "[[steps]]\nrun = x"),
            (Format::Toml, "name = 2020-01-01"),
        ]),
    );
}

#[test]
fn shapes_that_are_wrong() {
    snapshot(
        "shapes",
        &yaml_table(&[
            "just a word",
            "[{run: x}]",
            "name: x",
            "steps:",
            "steps: [{run: x}]\nlimts: {memory: 1G}",
            "steps: [{run: x}]\nlimits: {memroy: 1G}",
            "steps:\n- run: x\n- run: y\n- run: z\n  limits:\n    memory: 256X",
            "steps: [make, test]",
            "steps: {run: x}",
            "steps: make test",
            "steps: [{run: [a, b]}]",
            "steps: [{command: make}]",
            "steps: [{run: x, always: perhaps}]",
            "steps: [{run: x, always: 'true'}]",
            "steps: [{run: x, shell: zsh}]",
            "steps: [{run: x, shell: bsh}]",
            "version: 2\nsteps: [{run: x}]",
            "version: one\nsteps: [{run: x}]",
            "steps: [{run: x, env: {A: [1]}}]",
            "steps: [{run: x, env: {A: }}]",
            "labels: gpu\nsteps: [{run: x}]",
            "secrets: [[a]]\nsteps: [{run: x}]",
        ]),
    );
}

#[test]
fn values_that_cannot_be() {
    snapshot(
        "values",
        &yaml_table(&[
            "steps: [{run: x}]\nlimits: {wall_time: 5}",
            "steps: [{run: x}]\nlimits: {memory: -1}",
            "steps: [{run: x}]\nlimits: {processes: 0}",
            "steps: [{run: x}]\nlimits: {cpus: lots}",
            "steps: [{run: x, limits: {memory: 2G}}]",
            "limits: {cpus: 'pin:0'}\nsteps: [{run: x, limits: {cpus: 1}}]",
            "limits: {idle_time: 5s}\nsteps: [{run: x, limits: {idle_time: none}}]",
            "steps: [{run: x}]\nlabels: [a b]",
            "steps: [{run: x}]\nqueue: ../x",
            "steps: [{run: x}]\npriority: 101",
            "steps: [{run: x}]\npriority: high",
            "steps: [{run: x}]\nname: \"a\\nb\"",
            "steps: [{run: x}]\nsandbox: {policy: ./mine.toml}",
            "steps: [{run: x}]\nsandbox: {network: loopbak}",
            "steps: [{run: x}]\nsandbox: {backend: microvm}",
            "steps: [{run: x}]\nretry: {max_attempts: 11}",
            "steps: [{run: x}]\nretry: {on: [failure]}",
            "steps: [{run: x}]\ntimeouts: {total: soon}",
            "steps: [{run: x}]\nreport: [{webhook: example.org}]",
            "steps: [{run: x}]\nreport: [{webhook: 'https://'}]",
            "steps: [{run: x}]\nreport: [{webhook: 'https://me:pw@example.org'}]",
            "steps: [{run: x}]\nreport: [{webhook: 'https://example.org/a b'}]",
            "steps: [{run: x}]\nreport: [{}]",
            "steps: [{run: x}]\nsecrets: [a, a]",
            "steps: [{run: x}]\nsecrets: [{name: a, env: 1A}]",
            "steps: [{run: x}]\nsecrets: [{env: A}]",
            "steps: [{run: x}]\nenv: {DAYFLY_TOKEN: x}",
            "steps: [{run: x}]\nenv: {'A=B': x}",
            "steps: [{run: x}]\nenv: {A: \"x\\0y\"}",
        ]),
    );
}

#[test]
fn steps_that_cannot_be() {
    snapshot(
        "steps",
        &yaml_table(&[
            "steps: [{}]",
            "steps: [{name: x}]",
            "steps: [{run: x, command: [y]}]",
            "steps: [{run: ' '}]",
            "steps: [{command: ['']}]",
            "steps: [{command: [x, \"a\\0\"]}]",
            "steps: [{command: [x], shell: bash}]",
            "steps: [{name: a, run: x}, {name: a, run: y}]",
            "steps: [{name: '', run: x}]",
            "steps: [{run: x, workdir: /tmp}]",
            "steps: [{run: x, workdir: a/../..}]",
            "steps: [{run: x, stdin: {}}]",
            "steps: [{run: x, stdin: {inline: a, file: b}}]",
            "steps: [{run: x, stdin: {file: /etc/passwd}}]",
        ]),
    );
}

#[test]
fn files_that_cannot_be() {
    snapshot(
        "files",
        &yaml_table(&[
            "steps: [{run: x}]\ninputs: {/etc/passwd: {inline: x}}",
            "steps: [{run: x}]\ninputs: {../a: {inline: x}}",
            "steps: [{run: x}]\ninputs: {a//b: {inline: x}}",
            "steps: [{run: x}]\ninputs: {./a: {inline: x}}",
            "steps: [{run: x}]\ninputs: {.: {inline: x}}",
            "steps: [{run: x}]\ninputs: {a: {}}",
            "steps: [{run: x}]\ninputs: {a: {inline: x, file: y}}",
            "steps: [{run: x}]\ninputs: {a: {file: ../../secret}}",
            "steps: [{run: x}]\ninputs: {a: {blob: 123}}",
            "steps: [{run: x}]\ninputs: {a: {inline: x}, a/b: {inline: y}}",
            "steps: [{run: x}]\ninputs: {a: {inline: x, executable: true, unpack: tar}}",
            "steps: [{run: x}]\ninputs: {a: {inline: x, unpack: zip}}",
            "steps: [{run: x}]\noutputs: [{paths: [a]}]",
            "steps: [{run: x}]\noutputs: [{name: a}]",
            "steps: [{run: x}]\noutputs: [{name: a, paths: [a]}, {name: a, paths: [b]}]",
            "steps: [{run: x}]\noutputs: [{name: a, paths: [a], max_size: 2M}]",
            "steps: [{run: x}]\noutputs: [{name: a, paths: [a], max_size: 1M}, {name: b, paths: [b]}]",
            "steps: [{run: x}]\nartifacts: [{name: a, paths: ['x[0-9]']}]",
            "steps: [{run: x}]\nartifacts: [{name: a, paths: [a, 'x**/y']}]",
            "steps: [{run: x}]\nartifacts: [{name: a, paths: ['../*']}]",
            "steps: [{run: x}]\nartifacts: [{name: a, paths: [a], max_size: 1T}]",
        ]),
    );
}

#[test]
fn nothing_may_be_without_bound() {
    let many = |count: usize, item: &str| vec![item; count].join(", ");
    let numbered = |count: usize| (0..count).map(|n| format!("k{n}: x")).collect::<Vec<_>>().join(", ");
    let bomb = (0..30).fold("a0: &a0 [x, x]".to_owned(), |text, n| {
        let more = n + 1;
        format!("{text}\na{more}: &a{more} [*a{n}, *a{n}]")
    });
    for (text, message) in [
        ("x".repeat((1 << 20) + 1), "a job file has at most 1024 KiB"),
        (bomb, "there are too many values; write fewer values and aliases"),
        (format!("a: {}{}", "[".repeat(40), "]".repeat(40)), "this is nested deeper than 24 levels"),
        (format!("a: [{}]", many(200_000, "1")), "there are too many values"),
        (format!("steps: [{}]", many(257, "{run: x}")), "steps: there are 257 steps; write at most 256"),
        (
            format!("{{steps: [{{command: [{}]}}]}}", many(1025, "x")),
            "there are 1025 arguments; write at most 1024",
        ),
        (format!("{{steps: [{{run: x}}], env: {{{}}}}}", numbered(257)), "env: there are 257 variables"),
        (format!("{{steps: [{{run: x}}], labels: [{}]}}", many(33, "x")), "labels: there are 33 labels"),
        (format!("{{steps: [{{run: x}}], name: {}}}", "n".repeat(101)), "name: the name has 101 characters"),
        (
            format!("{{steps: [{{run: x, workdir: {}}}]}}", "n".repeat(256)),
            "a name in the path has 256 bytes",
        ),
    ] {
        let error = yaml(&text).unwrap_err().to_string();
        assert!(error.contains(message) && error.len() < 300, "{error}");
    }
}
