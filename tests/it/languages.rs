//! Real compilers and interpreters: built under `compile`, run under the policy for what came out.

use std::fs;
use std::path::Path;
use std::process::Command;

use dayfly_tests::{Dayfly, End, has, jail, needs};
use tempfile::TempDir;

/// A folder with one source file.
fn source(name: &str, text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(name), text).unwrap();
    dir
}

/// Compiles in a jail; the folder is shared, writable, as the working folder.
#[track_caller]
fn compile(dir: &TempDir, command: &[&str]) {
    let run = Dayfly::new()
        .opt("--policy", "compile")
        .opt("--memory", "2G")
        .opt("--disk", "1G")
        .opt("--file-size", "512M")
        .opt("--inodes", "20000")
        .opt("--processes", "128")
        .opt("--open-files", "1024")
        .opt("--cpu-time", "120s")
        .opt("--wall-time", "180s")
        .share(dir.path())
        .opt("--workdir", "/share")
        .run(command);
    run.ended(End::Exit(0));
}

/// Runs what was built, read-only, and requires that it adds two numbers.
#[track_caller]
fn adds(dir: &Path, policy: &str, command: &[&str]) {
    let run = Dayfly::new()
        .opt("--policy", policy)
        .opt("--memory", "1G")
        .opt("--processes", "128")
        .opt("--open-files", "1024")
        .also("--bind", format!("{}:/built", dir.display()))
        .stdin("19 23\n")
        .run(command);
    run.ended(End::Exit(0));
    assert_eq!(run.stdout.trim(), "42", "{run:#?}");
}

#[test]
fn c_and_cpp() {
    let _host = jail!();
    needs!("gcc", "g++");
    let dir =
        source("a.c", "#include <stdio.h>\nint main(){int a,b;scanf(\"%d%d\",&a,&b);printf(\"%d\\n\",a+b);}");
    compile(&dir, &["gcc", "-O2", "-o", "program", "a.c"]);
    adds(dir.path(), "strict", &["/built/program"]);
    let text = "#include <bits/stdc++.h>\nint main(){std::map<int,int> m;int a,b;std::cin>>a>>b;m[a]=b;\
                std::cout<<a+m[a]<<std::endl;}";
    let dir = source("a.cpp", text);
    compile(&dir, &["g++", "-O2", "-std=c++20", "-o", "program", "a.cpp"]);
    adds(dir.path(), "strict", &["/built/program"]);
}

#[test]
fn rust() {
    let _host = jail!();
    let toolchain = Command::new("rustc").args(["--print", "sysroot"]).output();
    if toolchain.is_err() {
        dayfly_tests::skip!("needs rustc: install rustup");
    }
    let text = "use std::io::Read;\nfn main() { let mut s = String::new(); std::io::stdin().read_to_string(&mut s).unwrap();\
                println!(\"{}\", s.split_whitespace().map(|n| n.parse::<i32>().unwrap()).sum::<i32>()); }";
    let dir = source("a.rs", text);
    compile(&dir, &["rustc", "-O", "-o", "program", "a.rs"]);
    adds(dir.path(), "strict", &["/built/program"]);
}

#[test]
fn java() {
    let _host = jail!();
    needs!("javac", "java");
    let text = "public class Main { public static void main(String[] x) { var in = new java.util.Scanner(System.in);\
                System.out.println(in.nextInt() + in.nextInt()); } }";
    let dir = source("Main.java", text);
    compile(&dir, &["javac", "Main.java"]);
    adds(dir.path(), "interpreted", &["java", "-Xmx256m", "-cp", "/built", "Main"]);
}

#[test]
fn go() {
    let _host = jail!();
    needs!("go");
    let text =
        "package main\nimport \"fmt\"\nfunc main() { var a, b int; fmt.Scan(&a, &b); fmt.Println(a + b) }";
    let dir = source("a.go", text);
    compile(&dir, &["sh", "-c", "GOCACHE=/tmp/cache GO111MODULE=off go build -o program a.go"]);
    adds(dir.path(), "strict", &["/built/program"]);
}

#[test]
fn node() {
    let _host = jail!();
    needs!("node");
    let text =
        "const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number); console.log(a + b);";
    let dir = source("a.js", text);
    adds(dir.path(), "interpreted", &["node", "/built/a.js"]);
}

#[test]
fn scripts() {
    let _host = jail!();
    for (program, text) in [
        ("python3", "print(sum(map(int, input().split())))"),
        ("bash", "read a b; echo $((a + b))"),
        ("perl", "my ($a, $b) = split ' ', <STDIN>; print $a + $b, \"\\n\";"),
        ("ruby", "puts gets.split.sum(&:to_i)"),
    ] {
        if ["python3", "bash", "perl"].contains(&program) || has(program) {
            let dir = source("script", text);
            adds(dir.path(), "interpreted", &[&format!("/usr/bin/{program}"), "/built/script"]);
        }
    }
}

#[test]
fn threads_and_pools_in_every_policy_that_runs_code() {
    let _host = jail!();
    let text = "import concurrent.futures as f, multiprocessing as m, tempfile, subprocess, sqlite3\n\
                if __name__ == '__main__':\n\
                \twith f.ThreadPoolExecutor(4) as p: a = sum(p.map(int, ['19', '0', '0', '0']))\n\
                \twith m.Pool(2) as p: b = sum(p.map(int, ['20', '3']))\n\
                \tsubprocess.run(['true'], check=True); sqlite3.connect('/tmp/x').execute('create table t(x)')\n\
                \tprint(a + b)";
    let dir = source("a.py", text);
    adds(dir.path(), "interpreted", &["/usr/bin/python3", "/built/a.py"]);
}
