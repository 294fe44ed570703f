//! The log is whole, bounded and hashed, and a writer never waits for ever.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

fn journal(limit: u64) -> Journal {
    Journal::new(Masker::default(), Bytes::new(limit))
}

fn hash(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[test]
fn a_remark_has_a_line_of_its_own() {
    let journal = journal(1000);
    journal.remark("first");
    journal.write(b"no end of line").unwrap();
    journal.remark("second");
    assert_eq!(journal.piece(PIECE).1, b"[dayfly] first\nno end of line\n[dayfly] second\n");
}

#[test]
fn what_may_begin_a_secret_comes_out_at_the_border() {
    let journal = Journal::new(Masker::new([b"swordfish".as_slice()]).unwrap(), Bytes::kib(1));
    journal.write(b"a sword").unwrap();
    assert_eq!(journal.piece(PIECE).1, b"a ");
    assert_eq!(journal.border(), 7);
    journal.write(b"fish").unwrap();
    assert_eq!(journal.end().bytes, 11);
    assert_eq!(journal.piece(PIECE).1, b"a swordfish");
}

#[test]
fn a_writer_waits_for_room_and_fails_when_none_comes() {
    let journal = journal(u64::MAX);
    journal.write(&vec![b'x'; MOST_WAITING]).unwrap();
    let writer = std::thread::spawn({
        let journal = journal.clone();
        move || [journal.write(b"y"), journal.write(&[b'z'; MOST_WAITING]), journal.write(b"never")]
    });
    // The first finds room for one byte, the second waits until that is gone as well.
    assert!(journal.acknowledge(1));
    while journal.waiting() < MOST_WAITING {
        std::thread::yield_now();
    }
    assert!(journal.acknowledge(2));
    while journal.waiting() < 2 * MOST_WAITING - 1 {
        std::thread::yield_now();
    }
    journal.break_off();
    assert_eq!(writer.join().unwrap().map(|result| result.is_ok()), [true, true, false]);
    assert!(!journal.acknowledge(u64::MAX));
}

proptest! {
    #[test]
    fn pieces_make_the_log(
        writes in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
        limit in 0..600_u64,
        most in 1..100_usize,
    ) {
        let journal = journal(limit);
        let mut got = Vec::new();
        let mut taken = |journal: &Journal| {
            let (offset, piece) = journal.piece(most);
            assert_eq!(offset, got.len() as u64);
            got.extend_from_slice(&piece);
            assert!(journal.acknowledge(got.len() as u64));
            assert!(journal.acknowledge(offset), "an old position is no news");
            !piece.is_empty()
        };
        for bytes in &writes {
            journal.write(bytes).unwrap();
            taken(&journal);
        }
        let end = journal.end();
        while taken(&journal) {}
        let all = writes.concat();
        let kept = all.len().min(usize::try_from(limit).unwrap());
        prop_assert_eq!(&got[..kept], &all[..kept]);
        prop_assert_eq!(got == all, kept == all.len());
        prop_assert_eq!((end.bytes, end.digest), (got.len() as u64, hash(&got)));
    }
}
