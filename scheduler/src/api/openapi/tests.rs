//! The description is complete and refers to nothing that is not there.

use std::collections::BTreeSet;

use super::*;

fn whole() -> Value {
    finish(super::super::routes().into_openapi())
}

fn references<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let whole = whole();
    let mut all = BTreeSet::new();
    references(&whole, &mut all);
    assert!(all.len() > 40, "{}", all.len());
    let lost: Vec<_> =
        all.into_iter().filter(|target| whole.pointer(target.trim_start_matches('#')).is_none()).collect();
    assert_eq!(lost, [""; 0]);
}

#[test]
fn every_call_says_what_it_is_for_and_has_a_name_of_its_own() {
    let whole = whole();
    let calls = calls(&whole);
    let names: BTreeSet<&str> = calls.iter().filter_map(|(.., call)| call["operationId"].as_str()).collect();
    assert_eq!(names.len(), calls.len());
    for (path, method, call) in calls {
        assert!(call["summary"].as_str().is_some_and(|text| text.len() > 10), "{method} {path}");
        assert!(call["requestBody"].is_null() || call["requestBody"]["required"] == true, "{method} {path}");
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = part.trim_end_matches('}');
            let described = call["parameters"].as_array().into_iter().flatten().any(|p| p["name"] == name);
            assert!(described, "{method} {path} says nothing of {name}");
        }
    }
}

/// The list of everything that is served. A change of the API is seen here.
#[test]
fn the_calls_are_these() {
    let whole = whole();
    let list: Vec<String> = calls(&whole)
        .into_iter()
        .map(|(path, method, _)| format!("{} {path}", method.to_uppercase()))
        .collect();
    insta::assert_snapshot!(list.join("\n"));
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = page::render(&whole());
    for mark in ["<script", "<link", "<img", "@import", "url(", "https://"] {
        assert!(!page.contains(mark), "{mark}");
    }
    assert!(page.contains("/v1/jobs/{id}/retry") && page.contains("stale-attempt"));
}
