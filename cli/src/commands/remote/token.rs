//! `dayfly token create|list|revoke`.

use std::collections::BTreeSet;

use dayfly_jobs::wire::{Page, Permission, TokenCreated, TokenInfo, TokenRequest};
use dayfly_jobs::{TenantName, WallTime};
use reqwest::Method;

use super::{connect, done, print};
use crate::args::Global;
use crate::client::{Repeat, ServerArgs, block_on};
use crate::error::CliError;
use crate::output::Out;
use crate::output::moment::moment;
use crate::output::table::render;

/// Tokens of the scheduler.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dayfly token create ci --tenant website --permit submit,read,cancel --lasts 2160h\n  \
    dayfly token create lab-pc-7 --permit worker\n  dayfly token revoke ci"
)]
pub(crate) struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    command: TokenCommand,
    /// Where the scheduler is.
    #[command(flatten)]
    server: ServerArgs,
}

/// What to do about tokens.
#[derive(Debug, clap::Subcommand)]
enum TokenCommand {
    /// Make a token and print it: the only time it is shown.
    Create {
        /// What people call it.
        name: String,
        /// Whose jobs it is about.
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// What it permits: submit, read, cancel, worker, admin.
        #[arg(long, value_name = "PERMIT,…", value_delimiter = ',', default_value = "submit,read,cancel", value_parser = permission)]
        permit: Vec<Permission>,
        /// How long it is good for [default: until it is revoked].
        #[arg(long, value_name = "TIME")]
        lasts: Option<WallTime>,
    },
    /// List tokens: never the tokens themselves.
    List,
    /// Make a token good for nothing.
    Revoke {
        /// Its name.
        name: String,
    },
}

const PERMISSIONS: [Permission; 5] =
    [Permission::Submit, Permission::Read, Permission::Cancel, Permission::Worker, Permission::Admin];

fn permission(text: &str) -> Result<Permission, String> {
    let known = PERMISSIONS.into_iter().find(|known| known.name() == text);
    known.ok_or_else(|| "is no permission; write submit, read, cancel, worker or admin".to_owned())
}

/// Does it.
pub(crate) fn run(args: &TokenArgs, global: &Global, out: &Out) -> Result<u8, CliError> {
    let client = connect(&args.server, global)?;
    match &args.command {
        TokenCommand::Create { name, tenant, permit, lasts } => {
            let wish = TokenRequest {
                name: name.clone(),
                tenant: tenant.clone(),
                permits: permit.iter().copied().collect::<BTreeSet<_>>(),
                lasts_ms: lasts.map(|lasts| lasts.as_micros() / 1000),
            };
            let call = client.call(Method::POST, &["tokens"], Some(&wish), Repeat::Never);
            let created: TokenCreated = block_on(call)?;
            print(&created, |created| format!("{}\n", created.token), global, out)
        }
        TokenCommand::List => {
            let page: Page<TokenInfo> = block_on(client.get(&["tokens"], &[]))?;
            print(&page, |page| table(&page.items), global, out)
        }
        TokenCommand::Revoke { name } => {
            block_on(client.tell(Method::DELETE, &["tokens", name], None::<&()>, Repeat::Safe))?;
            done(&format!("token '{name}' is good for nothing any more"), global, out)
        }
    }
}

fn table(tokens: &[TokenInfo]) -> String {
    let head = ["name", "tenant", "permits", "created (UTC)", "good until"].map(str::to_owned);
    let row = |token: &TokenInfo| {
        let permits: Vec<&str> = token.permits.iter().map(|permit| permit.name()).collect();
        [
            token.name.clone(),
            token.tenant.to_string(),
            permits.join(","),
            moment(token.created_ms),
            token.expires_ms.map_or_else(|| "(no end)".to_owned(), moment),
        ]
    };
    render(&[head].into_iter().chain(tokens.iter().map(row)).collect::<Vec<_>>(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_end_does_not_look_revoked() {
        let token = serde_json::json!({"name": "t", "tenant": "d", "permits": ["read"], "created_ms": 0});
        let shown = table(&[serde_json::from_value(token).unwrap()]);
        assert!(shown.ends_with("1970-01-01 00:00:00  (no end)\n"), "{shown}");
    }
}
