//! `dayfly policy list|show|check`.

use std::path::PathBuf;
use std::sync::Arc;

use dayfly_policies::{Catalog, Policy};

use crate::args::Global;
use crate::error::CliError;
use crate::output::table::render;
use crate::output::{Out, json};
use crate::request::find_policy;
use crate::values::{self, PolicyRef};

/// What to do about policies.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the built-in policies, from the tightest to the widest.
    List,
    /// Print what a policy allows, denies and forbids, and why.
    Show {
        /// A built-in policy, or a file.
        #[arg(value_name = "NAME|FILE", value_parser = parser())]
        policy: PolicyRef,
    },
    /// Say whether a policy file can be used.
    Check {
        /// The file.
        file: PathBuf,
    },
}

fn parser() -> impl clap::builder::TypedValueParser<Value = PolicyRef> {
    use clap::builder::{OsStringValueParser, TypedValueParser};
    OsStringValueParser::new().try_map(values::policy_ref)
}

/// Does it.
pub(crate) fn run(command: &PolicyCommand, global: &Global, out: &Out) -> Result<u8, CliError> {
    match command {
        PolicyCommand::List => list(global, out),
        PolicyCommand::Show { policy } => show(policy, global, out),
        PolicyCommand::Check { file } => {
            let policy = Policy::load(file)?;
            match global.json {
                true => out.json(&json::Checked { ok: true }),
                false => out.text(&format!("policy {} can be used\n", policy.name())),
            }?;
            Ok(0)
        }
    }
}

fn list(global: &Global, out: &Out) -> Result<u8, CliError> {
    let catalog = Catalog::builtin();
    let policies = catalog.names().map(|name| catalog.get(name)).collect::<Result<Vec<Arc<Policy>>, _>>()?;
    let row = |policy: &Arc<Policy>| [policy.name().to_owned(), policy.description().to_owned()];
    let rows: Vec<_> = policies.iter().map(row).collect();
    match global.json {
        true => out.json(&json::Policies::of(&rows)),
        false => out.text(&render(&rows, "")),
    }?;
    Ok(0)
}

fn show(policy: &PolicyRef, global: &Global, out: &Out) -> Result<u8, CliError> {
    let text = find_policy(policy)?.show()?;
    match global.json {
        true => out.json(&json::ShownPolicy { text: &text }),
        false => out.text(&text),
    }?;
    Ok(0)
}
