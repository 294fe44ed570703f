//! Clients that ask for much and never read it.

use std::io::{Read, Write};
use std::net::TcpStream;

use dayfly_tests::service::{Call, Client, Service, job};
use dayfly_tests::{jail, soon};

/// Streams a token may have.
const STREAMS: usize = 128;
/// Clients that ask and do not read, more than may.
const READERS: usize = 300;
/// Memory that the scheduler may take for them, in KiB: a few buffers for each stream.
const MOST_MEMORY: u64 = 64 << 10;

/// The SHA-256 of 32 MiB of zeros.
const MUCH: &str = "83ee47245398adee79bd9c0a8bc57b821e92aba10f5f9ade8a5d1fae4d8c4302";

/// Puts 32 MiB there and tells where.
fn much(client: &Client) -> String {
    let path = format!("/v1/blobs/{MUCH}");
    client.call(Call::put(&path, vec![0; 32 << 20])).good();
    path
}

/// Asks for it, reads the status and nothing more.
fn asked(service: &Service, path: &str) -> (u16, TcpStream) {
    let address = service.url().trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    let token = service.client().token();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    (std::str::from_utf8(&status[9..]).unwrap().parse().unwrap(), stream)
}

#[test]
fn who_never_reads_alone_takes_little_memory_and_nobodys_turn() {
    let _host = jail!(alone);
    let mut service = Service::start(&[]);
    let path = much(service.client());
    let before = service.scheduler().kibibytes("VmHWM");
    let readers: Vec<(u16, TcpStream)> = (0..READERS).map(|_| asked(&service, &path)).collect();
    let statuses = |wanted: u16| readers.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!((statuses(200), statuses(429)), (STREAMS, READERS - STREAMS));
    let mut worker = service.worker("one", &[]);
    let id = service.client().submit(&job("echo well"));
    service.ended(&id, soon(20));
    let grown = service.scheduler().kibibytes("VmHWM").saturating_sub(before);
    assert!(grown < MOST_MEMORY, "the scheduler took {grown} KiB more");
    service.assert_sound(&id);
    drop(readers);
    worker.terminate(soon(8));
}
