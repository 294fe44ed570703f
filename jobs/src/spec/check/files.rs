//! Paths and patterns of the workspace, what is put into it and what is taken from it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault::{At, Fault};
use super::super::{Collect, Input, InputSource, written};
use super::words::{Names, capped, title};
use crate::Bytes;

const MAX_INPUTS: usize = 1000;
const MAX_COLLECTS: usize = 64;
const MAX_PATTERNS: usize = 64;
const MAX_PATH: usize = 1024;
/// What Linux lets one name of a path have.
const MAX_NAME: usize = 255;

/// What holds for one list of files to take.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    what: &'static str,
    usual: Bytes,
    pub(super) most: Bytes,
}

/// They ride in the result.
pub(super) const OUTPUTS: Kind = Kind { what: "outputs", usual: Bytes::kib(64), most: Bytes::mib(1) };
/// They are kept as blobs.
pub(super) const ARTIFACTS: Kind = Kind { what: "artifacts", usual: Bytes::mib(256), most: Bytes::gib(16) };

pub(super) fn inputs(written: BTreeMap<String, written::Input>) -> Result<Vec<Input>, Fault> {
    capped(written.len(), MAX_INPUTS, "inputs")?;
    let files: BTreeSet<String> =
        written.iter().filter(|(_, input)| input.unpack.is_none()).map(|(path, _)| path.clone()).collect();
    let checked = written.into_iter().map(|(path, written)| {
        let place = match written.unpack {
            Some(_) => folder(&path),
            None => relative(&path),
        };
        place.and_then(|()| not_below(&path, &files)).map_err(|fault| fault.of_key(&path))?;
        input(&path, written).at(&path)
    });
    checked.collect()
}

/// A file cannot be the folder of another.
fn not_below(path: &str, files: &BTreeSet<String>) -> Result<(), Fault> {
    let folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
    match folders.into_iter().find(|folder| files.contains(*folder)) {
        Some(folder) => {
            let what = format!("'{folder}' is a file, so nothing can be in it");
            Err(Fault::new(what, "choose another path for one of them"))
        }
        None => Ok(()),
    }
}

fn input(path: &str, written: written::Input) -> Result<Input, Fault> {
    let source = match (written.inline, written.file, written.blob) {
        (Some(text), None, None) => InputSource::Inline(text),
        (None, Some(file), None) => {
            relative(&file).at("file")?;
            InputSource::File(file)
        }
        (None, None, Some(digest)) => InputSource::Blob(digest.0),
        (None, None, None) => {
            return Err(Fault::new("there is nothing in it", "write one of inline, file and blob"));
        }
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            return Err(Fault::new("it has several contents", "write only one of inline, file and blob"));
        }
    };
    let executable = written.executable.unwrap_or(false);
    if executable && written.unpack.is_some() {
        let fault =
            Fault::new("an archive says itself which of its files are executable", "remove executable");
        return Err(fault).at("executable");
    }
    Ok(Input { path: path.to_owned(), source, executable, unpack: written.unpack })
}

pub(super) fn collects(written: Vec<written::Collect>, kind: Kind) -> Result<Vec<Collect>, Fault> {
    capped(written.len(), MAX_COLLECTS, kind.what)?;
    let mut names = Names::new("file list");
    let checked = written.into_iter().enumerate().map(|(index, written)| {
        let collect = collect(written, kind).at_index(index)?;
        names.add(&collect.name).at("name").at_index(index)?;
        Ok(collect)
    });
    checked.collect()
}

fn collect(written: written::Collect, kind: Kind) -> Result<Collect, Fault> {
    let missing = || Fault::new("the key 'name' is missing", "add a name, which is the key in the result");
    let name = written.name.ok_or_else(missing).and_then(|name| title(name).at("name"))?;
    if written.paths.is_empty() {
        return Err(Fault::new("it names no files", "add paths, such as paths: [report.xml, 'logs/*.txt']"));
    }
    capped(written.paths.len(), MAX_PATTERNS, "paths").at("paths")?;
    for (index, path) in written.paths.iter().enumerate() {
        pattern(path).at_index(index).at("paths")?;
    }
    let max_size = written.max_size.map_or(kind.usual, |size| size.0);
    if max_size > kind.most {
        let fault = Fault::new(
            format!("{max_size} is more than {} may have", kind.what),
            format!("write at most {}", kind.most),
        );
        return Err(fault).at("max_size");
    }
    Ok(Collect { name, paths: written.paths, max_size, required: written.required.unwrap_or(false) })
}

/// A path below the workspace, or the workspace itself as `.`.
pub(super) fn folder(path: &str) -> Result<(), Fault> {
    match path {
        "." => Ok(()),
        path => relative(path),
    }
}

/// A path below the workspace, written in the one way there is for it.
pub(super) fn relative(path: &str) -> Result<(), Fault> {
    let fix = "write a path relative to the workspace, such as src/main.py";
    if path.is_empty() {
        return Err(Fault::new("the path is empty", fix));
    }
    if path.starts_with('/') {
        return Err(Fault::new("the path is absolute", fix));
    }
    if path.len() > MAX_PATH {
        return Err(Fault::new(format!("the path has {} bytes", path.len()), "write at most 1024"));
    }
    if path.contains('\0') {
        return Err(Fault::new("there is a NUL character in the path", "remove it"));
    }
    path.split('/').try_for_each(component)
}

fn component(name: &str) -> Result<(), Fault> {
    match name {
        "" => Err(Fault::new("the path has an empty part", "write no '//' and no '/' at the end")),
        "." => Err(Fault::new("the path has a '.' in it", "leave it out")),
        ".." => Err(Fault::new(
            "the path has a '..' in it, which could lead out of its folder",
            "write it without",
        )),
        name if name.len() > MAX_NAME => {
            Err(Fault::new(format!("a name in the path has {} bytes", name.len()), "write at most 255"))
        }
        _ => Ok(()),
    }
}

/// A path with `*`, `?` and `**` in it.
fn pattern(text: &str) -> Result<(), Fault> {
    relative(text)?;
    if let Some(sign) = text.chars().find(|sign| matches!(sign, '[' | ']' | '{' | '}' | '\\')) {
        return Err(Fault::new(format!("'{sign}' has no meaning in a pattern"), "write *, ? and ** only"));
    }
    match text.split('/').any(|part| part.contains("**") && part != "**") {
        true => {
            Err(Fault::new("'**' stands for whole folders", "write it between slashes, as in logs/**/*.txt"))
        }
        false => Ok(()),
    }
}
