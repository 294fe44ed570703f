//! A scheduler of paper: answers what a test wrote down, and remembers what it was asked. Knows nothing of jobs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A call as it came in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// `GET /v1/jobs?limit=1`.
    pub(crate) what: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What to answer.
pub(crate) enum Answer {
    /// A status such as `200 OK`, further header lines, a body.
    With(&'static str, String, String),
    /// The connection breaks after the call was heard.
    Nothing,
}

pub(crate) fn json(body: &str) -> Answer {
    Answer::With("200 OK", "Content-Type: application/json\r\n".into(), body.into())
}

pub(crate) fn problem(status: &'static str, headers: &str, name: &str, detail: &str, fix: &str) -> Answer {
    let code = status.split(' ').next().unwrap();
    let body = format!(
        r#"{{"type":"urn:dayfly:problem:{name}","title":"T","status":{code},"detail":"{detail}","fix":"{fix}"}}"#
    );
    Answer::With(status, format!("Content-Type: application/problem+json\r\n{headers}"), body)
}

pub(crate) fn events(messages: &[(&str, u64, &str)]) -> Answer {
    let message =
        |(event, id, data): &(&str, u64, &str)| format!("event: {event}\nid: {id}\ndata: {data}\n\n");
    let body = messages.iter().map(message).collect();
    Answer::With("200 OK", "Content-Type: text/event-stream\r\n".into(), body)
}

/// A server that lives as long as the test's process.
pub(crate) struct Paper {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Call>>>,
}

impl Paper {
    /// Answers each call, given how many of the same were heard before.
    pub(crate) fn new(answer: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (all, answer) = (Arc::clone(&heard), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream.unwrap(), &all, &*answer));
            }
        });
        Self { url, heard }
    }

    /// Every call so far whose first line starts like this.
    pub(crate) fn heard(&self, what: &str) -> Vec<Call> {
        self.heard.lock().unwrap().iter().filter(|call| call.what.starts_with(what)).cloned().collect()
    }
}

/// One call on each connection.
fn serve(stream: &TcpStream, all: &Mutex<Vec<Call>>, answer: &dyn Fn(&Call, usize) -> Answer) {
    let Some(call) = read(stream) else { return };
    let before = {
        let mut all = all.lock().unwrap();
        let before = all.iter().filter(|known| known.what == call.what).count();
        all.push(call.clone());
        before
    };
    if let Answer::With(status, headers, body) = answer(&call, before) {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        // Whoever went away is not told.
        (&*stream).write_all(format!("{head}{body}").as_bytes()).ok();
    }
}

fn read(stream: &TcpStream) -> Option<Call> {
    let mut lines = BufReader::new(stream);
    let mut line = || {
        let mut text = String::new();
        lines.read_line(&mut text).ok().filter(|&count| count > 0).map(|_| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut call = Call { what: first.strip_suffix(" HTTP/1.1")?.to_owned(), ..Call::default() };
    while let Some((name, value)) = line()?.split_once(':') {
        call.headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = call.header("content-length").map_or(0, |length| length.parse().unwrap());
    lines.take(length).read_to_end(&mut call.body).ok()?;
    Some(call)
}
