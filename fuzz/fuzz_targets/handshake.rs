//! Heads in both roles: no panic; a prefix is unfinished or means the same; what is accepted can be answered, and the
//! answer is a head again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wigwag_proto::handshake::{
    HeadLimits,
    client::{self, Response},
    extensions::{DeflatePolicy, Offers, accept_response, negotiate},
    server::{Request, Upgrade, write_accept},
};

const LIMITS: HeadLimits = HeadLimits { head_bytes_max: 1024, headers_max: 16 };

const CLIENT: client::Request<'static> = client::Request {
    host: "localhost",
    target: "/",
    key: *b"the sample nonce",
    protocols: &["chat", "superchat"],
    deflate: DeflatePolicy {
        enabled: true,
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    },
    origin: None,
    headers: &[],
};

fuzz_target!(|bytes: &[u8]| {
    let (cut, bytes) = bytes.split_first().map_or((0, bytes), |(cut, rest)| (usize::from(*cut) * 4, rest));
    let cut = cut.min(bytes.len());

    let whole = Request::parse(bytes, &LIMITS);
    let part = Request::parse(&bytes[..cut], &LIMITS);
    assert!(part == Ok(None) || part == whole, "{part:?} {whole:?}");
    if part == Ok(None) && matches!(whole, Ok(Some(_))) {
        assert_eq!(Request::parse_more(bytes, cut, &LIMITS), whole);
    }
    if let Ok(Some(request)) = whole {
        assert!(request.head_bytes() <= bytes.len().min(LIMITS.head_bytes_max));
        assert!(request.path().starts_with('/') || request.path() == "*");
        if let Ok(upgrade) = Upgrade::from_request(&request) {
            check_answer(&upgrade);
        }
    }

    let expected = CLIENT.expected();
    let whole = Response::parse(bytes, &LIMITS, &expected);
    if let Ok(part @ Some(_)) = Response::parse(&bytes[..cut], &LIMITS, &expected) {
        assert_eq!(Ok(part), whole);
    }
    let _ = Offers::parse([bytes].into_iter());
    let _ = accept_response([bytes].into_iter(), &CLIENT.deflate);
});

fn check_answer(upgrade: &Upgrade<'_>) {
    let grant = negotiate(upgrade.offers(), &DeflatePolicy::default());
    let mut out = Vec::new();
    let protocol = upgrade.protocols().first().copied();
    write_accept(&mut out, upgrade, protocol, grant.as_ref(), &[]).expect("the answer to an upgrade can be written");
    let end = out.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the answer ends");
    assert_eq!(end + 4, out.len(), "an answer of one head");
}
