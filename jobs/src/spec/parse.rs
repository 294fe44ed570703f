//! The one way in: text, tree, what was written, what was checked.

use std::str::FromStr;

use serde::Deserialize;

use super::error::{Place, SpecError};
use super::fault::Fault;
use super::text::{self, Format, Node};
use super::{JobSpec, check, written};

/// A value set from outside of the text, `limits.memory=1G`: a path of keys with dots between, places in lists
/// counted from 0 (`steps.0.env.MODE=fast`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    path: String,
    value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fix = "write a key and a value, such as limits.memory=1G";
        let (path, value) = text.split_once('=').ok_or_else(|| format!("there is no '=' in it; {fix}"))?;
        match path.split('.').any(str::is_empty) || path.split('.').count() > MAX_SETTING_DEPTH {
            true => Err(format!("'{path}' is no path of keys; {fix}")),
            false => Ok(Self { path: path.to_owned(), value: value.to_owned() }),
        }
    }
}

/// Deeper than any key of a job.
const MAX_SETTING_DEPTH: usize = 16;

impl JobSpec {
    /// Reads a job file and checks everything that can be checked without a worker.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place in the text, the key, and what to write instead.
    pub fn parse(text: &str, format: Format) -> Result<Self, SpecError> {
        Self::parse_with(text, format, &[])
    }

    /// Like [`JobSpec::parse`], with some values replaced.
    ///
    /// # Errors
    /// As [`JobSpec::parse`]; what is wrong with a replaced value has no place in the text.
    pub fn parse_with(text: &str, format: Format, settings: &[Setting]) -> Result<Self, SpecError> {
        let mut root = text::parse(text, format)?;
        for setting in settings {
            root.set(&setting.path, &setting.value).map_err(|fault| explain(fault, None))?;
        }
        read(&root).map_err(|fault| {
            let place = root.locate(&fault).map(|offset| Place::of(text, offset));
            explain(fault, place)
        })
    }

    /// The JSON Schema of job files, for editors and for whoever writes them by program.
    pub fn schema() -> serde_json::Value {
        let mut schema = schemars::schema_for!(written::Job);
        schema.insert("$id".to_owned(), SCHEMA_ID.into());
        schema.insert("title".to_owned(), "Dayfly job, version 1".into());
        schema.into()
    }
}

/// The name of the schema; changes with the version of the format.
const SCHEMA_ID: &str = "https://dayfly.dev/schema/job-1.json";

fn read(root: &Node) -> Result<JobSpec, Fault> {
    check::job(written::Job::deserialize(root)?)
}

fn explain(fault: Fault, place: Option<Place>) -> SpecError {
    SpecError { place, key: fault.key(), what: fault.what, fix: fault.fix }
}
