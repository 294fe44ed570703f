//! The only place of `xtask` that prints: coloured on a terminal, plain when piped or under `NO_COLOR`.

use std::fmt;
use std::io::{IsTerminal, Write};

use crate::error::Error;

/// How a piece of text is shown on a terminal.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Warn,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Warn => "33",
        }
    }
}

/// Whether escape codes may be written to standard output.
pub(crate) fn coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `text`, wrapped in escape codes where they may be used.
pub(crate) fn paint(style: Style, text: &str) -> String {
    match style.code() {
        "" => text.to_owned(),
        _ if !coloured() => text.to_owned(),
        code => format!("\x1b[{code}m{text}\x1b[0m"),
    }
}

/// A heading, with an empty line before it.
pub(crate) fn title(text: &str) {
    plain(&format!("\n{}", paint(Style::Bold, text)));
}

/// A command about to be run.
pub(crate) fn command(text: &str) {
    plain(&paint(Style::Dim, &format!("$ {text}")));
}

/// Something that was left out, and why.
pub(crate) fn left_out(what: &str, why: &str) {
    plain(&format!("{} {what}: {why}", paint(Style::Warn, "left out")));
}

/// Something that is wrong at a place.
pub(crate) fn finding(place: &str, problem: &str) {
    plain(&format!("{} {place}: {problem}", paint(Style::Bad, "finding")));
}

/// One line as it is.
pub(crate) fn plain(text: &str) {
    emit(std::io::stdout().lock(), format_args!("{text}\n"));
}

/// The line a failing command ends with.
pub(crate) fn failure(error: &Error) {
    if matches!(error, Error::Tests(_)) {
        return plain(&error.to_string());
    }
    emit(std::io::stderr().lock(), format_args!("{} {error}\n", paint(Style::Bad, "error:")));
}

/// Writes, and ends the process quietly when nobody reads any more (`cargo xtask … | head`).
#[expect(clippy::disallowed_methods, reason = "nobody reads any more, and xtask holds nothing to clean up")]
fn emit(mut to: impl Write, text: fmt::Arguments<'_>) {
    if to.write_fmt(text).and_then(|()| to.flush()).is_err() {
        std::process::exit(1);
    }
}
