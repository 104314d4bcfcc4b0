//! What composing keeps from one message to the next: [`Scratch`]; and messages that lie one after the other: [`Joined`].

use super::Stem;

/// What messages have in common with the one composed before, and memory to compose them in.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) stem: Stem,
    pub(super) lead: Lead,
    /// What follows the token of our own payload, but for the filler.
    pub(super) sentence: Vec<u8>,
    /// A template with its values.
    pub(crate) text: String,
}

/// What the sentences of a connection's messages begin with.
#[derive(Debug, Default)]
pub(super) struct Lead {
    connection: Option<u32>,
    text: Vec<u8>,
}

impl Lead {
    #[inline]
    pub(super) fn of(&mut self, connection: u32) -> &[u8] {
        if self.connection != Some(connection) {
            self.connection = Some(connection);
            self.text.clear();
            self.text.extend_from_slice(b" connection ");
            self.text.extend_from_slice(itoa::Buffer::new().format(connection).as_bytes());
            self.text.extend_from_slice(b" message ");
        }
        &self.text
    }
}

/// Messages that lie one after the other, to be sent in one go.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Joined {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds the message that `write` appends.
    #[inline]
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        let start = |place: usize| if place == 0 { 0 } else { self.ends[place - 1] };
        (0..self.ends.len()).map(move |place| &self.bytes[start(place)..self.ends[place]])
    }
}
