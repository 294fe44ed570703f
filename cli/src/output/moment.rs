//! Moments and spans of time as people read them. Pure; UTC, so that two people mean the same.

use dayfly_jobs::Timestamp;

const DAY: u64 = 86_400_000;

/// `2026-11-22 08:49:23`.
pub(crate) fn moment(at: Timestamp) -> String {
    let (days, rest) = (at.0 / DAY, at.0 % DAY / 1000);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// `0.2s`, `12s`, `3m05s`, `2h10m`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{seconds}.{}s", millis % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    match month {
        0..10 => (year + era * 400, month + 3, day),
        _ => (year + era * 400 + 1, month - 9, day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_the_table() {
        for (millis, shown) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399_999, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_709_251_200_000, "2024-03-01 00:00:00"),
            (1_795_337_363_000, "2026-11-22 08:49:23"),
            (4_107_542_399_000, "2100-02-28 23:59:59"),
            (4_107_542_400_000, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(moment(Timestamp(millis)), shown);
        }
    }

    #[test]
    fn spans_by_the_table() {
        for (millis, shown) in
            [(0, "0.0s"), (1_960, "1.9s"), (12_999, "12s"), (185_000, "3m05s"), (7_800_000, "2h10m")]
        {
            assert_eq!(span(millis), shown);
        }
    }
}
