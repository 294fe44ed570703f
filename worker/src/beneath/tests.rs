//! Nothing leads out.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use super::*;

fn folder() -> (tempfile::TempDir, File) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/file"), "content").unwrap();
    symlink("/etc", folder.path().join("out")).unwrap();
    symlink("sub/file", folder.path().join("link")).unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe"), Mode::S_IRWXU).unwrap();
    let open = File::open(folder.path()).unwrap();
    (folder, open)
}

#[test]
fn only_files_below_are_read() {
    let (_folder, top) = folder();
    assert_eq!(open_file(top.as_fd(), b"sub/file").unwrap().1, 7);
    for (path, why) in [
        ("missing", Unreadable::Errno(Errno::ENOENT)),
        ("link", Unreadable::Errno(Errno::ELOOP)),
        ("out/passwd", Unreadable::Errno(Errno::ELOOP)),
        ("sub/../../etc/passwd", Unreadable::Errno(Errno::EXDEV)),
        ("/etc/passwd", Unreadable::Errno(Errno::EXDEV)),
        ("sub", Unreadable::Folder),
        ("pipe", Unreadable::NoFile),
    ] {
        assert_eq!(open_file(top.as_fd(), path.as_bytes()).map(drop), Err(why), "{path}");
    }
    let proc = File::open("/").unwrap();
    assert_eq!(open_file(proc.as_fd(), b"proc/version").map(drop), Err(Unreadable::Errno(Errno::EXDEV)));
}

#[test]
fn folders_are_made_where_they_are_missing_and_never_through_a_link() {
    let (folder, top) = folder();
    let (made, count) = make_folders(top.as_fd(), b"sub/a/./b").unwrap();
    assert_eq!(count, 2);
    create(made.as_fd(), b"new", 0o644).unwrap().write_all(b"x").unwrap();
    assert!(folder.path().join("sub/a/b/new").exists());
    assert_eq!(create(made.as_fd(), b"new", 0o644).map(drop), Err(Errno::EEXIST));
    assert_eq!(make_folders(top.as_fd(), b"").unwrap().1, 0);
    assert!(make_folders(top.as_fd(), b"out/x").is_err() && !std::path::Path::new("/etc/x").exists());
    assert_eq!(create(top.as_fd(), b"link", 0o644).map(drop), Err(Errno::EEXIST));
}

#[test]
fn names_are_split_and_shown() {
    assert_eq!(split(b"a/b/c"), (b"a/b".as_slice(), b"c".as_slice()));
    assert_eq!(split(b"c"), (b"".as_slice(), b"c".as_slice()));
    assert_eq!(split(b"a/"), (b"".as_slice(), b"a".as_slice()));
    assert_eq!(shown(b"a\xff\xc3\xbc"), "a\\xff\u{fc}");
    for (path, plain) in
        [("a/b", true), ("./a", true), ("", true), ("/a", false), ("a/../b", false), ("a\0", false)]
    {
        assert_eq!(is_plain(path.as_bytes()), plain, "{path:?}");
    }
}

#[test]
fn the_rights_of_the_owner_are_given_back() {
    let (folder, top) = folder();
    if !nix::unistd::geteuid().is_root() {
        // Without root the owner is ourselves, and nothing changes.
        assert!(AsOwner::of(top.as_fd()).is_ok());
        return;
    }
    std::os::unix::fs::chown(folder.path(), Some(4242), Some(4242)).unwrap();
    let owner = AsOwner::of(top.as_fd()).unwrap();
    drop(create(top.as_fd(), b"theirs", 0o600).unwrap());
    assert!(fs::write("/root/.dayfly-test", "").is_err());
    drop(owner);
    drop(create(top.as_fd(), b"ours", 0o600).unwrap());
    let uid =
        |name: &str| std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.path().join(name)).unwrap());
    assert_eq!((uid("theirs"), uid("ours")), (4242, 0));
}
