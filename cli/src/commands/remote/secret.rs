//! `dayfly secret set|list|rm`. A secret is never an option's value and never shown.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use dayfly_jobs::SecretName;
use dayfly_jobs::wire::{Page, SecretInfo};
use reqwest::Method;
use serde::Serialize;

use super::{connect, done, print};
use crate::args::Global;
use crate::client::{Repeat, ServerArgs, block_on};
use crate::error::CliError;
use crate::output::Out;
use crate::output::moment::moment;
use crate::output::table::render;

/// Larger ones are files, not secrets.
const MAX_SECRET: u64 = 64 << 10;

/// Secrets of the tenant.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  printf %s \"$KEY\" | dayfly secret set SIGNING_KEY\n  \
    dayfly secret set deploy-key < ~/.ssh/deploy_key\n  dayfly secret rm SIGNING_KEY")]
pub(crate) struct SecretArgs {
    /// What to do.
    #[command(subcommand)]
    command: SecretCommand,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// What to do about secrets.
#[derive(Debug, clap::Subcommand)]
enum SecretCommand {
    /// Store what is on standard input, to the last byte, under a name.
    Set {
        /// The name that job files use.
        name: SecretName,
    },
    /// List the names.
    List,
    /// Forget a secret.
    Rm {
        /// Its name.
        name: SecretName,
    },
}

#[derive(Serialize)]
struct SecretValue {
    value: String,
}

/// Does it.
pub(crate) fn run(args: &SecretArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    match &args.command {
        SecretCommand::Set { name } => {
            let value = SecretValue { value: read()? };
            block_on(client.tell(Method::PUT, &["secrets", name.as_str()], Some(&value), Repeat::Safe))?;
            done(&format!("secret '{name}' is stored"), global, out)
        }
        SecretCommand::List => {
            let page: Page<SecretInfo> = block_on(client.get(&["secrets"], &[]))?;
            let row =
                |secret: &SecretInfo| [secret.name.to_string(), format!("set {}", moment(secret.set_ms))];
            let table = |page: &Page<SecretInfo>| render(&page.items.iter().map(row).collect::<Vec<_>>(), "");
            print(&page, table, global, out)
        }
        SecretCommand::Rm { name } => {
            block_on(client.tell(Method::DELETE, &["secrets", name.as_str()], None::<&()>, Repeat::Safe))?;
            done(&format!("secret '{name}' is forgotten"), global, out)
        }
    }
}

/// A terminal would show it.
fn read() -> Result<String, CliError> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(CliError::usage(
            "a secret is not typed where everybody sees it",
            "give it by a pipe or a file: dayfly secret set NAME < FILE",
        ));
    }
    let mut value = String::new();
    let fail = |error| CliError::path("read the secret from", Path::new("standard input"), error);
    input.take(MAX_SECRET + 1).read_to_string(&mut value).map_err(fail)?;
    match u64::try_from(value.len()) {
        Ok(1..=MAX_SECRET) => Ok(value),
        Ok(0) => Err(CliError::usage("the secret is empty", "give it by a pipe or a file")),
        Ok(_) | Err(_) => {
            Err(CliError::usage("the secret is larger than 64k", "make it an input of the job"))
        }
    }
}
