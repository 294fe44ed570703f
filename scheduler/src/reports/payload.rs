//! What is told of a job that has ended. It must stay below 20 kB, so it names the job and its verdict; the rest is
//! for whoever asks the API.

use dayfly_jobs::wire::{JobDetail, JobSummary};
use dayfly_jobs::{Timestamp, Verdict};
use serde::Serialize;

/// The body of a report.
#[derive(Debug, Serialize)]
pub(super) struct Payload<'a> {
    /// `job.finished`, `job.cancelled`, …
    #[serde(rename = "type")]
    kind: String,
    /// When the job ended.
    timestamp: String,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    job: &'a JobSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
}

impl<'a> Payload<'a> {
    pub(super) fn of(job: &'a JobDetail) -> Self {
        let summary = &job.summary;
        Self {
            kind: format!("job.{}", summary.state.name()),
            timestamp: rfc3339(summary.ended_ms.unwrap_or(summary.submitted_ms)),
            data: Data { job: summary, verdict: job.result.as_ref().map(|result| &result.verdict) },
        }
    }
}

/// `2026-11-22T08:30:00.123Z`. The days are counted in eras of 400 years that begin in March, so that the leap day
/// is the last of its year.
fn rfc3339(at: Timestamp) -> String {
    let (days, millis) = (at.0 / 86_400_000, at.0 % 86_400_000);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
    let (second, rest) = (millis / 1000 % 60, millis % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_078_012_800_000, "2004-02-29T00:00:00.000Z"),
            (1_614_265_330_123, "2021-02-25T15:02:10.123Z"),
            (1_798_761_599_000, "2026-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (at, text) in table {
            assert_eq!(rfc3339(Timestamp(at)), text);
        }
    }
}
