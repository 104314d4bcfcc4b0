//! Frame headers: bytes to `Header` and back (RFC 6455 §5.2). Knows nothing of messages or fragments.
//!
//! What a header alone can break is judged here ([`FrameError`]). Whether it may be masked, compressed or stand at this
//! place depends on the connection and is judged there.

/// Longest header, in bytes: two, eight of length, four of mask.
pub const HEADER_BYTES_MAX: usize = 14;

/// Longest payload of a control frame, in bytes (§5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is (§5.2, §11.8). Reserved opcodes cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// 0: goes on with the message begun before.
    Continuation = 0,
    /// 1: begins a text message.
    Text = 1,
    /// 2: begins a binary message.
    Binary = 2,
    /// 8: begins or answers the closing handshake.
    Close = 8,
    /// 9: asks for a Pong.
    Ping = 9,
    /// 10: answers a Ping.
    Pong = 10,
}

impl Opcode {
    /// The opcode of the four low bits of `bits`; `None` for the reserved ones.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits & 0x0f {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// Close, Ping and Pong: they may stand between the fragments of a message (§5.4).
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// How a header breaks the rules of §5.2 and §5.5, whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// §5.2: an opcode that has no meaning.
    #[error("frame with the reserved opcode {0}")]
    ReservedOpcode(u8),
    /// §5.4: control frames are not fragmented.
    #[error("control frame in fragments")]
    FragmentedControl,
    /// §5.5: control frames carry at most 125 bytes.
    #[error("control frame over 125 bytes")]
    LongControl,
    /// §5.2: "the minimal number of bytes MUST be used to encode the length".
    #[error("frame length not in its shortest form")]
    LengthForm,
    /// §5.2: the top bit of a 64-bit length is 0.
    #[error("frame length over 63 bits")]
    LengthTopBit,
}

/// The header of one frame (§5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// The reserved bits, RSV1 as 4, RSV2 as 2, RSV3 as 1.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// Length of the payload, in bytes.
    pub payload_bytes: u64,
}

impl Header {
    /// RSV1, "this message is compressed" where permessage-deflate is agreed (RFC 7692 §6).
    pub const RSV1: u8 = 4;

    /// Reads a header from the front of `bytes`: it and its length, or `None` while it is not there as a whole.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let [first, second, ..] = *bytes else { return Ok(None) };
        let opcode = Opcode::from_bits(first).ok_or(FrameError::ReservedOpcode(first & 0x0f))?;
        let fin = first & FIN != 0;
        if opcode.is_control() {
            check_control(fin, second & LENGTH)?;
        }
        let Some((payload_bytes, length_bytes)) = parse_length(second & LENGTH, &bytes[2..])? else { return Ok(None) };
        let mut header_bytes = 2 + length_bytes;
        let mut mask = None;
        if second & MASKED != 0 {
            let Some(key) = bytes[header_bytes..].first_chunk::<4>() else { return Ok(None) };
            mask = Some(*key);
            header_bytes += 4;
        }
        let header = Self { fin, rsv: first >> 4 & 0x07, opcode, mask, payload_bytes };
        Ok(Some((header, header_bytes)))
    }

    /// Appends the header to `out`, the length in its shortest form.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (bytes, count) = self.to_bytes();
        out.extend_from_slice(&bytes[..count]);
    }

    /// The header, the length in its shortest form, and how many bytes it takes.
    #[inline]
    pub(crate) fn to_bytes(self) -> ([u8; HEADER_BYTES_MAX], usize) {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        bytes[0] = self.first();
        // The guards of the arms make the casts exact.
        let count = match self.payload_bytes {
            length @ 0..126 => {
                bytes[1] = masked | length as u8;
                2
            }
            length @ 126..0x1_0000 => {
                bytes[1] = masked | LENGTH_16;
                bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                4
            }
            length => {
                bytes[1] = masked | LENGTH_64;
                bytes[2..10].copy_from_slice(&length.to_be_bytes());
                10
            }
        };
        let Some(key) = self.mask else { return (bytes, count) };
        bytes[count..count + 4].copy_from_slice(&key);
        (bytes, count + 4)
    }

    #[inline]
    fn first(&self) -> u8 {
        let fin = if self.fin { FIN } else { 0 };
        fin | (self.rsv & 0x07) << 4 | self.opcode as u8
    }
}

/// The smallest check that a control frame must pass; both bytes of it are there.
fn check_control(fin: bool, length: u8) -> Result<(), FrameError> {
    if !fin {
        return Err(FrameError::FragmentedControl);
    }
    if usize::from(length) > CONTROL_BYTES_MAX {
        return Err(FrameError::LongControl);
    }
    Ok(())
}

/// The payload length and how many bytes after the first two carry it.
#[inline]
fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let (length, length_bytes, shortest) = match short {
        LENGTH_16 => match rest.first_chunk() {
            Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2, 126),
            None => return Ok(None),
        },
        LENGTH_64 => match rest.first_chunk() {
            Some(bytes) => (u64::from_be_bytes(*bytes), 8, 0x1_0000),
            None => return Ok(None),
        },
        short => return Ok(Some((u64::from(short), 0))),
    };
    if length >> 63 != 0 {
        return Err(FrameError::LengthTopBit);
    }
    if length < shortest {
        return Err(FrameError::LengthForm);
    }
    Ok(Some((length, length_bytes)))
}

/// The FIN bit of the first byte.
pub(crate) const FIN: u8 = 0x80;
/// The MASK bit of the second byte.
pub(crate) const MASKED: u8 = 0x80;
/// The length bits of the second byte.
pub(crate) const LENGTH: u8 = 0x7f;
/// The length stands in the next two bytes.
pub(crate) const LENGTH_16: u8 = 126;
/// The length stands in the next eight bytes.
const LENGTH_64: u8 = 127;
