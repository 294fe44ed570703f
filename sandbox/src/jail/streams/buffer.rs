//! What is read from a command's output at once.

use super::CHUNK;

/// What [`super::Outlet::advance`] reads into. It grows with what is written: most commands write little, and memory that is
/// touched for the first time is dear.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    const FIRST: usize = 2 << 10;

    pub(crate) fn new() -> Self {
        Self(vec![0; Self::FIRST])
    }

    /// After so many bytes were read into it.
    pub(crate) fn grow_after(&mut self, count: u64) {
        let is_full = u64::try_from(self.0.len()).is_ok_and(|len| count >= len);
        if is_full && self.0.len() < CHUNK {
            self.0.resize(CHUNK, 0);
        }
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_once_when_it_was_full() {
        let mut buffer = Buffer::new();
        let mut after = |count: usize| {
            buffer.grow_after(count as u64);
            buffer.as_mut().len()
        };
        let first = after(0);
        assert_eq!(after(first - 1), first);
        assert_eq!(after(first), CHUNK);
        assert_eq!(after(CHUNK), CHUNK);
    }
}
