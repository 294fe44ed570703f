//! The configuration: layers from the built-in text to the environment, merged key by key.
//!
//! Each layer is checked on its own, so that an error names the place it came from. The current folder is
//! never looked at.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use crate::error::{CliError, split_fix};
use crate::surroundings::Surroundings;

mod problem;
mod schema;
mod service;
#[cfg(test)]
mod tests;

pub(crate) use schema::{ClientConfig, Config, ToolchainConfig};

/// The built-in layer: every key with its value, and what it means.
const BUILT_IN: &str = include_str!("dayfly.toml");

/// The built-in text as a file to start from: it sets nothing until a line is uncommented.
pub(crate) fn template() -> String {
    let is_key = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ");
    let line = |line: &str| if is_key(line) { format!("# {line}\n") } else { format!("{line}\n") };
    BUILT_IN.lines().map(line).collect()
}

/// The system's file.
const SYSTEM_FILE: &str = "/etc/dayfly/dayfly.toml";
/// Configuration files larger than this are a mistake.
const MAX_SIZE: u64 = 1 << 20;
const PREFIX: &str = "DAYFLY_";

/// The merged configuration, with the origin of each value.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The values.
    pub(crate) config: Config,
    /// What was found, the built-in text aside; later ones win.
    layers: Vec<Layer>,
}

/// One value of the merged configuration.
#[derive(Debug, PartialEq, serde::Serialize)]
pub(crate) struct Entry {
    /// The dotted key.
    pub(crate) key: String,
    /// The value.
    pub(crate) value: serde_json::Value,
    /// Where it came from.
    pub(crate) source: String,
}

/// The user's own file: `$XDG_CONFIG_HOME/dayfly/dayfly.toml` or `~/.config/dayfly/dayfly.toml`.
pub(crate) fn user_file(host: &Surroundings) -> Option<PathBuf> {
    let folder = match &host.xdg_config_home {
        Some(folder) => folder.clone(),
        None => host.home.as_ref()?.join(".config"),
    };
    Some(folder.join("dayfly/dayfly.toml"))
}

/// Reads all layers. Where there is nothing but the built-in text, not even that is parsed: most runs have no
/// configuration and should not wait for it.
pub(crate) fn load(explicit: Option<&Path>, host: &Surroundings) -> Result<Settings, CliError> {
    let mut layers = Vec::new();
    let user = user_file(host);
    let found = [Some(Path::new(SYSTEM_FILE)), user.as_deref()].into_iter().flatten();
    let found = found.map(|path| (path, Presence::Optional));
    for (path, presence) in found.chain(explicit.map(|path| (path, Presence::Required))) {
        if let Some(text) = read(path, presence)? {
            layers.push(Layer::parse(Origin::File(path.to_owned()), &text)?.check()?);
        }
    }
    layers.extend(environment()?);
    if layers.is_empty() {
        return Ok(Settings { config: Config::built_in(), layers });
    }
    let config = merge(&layers)?.extract().map_err(|error| problem::explain(&error, &Origin::BuiltIn))?;
    Ok(Settings { config, layers })
}

/// All layers over the built-in one.
fn merge(layers: &[Layer]) -> Result<Figment, CliError> {
    let built_in = Layer::parse(Origin::BuiltIn, BUILT_IN)?;
    Ok(layers.iter().fold(Figment::from(built_in), Figment::merge))
}

impl Settings {
    /// Whether a key has another value than the built-in one because somebody set it.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.origin(key).is_some()
    }

    /// The last layer that sets a key, built-in values aside.
    fn origin(&self, key: &str) -> Option<&Origin> {
        let sets = |layer: &&Layer| Figment::from(*layer).contains(key);
        self.layers.iter().rev().find(sets).map(|layer| &layer.origin)
    }

    /// An error that a configured value led to, with the place of that value.
    pub(crate) fn blame(&self, key: &str, error: &CliError) -> CliError {
        let place = self.origin(key).unwrap_or(&Origin::BuiltIn).place(key);
        let text = error.to_string();
        let (what, fix) = split_fix(&text);
        let fix = error.fix().or_else(|| fix.map(str::to_owned));
        CliError::Config { what: format!("{place}: {what}"), fix }
    }

    /// Every value that is set, with its origin, in the order of the keys.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, CliError> {
        let data = merge(&self.layers)?.data();
        let data = data.map_err(|error| problem::explain(&error, &Origin::BuiltIn))?;
        let mut entries = Vec::new();
        for (key, value) in data.get(&Profile::Default).into_iter().flatten() {
            self.flatten(key, value, &mut entries);
        }
        Ok(entries)
    }

    fn flatten(&self, key: &str, value: &Value, entries: &mut Vec<Entry>) {
        if let Value::Dict(_, dict) = value {
            dict.iter().for_each(|(name, value)| self.flatten(&format!("{key}.{name}"), value, entries));
            return;
        }
        let source = match self.origin(key) {
            Some(Origin::Environment) => variable(key),
            Some(origin) => origin.name(),
            None => Origin::BuiltIn.name(),
        };
        let value = serde_json::to_value(value).unwrap_or_default();
        entries.push(Entry { key: key.to_owned(), value, source });
    }
}

/// Where a layer came from.
#[derive(Debug, Clone)]
enum Origin {
    BuiltIn,
    File(PathBuf),
    Environment,
}

impl Origin {
    fn name(&self) -> String {
        match self {
            Self::BuiltIn => "built in".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Environment => "environment".to_owned(),
        }
    }

    /// How people would find a key: in a file, or as a variable.
    fn place(&self, key: &str) -> String {
        match self {
            Self::BuiltIn | Self::File(_) if key.is_empty() => self.name(),
            Self::BuiltIn | Self::File(_) => format!("{}: {key}", self.name()),
            Self::Environment => variable(key),
        }
    }
}

/// The environment variable of a key.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// One parsed source.
#[derive(Debug)]
struct Layer {
    origin: Origin,
    data: Map<Profile, Dict>,
}

impl Layer {
    fn parse(origin: Origin, text: &str) -> Result<Self, CliError> {
        let data = Toml::string(text).data().map_err(|error| problem::explain(&error, &origin))?;
        Ok(Self { origin, data })
    }

    /// Refuses unknown keys and bad values of this layer alone.
    fn check(self) -> Result<Self, CliError> {
        match Figment::from(&self).extract::<Config>() {
            Ok(_) => Ok(self),
            Err(error) => Err(problem::explain(&error, &self.origin)),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.name())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(self.data.clone())
    }
}

/// The layer of `DAYFLY_SECTION__KEY` variables, if there is any.
fn environment() -> Result<Option<Layer>, CliError> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let names: Vec<String> = names.filter(|name| name.starts_with(PREFIX)).collect();
    if let Some(name) = names.iter().find(|name| lacks_underscore(name)) {
        return Err(CliError::config(
            format!("the environment variable {name} looks like a configuration key but is none"),
            "write two underscores between section and key, such as DAYFLY_RUN__POLICY",
        ));
    }
    if !names.iter().any(|name| name.contains("__")) {
        return Ok(None);
    }
    let variables = Env::prefixed(PREFIX).filter(|name| name.as_str().contains("__")).split("__");
    let data = variables.data().map_err(|error| problem::explain(&error, &Origin::Environment))?;
    Layer { origin: Origin::Environment, data }.check().map(Some)
}

/// Whether a variable begins like a section but has a single underscore after it.
fn lacks_underscore(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let sections = ["RUN_", "ROOT_", "CGROUP_", "TOOLCHAIN_", "CLIENT_", "SCHEDULER_", "WORKER_"];
    !rest.contains("__") && sections.iter().any(|section| rest.starts_with(section))
}

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Optional,
    Required,
}

/// Reads a configuration file. One that was named may be a pipe; one that was found must be a regular file.
fn read(path: &Path, presence: Presence) -> Result<Option<String>, CliError> {
    let fail = |error| CliError::path("read the configuration", path, error);
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if presence == Presence::Optional && is_absent(&error) => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    if metadata.is_dir() || presence == Presence::Optional && !metadata.is_file() {
        return Err(fail(io::Error::other("it is not a regular file")));
    }
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_string(&mut text)).map_err(fail)?;
    tracing::debug!(file = %path.display(), bytes = text.len(), "read the configuration");
    match u64::try_from(text.len()) {
        Ok(size) if size <= MAX_SIZE => Ok(Some(text)),
        Ok(_) | Err(_) => Err(fail(io::Error::other("it is larger than 1 MiB"))),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
