//! The log of a job as a stream of pieces.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dayfly_jobs::JobId;
use dayfly_jobs::wire::{LogEvent, Problem};
use serde::de::DeserializeOwned;

use crate::client::{Client, Events, Message};
use crate::error::CliError;

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes, and where they begin.
    Bytes {
        /// Their place in the log.
        offset: u64,
        /// What the job wrote.
        bytes: Vec<u8>,
    },
    /// Another attempt began; its log begins at 0.
    Restart,
    /// Nothing follows.
    End,
}

/// A log that is followed.
#[derive(Debug)]
pub(crate) struct LogStream(Events);

impl LogStream {
    /// Begins to follow.
    pub(crate) fn open(client: &Client, id: JobId, mut query: Vec<(&'static str, String)>) -> Self {
        query.push(("follow", "true".to_owned()));
        Self(Events::new(client, &["jobs", &id.to_string(), "logs"], query))
    }

    /// The next piece.
    pub(crate) async fn next(&mut self) -> Result<Piece, CliError> {
        piece(&self.0.next().await?)
    }
}

fn piece(message: &Message) -> Result<Piece, CliError> {
    let event: LogEvent = decoded(message)?;
    match message.event.as_str() {
        "restart" => Ok(Piece::Restart),
        "end" => Ok(Piece::End),
        _ => {
            let bytes = match (event.text, event.base64) {
                (Some(text), _) => text.into_bytes(),
                (None, Some(text)) => STANDARD.decode(text).map_err(|error| unreadable(&error))?,
                (None, None) => Vec::new(),
            };
            Ok(Piece::Bytes { offset: event.offset, bytes })
        }
    }
}

/// What a message says, unless it says what went wrong.
pub(super) fn decoded<T: DeserializeOwned>(message: &Message) -> Result<T, CliError> {
    let data = &message.data;
    match message.event.as_str() {
        "problem" => {
            Err(serde_json::from_str::<Problem>(data)
                .map_or_else(|error| unreadable(&error), CliError::refused))
        }
        _ => serde_json::from_str(data).map_err(|error| unreadable(&error)),
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> CliError {
    CliError::server(
        format!("the scheduler sent a message that cannot be read: {error}"),
        Some("use the same version of dayfly here and there".to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: &str, data: &str) -> Message {
        Message { id: "1".into(), event: event.into(), data: data.into() }
    }

    #[test]
    fn pieces_by_the_table() {
        let bytes = |offset, bytes: &[u8]| Piece::Bytes { offset, bytes: bytes.to_vec() };
        for (event, data, expected) in [
            ("log", r#"{"offset":7,"text":"hé"}"#, bytes(7, "hé".as_bytes())),
            ("log", r#"{"offset":0,"base64":"/wA="}"#, bytes(0, b"\xff\x00")),
            ("restart", r#"{"offset":0}"#, Piece::Restart),
            ("end", r#"{"offset":9}"#, Piece::End),
        ] {
            assert_eq!(piece(&message(event, data)).unwrap(), expected);
        }
        assert!(piece(&message("log", "{")).is_err());
        assert!(piece(&message("log", r#"{"offset":0,"base64":"?"}"#)).is_err());
        let problem = r#"{"type":"urn:dayfly:problem:busy","title":"Busy","status":429,"detail":"too much","fix":"wait"}"#;
        let error = piece(&message("problem", problem)).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.fix().as_deref()), ("too much", Some("wait")));
    }
}
