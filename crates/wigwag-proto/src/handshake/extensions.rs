//! `Sec-WebSocket-Extensions` (RFC 6455 §9) and the negotiation of permessage-deflate (RFC 7692 §5, §7.1), both roles.
//!
//! The only extension known here is permessage-deflate: others are read for their syntax and passed over. What was agreed
//! on leaves this module as [`Negotiated`]; compression itself is in [`crate::deflate`].

use super::syntax::{as_token, is_token_byte};
use crate::deflate::Negotiated;

/// What this endpoint wants of permessage-deflate. Window bits outside 9–15 count as the nearest of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflatePolicy {
    /// Whether compression is offered, or granted, at all. Default: yes.
    pub enabled: bool,
    /// The server forgets its window after each message. Default: yes, so that an idle connection holds no window.
    pub server_no_context_takeover: bool,
    /// The client forgets its window after each message. Default: yes.
    pub client_no_context_takeover: bool,
    /// Base-2 logarithm of the server's largest window, 9–15. Default: 15.
    pub server_max_window_bits: u8,
    /// Base-2 logarithm of the client's largest window, 9–15. Default: 15. A server cannot ask it of a client that did
    /// not offer `client_max_window_bits`; such a client may use 15.
    pub client_max_window_bits: u8,
}

impl DeflatePolicy {
    /// No compression.
    pub const DISABLED: Self = Self {
        enabled: false,
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: WINDOW_BITS_MAX,
        client_max_window_bits: WINDOW_BITS_MAX,
    };

    fn server_bits(&self) -> u8 {
        self.server_max_window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
    }

    fn client_bits(&self) -> u8 {
        self.client_max_window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
    }
}

impl Default for DeflatePolicy {
    fn default() -> Self {
        Self { enabled: true, ..Self::DISABLED }
    }
}

/// The parameters of one permessage-deflate element, valid each by itself (RFC 7692 §7.1). Window bits are 8–15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeflateParameters {
    /// `server_no_context_takeover` is there.
    pub server_no_context_takeover: bool,
    /// `client_no_context_takeover` is there.
    pub client_no_context_takeover: bool,
    /// The value of `server_max_window_bits`.
    pub server_max_window_bits: Option<u8>,
    /// `client_max_window_bits`, which in an offer may stand without a value.
    pub client_max_window_bits: Option<Option<u8>>,
}

/// The permessage-deflate offers of a request, most wanted first; those with unknown, repeated or invalid parameters are
/// left out. At most [`Offers::MAX`] are kept, the rest are declined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    offers: [DeflateParameters; Self::MAX],
    count: usize,
}

impl Offers {
    /// Most offers that are looked at. Known clients send one or two.
    pub const MAX: usize = 4;

    /// Reads all `Sec-WebSocket-Extensions` values of a request.
    pub fn parse<'v>(values: impl Iterator<Item = &'v [u8]>) -> Result<Self, MalformedExtensions> {
        let mut offers = Self::default();
        for value in values {
            each_extension(value, |name, parameters| {
                if let (DEFLATE, Some(offer)) = (name, parameters)
                    && let Some(free) = offers.offers.get_mut(offers.count)
                {
                    *free = offer;
                    offers.count += 1;
                }
            })?;
        }
        Ok(offers)
    }

    /// The offers in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[DeflateParameters] {
        &self.offers[..self.count]
    }
}

/// An offer that was accepted: what was agreed on, and the words in which the response says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    negotiated: Negotiated,
    answer: DeflateParameters,
}

impl Grant {
    /// What both sides agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Negotiated {
        self.negotiated
    }

    /// Appends the value of the response's `Sec-WebSocket-Extensions`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.answer.write(out);
    }
}

/// Accepts the first offer that the policy allows, as server (RFC 7692 §5.1).
#[must_use]
pub fn negotiate(offers: &Offers, policy: &DeflatePolicy) -> Option<Grant> {
    if !policy.enabled {
        return None;
    }
    offers.as_slice().iter().find_map(|offer| grant(offer, policy))
}

fn grant(offer: &DeflateParameters, policy: &DeflatePolicy) -> Option<Grant> {
    // zlib compresses with no window below 2^9, so that a promise to use 2^8 would be broken.
    if offer.server_max_window_bits.is_some_and(|bits| bits < WINDOW_BITS_MIN) {
        return None;
    }
    let server_bits = offer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX).min(policy.server_bits());
    // §7.1.2.2: the client's value is a hint which the server may leave unanswered. A hint of 8 is: a window of 2^9
    // inflates whatever that client sends.
    let (client_bits, client_answer) = match offer.client_max_window_bits {
        None => (WINDOW_BITS_MAX, None),
        Some(Some(bits)) if bits < WINDOW_BITS_MIN => (WINDOW_BITS_MIN, None),
        Some(bits) => {
            let bits = bits.unwrap_or(WINDOW_BITS_MAX).min(policy.client_bits());
            (bits, (bits < WINDOW_BITS_MAX).then_some(Some(bits)))
        }
    };
    let negotiated = Negotiated {
        server_no_context_takeover: offer.server_no_context_takeover || policy.server_no_context_takeover,
        client_no_context_takeover: offer.client_no_context_takeover || policy.client_no_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    };
    // §7.1.2.1: an offered `server_max_window_bits` is accepted by answering it, also with 15.
    let server_answered = offer.server_max_window_bits.is_some() || server_bits < WINDOW_BITS_MAX;
    let answer = DeflateParameters {
        server_no_context_takeover: negotiated.server_no_context_takeover,
        client_no_context_takeover: negotiated.client_no_context_takeover,
        server_max_window_bits: server_answered.then_some(server_bits),
        client_max_window_bits: client_answer,
    };
    Some(Grant { negotiated, answer })
}

/// What a client with this policy offers; `None` if it offers nothing.
#[must_use]
pub fn offer(policy: &DeflatePolicy) -> Option<DeflateParameters> {
    let below_max = |bits: u8| (bits < WINDOW_BITS_MAX).then_some(bits);
    policy.enabled.then(|| DeflateParameters {
        server_no_context_takeover: policy.server_no_context_takeover,
        client_no_context_takeover: policy.client_no_context_takeover,
        server_max_window_bits: below_max(policy.server_bits()),
        client_max_window_bits: Some(below_max(policy.client_bits())),
    })
}

/// Judges the `Sec-WebSocket-Extensions` values of a response to [`offer`] with the same policy, as client.
pub fn accept_response<'v>(
    values: impl Iterator<Item = &'v [u8]>,
    policy: &DeflatePolicy,
) -> Result<Option<Negotiated>, UnacceptableExtensions> {
    let mut answer = None;
    for value in values {
        let mut verdict = Ok(());
        each_extension(value, |name, parameters| {
            let known = if name == DEFLATE { offer(policy) } else { None };
            let judged = match (known, parameters) {
                (None, _) => Err(UnacceptableExtensions::NotOffered),
                (Some(_), None) => Err(UnacceptableExtensions::Parameters),
                (Some(_), Some(_)) if answer.is_some() => Err(UnacceptableExtensions::Repeated),
                (Some(offer), Some(parameters)) => agree(&offer, &parameters, policy),
            };
            match judged {
                Ok(negotiated) => answer = Some(negotiated),
                Err(error) => verdict = verdict.and(Err(error)),
            }
        })?;
        verdict?;
    }
    Ok(answer)
}

fn agree(
    offer: &DeflateParameters,
    answer: &DeflateParameters,
    policy: &DeflatePolicy,
) -> Result<Negotiated, UnacceptableExtensions> {
    // §7.1.1.1, §7.1.2.1: a server accepts what was asked of it by repeating it, the bits possibly smaller.
    let server_context_agreed = answer.server_no_context_takeover || !offer.server_no_context_takeover;
    let server_bits_agreed = match (offer.server_max_window_bits, answer.server_max_window_bits) {
        (Some(offered), Some(answered)) => answered <= offered,
        (Some(_), None) => false,
        (None, _) => true,
    };
    let client_bits = match answer.client_max_window_bits {
        None => Some(policy.client_bits()),
        // §7.1.2.2: in a response the value must be there. zlib cannot compress with 8.
        Some(answered) => answered.filter(|bits| (WINDOW_BITS_MIN..=policy.client_bits()).contains(bits)),
    };
    let (true, true, Some(client_bits)) = (server_context_agreed, server_bits_agreed, client_bits) else {
        return Err(UnacceptableExtensions::Parameters);
    };
    Ok(Negotiated {
        server_no_context_takeover: answer.server_no_context_takeover,
        client_no_context_takeover: offer.client_no_context_takeover || answer.client_no_context_takeover,
        // A window of 2^9 inflates what was compressed with 2^8.
        server_max_window_bits: answer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX).max(WINDOW_BITS_MIN),
        client_max_window_bits: client_bits,
    })
}

impl DeflateParameters {
    /// Appends `permessage-deflate` and these parameters, as a header value.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(DEFLATE.as_bytes());
        if self.server_no_context_takeover {
            out.extend_from_slice(b"; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            out.extend_from_slice(b"; client_no_context_takeover");
        }
        if let Some(bits) = self.server_max_window_bits {
            out.extend_from_slice(b"; server_max_window_bits=");
            write_bits(out, bits);
        }
        if let Some(bits) = self.client_max_window_bits {
            out.extend_from_slice(b"; client_max_window_bits");
            if let Some(bits) = bits {
                out.push(b'=');
                write_bits(out, bits);
            }
        }
    }

    /// Takes one parameter; `false` if it is unknown, repeated or has a value that it may not have.
    fn take(&mut self, parameter: Parameter<'_>) -> bool {
        match (parameter.name, parameter.value) {
            ("server_no_context_takeover", None) => !std::mem::replace(&mut self.server_no_context_takeover, true),
            ("client_no_context_takeover", None) => !std::mem::replace(&mut self.client_no_context_takeover, true),
            ("server_max_window_bits", Some(value)) => {
                value.window_bits().is_some_and(|bits| self.server_max_window_bits.replace(bits).is_none())
            }
            ("client_max_window_bits", None) => self.client_max_window_bits.replace(None).is_none(),
            ("client_max_window_bits", Some(value)) => {
                value.window_bits().is_some_and(|bits| self.client_max_window_bits.replace(Some(bits)).is_none())
            }
            _ => false,
        }
    }
}

fn write_bits(out: &mut Vec<u8>, bits: u8) {
    if bits >= 10 {
        out.push(b'0' + bits / 10);
    }
    out.push(b'0' + bits % 10);
}

/// A `Sec-WebSocket-Extensions` header that does not follow the grammar of RFC 6455 §9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed Sec-WebSocket-Extensions header")]
pub struct MalformedExtensions;

/// Why a client must fail the connection over the extensions of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnacceptableExtensions {
    /// The header does not follow its grammar.
    #[error(transparent)]
    Malformed(#[from] MalformedExtensions),
    /// An extension that was not offered.
    #[error("the server uses an extension that was not offered")]
    NotOffered,
    /// permessage-deflate stands there twice.
    #[error("the server answered permessage-deflate twice")]
    Repeated,
    /// Parameters that are unknown, repeated, out of range, or do not fit the offer.
    #[error("the server answered permessage-deflate with unacceptable parameters")]
    Parameters,
}

/// Calls `take` for each extension of one header value with its name and, if all of them are valid for permessage-deflate,
/// its parameters.
fn each_extension<'v>(
    value: &'v [u8],
    mut take: impl FnMut(&'v str, Option<DeflateParameters>),
) -> Result<(), MalformedExtensions> {
    let mut reader = Reader { rest: value };
    let mut any = false;
    while let Some(name) = reader.extension()? {
        let mut parameters = DeflateParameters::default();
        let mut valid = true;
        while let Some(parameter) = reader.parameter()? {
            valid &= parameters.take(parameter);
        }
        take(name, valid.then_some(parameters));
        any = true;
    }
    if any { Ok(()) } else { Err(MalformedExtensions) }
}

struct Parameter<'v> {
    name: &'v str,
    value: Option<Value<'v>>,
}

/// The value of a parameter; if it was quoted, backslashes in it still stand before what they escape.
struct Value<'v> {
    raw: &'v [u8],
    quoted: bool,
}

impl Value<'_> {
    /// RFC 7692 §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
    fn window_bits(&self) -> Option<u8> {
        let mut digits = self.raw.iter().filter(|byte| !(self.quoted && **byte == b'\\'));
        match (digits.next()?, digits.next(), digits.next()) {
            (digit @ (b'8' | b'9'), None, None) => Some(digit - b'0'),
            (b'1', Some(digit @ b'0'..=b'5'), None) => Some(10 + digit - b'0'),
            _ => None,
        }
    }
}

/// Reads `extension-list` of RFC 6455 §9.1 from the front: an extension, then its parameters, then the next.
struct Reader<'v> {
    rest: &'v [u8],
}

impl<'v> Reader<'v> {
    /// The name of the next extension. Empty elements of the list are skipped.
    fn extension(&mut self) -> Result<Option<&'v str>, MalformedExtensions> {
        while self.eat(b',') {}
        if self.rest.is_empty() { Ok(None) } else { self.token().map(Some) }
    }

    /// The next parameter of the extension read last.
    fn parameter(&mut self) -> Result<Option<Parameter<'v>>, MalformedExtensions> {
        if !self.eat(b';') {
            let at_end = matches!(self.rest.first(), None | Some(b','));
            return if at_end { Ok(None) } else { Err(MalformedExtensions) };
        }
        let name = self.token()?;
        if !self.eat(b'=') {
            return Ok(Some(Parameter { name, value: None }));
        }
        let value = if self.rest.first() == Some(&b'"') {
            self.quoted()?
        } else {
            Value { raw: self.token()?.as_bytes(), quoted: false }
        };
        Ok(Some(Parameter { name, value: Some(value) }))
    }

    /// Skips `byte` if it comes next, and the white space on both sides of it.
    fn eat(&mut self, byte: u8) -> bool {
        self.rest = self.rest.trim_ascii_start();
        let Some(rest) = self.rest.strip_prefix(&[byte]) else { return false };
        self.rest = rest.trim_ascii_start();
        true
    }

    fn token(&mut self) -> Result<&'v str, MalformedExtensions> {
        let end = self.rest.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        as_token(token).ok_or(MalformedExtensions)
    }

    /// §9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF".
    fn quoted(&mut self) -> Result<Value<'v>, MalformedExtensions> {
        let inside = self.rest.strip_prefix(b"\"").ok_or(MalformedExtensions)?;
        let mut bytes = inside.iter().enumerate();
        while let Some((index, byte)) = bytes.next() {
            let unescaped = match byte {
                b'"' if index > 0 => {
                    self.rest = &inside[index + 1..];
                    return Ok(Value { raw: &inside[..index], quoted: true });
                }
                b'\\' => bytes.next().ok_or(MalformedExtensions)?.1,
                byte => byte,
            };
            if !is_token_byte(*unescaped) {
                break;
            }
        }
        Err(MalformedExtensions)
    }
}

const DEFLATE: &str = "permessage-deflate";
const WINDOW_BITS_MIN: u8 = 9;
const WINDOW_BITS_MAX: u8 = 15;
