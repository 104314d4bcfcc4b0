//! What holds for any input.

use proptest::{collection::vec, option, prelude::*, sample::Index};
use wigwag_proto::handshake::{
    HeadLimits,
    client::{Request as ClientRequest, Response},
    extensions::{DeflatePolicy, Offers, accept_response, negotiate},
    server::{Request, Upgrade, write_accept},
};

const LIMITS: HeadLimits = HeadLimits { head_bytes_max: 600, headers_max: 12 };

/// Heads that are mostly right: lines of a handshake, some of them damaged or repeated.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => Just("Host: a\r\n"),
        8 => Just("Upgrade: websocket\r\nConnection: Upgrade\r\n"),
        8 => Just("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        4 => Just("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"),
        4 => Just("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        2 => Just("X: y\n"),
        2 => Just(" folded\r\n"),
        2 => Just("Content-Length: 4\r\n"),
    ];
    let first = prop_oneof![
        6 => Just("GET /a?b HTTP/1.1\r\n"),
        3 => Just("HTTP/1.1 101 Switching Protocols\r\n"),
        1 => Just("HTTP/1.1 404 Not Found\r\n"),
        1 => Just("\r\nGET http://a/ HTTP/1.0\r\n"),
        1 => Just("GET / HTTP/2.0\r\n"),
        1 => Just("GET / HTTP/2\r\n"),
    ];
    let damage = option::weighted(0.3, (any::<Index>(), any::<u8>()));
    (first, vec(line, 0..10), damage, vec(any::<u8>(), 0..8)).prop_map(|(first, lines, damage, rest)| {
        let mut bytes = format!("{first}{}\r\n", lines.concat()).into_bytes();
        if let Some((index, byte)) = damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.extend(rest);
        bytes
    })
}

fn client<'a>(key: [u8; 16], deflate: DeflatePolicy, protocols: &'a [&'a str]) -> ClientRequest<'a> {
    ClientRequest { host: "a:1", target: "/x?y", key, protocols, deflate, origin: None, headers: &[("X-Y", "z")] }
}

fn policy() -> impl Strategy<Value = DeflatePolicy> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 0_u8..20, 0_u8..20).prop_map(|(on, server, client, s, c)| {
        DeflatePolicy {
            enabled: on,
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: s,
            client_max_window_bits: c,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_prefix_of_a_request_is_unfinished_or_the_same(bytes in head()) {
        let whole = Request::parse(&bytes, &LIMITS);
        let mut seen_bytes = 0;
        for end in 0..=bytes.len() {
            let part = Request::parse(&bytes[..end], &LIMITS);
            prop_assert!(part == Ok(None) || part == whole, "{end}: {part:?} {whole:?}");
            let more = Request::parse_more(&bytes[..end], seen_bytes, &LIMITS);
            prop_assert!(more == Ok(None) || more == whole, "{end}: {more:?} {whole:?}");
            if more != Ok(None) {
                break;
            }
            seen_bytes = end;
        }
        if let Ok(Some(request)) = &whole {
            prop_assert!(request.head_bytes() <= bytes.len());
            prop_assert_eq!(Request::parse_more(&bytes, seen_bytes, &LIMITS), whole.clone());
        }
    }

    #[test]
    fn a_prefix_of_a_response_is_unfinished_or_the_same(bytes in head()) {
        let expected = client(*b"the sample nonce", DeflatePolicy::default(), &[]).expected();
        let whole = Response::parse(&bytes, &LIMITS, &expected).map_err(|error| error.to_string());
        for end in 0..=bytes.len() {
            let part = Response::parse(&bytes[..end], &LIMITS, &expected).map_err(|error| error.to_string());
            prop_assert!(part == Ok(None) || part == whole, "{end}: {part:?} {whole:?}");
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300), head in head()) {
        let expected = client([0; 16], DeflatePolicy::default(), &[]).expected();
        for bytes in [&bytes, &head] {
            if let Ok(Some(request)) = Request::parse(bytes, &LIMITS) {
                let _ = Upgrade::from_request(&request);
            }
            let _ = Response::parse(bytes, &LIMITS, &expected);
        }
        let _ = accept_response([&bytes[..]].into_iter(), &DeflatePolicy::default());
    }

    #[test]
    fn extension_headers_never_panic_and_are_granted_within_bounds(value in "(permessage-deflate|[a-z;=,\"\\\\ 0-9]|; ?(server|client)_max_window_bits(=\"?[0-9]{1,2}\"?)?|, ?permessage-deflate){0,8}", policy in policy()) {
        if let Ok(offers) = Offers::parse([value.as_bytes()].into_iter())
            && let Some(grant) = negotiate(&offers, &policy)
        {
            let agreed = grant.negotiated();
            prop_assert!((9..=15).contains(&agreed.server_max_window_bits));
            prop_assert!((9..=15).contains(&agreed.client_max_window_bits));
            prop_assert!(agreed.server_max_window_bits <= policy.server_max_window_bits.clamp(9, 15));
        }
    }

    #[test]
    fn both_roles_agree(key: [u8; 16], ours in policy(), theirs in policy(), chosen in option::of(0_usize..2)) {
        let protocols = ["chat", "superchat"];
        let request = client(key, theirs, &protocols);
        let mut bytes = Vec::new();
        request.write(&mut bytes).unwrap();
        bytes.extend(b"frames");
        let head = Request::parse(&bytes, &LIMITS).unwrap().unwrap();
        prop_assert_eq!(&bytes[head.head_bytes()..], b"frames");
        prop_assert_eq!((head.path(), head.header("x-y")), ("/x", Some(&b"z"[..])));
        let upgrade = Upgrade::from_request(&head).unwrap();
        prop_assert_eq!(upgrade.protocols(), protocols);

        let grant = negotiate(upgrade.offers(), &ours);
        let protocol = chosen.map(|index| protocols[index]);
        let mut answer = Vec::new();
        write_accept(&mut answer, &upgrade, protocol, grant.as_ref(), &[]).unwrap();
        let response = Response::parse(&answer, &LIMITS, &request.expected()).unwrap().unwrap();
        prop_assert_eq!(response.protocol(), protocol);
        prop_assert_eq!(response.deflate(), grant.map(|grant| grant.negotiated()));
        prop_assert_eq!(response.deflate().is_some(), ours.enabled && theirs.enabled);
        prop_assert_eq!(response.head_bytes(), answer.len());
    }
}
