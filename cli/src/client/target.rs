//! Which scheduler to talk to, and with which token: options, then the environment, then the configuration, then
//! what `dayfly up` left for this user on this machine.
//!
//! A token is never an option's value, where everybody on the machine could see it, and never goes to another server
//! than the one it was found with.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::config::{ClientConfig, Settings};
use crate::error::CliError;
use crate::surroundings::Surroundings;

/// Options of every command that talks to a scheduler.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Scheduler")]
pub(crate) struct ServerArgs {
    /// The scheduler's address [default: DAYFLY_SERVER, the configuration, a local 'dayfly up'].
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) server: Option<String>,
    /// The file with the token [default: DAYFLY_TOKEN, the configuration, a local 'dayfly up'].
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
}

/// Whom to call, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The address, with or without a path.
    pub(crate) server: Url,
    /// What lets us in.
    pub(crate) token: Token,
}

/// A token, which no message shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// To be sent, and for nothing else.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What `dayfly up` leaves in its data folder, mode 0600, so that its user need not say anything.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Discovered {
    /// Where it listens.
    pub(crate) url: String,
    /// The token of its user.
    pub(crate) token: String,
}

impl Discovered {
    /// The name of the file.
    pub(crate) const FILE: &'static str = "client.json";

    /// What is in this data folder, if somebody listens for it.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, CliError> {
        let path = folder.join(Self::FILE);
        let Some(text) = read_small(&path)? else { return Ok(None) };
        let bad = |error| {
            CliError::config(
                format!("{}: {error}", path.display()),
                "start 'dayfly up' again: it writes the file",
            )
        };
        serde_json::from_str(&text).map(Some).map_err(bad)
    }
}

/// What the surroundings say, before any file is read.
#[derive(Debug, Default)]
struct Variables {
    server: Option<String>,
    token: Option<Token>,
}

impl Variables {
    fn read() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self { server: set("DAYFLY_SERVER"), token: set("DAYFLY_TOKEN").map(Token) }
    }
}

impl Target {
    /// Finds both.
    ///
    /// # Errors
    /// When there is none, or a file cannot be used.
    pub(crate) fn find(
        args: &ServerArgs,
        settings: &Settings,
        host: &Surroundings,
    ) -> Result<Self, CliError> {
        let discovered = host.state_folder().map(|folder| Discovered::read(&folder)).transpose()?.flatten();
        Self::choose(args, &Variables::read(), &settings.config.client, discovered)
    }

    /// The one that left this.
    pub(crate) fn of(found: &Discovered) -> Result<Self, CliError> {
        Ok(Self { server: address(&found.url)?, token: Token(found.token.clone()) })
    }

    /// The same server with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { server: self.server.clone(), token: Token(token.to_owned()) }
    }

    fn choose(
        args: &ServerArgs,
        variables: &Variables,
        config: &ClientConfig,
        discovered: Option<Discovered>,
    ) -> Result<Self, CliError> {
        let named = args.server.as_ref().or(variables.server.as_ref()).or(config.server.as_ref());
        let text = named.or(discovered.as_ref().map(|found| &found.url)).ok_or_else(no_server)?;
        let server = address(text)?;
        let local = discovered.filter(|found| address(&found.url).is_ok_and(|url| url == server));
        let token = match (&args.token_file, &variables.token, &config.token_file) {
            (Some(file), _, _) => token_in(file)?,
            (None, Some(token), _) => token.clone(),
            (None, None, Some(file)) => token_in(file)?,
            (None, None, None) => local.map(|found| Token(found.token)).ok_or_else(|| no_token(&server))?,
        };
        check_token(&token)?;
        match is_protected(&server) || config.plain_http == Some(true) {
            true => Ok(Self { server, token }),
            false => Err(CliError::usage(
                format!("{server} would get the token unencrypted over the network"),
                "use https, or say client.plain_http = true in the configuration",
            )),
        }
    }
}

fn no_server() -> CliError {
    CliError::usage(
        "no scheduler is known here",
        "start one with 'dayfly up', or name one: --server URL or DAYFLY_SERVER",
    )
}

fn no_token(server: &Url) -> CliError {
    CliError::usage(
        format!("no token for {server} is known here"),
        "set DAYFLY_TOKEN, or name a file with it: --token-file FILE",
    )
}

fn address(text: &str) -> Result<Url, CliError> {
    let fix = "write an address such as http://127.0.0.1:7410";
    if !text.contains("://") {
        return Err(CliError::usage(format!("'{text}' does not say http:// or https://"), fix));
    }
    let url =
        Url::parse(text).map_err(|error| CliError::usage(format!("'{text}' is no address: {error}"), fix))?;
    match url.scheme() {
        "http" | "https" if url.has_host() && url.username().is_empty() && url.password().is_none() => {
            Ok(url)
        }
        _ => Err(CliError::usage(format!("'{text}' is no address of a scheduler"), fix)),
    }
}

/// Whether nobody on the way can read along.
fn is_protected(url: &Url) -> bool {
    url.scheme() == "https" || is_local(url)
}

/// Whether it is this machine.
pub(super) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn token_in(file: &Path) -> Result<Token, CliError> {
    let missing = || CliError::path("read the token", file, io::Error::from(Errno::ENOENT));
    read_small(file)?.map(|text| Token(text.trim().to_owned())).ok_or_else(missing)
}

fn check_token(token: &Token) -> Result<(), CliError> {
    match !token.0.is_empty() && token.0.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(CliError::usage(
            "the token is empty or has characters in it that no token has",
            "copy it again: it begins with dfy_",
        )),
    }
}

/// A file with a few words in it; `None` when there is none.
fn read_small(path: &Path) -> Result<Option<String>, CliError> {
    let mut text = String::new();
    match fs::File::open(path).and_then(|file| file.take(64 << 10).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CliError::path("read", path, error)),
    }
}

#[cfg(test)]
mod tests;
