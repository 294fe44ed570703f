//! What a supervisor asks of a template, and how it is sent.

/// What a template is asked to make. Descriptors come in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// An init, as this user of the host if its jail has a range: control socket, line, trees.
    Init { number: u16, first: Option<u32> },
    /// A command's process in a jail with a range of user ids: report socket, namespaces, and its groups.
    Command { number: u16, traits: Traits },
    /// A courier to a jail without one: the same descriptors.
    Courier { number: u16, born: u16, traits: Traits },
}

/// What it must know besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    /// Whether its group is of version 2.
    pub version_2: bool,
    /// Whether it makes the network namespace.
    pub makes_network: bool,
}

impl Traits {
    fn bits(self) -> u8 {
        u8::from(self.version_2) | u8::from(self.makes_network) << 1
    }

    fn of(bits: u8) -> Self {
        Self { version_2: bits & 1 != 0, makes_network: bits & 2 != 0 }
    }
}

/// A request as it is sent.
pub(super) type Words = [u8; 8];

impl Request {
    pub(super) fn number(self) -> u16 {
        match self {
            Self::Init { number, .. } | Self::Command { number, .. } | Self::Courier { number, .. } => number,
        }
    }

    pub(super) fn words(self) -> Words {
        let (kind, number, other) = match self {
            Self::Init { number, first: None } => ([0, 0], number, 0),
            Self::Init { number, first: Some(first) } => ([0, 1], number, first),
            Self::Courier { number, born, traits } => ([1, traits.bits()], number, born.into()),
            Self::Command { number, traits } => ([2, traits.bits()], number, 0),
        };
        let ([kind, flags], [low, high], [a, b, c, d]) = (kind, number.to_ne_bytes(), other.to_ne_bytes());
        [kind, flags, low, high, a, b, c, d]
    }

    pub(super) fn read(words: Words) -> Option<Self> {
        let [kind, flags, low, high, a, b, c, d] = words;
        let (number, other) = (u16::from_ne_bytes([low, high]), u32::from_ne_bytes([a, b, c, d]));
        match kind {
            0 => Some(Self::Init { number, first: (flags == 1).then_some(other) }),
            1 => Some(Self::Courier { number, born: u16::try_from(other).ok()?, traits: Traits::of(flags) }),
            2 => Some(Self::Command { number, traits: Traits::of(flags) }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        for request in [
            Request::Init { number: 3, first: None },
            Request::Init { number: 1023, first: Some(u32::MAX) },
            Request::Courier { number: 1, born: 513, traits: Traits::of(0) },
            Request::Courier { number: 2, born: 7, traits: Traits::of(1) },
            Request::Command { number: 3, traits: Traits::of(2) },
            Request::Command { number: 4, traits: Traits::of(3) },
        ] {
            assert_eq!(Request::read(request.words()), Some(request));
        }
        assert_eq!(Request::read([9; 8]), None);
    }
}
