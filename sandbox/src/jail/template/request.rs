//! What a supervisor asks of a template, and how it is sent.

/// What a template is asked to make. Descriptors come in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// An init, as this user of the host if its jail has a range: control socket, trees.
    Init { number: u16, first: Option<u32> },
    /// A courier: report socket, namespaces, and its groups of either version.
    Courier { number: u16, born: u16, traits: Traits },
}

/// What a courier must know about its jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    /// Whether the jail has a range of user ids.
    pub ranged: bool,
    /// Whether its group is of version 2.
    pub version_2: bool,
    /// Whether it makes the network namespace.
    pub makes_network: bool,
}

/// A request as it is sent.
pub(super) type Words = [u8; 8];

impl Request {
    pub(super) fn number(self) -> u16 {
        match self {
            Self::Init { number, .. } | Self::Courier { number, .. } => number,
        }
    }

    pub(super) fn words(self) -> Words {
        let (kind, number, other) = match self {
            Self::Init { number, first: None } => ([0, 0], number, 0),
            Self::Init { number, first: Some(first) } => ([0, 1], number, first),
            Self::Courier { number, born, traits: Traits { ranged, version_2, makes_network } } => {
                let flags = u8::from(ranged) | u8::from(version_2) << 1 | u8::from(makes_network) << 2;
                ([1, flags], number, u32::from(born))
            }
        };
        let ([kind, flags], [low, high], [a, b, c, d]) = (kind, number.to_ne_bytes(), other.to_ne_bytes());
        [kind, flags, low, high, a, b, c, d]
    }

    pub(super) fn read(words: Words) -> Option<Self> {
        let [kind, flags, low, high, a, b, c, d] = words;
        let (number, other) = (u16::from_ne_bytes([low, high]), u32::from_ne_bytes([a, b, c, d]));
        match kind {
            0 => Some(Self::Init { number, first: (flags == 1).then_some(other) }),
            1 => Some(Self::Courier {
                number,
                born: u16::try_from(other).ok()?,
                traits: Traits {
                    ranged: flags & 1 != 0,
                    version_2: flags & 2 != 0,
                    makes_network: flags & 4 != 0,
                },
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let traits = |bits: u8| Traits {
            ranged: bits & 1 != 0,
            version_2: bits & 2 != 0,
            makes_network: bits & 4 != 0,
        };
        for request in [
            Request::Init { number: 3, first: None },
            Request::Init { number: 1023, first: Some(u32::MAX) },
            Request::Courier { number: 1, born: 513, traits: traits(1) },
            Request::Courier { number: 2, born: 7, traits: traits(2) },
            Request::Courier { number: 3, born: 8, traits: traits(4) },
        ] {
            assert_eq!(Request::read(request.words()), Some(request));
        }
        assert_eq!(Request::read([9; 8]), None);
    }
}
