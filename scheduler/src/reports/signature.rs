//! Signatures after the Standard Webhooks specification: HMAC-SHA256 over `ID.TIMESTAMP.BODY`. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use zeroize::Zeroizing;

use crate::SchedulerError;

/// A tenant's key for its webhooks. No `Debug`; wiped when dropped.
pub(crate) struct Key(Zeroizing<Vec<u8>>);

/// What a key starts with when it is shown.
const PREFIX: &str = "whsec_";

impl Key {
    /// A new one.
    pub(crate) fn generate() -> Result<Self, SchedulerError> {
        Ok(Self(Zeroizing::new(crate::chance::bytes::<32>()?.to_vec())))
    }

    /// From what was sealed.
    pub(crate) fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// To be sealed.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For the receiver: `whsec_` and the key in base64.
    pub(crate) fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(self.0.as_slice())))
    }

    /// The value of the header `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '%s' 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -macopt
    /// hexkey:… -binary | base64`.
    #[test]
    fn a_signature_is_the_one_that_others_compute() {
        let key = Key(Zeroizing::new((0..24).collect()));
        assert_eq!(key.reveal().as_str(), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
        let signature = key.sign("msg_1", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,daJC9zjteVUEcGf6sESvuljSVDEsnQ3shawBrSwYgzU=");
    }

    #[test]
    fn every_part_is_signed() {
        let key = Key::generate().unwrap();
        let signed = key.sign("a", 1, b"x");
        for other in [key.sign("b", 1, b"x"), key.sign("a", 2, b"x"), key.sign("a", 1, b"y")] {
            assert_ne!(signed, other);
        }
        assert_ne!(signed, Key::generate().unwrap().sign("a", 1, b"x"));
    }
}
