//! `dayfly artifacts list|get`. Their paths come from jobs nobody trusts: none leads out of the folder that was named,
//! and nothing that is there is overwritten.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use dayfly_jobs::wire::Page;
use dayfly_jobs::{Artifact, Digest, JobId};
use reqwest::Method;
use sha2::{Digest as _, Sha256};

use super::{connect, print};
use crate::args::Global;
use crate::client::{Client, Repeat, ServerArgs, block_on};
use crate::error::CliError;
use crate::output::{Out, jobs};

/// Files that jobs left.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dayfly artifacts list 01m9x3s0d8kq3v7zj2r5t6w8ab\n  \
    dayfly artifacts get 01m9x3s0d8kq3v7zj2r5t6w8ab --into results\n  \
    dayfly artifacts get 01m9x3s0d8kq3v7zj2r5t6w8ab --name report")]
pub(crate) struct ArtifactsArgs {
    /// What to do.
    #[command(subcommand)]
    command: ArtifactsCommand,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// What to do about artifacts.
#[derive(Debug, clap::Subcommand)]
enum ArtifactsCommand {
    /// List the files of a job.
    List {
        /// The job.
        #[arg(value_name = "JOB")]
        id: JobId,
    },
    /// Save the files of a job, at their paths below a folder.
    Get {
        /// The job.
        #[arg(value_name = "JOB")]
        id: JobId,
        /// Only artifacts of this name.
        #[arg(long)]
        name: Option<String>,
        /// The folder; made if it is not there.
        #[arg(long, value_name = "DIR", default_value = ".")]
        into: PathBuf,
    },
}

/// Does it.
pub(crate) fn run(args: &ArtifactsArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    match &args.command {
        ArtifactsCommand::List { id } => {
            let page = block_on(list(&client, *id))?;
            print(&page, |page| jobs::artifacts(&page.items), global, out)
        }
        ArtifactsCommand::Get { id, name, into } => {
            let saved = block_on(get(&client, *id, name.as_deref(), into))?;
            print(&saved, |saved| jobs::artifacts(&saved.items), global, out)
        }
    }
}

async fn list(client: &Client, id: JobId) -> Result<Page<Artifact>, CliError> {
    client.get(&["jobs", &id.to_string(), "artifacts"], &[]).await
}

async fn get(
    client: &Client,
    id: JobId,
    name: Option<&str>,
    into: &Path,
) -> Result<Page<Artifact>, CliError> {
    let mut saved = Vec::new();
    for (place, artifact) in list(client, id).await?.items.into_iter().enumerate() {
        if name.is_none_or(|name| name == artifact.name) {
            save(client, id, place, &artifact, into).await?;
            saved.push(artifact);
        }
    }
    match (saved.is_empty(), name) {
        (true, Some(name)) => Err(CliError::usage(
            format!("the job has no artifact '{name}'"),
            format!("see which there are: dayfly artifacts list {id}"),
        )),
        _ => Ok(Page { items: saved, next: None }),
    }
}

async fn save(
    client: &Client,
    id: JobId,
    place: usize,
    artifact: &Artifact,
    into: &Path,
) -> Result<(), CliError> {
    let path = into.join(relative(&artifact.path)?);
    let fail = |error| CliError::path("write", &path, error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let request =
        client.request(Method::GET, &["jobs", &id.to_string(), "artifacts", &place.to_string()], &[]);
    let mut response = client.send(request, Repeat::Safe).await?;
    let mut file = File::options().write(true).create_new(true).open(&path).map_err(fail)?;
    let mut hash = Sha256::new();
    while let Some(piece) = client.piece(&mut response).await? {
        hash.update(piece.as_ref());
        file.write_all(piece.as_ref()).map_err(fail)?;
    }
    match Digest(hash.finalize().into()) == artifact.digest {
        true => Ok(()),
        false => {
            // What arrived is not what was asked for; the error that follows says so.
            std::fs::remove_file(&path).ok();
            Err(fail(io::Error::other("it arrived damaged")))
        }
    }
}

/// The path of an artifact, as long as it stays below the folder.
fn relative(path: &str) -> Result<&Path, CliError> {
    let inside = Path::new(path);
    let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
    match plain && !path.is_empty() && !path.contains('\0') {
        true => Ok(inside),
        false => {
            Err(CliError::server(format!("the artifact '{path}' would not be saved below the folder"), None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_artifact_leads_out_of_its_folder() {
        for path in ["a", "a/b.txt", "..a/b"] {
            assert_eq!(relative(path).unwrap(), Path::new(path));
        }
        for path in ["", "/etc/passwd", "../a", "a/../../b", "a/..", "x\0y"] {
            assert!(relative(path).is_err(), "{path:?}");
        }
    }
}
