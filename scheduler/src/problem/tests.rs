//! What a refusal looks like from outside.

use super::*;

#[test]
fn every_kind_has_its_own_name_and_is_an_error() {
    let names: std::collections::BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        let status = kind.status();
        assert!(status.is_client_error() || status.is_server_error(), "{kind:?}");
        let wants_retry = matches!(status.as_u16(), 429 | 503 | 507);
        assert_eq!(kind.retry_after().is_some(), wants_retry, "{kind:?}");
    }
}

#[test]
fn a_stale_attempt_is_told_so() {
    let refused = Refused::Stale { given: dayfly_jobs::Attempt(1), latest: dayfly_jobs::Attempt(2) };
    let response = Problem::from(StoreError::Refused(refused)).into_response();
    assert_eq!(response.status().as_u16(), 409);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = Problem::from(StoreError::Refused(refused)).body();
    assert_eq!(body.name(), "stale-attempt");
    assert!(body.detail.contains("attempt 1") && body.detail.contains('2'), "{}", body.detail);
}

#[test]
fn what_the_database_said_stays_inside() {
    let body = Problem::from(StoreError::Failed("no such table: jobs".into())).body();
    assert_eq!(body.status, 500);
    assert!(!body.detail.contains("table"), "{}", body.detail);
}

#[test]
fn where_waiting_helps_it_says_how_long() {
    let response = Problem::from(StoreError::Full).into_response();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (507, &HeaderValue::from(30))
    );
    let response = Problem::new(Kind::RateLimited, "slow down").after(0).into_response();
    assert_eq!(response.headers()["retry-after"], "1");
}

#[test]
fn who_names_a_job_that_is_not_there_is_told_how_to_list_them() {
    let stored = StoreError::Unknown { what: "job", name: "x".to_owned() };
    for problem in [Problem::unknown("job", "x"), Problem::from(stored)] {
        assert!(problem.body().fix.is_some_and(|fix| fix.contains("dayfly status")));
    }
    assert_eq!(Problem::unknown("blob", "x").body().fix, None);
}
