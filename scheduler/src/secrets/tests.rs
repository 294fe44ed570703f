//! Sealing and the key file.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn what_was_sealed_opens_with_the_same_key_and_purpose_only() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path()).unwrap();
    let sealed = vault.seal("secret a b", b"hunter2").unwrap();
    assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
    assert_ne!(sealed, vault.seal("secret a b", b"hunter2").unwrap(), "a nonce is used once");

    let again = Vault::open(folder.path()).unwrap();
    assert_eq!(again.open_sealed("secret a b", &sealed).unwrap().as_slice(), b"hunter2");
    assert!(again.open_sealed("secret a c", &sealed).is_err(), "another name");
    let other = tempfile::tempdir().unwrap();
    assert!(Vault::open(other.path()).unwrap().open_sealed("secret a b", &sealed).is_err(), "another key");
}

#[test]
fn what_was_changed_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path()).unwrap();
    let sealed = vault.seal("p", b"value").unwrap();
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(vault.open_sealed("p", &changed).is_err(), "byte {place}");
        assert!(vault.open_sealed("p", &sealed[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Vault::open(folder.path()).unwrap());
    let path = folder.path().join("secret.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = Vault::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("others may read it"), "{error}");
}

#[test]
fn a_broken_key_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(Vault::open(folder.path()).unwrap());
    let path = folder.path().join("secret.key");
    for text in ["", "abc\n", &format!("{}\nx", "0".repeat(64))] {
        std::fs::write(&path, text).unwrap();
        assert!(Vault::open(folder.path()).is_err(), "{text:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
