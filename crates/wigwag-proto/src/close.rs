//! Close codes and reasons (RFC 6455 §5.5.1, §7.4). Knows nothing of who closes, or when.

use std::fmt;

/// A status code that may stand in a Close frame (§7.4): 1000–1003, 1007–1014, 3000–4999.
///
/// 1005, 1006 and 1015 are never sent on the wire, 1004 is reserved: they cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server stops, or the page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data which this endpoint cannot accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data that does not fit its type, such as text which is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: against this endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client wanted an extension which the server did not grant.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met a condition which kept it from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded, try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from its upstream (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code of this number, if it may stand in a Close frame (§7.4.1, §7.4.2).
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The meaning in words, as the RFC or the IANA registry names it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1007 => "invalid payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            3000..=3999 => "registered code",
            _ => "private code",
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.meaning())
    }
}

/// What a Close frame said. `code` is `None` for an empty Close (what other APIs report as 1005).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseReason {
    /// The status code, if the frame had one.
    pub code: Option<CloseCode>,
    /// The reason in words; at most 123 bytes.
    pub reason: String,
}

/// Why the payload of a Close frame is not acceptable (§5.5.1, §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClose {
    /// One byte: too short for a code.
    #[error("Close frame with a payload of one byte")]
    Length,
    /// A code that must not stand on the wire.
    #[error("Close frame with the invalid code {0}")]
    Code(u16),
    /// A reason that is not UTF-8.
    #[error("Close frame with a reason that is not UTF-8")]
    Utf8,
}

impl CloseReason {
    /// Longest reason that fits a Close frame, in bytes (125 less the code, §5.5).
    pub const REASON_BYTES_MAX: usize = 123;

    /// A code and a reason; a reason over [`Self::REASON_BYTES_MAX`] is cut at a character boundary.
    #[must_use]
    pub fn new(code: CloseCode, reason: &str) -> Self {
        let cut = reason.floor_char_boundary(Self::REASON_BYTES_MAX);
        Self { code: Some(code), reason: reason[..cut].to_owned() }
    }

    /// Reads the unmasked payload of a Close frame.
    pub fn parse(payload: &[u8]) -> Result<Self, InvalidClose> {
        let (code, reason) = match payload {
            [] => return Ok(Self::default()),
            [_] => return Err(InvalidClose::Length),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        let code = CloseCode::new(code).ok_or(InvalidClose::Code(code))?;
        let reason = simdutf8::basic::from_utf8(reason).map_err(|_| InvalidClose::Utf8)?;
        Ok(Self { code: Some(code), reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_stand_on_the_wire_are_those_of_section_7_4() {
        let allowed: Vec<u16> = (0..=u16::MAX).filter(|code| CloseCode::new(*code).is_some()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(allowed, expected);
    }

    #[test]
    fn a_payload_of_one_byte_is_refused() {
        assert_eq!(CloseReason::parse(&[3]), Err(InvalidClose::Length));
    }

    #[test]
    fn a_reason_that_is_not_utf8_is_refused() {
        assert_eq!(CloseReason::parse(&[3, 232, 0xce, 0xba, 0xe1]), Err(InvalidClose::Utf8));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let close = CloseReason::new(CloseCode::NORMAL, &"é".repeat(100));
        assert_eq!(close.reason.len(), 122);
    }
}
