//! What every suite needs: an endpoint with its context, frames as a peer writes them, events that own their payload.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use wigwag_proto::{
    CloseCode, CloseReason, Config, Connection, Context, Event, Input, Message, MessageKind, ProtocolError, Role,
    deflate::Negotiated,
    frame::{Header, Opcode},
    mask,
};

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Both sides forget their windows: what a server agrees to by default.
pub(crate) const NO_CONTEXT: Negotiated = Negotiated {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

/// Both sides keep their windows.
pub(crate) const TAKEOVER: Negotiated =
    Negotiated { server_no_context_takeover: false, client_no_context_takeover: false, ..NO_CONTEXT };

pub(crate) struct Endpoint {
    pub(crate) connection: Connection,
    pub(crate) context: Context,
    pub(crate) start: Instant,
}

impl Endpoint {
    pub(crate) fn new(role: Role, config: Config, deflate: Option<Negotiated>) -> Self {
        let start = Instant::now();
        let mut key = 0u32;
        let mask_keys = move |keys: &mut [[u8; 4]]| {
            for next in keys {
                key = key.wrapping_mul(0x9e37_79b1).wrapping_add(0x1234_5679);
                *next = key.to_be_bytes();
            }
        };
        let connection = Connection::new(role, Arc::new(config), deflate);
        Self { connection, context: Context::new(start, mask_keys), start }
    }

    pub(crate) fn server() -> Self {
        Self::new(Role::Server, Config::default(), None)
    }

    pub(crate) fn client() -> Self {
        Self::new(Role::Client, Config::default(), None)
    }

    pub(crate) fn server_with(config: Config) -> Self {
        Self::new(Role::Server, config, None)
    }

    pub(crate) fn deflating(role: Role, negotiated: Negotiated) -> Self {
        Self::new(role, Config { deflate_bytes_min: 0, ..Config::default() }, Some(negotiated))
    }

    /// The events of `bytes` read at once.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Event<'static>> {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        let mut events = Vec::new();
        while let Some(event) = self.connection.handle_bytes(&mut input, &mut self.context) {
            events.push(owned(event));
        }
        assert!(input.is_empty(), "None means that all is taken");
        events
    }

    /// As [`Self::read`], for who takes short messages as bytes where it can, some together, some by themselves, and some because
    /// it knows what they are.
    pub(crate) fn read_short(&mut self, bytes: &[u8]) -> Vec<Event<'static>> {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        let mut events = Vec::new();
        let event = |kind, payload: &[u8]| match kind {
            MessageKind::Text => text(str::from_utf8(payload).expect("validated")),
            MessageKind::Binary => binary(payload),
        };
        loop {
            events.extend(self.take_foreseen::<1>(&mut input).map(|(kind, payload)| event(kind, &payload)));
            events.extend(self.take_foreseen::<4>(&mut input).map(|(kind, payload)| event(kind, &payload)));
            let before = events.len();
            let taken = self.connection.take_while(&mut input, |kind, payload| {
                let wanted = events.len() - before < 2;
                events.extend(wanted.then(|| event(kind, payload)));
                wanted
            });
            assert_eq!(taken, (events.len() - before) as u64);
            if let Some((kind, payload)) = self.connection.take_short(&mut input) {
                events.push(event(kind, payload));
                continue;
            }
            match self.connection.handle_bytes(&mut input, &mut self.context) {
                Some(event) => events.push(owned(event)),
                None => return events,
            }
        }
    }

    /// The message in front of `input` if it is what lies where the payload of a message without a mask would.
    fn take_foreseen<const BYTES: usize>(&self, input: &mut Input<'_>) -> Option<(MessageKind, [u8; BYTES])> {
        let payload = *input.rest().get(2..)?.first_chunk()?;
        let kinds = [MessageKind::Binary, MessageKind::Text].into_iter();
        let mut kinds = kinds.filter(|kind| *kind == MessageKind::Binary || str::from_utf8(&payload).is_ok());
        kinds.find(|kind| self.connection.take_equal(input, *kind, [payload]) > 0).map(|kind| (kind, payload))
    }

    /// The events of `bytes` read in chunks of the given sizes, the last of them repeated.
    pub(crate) fn read_in(&mut self, bytes: &[u8], sizes: &[usize]) -> Vec<Event<'static>> {
        let (mut rest, mut events) = (bytes, Vec::new());
        let mut sizes = sizes.iter().copied();
        let mut size = 1;
        while !rest.is_empty() {
            size = sizes.next().unwrap_or(size).max(1);
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            events.extend(self.read(chunk));
            rest = after;
        }
        events
    }

    /// Passes what is read on to `to`, as it lies where that can be done. A write at once takes at most `written_max` bytes.
    /// All that `to` writes.
    pub(crate) fn relay(&mut self, bytes: &[u8], sizes: &[usize], to: &mut Self, written_max: usize) -> Vec<u8> {
        let (mut rest, mut size, mut wire) = (bytes, usize::MAX, Vec::new());
        let mut sizes = sizes.iter().copied();
        while !rest.is_empty() {
            size = sizes.next().unwrap_or(size);
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            let mut chunk = chunk.to_vec();
            let mut input = Input::new(&mut chunk);
            loop {
                if let Some(frames) = self.connection.take_frames(&mut input, &mut self.context) {
                    let write = |bytes: &[u8]| {
                        wire.extend_from_slice(&bytes[..bytes.len().min(written_max)]);
                        bytes.len().min(written_max)
                    };
                    to.connection.send_frames(frames, &mut to.context, write).expect("open");
                    continue;
                }
                match self.connection.handle_bytes(&mut input, &mut self.context) {
                    Some(Event::Piece { kind, bytes, last, .. }) => {
                        to.connection.send_piece(kind, &bytes, last, &mut to.context).expect("open");
                    }
                    Some(_) => {}
                    None => break,
                }
            }
            wire.extend(to.write_all());
            rest = after;
        }
        wire
    }

    /// Writes at most `count` bytes of what waits.
    pub(crate) fn write(&mut self, count: usize) -> Vec<u8> {
        let Some(transmit) = self.connection.poll_transmit() else { return Vec::new() };
        let slices = transmit.as_slices();
        assert!(slices.iter().all(|slice| !slice.is_empty()));
        assert_eq!(slices.iter().map(|slice| slice.len()).sum::<usize>(), self.connection.queued_bytes());
        let written: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(count).collect();
        self.connection.handle_transmitted(written.len(), &mut self.context);
        written
    }

    pub(crate) fn write_all(&mut self) -> Vec<u8> {
        let written = self.write(usize::MAX);
        assert_eq!(self.connection.queued_bytes(), 0);
        written
    }

    /// The frames that wait, as the peer reads them.
    pub(crate) fn write_frames(&mut self) -> Vec<Frame> {
        parse_frames(&self.write_all())
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.connection.send(Message::Text(text), &mut self.context).expect("the connection is open");
    }

    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        self.connection.close(Some(code), reason, &mut self.context);
    }

    /// The time of `after` the start.
    pub(crate) fn at(&self, after: Duration) -> Instant {
        self.start + after
    }
}

/// A frame, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn is(&self, opcode: Opcode, payload: &[u8]) -> bool {
        self.header.opcode == opcode && self.payload == payload
    }
}

/// All the frames in `bytes`, which must end where a frame does.
pub(crate) fn parse_frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (header, header_bytes) = Header::parse(bytes).expect("a valid header").expect("a whole header");
        let end = header_bytes + header.payload_bytes as usize;
        let mut payload = bytes[header_bytes..end].to_vec();
        mask::apply(&mut payload, header.mask.unwrap_or_default(), 0);
        frames.push(Frame { header, payload });
        bytes = &bytes[end..];
    }
    frames
}

/// A frame as a client writes it; `first` is FIN, reserved bits and opcode.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    encode(first, payload, Some(KEY))
}

/// A frame as a server writes it.
pub(crate) fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    encode(first, payload, None)
}

/// A frame as the peer of `role` writes it.
pub(crate) fn from_peer_of(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    encode(first, payload, (role == Role::Server).then_some(KEY))
}

fn encode(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    let mut frame = match payload.len() {
        length @ 0..126 => vec![first, mask_bit | length as u8],
        length @ 126..0x1_0000 => [&[first, mask_bit | 126][..], &(length as u16).to_be_bytes()].concat(),
        length => [&[first, mask_bit | 127][..], &(length as u64).to_be_bytes()].concat(),
    };
    let mut payload = payload.to_vec();
    if let Some(key) = key {
        frame.extend(key);
        mask::apply(&mut payload, key, 0);
    }
    frame.extend(payload);
    frame
}

/// The payload of a Close frame.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

pub(crate) fn text(text: &str) -> Event<'static> {
    Event::Text(Cow::Owned(text.to_owned()))
}

pub(crate) fn binary(bytes: &[u8]) -> Event<'static> {
    Event::Binary(Cow::Owned(bytes.to_vec()))
}

pub(crate) fn ping(bytes: &[u8]) -> Event<'static> {
    Event::Ping(Cow::Owned(bytes.to_vec()))
}

pub(crate) fn pong(bytes: &[u8]) -> Event<'static> {
    Event::Pong(Cow::Owned(bytes.to_vec()))
}

pub(crate) fn piece(kind: MessageKind, bytes: &[u8], first: bool, last: bool) -> Event<'static> {
    Event::Piece { kind, bytes: Cow::Owned(bytes.to_vec()), first, last }
}

pub(crate) fn closed(code: u16, reason: &str) -> Event<'static> {
    Event::Close(CloseReason { code: CloseCode::new(code), reason: reason.to_owned() })
}

pub(crate) fn failed(error: ProtocolError) -> Event<'static> {
    Event::Failed(error)
}

/// Bytes that do not compress (xorshift).
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

pub(crate) fn owned(event: Event<'_>) -> Event<'static> {
    match event {
        Event::Text(text) => Event::Text(Cow::Owned(text.into_owned())),
        Event::Binary(bytes) => Event::Binary(Cow::Owned(bytes.into_owned())),
        Event::Piece { kind, bytes, first, last } => {
            Event::Piece { kind, bytes: Cow::Owned(bytes.into_owned()), first, last }
        }
        Event::Ping(bytes) => Event::Ping(Cow::Owned(bytes.into_owned())),
        Event::Pong(bytes) => Event::Pong(Cow::Owned(bytes.into_owned())),
        Event::Close(reason) => Event::Close(reason),
        Event::Failed(error) => Event::Failed(error),
        Event::Lost => Event::Lost,
    }
}

/// A server fails with `error` on `bytes`, however they are cut, tells the peer the error's code and takes no more.
pub(crate) fn check_server_fails(bytes: &[u8], error: ProtocolError) {
    for sizes in [&[usize::MAX][..], &[1], &[3], &[2, 7]] {
        let mut server = Endpoint::server();
        assert_eq!(server.read_in(bytes, sizes).last(), Some(&failed(error)), "chunks {sizes:?}");
        let frames = server.write_frames();
        let close = frames.last().expect("a Close");
        let told = CloseReason::parse(&close.payload).expect("a valid Close");
        assert_eq!((close.header.opcode, told.code), (Opcode::Close, Some(error.close_code())), "chunks {sizes:?}");
        assert_eq!(server.read(&masked(0x81, b"late")), []);
        assert!(server.connection.is_done() && !server.connection.is_clean());
        assert_eq!(server.connection.error(), Some(error));
    }
}

/// A server reports `events` for `bytes`, however they are cut.
pub(crate) fn check_server_reads(bytes: &[u8], events: &[Event<'static>]) {
    for sizes in [&[usize::MAX][..], &[1], &[3], &[2, 7]] {
        assert_eq!(Endpoint::server().read_in(bytes, sizes), events, "chunks {sizes:?}");
    }
}
