//! A network that can stand still: what a worker says while it does is delivered later, even if the worker is gone
//! by then.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Something between a worker and its scheduler that passes everything on until it is told to hold it.
#[derive(Debug)]
pub struct Gate {
    url: String,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// An open one in front of a scheduler.
    pub fn before(scheduler: &str) -> Self {
        let address = scheduler.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let open = Arc::new((Mutex::new(true), Condvar::new()));
        let gate = Arc::clone(&open);
        thread::spawn(move || {
            for caller in listener.incoming() {
                let (caller, gate, server) =
                    (caller.unwrap(), Arc::clone(&gate), TcpStream::connect(&address));
                // Without a scheduler there is nobody to pass anything on to, as on a real network.
                if let Ok(server) = server {
                    connect(&caller, &server, gate);
                }
            }
        });
        Self { url, open }
    }

    /// Where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Holds what callers say from now on, or delivers it.
    pub fn set_open(&self, open: bool) {
        *self.open.0.lock().unwrap() = open;
        self.open.1.notify_all();
    }
}

/// Answers go back freely. A connection stays whole towards the scheduler when the caller has hung up.
fn connect(caller: &TcpStream, server: &TcpStream, gate: Arc<(Mutex<bool>, Condvar)>) {
    let (mut from, mut to) = (caller.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        pass(&mut from, |bytes| {
            let (open, changed) = &*gate;
            drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            to.write_all(bytes).is_ok()
        });
    });
    let (mut from, mut to) = (server.try_clone().unwrap(), caller.try_clone().unwrap());
    thread::spawn(move || {
        pass(&mut from, |bytes| {
            // Whoever asked may be gone; the scheduler does not learn of it.
            to.write_all(bytes).ok();
            true
        });
        to.shutdown(std::net::Shutdown::Both).ok();
    });
}

fn pass(from: &mut TcpStream, mut to: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !to(&buffer[..count]) {
            return;
        }
    }
}
