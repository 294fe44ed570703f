//! A scheduler and its workers on a folder of their own, and what a test does to them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Call, Client, Process, Terminal, faults};
use crate::{baseline, dayfly, soon};

/// A job with one step that runs this script. The script stands in the command line of its process.
pub fn job(script: &str) -> Value {
    json!({
        "steps": [{ "name": "step", "command": ["/bin/sh", "-c", script] }],
        "limits": { "wall_time": "60s" },
        "retry": { "max_attempts": 10 },
    })
}

/// A service on a fixed port, with what it needs to be started again on the same data.
#[derive(Debug)]
pub struct Service {
    folder: TempDir,
    data: PathBuf,
    settings: Vec<(String, String)>,
    wrapper: Vec<String>,
    url: String,
    scheduler: Process,
    client: Client,
    join: String,
}

impl Service {
    /// Starts a scheduler with these settings: `("scheduler.lease", "2s")`.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::on(None, settings)
    }

    /// Starts one whose data lies elsewhere, for example on a disk that is too small.
    pub fn on(data: Option<&Path>, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("service-").tempdir().unwrap();
        let data = data.map_or_else(|| folder.path().join("data"), Path::to_owned);
        let settings: Vec<(String, String)> =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        fs::DirBuilder::new().mode(0o700).recursive(true).create(folder.path().join("home")).unwrap();
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let scheduler = Self::spawn_scheduler(&["scheduler"], &folder, &data, port, &settings, &[]);
        let client = Client::new(&url, &administrator(&data, &url));
        let (wrapper, join) = (Vec::new(), String::new());
        let mut service = Self { folder, data, settings, wrapper, url, scheduler, client, join };
        // Tokens that survive restarts; the one in client.json is new at each.
        service.client = service.client.with_token(&service.mint("test", "admin"));
        service.join = service.mint("join", "worker");
        service
    }

    fn mint(&self, name: &str, permit: &str) -> String {
        let wish = json!({ "name": name, "tenant": "default", "permits": [permit] });
        let token = self.client.call(Call::post("/v1/tokens", &wish)).good();
        token["token"].as_str().unwrap().to_owned()
    }

    fn spawn_scheduler(
        words: &[&str],
        folder: &TempDir,
        data: &Path,
        port: u16,
        settings: &[(String, String)],
        wrapper: &[String],
    ) -> Process {
        let listen = format!("127.0.0.1:{port}");
        let mut command = command(wrapper, folder.path(), settings);
        command.args(words).args(["--listen", &listen, "--data"]).arg(data);
        Process::spawn(&mut command, &folder.path().join("scheduler.log"))
    }

    fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The scheduler's process.
    pub fn scheduler(&mut self) -> &mut Process {
        &mut self.scheduler
    }

    /// Puts a command in front of schedulers that are started from now on.
    pub fn wrap(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Starts a scheduler in place of one that has ended, and does not wait for it.
    pub fn restart(&mut self) {
        self.restart_as(&["scheduler"]);
    }

    /// Starts `dayfly up` in place of a scheduler that has ended: with a worker of this name in the same process.
    pub fn restart_with_worker(&mut self, name: &str) {
        self.restart_as(&["up", "--slots", "2", "--name", name]);
    }

    fn restart_as(&mut self, words: &[&str]) {
        let (port, settings) = (self.port(), &self.settings);
        self.scheduler =
            Self::spawn_scheduler(words, &self.folder, &self.data, port, settings, &self.wrapper);
    }

    /// Waits until the scheduler answers.
    #[track_caller]
    pub fn ready(&mut self) {
        let start = Instant::now();
        while !self.client.try_call(Call::get("/v1/workers")).is_ok_and(|answer| answer.is_good()) {
            self.scheduler.assert_running();
            assert!(start.elapsed() < soon(30), "the scheduler does not answer:\n{}", self.scheduler.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts a worker of this name.
    pub fn worker(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        self.worker_at(&self.url, name, settings)
    }

    /// Starts a worker that reaches the scheduler by this address.
    pub fn worker_at(&self, url: &str, name: &str, settings: &[(&str, &str)]) -> Process {
        let cache = self.folder.path().join(format!("cache-{name}"));
        let mut all = vec![("worker.cache".to_owned(), cache.display().to_string())];
        all.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let mut command = command(&[], self.folder.path(), &all);
        command.args(["worker", "--server", url, "--name", name, "--slots", "2"]);
        command.env("DAYFLY_TOKEN", &self.join);
        Process::spawn(&mut command, &self.folder.path().join(format!("{name}.log")))
    }

    /// Runs a command of the client, as somebody on this machine would.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        let mut command = command(&[], self.folder.path(), &[]);
        command.args(arguments).env("DAYFLY_SERVER", &self.url).env("DAYFLY_TOKEN", self.client.token());
        command.output().unwrap()
    }

    /// Starts a command of the client in a terminal of so many columns.
    pub fn in_terminal(&self, columns: u16, arguments: &[&str]) -> Terminal {
        let size = format!("stty rows {} cols {columns}; exec \"$0\" \"$@\"", Terminal::ROWS);
        let words = ["bash", "-c", &size].map(str::to_owned);
        let mut command = command(&words, self.folder.path(), &[]);
        command.args(arguments).env("TERM", "xterm-256color");
        command.env("DAYFLY_SERVER", &self.url).env("DAYFLY_TOKEN", self.client.token());
        Terminal::spawn(&command, columns)
    }

    /// An administrator's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A client that may register workers.
    pub fn joining(&self) -> Client {
        self.client.with_token(&self.join)
    }

    /// Where the scheduler is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until workers of these names are there.
    #[track_caller]
    pub fn joined(&self, names: &[&str]) {
        let start = Instant::now();
        let there = |name: &&str| {
            let workers = self.client.list("/v1/workers");
            workers.iter().any(|worker| worker["name"] == **name && worker["alive"] == true)
        };
        while !names.iter().all(there) {
            assert!(start.elapsed() < soon(30), "the workers {names:?} do not come");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The folder of the data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The record of a job.
    #[track_caller]
    pub fn job(&self, id: &str) -> Value {
        self.client.get(format!("/v1/jobs/{id}"))
    }

    /// The events of a job.
    #[track_caller]
    pub fn events(&self, id: &str) -> Vec<Value> {
        let mut page = self.client.get(format!("/v1/jobs/{id}/events?limit=500"));
        assert!(page["next"].is_null(), "job {id} has more than 500 events");
        std::mem::take(page["items"].as_array_mut().unwrap())
    }

    /// Waits until the record of a job is as wanted.
    #[track_caller]
    pub fn wait(&self, id: &str, time: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let job = self.job(id);
            if wanted(&job) {
                return job;
            }
            assert!(start.elapsed() < time, "job {id} is not as wanted after {time:?}: {job}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of a job.
    #[track_caller]
    pub fn ended(&self, id: &str, time: Duration) -> Value {
        self.wait(id, time, |job| !job["ended_ms"].is_null())
    }

    /// Requires that everything that must hold of an ended job holds.
    #[track_caller]
    pub fn assert_sound(&self, id: &str) {
        let faults = faults(&self.job(id), &self.events(id));
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// What `dayfly explain` says.
    #[track_caller]
    pub fn explain(&self, id: &str) -> String {
        let output = self.cli(&["explain", id]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Requires that the database of a scheduler that has ended is whole.
    #[track_caller]
    pub fn assert_store_intact(&self) {
        let check = "import sqlite3, sys\n\
            db = sqlite3.connect(sys.argv[1])\n\
            print(db.execute('PRAGMA integrity_check').fetchall(), db.execute('PRAGMA foreign_key_check').fetchall())";
        let output =
            Command::new("python3").args(["-c", check]).arg(self.data.join("dayfly.db")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "[('ok',)] []", "{output:?}");
    }
}

/// Removes what killed workers left, as the next worker would.
#[track_caller]
pub fn sweep() {
    let output =
        Command::new(dayfly()).args(["doctor", "--sweep"]).env_remove("DAYFLY_REQUIRE").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The token that a scheduler leaves for clients on its machine.
fn administrator(data: &Path, url: &str) -> String {
    let start = Instant::now();
    loop {
        let found = fs::read(data.join("client.json")).unwrap_or_default();
        let found: Value = serde_json::from_slice(&found).unwrap_or_default();
        if found["url"] == url {
            return found["token"].as_str().unwrap().to_owned();
        }
        assert!(start.elapsed() < soon(30), "no scheduler at {url}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A port below those that the kernel gives to clients, so that none of them takes it while the scheduler is down.
fn free_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// `dayfly` with nothing of the surroundings but these settings.
fn command(wrapper: &[String], folder: &Path, settings: &[(String, String)]) -> Command {
    let mut words = wrapper.iter().map(String::as_str).collect::<Vec<_>>();
    words.push(dayfly().to_str().unwrap());
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_clear().env("HOME", folder.join("home"));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (key, value) in settings {
        command.env(format!("DAYFLY_{}", key.replace('.', "__").to_uppercase()), value);
    }
    command.env(baseline::MARK, baseline::mark());
    command
}
