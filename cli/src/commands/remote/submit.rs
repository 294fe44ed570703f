//! `dayfly submit FILE`: reads and checks the file here, uploads what it names, and queues it once.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dayfly_jobs::wire::Submitted;
use dayfly_jobs::{Format, InputSource, JobSpec, Setting, SpecError};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::{connect, print};
use crate::args::Global;
use crate::client::{Client, Repeat, ServerArgs, Upload, block_on, random_key, send_blob};
use crate::error::CliError;
use crate::output::Out;
use crate::watch;

/// Files larger than this are no job files; the parser has a lower limit, and says so better.
const MAX_FILE: u64 = 2 << 20;

/// What to submit.
#[derive(Debug, clap::Args)]
#[command(after_help = "The keys of a job file: docs/JOBS.md, or 'dayfly schema job'.\n\n\
    Examples:\n  dayfly submit job.yaml --watch             # see it run, exit with its code\n  \
    id=$(dayfly submit job.yaml)               # queue it, keep its id\n  \
    dayfly submit job.toml --set limits.memory=2G --set steps.0.env.MODE=fast\n  \
    echo 'steps: [{run: make test}]' | dayfly submit - --watch\n\n\
    Exit codes with --watch: those of 'dayfly run'; 1 where outputs or inputs were wrong; 125 where the\n\
    job could not be run. ^C ends the watching alone, with 120: the job goes on")]
pub(crate) struct SubmitArgs {
    /// The job file: .yaml, .json or .toml; '-' reads YAML from standard input.
    file: PathBuf,
    /// Show the steps live and exit with the job's code.
    #[arg(long, short)]
    watch: bool,
    /// Replace a value of the file: dotted keys, lists counted from 0. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Setting>,
    /// Only say whether the file is a job.
    #[arg(long, conflicts_with = "watch")]
    check: bool,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// Submits it, and watches if asked to.
pub(crate) fn run(args: &SubmitArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let spec = read(args)?;
    if args.check {
        return super::done(&format!("{} is a job", args.file.display()), global, out);
    }
    let client = connect(&args.server, global)?;
    block_on(async {
        let submitted = submit(&client, spec, folder(&args.file)).await?;
        match args.watch {
            true => watch::job(&client, submitted.id, global, out).await,
            false => print(&submitted, |answer| format!("{}\n", answer.id), global, out),
        }
    })
}

fn read(args: &SubmitArgs) -> Result<JobSpec, CliError> {
    let (name, format) = match args.file.to_str() {
        Some("-") => ("standard input".to_owned(), Format::Yaml),
        name => (args.file.display().to_string(), format(name.unwrap_or_default())?),
    };
    let text = text(&args.file).map_err(|error| CliError::path("read the job", &args.file, error))?;
    JobSpec::parse_with(&text, format, &args.set).map_err(|error| bad_job(&name, &error))
}

fn format(name: &str) -> Result<Format, CliError> {
    let unknown = || {
        CliError::usage(
            format!("'{name}' does not tell which language it is in"),
            "name it .yaml, .json or .toml, or give YAML to: dayfly submit -",
        )
    };
    Format::of_name(name).ok_or_else(unknown)
}

fn text(file: &Path) -> io::Result<String> {
    let reader: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin()),
        Some(_) | None => Box::new(File::open(file)?),
    };
    let mut text = String::new();
    reader.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn bad_job(name: &str, error: &SpecError) -> CliError {
    let place = error.place.map_or_else(String::new, |place| format!("{place}:"));
    let key = if error.key.is_empty() { String::new() } else { format!(" {}:", error.key) };
    CliError::JobFile { what: format!("{name}:{place}{key} {}", error.what), fix: error.fix.clone() }
}

/// What `file` of an input is relative to.
fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Uploads the job's files and queues it. A lost answer is asked for again under the same key, so it is queued once.
async fn submit(client: &Client, mut spec: JobSpec, folder: &Path) -> Result<Submitted, CliError> {
    for input in &mut spec.inputs {
        if let InputSource::File(name) = &input.source {
            let upload = Upload::open(folder, name)?;
            tracing::info!(file = name, bytes = upload.size, "uploads an input");
            send_blob(client, &upload).await?;
            input.source = InputSource::Blob(upload.digest);
        }
    }
    let request = client
        .request(Method::POST, &["jobs"], &[])
        .header(CONTENT_TYPE, "application/json")
        .header("Idempotency-Key", random_key()?)
        .body(spec.to_json());
    client.json(client.send(request, Repeat::Safe).await?).await
}
