//! What is cached is what it says, and no more than may be.

use super::*;

fn digest(content: &[u8]) -> Digest {
    digest_of(content).unwrap()
}

fn put(cache: &Cache, content: &[u8]) -> Digest {
    let mut download = cache.start().unwrap();
    download.write(content).unwrap();
    assert!(cache.keep(download, digest(content)).unwrap().is_some());
    digest(content)
}

fn content(file: Option<File>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file?.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn the_least_recently_used_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), Bytes::new(30)).unwrap();
    let [a, b, c] = [b"aaaaaaaaaa", b"bbbbbbbbbb", b"cccccccccc"].map(|content| put(&cache, content));
    let held = cache.get(a);
    let d = put(&cache, b"dddddddddd");
    assert!(
        cache.get(b).is_none() && cache.get(a).is_some() && cache.get(c).is_some() && cache.get(d).is_some()
    );
    assert_eq!(cache.bytes(), 30);
    put(&cache, &[b'e'; 30]);
    assert_eq!((content(held), cache.bytes()), (Some(b"aaaaaaaaaa".to_vec()), 30));
    // One that is larger than the cache is given and not kept.
    let large = put(&cache, &[b'f'; 31]);
    assert!(cache.get(large).is_none());
    assert_eq!(std::fs::read_dir(folder.path().join("blobs")).unwrap().count(), 1);
}

#[test]
fn what_is_damaged_or_was_never_right_is_not_given() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), Bytes::kib(1)).unwrap();
    let good = put(&cache, b"good");
    fs::write(cache.path(good), "evil").unwrap();
    assert!(cache.get(good).is_none() && !cache.path(good).exists());
    assert_eq!(cache.bytes(), 0);
    let mut download = cache.start().unwrap();
    download.write(b"evil").unwrap();
    assert!(cache.keep(download, good).unwrap().is_none() && cache.get(good).is_none());
}

#[test]
fn a_new_worker_takes_over_what_is_there_and_removes_what_was_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let good = put(&Cache::open(folder.path(), Bytes::kib(1)).unwrap(), b"good");
    fs::write(folder.path().join("blobs/.tmp123"), "half").unwrap();
    let cache = Cache::open(folder.path(), Bytes::kib(1)).unwrap();
    assert_eq!((content(cache.get(good)), cache.bytes()), (Some(b"good".to_vec()), 4));
    assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 1);
    assert!(Cache::open(folder.path(), Bytes::new(3)).unwrap().get(good).is_none());
}
