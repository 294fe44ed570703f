//! Says what is wrong with a configuration, where, and what would be right.

use figment::Error;
use figment::error::Kind;

use super::Origin;
use crate::error::{CliError, split_fix};

/// The error of one layer.
pub(super) fn explain(error: &Error, origin: &Origin) -> CliError {
    let mut path = error.path.clone();
    let (what, fix) = match &error.kind {
        Kind::UnknownField(name, known) => {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            ("unknown key".to_owned(), format!("the keys there are: {}", known.join(", ")))
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            (format!("{found} does not fit"), format!("write {expected}"))
        }
        Kind::Message(message) => {
            let (what, fix) = split_fix(message.trim_end());
            (what.to_owned(), fix.unwrap_or(SEE).to_owned())
        }
        Kind::InvalidLength(..)
        | Kind::UnknownVariant(..)
        | Kind::MissingField(_)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => (error.kind.to_string(), SEE.to_owned()),
    };
    CliError::config(format!("{}: {what}", origin.place(&path.join("."))), fix)
}

const SEE: &str = "every key is explained in: dayfly config init -";
