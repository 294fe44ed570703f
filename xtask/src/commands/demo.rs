//! `cargo xtask demo`: the main job on real examples. Compiles C++ in a jail, judges a submission, and stops
//! programs that do what they must not; then does the same as a service, with pipelines. Fails when anything ends
//! otherwise than it has to.

use std::path::PathBuf;

use crate::args::Args;
use crate::commands::Command;
use crate::demo::{CASES, Case, Cell, Report, compile_limits, pipelines, table};
use crate::error::Error;
use crate::out::{self, Style};
use crate::packages;
use crate::process::Run;
use crate::repo::Repo;

pub(crate) const COMMAND: Command = Command {
    name: "demo",
    about: "run real examples in jails and show the results",
    options: &[("--no-install", "do not install missing packages")],
    run,
};

fn run(repo: &Repo, mut args: Args) -> Result<(), Error> {
    let install = !args.flag("--no-install");
    args.finish()?;
    if install {
        packages::install(packages::DEMO)?;
    }
    out::title("Build");
    Run::cargo().args(["build", "--release", "--locked", "--package", "dayfly"]).dir(repo.root()).run()?;
    let stage = Stage::new(repo)?;
    out::title("Compile every example, in a jail of its own: a compiler is not to be trusted with its input");
    let mut rows = Vec::new();
    let mut surprises = Vec::new();
    for case in CASES {
        let report = stage.compile(case)?;
        rows.push(row(&format!("g++ {}", case.source), &report));
    }
    out::title("Run them");
    for case in CASES {
        let report = stage.run(case)?;
        surprises.extend(case.surprise(&report, stage.expected(case)?.as_deref()));
        rows.push(row(&format!("{} ({})", case.program(), case.about), &report));
    }
    out::title("What happened");
    out::plain(&table(&["what", "end", "exit code", "CPU time", "wall time", "peak memory"], &rows));
    surprises.extend(pipelines(repo, &stage.dayfly)?);
    conclude(surprises)
}

fn conclude(surprises: Vec<String>) -> Result<(), Error> {
    out::plain("");
    for surprise in &surprises {
        out::finding("demo", surprise);
    }
    if !surprises.is_empty() {
        return Err(Error::Findings { check: "demo", count: surprises.len() });
    }
    out::plain(&out::paint(Style::Good, "Every program ended as it had to."));
    out::plain(
        "Try one yourself: target/release/dayfly run --cpu-time 1s --json -- /usr/bin/sha256sum /dev/zero",
    );
    Ok(())
}

fn row(what: &str, report: &Report) -> Vec<Cell> {
    let style = if report.ended_by_itself() { Style::Good } else { Style::Warn };
    vec![
        Cell::text(what, Style::Plain),
        Cell::text(report.ending(), style),
        Cell::number(report.exit_code.to_string()),
        Cell::number(report.cpu_time()),
        Cell::number(report.wall_time()),
        Cell::number(report.peak_memory()),
    ]
}

/// The exit code that says: Dayfly failed or refused, and the program is not to blame.
const REFUSED: i64 = 125;

/// Where the demo takes place.
struct Stage<'a> {
    repo: &'a Repo,
    dayfly: PathBuf,
    /// Where the compiled programs go; made anew each time.
    programs: PathBuf,
}

impl<'a> Stage<'a> {
    fn new(repo: &'a Repo) -> Result<Self, Error> {
        let target = repo.target()?;
        let programs = target.join("demo");
        if programs.exists() {
            std::fs::remove_dir_all(&programs).map_err(|source| Error::file(&programs, source))?;
        }
        std::fs::create_dir_all(&programs).map_err(|source| Error::file(&programs, source))?;
        Ok(Self { repo, dayfly: target.join("release/dayfly"), programs })
    }

    fn example(&self, file: &str) -> PathBuf {
        self.repo.path("examples").join(file)
    }

    fn jail(&self) -> Run {
        Run::new(&self.dayfly).args(["run", "--json"])
    }

    fn compile(&self, case: &Case) -> Result<Report, Error> {
        let source = format!("{}:/in/{}.cpp", self.example(case.source).display(), case.program());
        let jail = self.jail().args(compile_limits()).arg("--bind").arg(source);
        let jail = jail.arg("--bind").arg(format!("{}:/out:rw", self.programs.display()));
        let compiler = ["--", "/usr/bin/g++", "-O2", "-std=c++20"];
        let from = format!("/in/{}.cpp", case.program());
        let jail = jail.args(compiler).arg("-o").arg(format!("/out/{}", case.program())).arg(from);
        let report = observed(jail)?;
        let is_there = self.programs.join(case.program()).is_file();
        if is_there && report.is("exited", "code", "0") {
            return Ok(report);
        }
        let status = format!("{}: {}", report.ending(), report.stderr.trim());
        Err(Error::Failed { command: format!("compiling {} in a jail", case.source), status })
    }

    fn run(&self, case: &Case) -> Result<Report, Error> {
        let program = self.programs.join(case.program());
        let jail = self.jail().args(case.limits());
        let jail = match case.stdin {
            Some(file) => jail.arg("--stdin").arg(self.example(file)),
            None => jail,
        };
        let inside = format!("/in/{}", case.program());
        let jail = jail.arg("--bind").arg(format!("{}:{inside}", program.display()));
        observed(jail.args(["--", &inside]))
    }

    fn expected(&self, case: &Case) -> Result<Option<String>, Error> {
        let file = case.expected_output.map(|file| self.example(file));
        file.map(|file| std::fs::read_to_string(&file).map_err(|source| Error::file(file, source)))
            .transpose()
    }
}

/// Shows and runs a jail; what it reported.
fn observed(jail: Run) -> Result<Report, Error> {
    out::command(&jail.shown());
    let output = jail.output()?;
    let exit_code = i64::from(output.status.code().unwrap_or(-1));
    if exit_code == REFUSED {
        let said = [output.stdout, output.stderr].concat();
        return Err(Error::answer("dayfly run", String::from_utf8_lossy(&said).trim()));
    }
    Report::parse(&output.stdout, exit_code)
}
