//! Diagnostics on standard error, only when asked for: without `-v` nothing is set up at all.

use tracing::Level;

use crate::service::args::LogFormat;

/// Starts telling: -v what happens, -vv details, -vvv everything.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(super::Stream::Stderr.is_terminal() && super::colours_wanted())
        .with_target(verbose > 2)
        .init();
}

/// A service says what happens without being asked; -v adds details, -vv everything.
pub(crate) fn service(format: LogFormat, verbose: u8) {
    let level = match verbose {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let log =
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(verbose > 1);
    match format {
        LogFormat::Text => {
            log.with_ansi(super::Stream::Stderr.is_terminal() && super::colours_wanted()).init()
        }
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
