//! Names, variables and addresses: what single words may look like.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault::{At, Fault, shortened};

const MAX_TITLE: usize = 100;
const MAX_VARIABLES: usize = 256;
const MAX_VARIABLE_NAME: usize = 128;
/// What one argument or variable of a program may have on Linux, its ending included.
pub(super) const MAX_STRING: usize = (128 << 10) - 1;
const MAX_ADDRESS: usize = 2048;

/// Refuses more of something than there may be.
pub(super) fn capped(count: usize, most: usize, what: &str) -> Result<(), Fault> {
    match count {
        count if count > most => {
            Err(Fault::new(format!("there are {count} {what}"), format!("write at most {most}")))
        }
        _ => Ok(()),
    }
}

/// Names that must not be there twice.
pub(super) struct Names {
    what: &'static str,
    seen: BTreeSet<String>,
}

impl Names {
    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, seen: BTreeSet::new() }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.seen.contains(name)
    }

    pub(super) fn add(&mut self, name: &str) -> Result<(), Fault> {
        match self.seen.insert(name.to_owned()) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("there is another {} '{name}'", self.what),
                "give each a name of its own",
            )),
        }
    }
}

/// A name for people.
pub(super) fn title(text: String) -> Result<String, Fault> {
    let fix = "write 1 to 100 characters, none of them a control character";
    match text.chars().count() {
        0 => Err(Fault::new("the name is empty", fix)),
        count if count > MAX_TITLE => Err(Fault::new(format!("the name has {count} characters"), fix)),
        _ if text.chars().any(char::is_control) => {
            Err(Fault::new("the name has a control character in it", fix))
        }
        _ => Ok(text),
    }
}

/// The name of a policy, as the file that it may be in.
pub(super) fn policy(text: String) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-']) {
        return Ok(text);
    }
    let what = format!("'{}' is not the name of a policy", shortened(&text, 80));
    Err(Fault::new(what, "write the name of one that the worker has, such as ci, strict or compile"))
}

pub(super) fn environment(env: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    capped(env.len(), MAX_VARIABLES, "variables")?;
    for (name, value) in &env {
        variable(name).map_err(|fault| fault.of_key(name))?;
        string(value).at(name)?;
    }
    Ok(env)
}

/// The name of an environment variable.
pub(super) fn variable(name: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let shown = shortened(name, 80);
    if name.starts_with("DAYFLY_") {
        let what = format!("'{shown}' is set by Dayfly itself");
        return Err(Fault::new(what, "write a name that does not begin with DAYFLY_"));
    }
    let right = (1..=MAX_VARIABLE_NAME).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with(|first: char| first.is_ascii_digit());
    match right {
        true => Ok(()),
        false => Err(Fault::new(
            format!("'{shown}' is not the name of a variable"),
            "write letters, digits and '_', at most 128, the first no digit",
        )),
    }
}

/// What a program can be given as an argument or in a variable.
pub(super) fn string(text: &str) -> Result<(), Fault> {
    if text.contains('\0') {
        return Err(Fault::new("there is a NUL character in it, where a program's string ends", "remove it"));
    }
    match text.len() {
        0..=MAX_STRING => Ok(()),
        _ => {
            Err(Fault::new("this is longer than 128 KiB, which no program can be given", "make it an input"))
        }
    }
}

/// An address that can be posted to. Whether it may be is decided where it is used.
pub(super) fn web_address(text: String) -> Result<String, Fault> {
    let fix = "write an address such as https://example.org/hook";
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Err(Fault::new("this is no http or https address", fix));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if text.len() > MAX_ADDRESS {
        return Err(Fault::new(format!("this address has {} bytes", text.len()), "write at most 2048"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::new("there are characters in it that no address has", "write them as %XX"));
    }
    match host {
        "" => Err(Fault::new("this address has no host", fix)),
        host if host.contains('@') => {
            Err(Fault::new("a name or password stands in this address", "leave it out: reports are signed"))
        }
        _ => Ok(text),
    }
}
