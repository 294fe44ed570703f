//! The API through a real server on a loopback port.
