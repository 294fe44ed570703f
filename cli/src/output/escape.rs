//! Makes the bytes of an untrusted program safe to show on a terminal.
//!
//! Pure and streaming: cutting the input anywhere gives the same output, and no more than an unfinished
//! character is ever held back. It must never let a control character through except newline and tab.

use std::io::Write;

/// The longest unfinished UTF-8 character.
const UNFINISHED: usize = 3;
/// Input is looked at in pieces of this size, so that memory stays bounded whatever one write brings.
const PIECE: usize = 4096;

/// Turns a stream of any bytes into text without control characters.
///
/// Control characters appear as `^X`, other characters that steer a terminal or reorder text as `\u{202e}`,
/// bytes that are not UTF-8 as `\xff`. Newline and tab stay. A carriage return is shown as `^M`: it can hide
/// what was written before it.
#[derive(Debug, Default)]
pub(crate) struct Escaper {
    held: Vec<u8>,
}

impl Escaper {
    /// Escapes the next bytes of the stream, handing the text on in small pieces.
    ///
    /// # Errors
    /// What the writer says.
    pub(crate) fn write(&mut self, bytes: &[u8], out: &mut dyn Write) -> std::io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            let mut text = Vec::with_capacity(PIECE);
            self.escape(piece, &mut text);
            out.write_all(&text)?;
        }
        Ok(())
    }

    /// Shows what is held back of a character that never came to its end.
    ///
    /// # Errors
    /// What the writer says.
    pub(crate) fn finish(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut text = Vec::new();
        push_invalid(&std::mem::take(&mut self.held), &mut text);
        out.write_all(&text)
    }

    fn escape(&mut self, piece: &[u8], text: &mut Vec<u8>) {
        let mut input = std::mem::take(&mut self.held);
        input.extend_from_slice(piece);
        let mut rest = input.as_slice();
        for chunk in input.utf8_chunks() {
            chunk.valid().chars().for_each(|c| push_char(c, text));
            rest = rest.get(chunk.valid().len()..).unwrap_or_default();
            if rest.len() == chunk.invalid().len() && is_unfinished(rest) {
                self.held = rest.to_vec();
                return;
            }
            push_invalid(chunk.invalid(), text);
            rest = rest.get(chunk.invalid().len()..).unwrap_or_default();
        }
    }
}

/// Whether these last bytes could still become a character.
fn is_unfinished(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.len() <= UNFINISHED
        && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn push_char(c: char, text: &mut Vec<u8>) {
    match c {
        '\n' | '\t' => text.push(u8::try_from(c).unwrap_or(b' ')),
        '\0'..='\x1f' => text.extend([b'^', u8::try_from(c).unwrap_or(0) ^ 0x40]),
        '\x7f' => text.extend(b"^?"),
        c if steers(c) => text.extend(format!("\\u{{{:x}}}", u32::from(c)).bytes()),
        c => text.extend(c.encode_utf8(&mut [0; 4]).bytes()),
    }
}

/// C1 controls, the marks, embeddings, overrides and isolates of bidirectional text, and line separators.
fn steers(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

fn push_invalid(bytes: &[u8], text: &mut Vec<u8>) {
    bytes.iter().for_each(|byte| text.extend(format!("\\x{byte:02x}").bytes()));
}

/// Escapes one complete text.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    text.chars().for_each(|c| push_char(c, &mut out));
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut escaper, mut out) = (Escaper::default(), Vec::new());
        for chunk in chunks {
            escaper.write(chunk, &mut out).unwrap();
            assert!(escaper.held.len() <= UNFINISHED);
        }
        escaper.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn bytes_are_shown_by_the_table() {
        for (bytes, shown) in [
            (&b"plain\ttext\n"[..], "plain\ttext\n"),
            (b"", ""),
            (b"\x1b[31mred", "^[[31mred"),
            (b"\x1b]0;title\x07", "^[]0;title^G"),
            (b"over\rwritten", "over^Mwritten"),
            (b"\0\x7f\x08", "^@^?^H"),
            ("grüße 日本 🦀".as_bytes(), "grüße 日本 🦀"),
            ("c1 \u{9b}31m \u{85}".as_bytes(), "c1 \\u{9b}31m \\u{85}"),
            ("bidi \u{202e}x\u{2066}\u{2069}".as_bytes(), "bidi \\u{202e}x\\u{2066}\\u{2069}"),
            ("marks \u{200e}\u{200f}\u{61c}".as_bytes(), "marks \\u{200e}\\u{200f}\\u{61c}"),
            (b"raw c1 \x9b31m", "raw c1 \\x9b31m"),
            (b"\xff\xfe", "\\xff\\xfe"),
            (b"cut \xe6\x97", "cut \\xe6\\x97"),
            (b"cut \xf0\x9f\xa6!", "cut \\xf0\\x9f\\xa6!"),
            (b"overlong \xc0\x9b", "overlong \\xc0\\x9b"),
            (b"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"),
        ] {
            assert_eq!(String::from_utf8(through(&[bytes])).unwrap(), shown);
        }
    }

    #[test]
    fn a_character_cut_in_two_is_shown_whole() {
        assert_eq!(through(&[b"\xf0", b"\x9f", b"\xa6", b"\x80"]), "🦀".as_bytes());
    }

    #[test]
    fn a_large_write_is_handed_on_in_small_pieces() {
        struct Largest(usize);
        impl Write for Largest {
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                self.0 = self.0.max(buf.len());
                Ok(buf.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut largest = Largest(0);
        Escaper::default().write(&vec![0xff; 1 << 20], &mut largest).unwrap();
        assert!(largest.0 <= 4 * (PIECE + UNFINISHED), "{}", largest.0);
    }

    /// Bytes in which characters, broken characters and controls are all likely.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            any::<u8>().prop_map(|b| vec![b]),
            prop_oneof![Just("\u{9b}"), Just("\u{202e}"), Just("\x1b[2J"), Just("🦀")]
                .prop_map(|s| s.as_bytes().to_vec()),
        ];
        prop::collection::vec(piece, 0..64).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_control_character_passes(bytes in hostile()) {
            let shown = String::from_utf8(through(&[&bytes])).unwrap();
            for c in shown.chars() {
                prop_assert!(c == '\n' || c == '\t' || !(c.is_control() || steers(c)), "{:?}", c);
            }
        }

        #[test]
        fn cutting_anywhere_changes_nothing(bytes in hostile(), cut in any::<prop::sample::Index>()) {
            let at = cut.index(bytes.len() + 1);
            let (left, right) = bytes.split_at(at);
            prop_assert_eq!(through(&[left, right]), through(&[&bytes]));
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(through(&single), through(&[&bytes]));
        }
    }
}
