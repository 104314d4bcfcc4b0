//! Pieces of messages that wait for an upstream, in order and within a bound.

use wigwag_proto::MessageKind;

/// Pieces that wait.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    kind: MessageKind,
    last: bool,
    end: usize,
}

/// What a piece weighs besides its payload, so that empty ones are bounded too.
const PIECE_BYTES: usize = size_of::<Mark>();

impl Pieces {
    /// Keeps a piece; `false`, and nothing is kept, where that would be more than `bytes_max`.
    pub(crate) fn push(&mut self, kind: MessageKind, piece: &[u8], last: bool, bytes_max: usize) -> bool {
        if self.weight() + PIECE_BYTES + piece.len() > bytes_max {
            return false;
        }
        self.bytes.extend_from_slice(piece);
        self.marks.push(Mark { kind, last, end: self.bytes.len() });
        true
    }

    /// Every piece: its message's kind, itself, and whether its message ends with it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MessageKind, &[u8], bool)> {
        let mut start = 0;
        self.marks.iter().map(move |mark| {
            let piece = &self.bytes[start..mark.end];
            start = mark.end;
            (mark.kind, piece, mark.last)
        })
    }

    fn weight(&self) -> usize {
        self.bytes.len() + self.marks.len() * PIECE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_as_they_came() {
        let mut pieces = Pieces::default();
        let all =
            [(MessageKind::Text, &b"a"[..], false), (MessageKind::Text, b"", true), (MessageKind::Binary, b"bc", true)];
        for (kind, piece, last) in all {
            assert!(pieces.push(kind, piece, last, 1000));
        }
        assert_eq!(pieces.iter().collect::<Vec<_>>(), all);
    }

    #[test]
    fn the_bound_holds_for_empty_pieces_too() {
        let mut pieces = Pieces::default();
        let kept = (0..1000).filter(|_| pieces.push(MessageKind::Text, b"", true, 1000)).count();
        assert!(kept > 10 && kept <= 1000 / PIECE_BYTES, "{kept}");
        assert_eq!(pieces.iter().count(), kept);
    }
}
