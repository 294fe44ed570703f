//! Archives that lie, archives that burst, and honest ones.

use std::fs;
use std::io::{Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::*;

fn budget(bytes: u64, files: u64) -> Budget {
    let limits = dayfly_policies::Catalog::builtin().get("strict").unwrap().default_limits().clone();
    let inodes = std::num::NonZeroU64::new(files + 8).unwrap();
    Budget::of(&dayfly_jobs::Limits { disk: dayfly_jobs::Bytes::new(bytes), inodes, ..limits })
}

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

fn unpacked(target: &Path, content: &[u8], kind: ArchiveKind, budget: &mut Budget) -> Result<(), String> {
    let folder = File::open(target).unwrap();
    unpack(file(content), kind, folder.into(), budget).map_err(|halt| match halt {
        Halt::Bad(reason) => reason,
        other => panic!("{other:?}"),
    })
}

/// One entry, written past the library's own checks of names.
fn entry(archive: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, link: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o4755);
    header.set_mtime(1_000_000_000);
    let old = header.as_old_mut();
    old.name[..path.len()].copy_from_slice(path.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

fn tar(entries: &[(EntryType, &str, &str, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    entries.iter().for_each(|(kind, path, link, content)| entry(&mut archive, *kind, path, link, content));
    archive.into_inner().unwrap()
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn an_honest_archive_is_unpacked() {
    let target = tempfile::tempdir().unwrap();
    let content = tar(&[
        (EntryType::Directory, "src/", "", b""),
        (FILE, "src/main.c", "", b"int main;"),
        (FILE, "deep/er/file", "", b"x"),
        (EntryType::Symlink, "deep/link", "../src/main.c", b""),
        (EntryType::Link, "hard", "src/main.c", b""),
    ]);
    unpacked(target.path(), &content, ArchiveKind::Tar, &mut budget(1 << 20, 100)).unwrap();
    assert_eq!(fs::read(target.path().join("deep/link")).unwrap(), b"int main;");
    assert_eq!(fs::read(target.path().join("hard")).unwrap(), b"int main;");
    let found = fs::metadata(target.path().join("src/main.c")).unwrap();
    assert_eq!((found.permissions().mode() & 0o7777, found.mtime()), (0o755, 1_000_000_000));
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let mut gnu = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(1);
    gnu.append_data(&mut header, &long, b"x".as_slice()).unwrap();
    let mut pax = Builder::new(Vec::new());
    pax.append_pax_extensions([("path", long.as_bytes())]).unwrap();
    entry(&mut pax, FILE, "short", "", b"x");
    for archive in [gnu, pax] {
        let target = tempfile::tempdir().unwrap();
        let content = archive.into_inner().unwrap();
        unpacked(target.path(), &content, ArchiveKind::Tar, &mut budget(1 << 20, 100)).unwrap();
        assert_eq!(fs::read(target.path().join(&long)).unwrap(), b"x");
    }
}

#[test]
fn nothing_leads_out_and_nothing_is_a_device() {
    for (entries, reason) in [
        (vec![(FILE, "../out", "", b"x".as_slice())], "'..'"),
        (vec![(FILE, "/etc/dayfly-test", "", b"x")], "absolute"),
        (vec![(EntryType::Symlink, "l", "/etc", b"")], "leads out"),
        (vec![(EntryType::Symlink, "a/l", "../../etc", b"")], "leads out"),
        (vec![(EntryType::Symlink, "l", "a/../..", b"")], "leads out"),
        (vec![(EntryType::Symlink, "l", "d", b""), (FILE, "l/x", "", b"x")], "link or a file"),
        (vec![(EntryType::Link, "h", "/etc/passwd", b"")], "leads out"),
        (vec![(EntryType::Link, "h", "../x", b"")], "leads out"),
        (vec![(EntryType::Link, "h", "missing", b"")], "cannot be made"),
        (vec![(EntryType::Char, "null", "", b"")], "neither a file"),
        (vec![(EntryType::Fifo, "pipe", "", b"")], "neither a file"),
        (vec![(FILE, "x", "", b"1"), (FILE, "x", "", b"2")], "there already"),
        (vec![(FILE, "x", "", b"1"), (FILE, "x/y", "", b"2")], "link or a file"),
        (vec![(EntryType::GNUSparse, "x", "", b"")], "neither a file"),
    ] {
        let target = tempfile::tempdir().unwrap();
        let told =
            unpacked(target.path(), &tar(&entries), ArchiveKind::Tar, &mut budget(1 << 20, 100)).unwrap_err();
        assert!(told.contains(reason), "{entries:?}: {told}");
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let target = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..20).map(|i| format!("f{i}")).collect();
    let many: Vec<_> = many.iter().map(|name| (FILE, name.as_str(), "", b"".as_slice())).collect();
    let told = unpacked(target.path(), &tar(&many), ArchiveKind::Tar, &mut budget(1 << 20, 10)).unwrap_err();
    assert!(told.contains("inodes"), "{told}");
    let large = tar(&[(FILE, "large", "", &[0; 100_000])]);
    let told = unpacked(target.path(), &large, ArchiveKind::Tar, &mut budget(50_000, 10)).unwrap_err();
    assert!(told.contains("disk"), "{told}");
}

fn packed(write: impl FnOnce(&mut GzEncoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    write(&mut encoder);
    encoder.finish().unwrap()
}

/// A header that promises so many bytes.
fn promise(kind: EntryType, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path("name").unwrap();
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn a_small_archive_of_a_large_file_bursts_nothing() {
    let target = tempfile::tempdir().unwrap();
    let zeros = vec![0; 1 << 20];
    let bomb = packed(|encoder| {
        encoder.write_all(&promise(FILE, 200 << 20)).unwrap();
        (0..200).for_each(|_| encoder.write_all(&zeros).unwrap());
    });
    let told = unpacked(target.path(), &bomb, ArchiveKind::TarGz, &mut budget(1 << 40, 10)).unwrap_err();
    assert!(told.contains("250 times"), "{told}");
    let target = tempfile::tempdir().unwrap();
    let name = packed(|encoder| {
        encoder.write_all(&promise(EntryType::GNULongName, 1 << 30)).unwrap();
        encoder.write_all(&zeros).unwrap();
    });
    let told = unpacked(target.path(), &name, ArchiveKind::TarGz, &mut budget(1 << 40, 10)).unwrap_err();
    assert!(told.contains("64 KiB"), "{told}");
    let cut = packed(|encoder| encoder.write_all(&promise(FILE, 1 << 20)).unwrap());
    let told = unpacked(target.path(), &cut, ArchiveKind::TarGz, &mut budget(1 << 40, 10)).unwrap_err();
    assert!(told.contains("middle") || told.contains("broken"), "{told}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(content in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000)) {
        let target = tempfile::tempdir().unwrap();
        for kind in [ArchiveKind::Tar, ArchiveKind::TarGz] {
            unpacked(target.path(), &content, kind, &mut budget(1 << 20, 10)).ok();
        }
    }
}
