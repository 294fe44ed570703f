//! The description as a page for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::calls;
use crate::problem::Kind;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color:#1a1a1a;background:#fff}code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.5rem;\
    background:#f2f2f2}details{border-bottom:1px solid #ccc;padding:.4rem 0}summary{cursor:pointer}\
    .m{display:inline-block;width:4rem;font-weight:600}td,th{text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0}\
    @media(prefers-color-scheme:dark){body{color:#e8e8e8;background:#161616}pre{background:#242424}a{color:#8ab4f8}}";

const EXAMPLE: &str = "curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  \
    -d '{\"version\":1,\"name\":\"hello\",\"steps\":[{\"name\":\"greet\",\"run\":\"echo hello\"}]}' \\\n  \
    http://127.0.0.1:PORT/v1/jobs";

/// The page.
pub(super) fn render(description: &Value) -> String {
    let mut page = String::new();
    // Writing to a text cannot fail.
    write(&mut page, description).ok();
    page
}

fn write(page: &mut String, description: &Value) -> std::fmt::Result {
    let about = text(&description["info"]["description"]);
    write!(page, "<!doctype html><html lang=en><meta charset=utf-8><title>Dayfly API</title>")?;
    write!(
        page,
        "<meta name=viewport content=\"width=device-width\"><style>{STYLE}</style><h1>Dayfly API</h1>"
    )?;
    write!(page, "<p>{}</p><p>For programs: <a href=/openapi.json>openapi.json</a></p>", escape(about))?;
    write!(page, "<pre>{}</pre>", escape(EXAMPLE))?;
    let mut heading = "";
    let mut calls = calls(description);
    calls.sort_by_key(|(path, _, call)| (text(&call["tags"][0]), *path));
    for (path, method, call) in calls {
        let tag = text(&call["tags"][0]);
        if tag != heading {
            write!(page, "<h2>{}</h2>", escape(tag))?;
            heading = tag;
        }
        write_call(page, path, method, call)?;
    }
    write_problems(page)?;
    write_schemas(page, &description["components"]["schemas"])
}

fn write_call(page: &mut String, path: &str, method: &str, call: &Value) -> std::fmt::Result {
    let (method, path, summary) = (method.to_uppercase(), escape(path), escape(text(&call["summary"])));
    write!(page, "<details><summary><span class=m>{method}</span> <code>{path}</code> {summary}</summary>")?;
    write!(page, "<p>{}</p><table>", escape(text(&call["description"])))?;
    for parameter in call["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let about = escape(text(&parameter["description"]));
        write!(page, "<tr><td><code>{}</code><td>{}<td>{about}", escape(name), escape(place))?;
    }
    write_content(page, "body", "", &call["requestBody"])?;
    for (status, response) in call["responses"].as_object().into_iter().flatten() {
        write_content(page, status, text(&response["description"]), response)?;
    }
    write!(page, "</table></details>")
}

fn write_content(page: &mut String, what: &str, about: &str, holder: &Value) -> std::fmt::Result {
    if holder.is_null() {
        return Ok(());
    }
    write!(page, "<tr><td>{what}<td>{}<td>", escape(about))?;
    for (kind, content) in holder["content"].as_object().into_iter().flatten() {
        let name = text(&content["schema"]["$ref"]).rsplit('/').next().unwrap_or_default();
        write!(page, "<code>{}</code> <a href=\"#{}\">{}</a><br>", escape(kind), escape(name), escape(name))?;
    }
    Ok(())
}

fn write_problems(page: &mut String) -> std::fmt::Result {
    write!(page, "<h2>problems</h2><table><tr><th>status<th>type<th>meaning")?;
    for kind in Kind::ALL {
        let (status, name) = (kind.status().as_u16(), kind.name());
        write!(
            page,
            "<tr><td>{status}<td><code>urn:dayfly:problem:{name}</code><td>{}.",
            escape(kind.title())
        )?;
        if let Some(fix) = kind.fix() {
            write!(page, " Fix: {}.", escape(fix))?;
        }
    }
    write!(page, "</table>")
}

fn write_schemas(page: &mut String, schemas: &Value) -> std::fmt::Result {
    write!(page, "<h2>bodies</h2>")?;
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let name = escape(name);
        write!(
            page,
            "<details id=\"{name}\"><summary>{name}</summary><pre>{}</pre></details>",
            escape(&format!("{schema:#}"))
        )?;
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
