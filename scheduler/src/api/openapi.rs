//! The description of the API: routes come from where they are written, bodies from the types themselves. The page
//! at `/docs` is made of the same description, has no script and loads nothing from anywhere.

mod page;
mod schemas;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::App;
use crate::problem::Kind;

const ABOUT: &str = "Dayfly runs programs nobody trusts, each in a sandbox made for it. Every call but those for health \
    brings `Authorization: Bearer dfy_…`. Every refusal is problem JSON (RFC 9457): `type` is what programs decide by, \
    `fix` is what to do. Times are milliseconds since 1970 UTC (`…_ms`), durations microseconds (`…_us`). Answers only \
    ever gain fields.";

/// What `Content-Security-Policy` lets the page do: show itself.
const NOTHING_ELSE: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// The whole description.
pub(super) fn finish(routes: OpenApi) -> Value {
    // A description is plain data, which is always JSON.
    let mut whole = serde_json::to_value(routes).unwrap_or_default();
    whole["info"] = json!({"title": "Dayfly", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT});
    whole["components"] = json!({
        "schemas": schemas::all(),
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "dfy_…"}},
    });
    whole["security"] = json!([{"token": []}]);
    let paths = whole.get_mut("paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, call) in methods.as_object_mut().into_iter().flatten() {
            complete(path, method, call);
        }
    }
    whole
}

/// What is the same for every call of its kind.
fn complete(path: &str, method: &str, call: &mut Value) {
    let name: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    call["operationId"] = json!(format!("{method}{name}"));
    if call["tags"] == json!(["health"]) {
        let token_elsewhere = if path == "/metrics" { json!([{}, {"token": []}]) } else { json!([]) };
        call["security"] = token_elsewhere;
    }
    if let Some(body) = call.get_mut("requestBody") {
        body["required"] = json!(true);
    }
    for status in refusals(method, call) {
        if call["responses"][status].is_null() {
            call["responses"][status] = json!({"description": title(status)});
        }
    }
    call["responses"]["default"] = json!({"description": "It was refused or failed"});
    for (status, response) in call["responses"].as_object_mut().into_iter().flatten() {
        if status == "default" || status.as_str() >= "400" {
            response["content"] = json!({
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
            });
        }
    }
}

/// How a call can be refused for what it is, beside what its own description says.
fn refusals(method: &str, call: &Value) -> Vec<&'static str> {
    let mut all = Vec::new();
    let mut add = |when: bool, statuses: &[&'static str]| {
        if when {
            all.extend_from_slice(statuses);
        }
    };
    let parameters: Vec<&str> =
        call["parameters"].as_array().into_iter().flatten().filter_map(|one| one["in"].as_str()).collect();
    let body = &call["requestBody"];
    add(call["security"] != json!([]), &["401", "403", "429"]);
    add(!parameters.is_empty(), &["400"]);
    add(parameters.contains(&"path"), &["404"]);
    add(!body.is_null(), &["400", "408", "413"]);
    add(!body.is_null() && body["content"]["application/octet-stream"].is_null(), &["415"]);
    add(matches!(method, "post" | "put"), &["507"]);
    all
}

/// What is said of a status that several kinds of problems can have.
fn title(status: &str) -> String {
    let kinds = Kind::ALL.iter().filter(|kind| kind.status().as_str() == status);
    let titles: Vec<&str> = kinds.map(|kind| kind.title()).collect();
    titles.join("; ")
}

/// `/openapi.json` and `/docs`.
pub(super) fn pages(description: &Value) -> Router<App> {
    let json = bytes::Bytes::from(description.to_string());
    let page = bytes::Bytes::from(page::render(description));
    let page_headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING_ELSE)),
    ];
    let json_headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Router::new()
        .route("/openapi.json", get(move || async move { (json_headers, json).into_response() }))
        .route("/docs", get(move || async move { (page_headers, page).into_response() }))
}

/// Every call of a description: path, method, what is said of it.
fn calls(description: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = description.get("paths").and_then(Value::as_object).map(Map::iter);
    paths
        .into_iter()
        .flatten()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, call)| (path.as_str(), method.as_str(), call))
        })
        .collect()
}

#[cfg(test)]
mod tests;
