//! Descriptors: each connection needs one, and hosts give a process few of them until it asks for more.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors for everything that is no connection: the database, logs and blobs, reports.
const RESERVE: u64 = 256;

/// As many of `wanted` connections as the host gives this process descriptors for.
pub(super) fn room(wanted: usize) -> usize {
    let most = raised().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot ask the host for more descriptors");
        u64::MAX
    });
    let room = within(wanted, most);
    if room < wanted {
        tracing::warn!(
            wanted,
            room,
            "the host gives this process {most} descriptors, too few for all connections; raise its limit of open \
             files (LimitNOFILE= of its unit, or `ulimit -n`)"
        );
    }
    room
}

/// Raises the limit as far as the host allows, and tells it.
fn raised() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

fn within(wanted: usize, descriptors: u64) -> usize {
    let room = usize::try_from(descriptors.saturating_sub(RESERVE)).unwrap_or(usize::MAX);
    wanted.min(room.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_files() {
        let table = [(4096, 1024, 768), (4096, 65_536, 4096), (4096, 100, 1), (10, u64::MAX, 10)];
        for (wanted, descriptors, expected) in table {
            assert_eq!(within(wanted, descriptors), expected, "{wanted} of {descriptors}");
        }
    }
}
