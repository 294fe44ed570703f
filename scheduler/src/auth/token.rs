//! Tokens: 32 random bytes, shown once, kept as SHA-256. They have no `Debug` and are wiped when dropped.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::SchedulerError;

/// What every token starts with, so that scanners of source code find one that was committed.
const PREFIX: &str = "dfy_";

/// A token in the clear.
pub(crate) struct Token(Zeroizing<String>);

/// What is kept of a token.
pub(crate) type Hash = [u8; 32];

impl Token {
    /// A new one.
    pub(crate) fn generate() -> Result<Self, SchedulerError> {
        let random = Zeroizing::new(crate::chance::bytes::<32>()?);
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 43));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut text);
        Ok(Self(text))
    }

    /// From a header, if it can be one at all.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(PREFIX)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (random.len() == 43 && random.bytes().all(plain)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// What is kept of it. The token has 256 random bits, so that a plain hash is enough and looking it up tells
    /// nothing by the time it takes.
    pub(crate) fn hash(&self) -> Hash {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.0.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        hash
    }

    /// For the one who is to have it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_shown() {
        let token = Token::generate().unwrap();
        assert_eq!(token.reveal().len(), 47);
        assert_eq!(Token::parse(token.reveal()).unwrap().hash(), token.hash());
        assert_ne!(Token::generate().unwrap().hash(), token.hash());
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        let long = format!("dfy_{}", "a".repeat(44));
        let odd = format!("dfy_{}é", "a".repeat(41));
        for text in ["", "dfy_", "dfy_short", long.as_str(), odd.as_str(), &"x".repeat(47)] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }
}
