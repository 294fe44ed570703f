//! The forms a secret takes when programs print it. Each is a run of bytes to look for.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// An encoded form shorter than this would hide half of a log.
const SHORTEST: usize = 4;
/// A line of a longer secret is looked for alone if it has as many characters: enough to be no common word.
const LINE: usize = 8;
/// Where programs break lines of base64.
const WRAPS: [usize; 2] = [64, 76];

/// All forms of a secret; none of one that is nothing but white space.
pub(super) fn of(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let secret = secret.trim_ascii();
    if secret.is_empty() {
        return BTreeSet::new();
    }
    let lines = secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut forms: BTreeSet<Vec<u8>> = lines.filter(|line| line.len() >= LINE).map(<[u8]>::to_vec).collect();
    forms.insert(secret.to_vec());
    let encoded = base64(secret).chain(percent(secret)).chain(json(secret)).chain(quoted(secret));
    forms.extend(encoded.filter(|form| form.len() >= SHORTEST));
    forms
}

/// What of it stays the same in base64 whatever is around it: its characters that hold no bit of a neighbour. As one
/// run, and in pieces where a program breaks the line when it encodes the secret alone.
fn base64(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let alone = [&STANDARD, &URL_SAFE].map(|alphabet| aligned(secret, 0, alphabet));
    let pieces = |text: &Vec<u8>| WRAPS.map(|wrap| text.chunks(wrap).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let broken: Vec<_> =
        alone.iter().flat_map(pieces).flatten().filter(|piece| piece.len() >= LINE).collect();
    let shifted = [(1, &STANDARD), (2, &STANDARD), (1, &URL_SAFE), (2, &URL_SAFE)]
        .map(|(shift, alphabet)| aligned(secret, shift, alphabet));
    alone.into_iter().chain(shifted).chain(broken)
}

/// In base64 behind `shift` bytes of something else.
fn aligned(secret: &[u8], shift: usize, alphabet: &Alphabet) -> Vec<u8> {
    let padded = [&[0; 2][..shift], secret].concat();
    let text = GeneralPurpose::new(alphabet, NO_PAD).encode(&padded).into_bytes();
    let (first, last) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
    text.get(first..last).unwrap_or_default().to_vec()
}

/// Percent-encoded with digits of both cases, and as a form field, where a space is a plus.
fn percent(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let encode = |space: bool, upper: bool| {
        secret.iter().fold(Vec::new(), |mut text, &byte| {
            match byte {
                byte if plain(byte) => text.push(byte),
                b' ' if space => text.push(b'+'),
                byte if upper => text.extend(format!("%{byte:02X}").into_bytes()),
                byte => text.extend(format!("%{byte:02x}").into_bytes()),
            }
            text
        })
    };
    [(false, true), (false, false), (true, true), (true, false)]
        .map(|(space, upper)| encode(space, upper))
        .into_iter()
}

/// Inside a JSON string: as is where possible, with every character beyond ASCII escaped, with `/` escaped.
fn json(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let text = String::from_utf8_lossy(secret).into_owned();
    let escape = |ascii: bool, slash: bool| {
        text.chars().fold(String::new(), |mut out, character| {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '/' if slash => out.push_str("\\/"),
                other if other < ' ' || (ascii && !other.is_ascii()) => {
                    let mut units = [0; 2];
                    other
                        .encode_utf16(&mut units)
                        .iter()
                        .for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
                }
                other => out.push(other),
            }
            out
        })
    };
    [(false, false), (true, false), (false, true), (true, true)]
        .map(|(ascii, slash)| escape(ascii, slash).into_bytes())
        .into_iter()
}

/// As shells and `set -x` write it: in single quotes (two ways to write one of those), in double quotes, and with a
/// backslash before everything that is special.
fn quoted(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let replaced = |special: &dyn Fn(u8) -> bool, with: &dyn Fn(u8) -> Vec<u8>| {
        secret
            .iter()
            .flat_map(|&byte| if special(byte) { with(byte) } else { vec![byte] })
            .collect::<Vec<_>>()
    };
    let backslash = |byte: u8| vec![b'\\', byte];
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"%+,-./:=@_\n".contains(&byte);
    [
        replaced(&|byte| byte == b'\'', &|_| b"'\\''".to_vec()),
        replaced(&|byte| byte == b'\'', &|_| b"'\"'\"'".to_vec()),
        replaced(&|byte| b"\"$`\\".contains(&byte), &backslash),
        replaced(&|byte| !plain(byte), &backslash),
    ]
    .into_iter()
}
