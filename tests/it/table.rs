//! The attack table in docs/THREAT_MODEL.md: every row is there, and every test it names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How many rows the table of known attacks has.
const ROWS: u32 = 99;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Row number, and the tests its line names.
fn table() -> BTreeMap<u32, Vec<String>> {
    let page = fs::read_to_string(repository().join("docs/THREAT_MODEL.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(number) = cells.get(1).and_then(|cell| cell.parse::<u32>().ok()) else { continue };
        let [_, _, attack, promise, proof, _] = cells[..] else {
            panic!("row {number} has not four cells: {line}")
        };
        assert!(
            !attack.is_empty() && !promise.is_empty() && !proof.is_empty(),
            "row {number} has an empty cell"
        );
        let tests = proof.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(rows.insert(number, tests).is_none(), "row {number} is there twice");
    }
    rows
}

/// Every test of this program as `module::name`, and what takes several commands of one sandbox, which only the library
/// has, as `jail::module::name`.
fn tests() -> BTreeSet<String> {
    let of = |folder, prefix| {
        fs::read_dir(repository().join(folder)).unwrap().map(move |entry| (entry.unwrap().path(), prefix))
    };
    let mut tests = BTreeSet::new();
    for (path, prefix) in of("tests/it", "").chain(of("sandbox/tests/jail", "jail::")) {
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(&path).unwrap();
        let mut marked = false;
        for line in source.lines() {
            let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            if let (true, Some(name)) = (marked, name) {
                tests.insert(format!("{prefix}{module}::{name}"));
            }
            marked = line == "#[test]" || (marked && line.starts_with("#["));
        }
    }
    tests
}

#[test]
fn every_row_is_in_the_table() {
    let rows: Vec<u32> = table().into_keys().collect();
    assert_eq!(rows, (1..=ROWS).collect::<Vec<u32>>());
}

#[test]
fn every_test_that_the_table_names_exists() {
    let tests = tests();
    for (row, names) in table() {
        for name in names {
            assert!(tests.contains(&name), "row {row} names {name}, which does not exist");
        }
    }
}

#[test]
fn every_test_of_a_row_is_in_its_row() {
    let table = table();
    for test in tests() {
        let Some(name) = test.split("::").nth(1).and_then(|name| name.strip_prefix("row_")) else { continue };
        let row: u32 = name.split('_').next().unwrap().parse().unwrap();
        assert!(table[&row].contains(&test), "row {row} does not name {test}");
    }
}
