//! The walk through a folder of any shape.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn wanted(patterns: &[&str], max_size: u64, required: bool) -> Collect {
    let paths = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    Collect { name: "wanted".to_owned(), paths, max_size: Bytes::new(max_size), required }
}

fn collected(folder: &std::path::Path, wanted: &Collect) -> (Vec<String>, Vec<String>) {
    let (mut problems, top) = (Vec::new(), File::open(folder).unwrap());
    let found = files(top.as_fd(), wanted, &mut problems).unwrap();
    (found.iter().map(|found| beneath::shown(&found.path)).collect(), problems)
}

#[test]
fn patterns_find_files_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b/c")).unwrap();
    for path in ["z.o", "a/x.o", "a/b/y.o", "a/b/c/.hidden.o", "a/b/c/w.txt"] {
        fs::write(folder.path().join(path), path).unwrap();
    }
    symlink("..", folder.path().join("a/loop")).unwrap();
    let all = ["a/b/c/.hidden.o", "a/b/y.o", "a/x.o", "z.o"];
    assert_eq!(collected(folder.path(), &wanted(&["**/*.o", "a/**/*.o", "z.o"], 1000, true)).0, all);
    assert_eq!(collected(folder.path(), &wanted(&["a/*.o"], 1000, true)).0, ["a/x.o"]);
    assert_eq!(collected(folder.path(), &wanted(&["gone", "*.gone"], 1000, false)), (vec![], vec![]));
    let (found, problems) = collected(folder.path(), &wanted(&["gone", "*.gone"], 1000, true));
    assert!(found.is_empty() && problems[0].contains("nothing matches gone, *.gone"), "{problems:?}");
    let (found, problems) = collected(folder.path(), &wanted(&["**"], 10, true));
    assert!(found.is_empty() && problems[0].contains("max_size"), "{problems:?}");
}

#[test]
fn a_tree_without_end_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let deep = vec!["d"; DEEPEST + 10].join("/");
    fs::create_dir_all(folder.path().join(&deep)).unwrap();
    fs::write(folder.path().join(&deep).join("file"), "").unwrap();
    let (found, problems) = collected(folder.path(), &wanted(&["**"], 10, false));
    assert!(found.is_empty() && problems[0].contains("deeper"), "{problems:?}");
}
