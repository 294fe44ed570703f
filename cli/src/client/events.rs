//! Server-sent events: the text of a stream becomes messages, and a stream that breaks is taken up where it was.

use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Method, Response};
use tokio::sync::watch;

use super::call::{Client, Repeat};
use crate::error::CliError;

/// No message of ours is larger.
const MAX_MESSAGE: usize = 4 << 20;
/// How often a stream may break without a message in between, and the longest pause before it is opened again:
/// together about half a minute, enough for a scheduler to be started anew.
const BREAKS: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// What to continue after.
    pub(crate) id: String,
    /// Its kind; empty when it has none.
    pub(crate) event: String,
    /// What it says.
    pub(crate) data: String,
}

/// Turns the bytes of a stream into messages, wherever they are cut.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    message: Message,
    has_data: bool,
    after_return: bool,
}

impl Reader {
    /// Reads on.
    pub(crate) fn feed(&mut self, bytes: &[u8], messages: &mut Vec<Message>) -> Result<(), CliError> {
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => messages.extend(self.end_of_line()),
                byte => self.line.push(byte),
            }
            if self.line.len() + self.message.data.len() > MAX_MESSAGE {
                return Err(CliError::server("the scheduler sent a message that is too long", None));
            }
        }
        Ok(())
    }

    fn end_of_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            return self.end_of_message();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => value.clone_into(&mut self.message.id),
            "event" => value.clone_into(&mut self.message.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            _ => {}
        }
        None
    }

    /// An id holds until there is another; a message without data is none.
    fn end_of_message(&mut self) -> Option<Message> {
        let next = Message { id: self.message.id.clone(), ..Message::default() };
        let message = std::mem::replace(&mut self.message, next);
        std::mem::take(&mut self.has_data).then_some(message)
    }
}

/// A stream of messages that survives a broken connection.
#[derive(Debug)]
pub(crate) struct Events {
    client: Client,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    last: Option<String>,
    open: Option<(Response, Reader)>,
    ready: std::collections::VecDeque<Message>,
    breaks: u32,
    /// Whether it was ever open: who was never there is not waited for.
    was_open: bool,
    away: watch::Sender<bool>,
}

impl Events {
    /// A stream that is opened when the first message is asked for.
    pub(crate) fn new(client: &Client, path: &[&str], query: Vec<(&'static str, String)>) -> Self {
        Self {
            client: client.clone(),
            path: path.iter().map(|&part| part.to_owned()).collect(),
            query,
            last: None,
            open: None,
            ready: std::collections::VecDeque::new(),
            breaks: 0,
            was_open: false,
            away: watch::Sender::new(false),
        }
    }

    /// Whether the scheduler is away: a stream that broke could not be opened again at once.
    pub(crate) fn away(&self) -> watch::Receiver<bool> {
        self.away.subscribe()
    }

    /// The next message. May be dropped while it waits without losing any.
    ///
    /// # Errors
    /// When the stream is refused, or breaks again and again.
    pub(crate) async fn next(&mut self) -> Result<Message, CliError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                self.breaks = 0;
                self.last = Some(message.id.clone()).filter(|id| !id.is_empty()).or(self.last.take());
                return Ok(message);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), CliError> {
        let Some((response, reader)) = &mut self.open else { return self.reopen().await };
        match response.chunk().await {
            Ok(Some(piece)) => {
                let mut messages = Vec::new();
                reader.feed(&piece, &mut messages)?;
                self.ready.extend(messages);
                Ok(())
            }
            Ok(None) | Err(_) => {
                self.broken(CliError::server("the scheduler closes the stream again and again", None)).await
            }
        }
    }

    async fn reopen(&mut self) -> Result<(), CliError> {
        match self.connect().await {
            Ok(response) => {
                self.was_open = true;
                self.set_away(false);
                self.open = Some((response, Reader::default()));
                Ok(())
            }
            Err(error @ CliError::Server { .. }) if self.was_open => {
                self.set_away(true);
                self.broken(error).await
            }
            Err(error) => Err(error),
        }
    }

    fn set_away(&self, away: bool) {
        self.away.send_if_modified(|known| std::mem::replace(known, away) != away);
    }

    /// Waits a while, unless that was done too often.
    async fn broken(&mut self, error: CliError) -> Result<(), CliError> {
        self.open = None;
        self.breaks += 1;
        if self.breaks > BREAKS {
            return Err(error);
        }
        tokio::time::sleep((Duration::from_millis(100) * self.breaks).min(LONGEST_PAUSE)).await;
        Ok(())
    }

    async fn connect(&self) -> Result<Response, CliError> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let request =
            self.client.request(Method::GET, &path, &self.query).header(ACCEPT, "text/event-stream");
        let request = match &self.last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        self.client.send(request, Repeat::Safe).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Message> {
        let (mut reader, mut messages) = (Reader::default(), Vec::new());
        for piece in pieces {
            reader.feed(piece, &mut messages).unwrap();
        }
        messages
    }

    fn message(id: &str, event: &str, data: &str) -> Message {
        Message { id: id.into(), event: event.into(), data: data.into() }
    }

    #[test]
    fn messages_are_read_as_the_standard_has_them() {
        let text = b": hello\n\nid: 1\nevent: step\ndata: a\ndata: b\n\ndata\n\nid\ndata:c\nretry: 5\n\nid: 9\n\ndata: lost";
        let expected = [message("1", "step", "a\nb"), message("1", "", ""), message("", "", "c")];
        assert_eq!(read(&[text]), expected);
    }

    #[test]
    fn a_message_without_end_is_refused() {
        let (mut reader, mut messages) = (Reader::default(), Vec::new());
        assert!(reader.feed(&vec![b'x'; MAX_MESSAGE + 1], &mut messages).is_err());
    }

    proptest! {
        #[test]
        fn cutting_anywhere_changes_nothing(text in "(data: [ab]{0,3}|id: [0-9]|:|event: x|)(\n|\r|\r\n)".prop_map(String::into_bytes), cut in 0..20_usize) {
            let text = text.repeat(3);
            let (left, right) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(read(&[left, right]), read(&[&text]));
        }
    }
}
