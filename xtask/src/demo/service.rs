//! The executor as a service: `dayfly up`, the example pipelines shown live, and what became of them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::Error;
use crate::out;
use crate::process::Run;
use crate::repo::Repo;

/// The pipelines below `examples/`, and the exit code each has to end with.
const PIPELINES: [(&str, i32); 4] =
    [("hello.yaml", 0), ("failing.yaml", 3), ("hanging.yaml", 124), ("greedy.yaml", 123)];

/// How long `dayfly up` may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Submits every pipeline to a scheduler and worker of its own; what did not end as it had to.
pub(crate) fn pipelines(repo: &Repo, dayfly: &Path) -> Result<Vec<String>, Error> {
    let folder = repo.target()?.join("demo/service");
    out::title("Start a scheduler and a worker");
    let service = Service::start(dayfly, folder)?;
    let mut surprises = Vec::new();
    for (file, expected) in PIPELINES {
        out::title(&format!("Submit examples/{file} and watch it"));
        let code = service.client(["submit", "--watch"]).arg(repo.path("examples").join(file)).code()?;
        if code != expected {
            surprises.push(format!("examples/{file} ended with exit code {code} instead of {expected}"));
        }
    }
    out::title("What became of them");
    service.client(["status"]).run()?;
    service.stop()?;
    Ok(surprises)
}

/// A `dayfly up` of our own; ended when dropped.
struct Service {
    child: Child,
    dayfly: PathBuf,
    url: String,
    token: String,
}

impl Service {
    fn start(dayfly: &Path, folder: PathBuf) -> Result<Self, Error> {
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::file(folder, error)),
            _ => {}
        }
        let mut up = Run::new(dayfly).args(["up", "--listen=127.0.0.1:0", "--data"]).arg(&folder);
        out::command(&up.shown());
        let child = up.command.stdin(Stdio::null()).spawn().map_err(|source| up.spawn_error(source))?;
        let mut service = Self { child, dayfly: dayfly.to_owned(), url: String::new(), token: String::new() };
        let found = service.found(&folder.join("client.json"))?;
        let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        (service.url, service.token) = (text("url"), text("token"));
        Ok(service)
    }

    /// What it left for clients, once it listens.
    fn found(&mut self, file: &Path) -> Result<Value, Error> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().map_err(|source| Error::file(&self.dayfly, source))? {
                return Err(Error::Failed { command: "dayfly up".to_owned(), status: status.to_string() });
            }
            match std::fs::read(file) {
                Ok(text) => {
                    return serde_json::from_slice(&text).map_err(|error| Error::answer("dayfly up", error));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(50))
                }
                Err(error) => return Err(Error::file(file, error)),
            }
        }
        Err(Error::answer("dayfly up", format!("it did not listen within {} s", PATIENCE.as_secs())))
    }

    fn client<const N: usize>(&self, args: [&str; N]) -> Run {
        let mut run = Run::new(&self.dayfly).args(args);
        // Not by `Run::env`, which shows what it sets.
        run.hide("DAYFLY_SERVER", &self.url);
        run.hide("DAYFLY_TOKEN", &self.token);
        run
    }

    /// Ends it as an operator would, and waits until it has ended.
    fn stop(mut self) -> Result<(), Error> {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .map_err(|source| Error::Spawn { program: "kill".to_owned(), source })?;
        let status = self.child.wait().map_err(|source| Error::file(&self.dayfly, source))?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::Failed { command: "dayfly up".to_owned(), status: status.to_string() }),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended already unless something went wrong.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
