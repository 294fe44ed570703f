//! The command line of `cargo xtask`, read by hand: a handful of flags is not worth a parser's build time.

use std::collections::VecDeque;

use crate::error::Error;

/// The arguments not yet understood, in order.
pub(crate) struct Args(VecDeque<String>);

impl Args {
    pub(crate) fn from_env() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    #[cfg(test)]
    fn of(words: &[&str]) -> Self {
        Self(words.iter().map(|&word| word.to_owned()).collect())
    }

    /// The first word, taken off.
    pub(crate) fn next_word(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// Whether `name` was given; takes it off. What follows `--` is never looked at.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let own = self.0.iter().position(|word| word == "--").unwrap_or(self.0.len());
        match self.0.iter().take(own).position(|word| word == name) {
            Some(at) => self.0.remove(at).is_some(),
            None => false,
        }
    }

    /// What is left after `--`, for the tool that the command runs. Anything before it was not understood.
    pub(crate) fn passed_on(mut self) -> Result<Vec<String>, Error> {
        match self.0.pop_front() {
            None => Ok(Vec::new()),
            Some(word) if word == "--" => Ok(self.0.into()),
            Some(word) => Err(Error::Usage(format!("unknown option `{word}`; `--help` lists the options"))),
        }
    }

    /// Refuses whatever is left.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.passed_on()?.first() {
            None => Ok(()),
            Some(word) => Err(Error::Usage(format!("`{word}` after `--` is not used by this command"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_taken_off_wherever_they_stand() {
        let mut args = Args::of(&["--a", "--b"]);
        assert!(args.flag("--b"));
        assert!(!args.flag("--b"));
        assert!(args.flag("--a"));
        assert!(args.finish().is_ok());
    }

    #[test]
    fn what_follows_two_dashes_is_passed_on_untouched() {
        let mut args = Args::of(&["--a", "--", "--b", "x"]);
        assert!(!args.flag("--b"));
        assert!(args.flag("--a"));
        assert_eq!(args.passed_on().unwrap(), ["--b", "x"]);
    }

    #[test]
    fn a_word_nobody_took_is_an_error_that_names_it() {
        assert!(Args::of(&["--typo"]).finish().unwrap_err().to_string().contains("--typo"));
        assert!(Args::of(&["--", "x"]).finish().is_err());
    }
}
