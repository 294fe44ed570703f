//! Suggestions as the end of an error's sentence.

use dayfly_jobs::nearest;

/// `; did you mean 'openat'?`, or nothing where no candidate is near.
pub(crate) fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map(|candidate| format!("; did you mean '{candidate}'?")).unwrap_or_default()
}
