//! What a job may bring along.

use super::*;

#[test]
fn a_budget_counts_pages_and_files() {
    let limits = dayfly_policies::Catalog::builtin().get("strict").unwrap().default_limits().clone();
    let limits = Limits { disk: dayfly_jobs::Bytes::new(3 * PAGE), inodes: 10.try_into().unwrap(), ..limits };
    let mut budget = Budget::of(&limits);
    assert!(budget.take(1, 1).is_ok() && budget.bytes() == 2 * PAGE);
    assert!(budget.take(2 * PAGE + 1, 0).is_err());
    assert!(budget.take(2 * PAGE, 2).is_err());
    assert!(budget.take(2 * PAGE, 1).is_ok());
    assert!(budget.take(0, 1).is_err() && budget.take(u64::MAX, 0).is_err());
}
