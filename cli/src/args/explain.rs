//! Turns a command-line error of the parser into one that says what is wrong and what to type instead.

use std::error::Error;
use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;
use crate::error::{CliError, split_fix};
use crate::values::ValueError;

/// Whether the words ask for JSON, for when they could not be understood otherwise.
pub(crate) fn asks_for_json(words: &[OsString]) -> bool {
    words.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// The error to show. `words` is the whole command line.
pub(crate) fn explain(error: &clap::Error, words: &[OsString]) -> CliError {
    let typed = words.iter().skip(1).filter_map(|word| word.to_str());
    let command = { typed }.find(|word| !word.starts_with('-')).unwrap_or_default();
    let fix = fix(error, command);
    let what = what(error);
    let what = if what.is_empty() { first_line(error) } else { what };
    CliError::Usage { what, fix: Some(fix.unwrap_or_else(|| help_for(words))) }
}

fn what(error: &clap::Error) -> String {
    let arg = text(error, ContextKind::InvalidArg);
    let value = text(error, ContextKind::InvalidValue);
    let option = arg.split(' ').next().unwrap_or_default();
    let kind = error.kind();
    if kind == ErrorKind::ValueValidation {
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        bad_value(option, &value, split_fix(&source).0)
    } else if kind == ErrorKind::InvalidValue && value.is_empty() {
        format!("{option} needs a value")
    } else if kind == ErrorKind::InvalidValue {
        format!("{option} cannot be '{value}'")
    } else if kind == ErrorKind::UnknownArgument && arg.starts_with('-') {
        format!("there is no option '{arg}'")
    } else if kind == ErrorKind::UnknownArgument {
        format!("'{arg}' is not expected here")
    } else if kind == ErrorKind::InvalidSubcommand {
        format!("there is no command '{}'", text(error, ContextKind::InvalidSubcommand))
    } else if kind == ErrorKind::MissingRequiredArgument && arg.contains("PROGRAM") {
        "there is no program to run".to_owned()
    } else if kind == ErrorKind::ArgumentConflict && arg == text(error, ContextKind::PriorArg) {
        format!("{option} is given more than once")
    } else {
        String::new()
    }
}

/// Joins an option, its value and what is wrong with it into one sentence that names the value once.
fn bad_value(option: &str, value: &str, why: &str) -> String {
    if why.starts_with('\'') {
        format!("{option}: {why}")
    } else if why.starts_with("has ") || why.starts_with("is ") {
        format!("{option} '{value}' {why}")
    } else {
        format!("{option} '{value}': {why}")
    }
}

fn fix(error: &clap::Error, command: &str) -> Option<String> {
    if let Some(source) = error.source() {
        return match source.downcast_ref::<ValueError>() {
            Some(value) => Some(value.fix.clone()),
            None => split_fix(&source.to_string()).1.map(str::to_owned),
        };
    }
    let arg = text(error, ContextKind::InvalidArg);
    let kind = error.kind();
    if command == "run" && kind == ErrorKind::UnknownArgument && !arg.starts_with('-') {
        return Some(format!("put '--' before the program: dayfly run [OPTIONS] -- {arg}"));
    }
    if kind == ErrorKind::MissingRequiredArgument && arg.contains("PROGRAM") {
        return Some("put it after '--': dayfly run [OPTIONS] -- PROGRAM [ARGS]...".to_owned());
    }
    if kind == ErrorKind::ArgumentConflict && arg == text(error, ContextKind::PriorArg) {
        return Some("leave all but one of them away".to_owned());
    }
    suggestion(error)
}

/// The nearest thing that exists.
fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggested = kinds.map(|kind| text(error, kind));
    if let Some(name) = suggested.iter().find(|name| !name.is_empty()) {
        return Some(format!("did you mean {name}?"));
    }
    match text(error, ContextKind::ValidValue) {
        values if values.is_empty() => None,
        values => Some(format!("write one of: {values}")),
    }
}

/// The help of the innermost command that was named.
fn help_for(words: &[OsString]) -> String {
    let (root, mut named) = (Cli::command(), vec!["dayfly"]);
    let mut command = &root;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()).take_while(|word| *word != "--") {
        if let Some(inner) = command.find_subcommand(word) {
            command = inner;
            named.push(word);
        }
    }
    format!("see: {} --help", named.join(" "))
}

fn text(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// What the parser itself says, for the rarer mistakes.
fn first_line(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("the command line cannot be understood");
    let first = first.strip_prefix("error: ").unwrap_or(first);
    match (first.ends_with(':'), lines.next()) {
        (true, Some(second)) => format!("{first} {second}"),
        (true, None) | (false, _) => first.to_owned(),
    }
}
