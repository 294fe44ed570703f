//! Keeps the worker alive when jobs are hungry: the kernel is to choose them, not the one who limits them. What cannot
//! be had is told in the log and lessens nothing else: every job has its own limits.

use std::fs;

/// What the worker's own chance of being killed for want of memory is lowered to; jobs are the first (1000).
const OOM_SCORE: &str = "-900";

/// Does what can be done here.
pub(crate) fn protect() {
    if let Err(error) = fs::write("/proc/self/oom_score_adj", OOM_SCORE) {
        tracing::info!(%error, "the worker is not protected from the kernel's choice when memory runs out");
    }
}
