//! The small languages of option values. Pure: text in, value or error out; no file is looked at.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use dayfly_sandbox::{Access, Network};

/// A value that cannot be understood, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct ValueError {
    why: String,
    /// What to write instead.
    pub(crate) fix: String,
}

fn bad<T>(why: impl Into<String>, fix: impl Into<String>) -> Result<T, ValueError> {
    Err(ValueError { why: why.into(), fix: fix.into() })
}

/// A limit that can be lifted: `none` or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceiling<T> {
    /// No such limit.
    None,
    /// This much.
    At(T),
}

impl<T> Ceiling<T> {
    /// The limit, if there is one.
    pub(crate) fn into_option(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::At(value) => Some(value),
        }
    }
}

impl<T: FromStr> FromStr for Ceiling<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        match text {
            "none" => Ok(Self::None),
            _ => text.parse().map(Self::At),
        }
    }
}

/// A number of things, at least one.
pub(crate) fn count<T: FromStr>(text: &str) -> Result<T, ValueError> {
    text.parse().or_else(|_| bad("not a whole number of at least 1", "write a number such as 64"))
}

/// `K=V` of `--env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvVar {
    /// The name, not empty and without `=`.
    pub(crate) key: OsString,
    /// The value.
    pub(crate) value: OsString,
}

/// Reads `K=V`. Nothing is ever copied from the caller's environment unasked.
pub(crate) fn env_var(text: OsString) -> Result<EnvVar, ValueError> {
    let bytes = text.as_bytes();
    let Some(equals) = bytes.iter().position(|&byte| byte == b'=') else {
        let key = text.to_string_lossy();
        return bad(
            "has no '=' with a value",
            format!("write {key}=value, or {key}=\"${key}\" to pass yours on"),
        );
    };
    let (key, value) = bytes.split_at(equals);
    if key.is_empty() {
        return bad("has no name before the '='", "write a name and a value, such as LANG=C.UTF-8");
    }
    Ok(EnvVar { key: os(key), value: os(value.get(1..).unwrap_or_default()) })
}

/// `SRC[:DST][:ro|:rw]` of `--bind`, before the host was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BindArg {
    /// The host path as it was given.
    pub(crate) source: PathBuf,
    /// The absolute path inside; `None` means the same path as outside.
    pub(crate) target: Option<PathBuf>,
    /// Read-only unless `:rw` was given.
    pub(crate) access: Access,
}

const BIND_FIX: &str = "write SRC, SRC:DST or SRC:DST:rw, such as ./data:/data:rw";

/// Reads `SRC[:DST][:ro|:rw]`. `DST` starts with a slash, so a colon before that belongs to a name. It has none itself:
/// that would be a misspelt `:rw`.
pub(crate) fn bind(text: OsString) -> Result<BindArg, ValueError> {
    let (paths, access) = split_access(text.as_bytes());
    let mut borders = paths.windows(2).enumerate().filter(|(_, pair)| pair == b":/").map(|(at, _)| at);
    let (border, another) = (borders.next(), borders.next());
    if another.is_some() {
        return bad("has more than one ':/', so it is not clear where the target begins", BIND_FIX);
    }
    let (source, target) = match border {
        Some(at) => (paths.get(..at).unwrap_or_default(), paths.get(at + 1..)),
        None => (paths, None),
    };
    if source.is_empty() {
        return bad("has no source before the ':'", BIND_FIX);
    }
    if target.is_none() && source.contains(&b':') {
        return bad("has a ':' that is followed neither by an absolute path nor by ro or rw", BIND_FIX);
    }
    if target.is_some_and(|target| target.contains(&b':')) {
        return bad("has a ':' in the path inside, where only :ro or :rw may end it", BIND_FIX);
    }
    let target = target.map(|bytes| inside_path(Path::new(OsStr::from_bytes(bytes)))).transpose()?;
    Ok(BindArg { source: os(source).into(), target, access })
}

fn split_access(text: &[u8]) -> (&[u8], Access) {
    if let Some(paths) = text.strip_suffix(b":rw") {
        (paths, Access::Writable)
    } else {
        (text.strip_suffix(b":ro").unwrap_or(text), Access::ReadOnly)
    }
}

/// A place inside the sandbox: absolute, below the root, and without `..`.
pub(crate) fn inside_path(path: &Path) -> Result<PathBuf, ValueError> {
    let fix = "write an absolute path of the sandbox, such as /data";
    if !path.is_absolute() {
        return bad(format!("'{}' is not an absolute path", path.display()), fix);
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return bad(format!("'{}' contains '..'", path.display()), fix);
    }
    match path.components().nth(1) {
        Some(_) => Ok(path.components().collect()),
        None => bad("the root of the sandbox cannot be replaced by a bind", "use --root DIR for that"),
    }
}

/// `none` or `loopback` of `--network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetworkArg(pub(crate) Network);

impl FromStr for NetworkArg {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "none" => Ok(Self(Network::None)),
            "loopback" => Ok(Self(Network::Loopback)),
            _ => bad("such a network is not available in this version", "write none or loopback"),
        }
    }
}

impl fmt::Display for NetworkArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Network::None => "none",
            Network::Loopback => "loopback",
        })
    }
}

/// `NAME|FILE` of `--policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PolicyRef {
    /// A built-in policy.
    Name(String),
    /// A policy file.
    File(PathBuf),
}

/// Reads a policy: with a slash or ending in `.toml` it is a file, else a name.
pub(crate) fn policy_ref(text: OsString) -> Result<PolicyRef, ValueError> {
    if text.as_bytes().contains(&b'/') || text.as_bytes().ends_with(b".toml") {
        return Ok(PolicyRef::File(text.into()));
    }
    match text.into_string() {
        Ok(name) if !name.is_empty() => Ok(PolicyRef::Name(name)),
        Ok(_) | Err(_) => bad("is no policy name", "see: dayfly policy list; a file needs a slash: ./FILE"),
    }
}

/// `host|DIR` of `--root`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RootArg {
    /// The host's `/usr`.
    Host,
    /// A folder.
    Folder(PathBuf),
}

/// Reads a root: the word `host`, else a folder (`./host` is a folder of that name).
pub(crate) fn root(text: OsString) -> Result<RootArg, ValueError> {
    match text.as_bytes() {
        b"host" => Ok(RootArg::Host),
        b"" => bad("is empty", "write host, or a folder such as ./rootfs"),
        _ => Ok(RootArg::Folder(text.into())),
    }
}

fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

#[cfg(test)]
mod tests;
