//! What the heads of requests and responses have in common: bounds, header fields, line ends. Knows nothing of roles.

use std::mem::MaybeUninit;

/// Bounds on a head. A head beyond them is an error as soon as that can be seen, finished or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Longest head, in bytes, with its empty last line. Default: 16 KiB.
    pub head_bytes_max: usize,
    /// Most header lines. Default: 100.
    pub headers_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 16 * 1024, headers_max: HEADERS_ON_STACK }
    }
}

/// The header lines of a head, in their order. Names compare without regard to case; values have no white space around
/// them, no control characters except tabs, and need not be UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderFields<'b> {
    fields: Vec<(&'b str, &'b [u8])>,
}

impl<'b> HeaderFields<'b> {
    pub(super) fn new(parsed: &[httparse::Header<'b>]) -> Self {
        Self { fields: parsed.iter().map(|header| (header.name, header.value)).collect() }
    }

    /// Every line: its name as it was written, and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + '_ {
        self.fields.iter().copied()
    }

    /// The value of the first line of this name.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// The values of all lines of this name.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'b [u8]> + 's {
        self.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the only line of this name; `Err` if there are several.
    pub(super) fn single(&self, name: &str) -> Result<Option<&'b [u8]>, Repeated> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (value, None) => Ok(value),
        }
    }
}

/// A header that may stand once stands several times.
pub(super) struct Repeated;

/// The part of `bytes` in which a head must end.
pub(super) fn window<'b>(bytes: &'b [u8], limits: &HeadLimits) -> &'b [u8] {
    &bytes[..bytes.len().min(limits.head_bytes_max)]
}

/// Runs `parse` with room for as many headers as the limits allow.
pub(super) fn with_room<'b, R>(
    limits: &HeadLimits,
    parse: impl FnOnce(&mut [MaybeUninit<httparse::Header<'b>>]) -> R,
) -> R {
    // Every header takes at least four bytes ("a:\r\n"): more room than this could not be used.
    let room = limits.headers_max.min(limits.head_bytes_max / 4);
    let mut stack = [const { MaybeUninit::uninit() }; HEADERS_ON_STACK];
    match stack.get_mut(..room) {
        Some(stack) => parse(stack),
        None => parse(&mut vec![MaybeUninit::uninit(); room]),
    }
}

/// Whether all lines of a head that httparse accepted end in CRLF: it lets a bare LF pass (RFC 9112 §2.2 leaves that open),
/// but no CR that is not followed by LF, so that equal counts mean pairs.
pub(super) fn lines_end_in_crlf(head: &[u8]) -> bool {
    let count = |wanted: u8| head.iter().filter(|byte| **byte == wanted).count();
    count(b'\r') == count(b'\n')
}

/// Room that costs no allocation.
const HEADERS_ON_STACK: usize = 100;
