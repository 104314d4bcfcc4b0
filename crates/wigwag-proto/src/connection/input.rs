//! Bytes on their way from a read buffer into a connection.

use std::mem;

/// Bytes that were read and not yet taken by the connection. What is left is as it was read: still masked.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b mut [u8],
}

impl<'b> Input<'b> {
    /// All of `bytes` is input.
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes }
    }

    /// What is not yet taken.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.bytes
    }

    pub(super) fn rest_mut(&mut self) -> &mut [u8] {
        self.bytes
    }

    /// Nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is not yet taken, for who stops in the middle of a read and goes on later.
    #[must_use]
    pub fn into_rest(self) -> &'b mut [u8] {
        self.bytes
    }

    /// Takes at most `count` bytes from the front.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> &'b mut [u8] {
        let bytes = mem::take(&mut self.bytes);
        let (taken, rest) = bytes.split_at_mut(count.min(bytes.len()));
        self.bytes = rest;
        taken
    }

    pub(super) fn discard(&mut self) {
        self.bytes = &mut [];
    }
}
