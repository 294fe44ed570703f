//! What the user typed, and nothing more: no file is opened and no environment is read here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, Styles, TypedValueParser, styling::AnsiColor};
use clap::{Args, Parser, ValueEnum};
use dayfly_jobs::{Bytes, Limit};

use crate::commands::Command;
use crate::exit;
use crate::limits::LimitOverrides;
use crate::values::{self, BindArg, EnvVar, NetworkArg, PolicyRef, RootArg};

mod explain;

pub(crate) use explain::{asks_for_json, explain};

#[cfg(test)]
mod tests;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runs programs nobody trusts, each in a sandbox made for it, with every limit enforced or refused.
#[derive(Debug, Parser)]
#[command(name = "dayfly", version, max_term_width = 100, styles = STYLES)]
#[command(disable_help_subcommand = true, infer_long_args = false)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

// The same as far as `run` goes, as a command of its own. Building only that makes `dayfly run`, which scripts call in a
// loop, start sooner.
/// Run one program in a sandbox, here and now.
#[derive(Debug, Parser)]
#[command(name = "dayfly run", bin_name = "dayfly run", max_term_width = 100, styles = STYLES)]
#[command(infer_long_args = false)]
struct RunOnly {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    global: Global,
}

impl Cli {
    /// Reads a command line, the program's name first.
    pub(crate) fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        match words {
            [_, rest @ ..] if rest.first().is_some_and(|word| word == "run") => {
                let RunOnly { run, global } = RunOnly::try_parse_from(rest)?;
                Ok(Self { global, command: Command::Run(Box::new(run)) })
            }
            _ => Self::try_parse_from(words),
        }
    }
}

/// Options that every command has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Print one JSON object on standard output instead of text, errors as well.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say what happens on standard error (-vv: details, -vvv: everything); 'run' adds what was used.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// One more configuration file, which wins over those of the system and of the user.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

const RUN_EXAMPLES: &str = "  dayfly run -- python3 -c 'print(6 * 7)'
  dayfly run --cpu-time 2s --memory 256M --stdin input.txt -- ./solution
  dayfly run --bind .:/src --bind out:/out:rw --workdir /src -- make OUT=/out
  dayfly run --json -- node main.js | jq .termination
  dayfly run --explain --policy strict        # what would hold, without running anything";

const RUN_NOTES: &str =
    "  Inside, the program is user 'job' (1000) in /box, an empty folder of its own. It gets
  HOME=/box, TMPDIR=/tmp, LANG=C.UTF-8, a PATH of the system's folders and the configured
  toolchains, what --env sets, and nothing of your environment. Limits that are not given come
  from the configuration and then from the policy; a limit that this host cannot enforce is
  refused, never ignored. Standard input is forwarded and read ahead: in a shell loop that reads
  a file, add </dev/null.";

/// Runs one program in a sandbox, here and now.
#[derive(Debug, Default, Args)]
#[command(override_usage = "dayfly run [OPTIONS] -- PROGRAM [ARGS]...")]
#[command(after_help = format!("Examples:\n{RUN_EXAMPLES}\n\nExit codes: see 'dayfly run --help'"))]
#[command(after_long_help = format!(
    "EXAMPLES:\n{RUN_EXAMPLES}\n\nNOTES:\n{RUN_NOTES}\n\nEXIT CODES:\n{}", exit::TABLE
))]
pub(crate) struct RunArgs {
    /// The program and its arguments, as seen from inside the sandbox.
    #[arg(last = true, value_name = "PROGRAM", required_unless_present = "explain")]
    pub(crate) command: Vec<OsString>,
    /// Limits over the policy's own.
    #[command(flatten)]
    pub(crate) limits: LimitOverrides,
    /// What the sandbox looks like.
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    /// Where input comes from and output goes.
    #[command(flatten)]
    pub(crate) streams: StreamArgs,
}

/// Options that shape the sandbox.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct SandboxArgs {
    /// What the program may do: a built-in policy (see 'dayfly policy list') or a file.
    #[arg(long, value_name = "NAME|FILE", value_parser = OsStringValueParser::new().try_map(values::policy_ref))]
    pub(crate) policy: Option<PolicyRef>,
    /// What is at '/': the host's /usr with an /etc of its own, or a folder. Read-only either way.
    #[arg(long, value_name = "host|DIR", value_parser = OsStringValueParser::new().try_map(values::root))]
    pub(crate) root: Option<RootArg>,
    /// Show a file or folder of the host inside: read-only unless ':rw', at the same path unless DST is given.
    #[arg(long, value_name = "SRC[:DST[:rw]]", value_parser = OsStringValueParser::new().try_map(values::bind))]
    pub(crate) bind: Vec<BindArg>,
    /// Set an environment variable. Nothing of yours is passed on unless named here.
    #[arg(long, value_name = "K=V", value_parser = OsStringValueParser::new().try_map(values::env_var))]
    pub(crate) env: Vec<EnvVar>,
    /// Start in this folder of the sandbox instead of /box.
    #[arg(long, value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
    /// The network: 'none', or 'loopback' for 127.0.0.1 of its own.
    #[arg(long, value_name = "none|loopback")]
    pub(crate) network: Option<NetworkArg>,
    /// What confines the program.
    #[arg(long, value_name = "jail|microvm", value_enum, default_value_t, hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub(crate) backend: BackendArg,
    /// Run even if this host cannot enforce that limit; the result then says so. May be repeated.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) waive: Vec<Limit>,
    /// Print what would be enforced and by what, and run nothing.
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Options about the program's streams.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Streams")]
pub(crate) struct StreamArgs {
    /// Read standard input from this regular file instead of forwarding yours.
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin: Option<PathBuf>,
    /// Do not make the program's output harmless when it goes to a terminal.
    #[arg(long)]
    pub(crate) raw: bool,
    /// With --json: keep this much of each output stream [default: 1M].
    #[arg(long, value_name = "SIZE", requires = "json")]
    pub(crate) capture: Option<Bytes>,
}

/// What confines a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendArg {
    /// Namespaces, cgroups and seccomp of this kernel.
    #[default]
    Jail,
    /// A virtual machine of its own.
    Microvm,
}
