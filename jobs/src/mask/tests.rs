//! No cut of the stream matters, no form gets through, nothing else is touched.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn masked(secrets: &[&[u8]], pieces: &[&[u8]]) -> Vec<u8> {
    let mut masker = Masker::new(secrets.iter().copied()).unwrap();
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| masker.push(piece, &mut out));
    masker.finish(&mut out);
    out
}

fn shown(secret: &str, text: &str) -> String {
    String::from_utf8(masked(&[secret.as_bytes()], &[text.as_bytes()])).unwrap()
}

#[test]
fn forms_that_programs_print_are_hidden() {
    let secret = "pa$$ w'ord/\"ü\\";
    for (text, expected) in [
        ("a pa$$ w'ord/\"ü\\ b", "a *** b"),
        (r#"{"x":"pa$$ w'ord/\"ü\\"}"#, r#"{"x":"***"}"#),
        (r#"{"x":"pa$$ w'ord\/\"\u00fc\\"}"#, r#"{"x":"***"}"#),
        ("?q=pa%24%24%20w%27ord%2F%22%C3%BC%5C&r", "?q=***&r"),
        ("?q=pa%24%24+w%27ord%2f%22%c3%bc%5c&r", "?q=***&r"),
        (r#"+ echo 'pa$$ w'\''ord/"ü\'"#, "+ echo '***'"),
        (r#"'pa$$ w'"'"'ord/"ü\'"#, "'***'"),
        (r#""pa\$\$ w'ord/\"ü\\""#, r#""***""#),
        (r#"pa\$\$\ w\'ord/\"ü\\"#, "***"),
    ] {
        assert_eq!(shown(secret, text), expected, "{text}");
    }
}

#[test]
fn the_end_of_a_line_is_no_part_of_a_secret() {
    assert_eq!(shown("hunter22\n", "x hunter22, hunter2"), "x ***, hunter2");
    assert_eq!(shown(" \n", "left alone"), "left alone");
    assert_eq!(shown("first line\nsecond line\n", "> first line\n> second line"), "> ***\n> ***");
}

#[test]
fn base64_with_broken_lines_is_hidden() {
    let secret = "k".repeat(100) + "0123456789";
    let text = STANDARD.encode(&secret);
    for wrap in [64, 76] {
        let lines: Vec<_> =
            text.as_bytes().chunks(wrap).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let shown = shown(&secret, &lines.join("\n"));
        assert!(shown.bytes().filter(|byte| byte.is_ascii_alphanumeric()).count() <= 4, "{shown}");
    }
}

#[test]
fn a_beginning_is_held_back_no_longer_than_it_may_be_a_secret() {
    let mut masker = Masker::new([b"swordfish".as_slice()]).unwrap();
    let mut out = Vec::new();
    masker.push(b"a sword", &mut out);
    assert_eq!(out, b"a ");
    masker.push(b"s", &mut out);
    assert_eq!(out, b"a sword");
    masker.finish(&mut out);
    assert_eq!(out, b"a swords");
}

/// What is hidden, found by looking at every place.
fn by_hand(search: &Search, text: &[u8]) -> Vec<u8> {
    let mut hidden = vec![false; text.len()];
    let mut begins = vec![false; text.len()];
    let mut found = Vec::new();
    for start in 0..text.len() {
        found.extend(
            search
                .forms
                .iter()
                .filter(|form| text[start..].starts_with(form))
                .map(|form| (start, start + form.len())),
        );
    }
    for (start, end) in found {
        begins[start] |= !hidden[start];
        (start..end).for_each(|at| hidden[at] = true);
    }
    let mut out = Vec::new();
    for (at, &byte) in text.iter().enumerate() {
        match (hidden[at], begins[at]) {
            (true, true) => out.extend_from_slice(HIDDEN),
            (true, false) => {}
            (false, _) => out.push(byte),
        }
    }
    out
}

proptest! {
    #[test]
    fn no_cut_matters(
        secrets in vec("[ab]{1,5}", 1..4),
        text in "[abc]{0,60}",
        cuts in vec(0_usize..60, 0..8),
    ) {
        let masker = Masker::new(secrets.iter().map(|secret| secret.as_bytes())).unwrap();
        let expected = by_hand(masker.search.as_ref().unwrap(), text.as_bytes());
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
        let secrets: Vec<_> = secrets.iter().map(|secret| secret.as_bytes()).collect();
        prop_assert_eq!(masked(&secrets, &pieces), expected);
    }

    #[test]
    fn base64_is_hidden_at_every_alignment(
        secret in vec(any::<u8>().prop_filter("no white space", |byte| !byte.is_ascii_whitespace()), 6..40),
        before in vec(any::<u8>(), 0..7),
        after in vec(any::<u8>(), 0..7),
    ) {
        let all = [before.clone(), secret.clone(), after].concat();
        let sure = 6 * (secret.len() * 8 / 6 - 2) / 6;
        for text in [STANDARD.encode(&all), URL_SAFE_NO_PAD.encode(&all)] {
            let shown = masked(&[&secret], &[text.as_bytes()]);
            prop_assert!(shown.len() <= text.len() - sure + HIDDEN.len() + 1, "{:?}", String::from_utf8(shown));
        }
    }

    #[test]
    fn nothing_else_is_touched(text in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(masked(&[], &[&text]), text.clone());
        prop_assume!(!text.windows(4).any(|window| window == b"\0key"));
        prop_assert_eq!(masked(&[b"\0key\0key\0key"], &[&text]), text);
    }
}
