//! WebSocket requests: who serves them, who is refused and why.

use std::net::{IpAddr, Ipv4Addr};

use wigwag_server::{Access, AddressLimits};

use crate::support::{Wire, ask, builder, eventually, handshake, start, start_with, text_frame};

#[test]
fn a_route_serves_its_path() {
    let (_server, address) = start();
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send(handshake("/echo", "")).head().status, 101);
    assert_eq!(wire.send(text_frame("hello")).text(), "hello");
}

#[test]
fn the_root_is_served_by_the_default_route() {
    let (_server, address) = start();
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send(handshake("/", "")).head().status, 101);
    assert_eq!(wire.send(text_frame("hello")).text(), "hello");
}

#[test]
fn bytes_glued_to_the_handshake_belong_to_the_connection() {
    let (_server, address) = start();
    let mut glued = handshake("/echo", "").into_bytes();
    glued.extend(text_frame("glued"));
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send(glued).head().status, 101);
    assert_eq!(wire.text(), "glued");
}

#[test]
fn a_route_sees_parameters_query_and_client() {
    let (_server, address) = start();
    let mut wire = Wire::connect(address);
    wire.send(handshake("/rooms/caf%C3%A9?a=b", "")).head();
    assert_eq!(wire.text(), "café Some(\"a=b\") 127.0.0.1");
}

#[test]
fn the_servers_favourite_subprotocol_is_chosen() {
    let (_server, address) = start();
    for (offered, chosen) in [("v1", Some("v1")), ("v1, v2", Some("v2")), ("v3", None)] {
        let response =
            Wire::connect(address).send(handshake("/echo", &format!("Sec-WebSocket-Protocol: {offered}\r\n"))).head();
        assert_eq!(response.header("Sec-WebSocket-Protocol"), chosen, "{offered}");
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_the_reason() {
    let (_server, address) = start();
    let post = handshake("/echo", "").replacen("GET", "POST", 1);
    let old = handshake("/echo", "").replace("Version: 13", "Version: 8");
    let keyless = handshake("/echo", "").replace("Sec-WebSocket-Key", "X-Key");
    let cases = [
        (handshake("/nothing", ""), 404, "/echo"),
        (handshake("/members", ""), 401, "say who you are"),
        (handshake("/echo", "Origin: https://evil.example\r\n"), 403, "--allow-origin https://evil.example"),
        (handshake("/echo", "Host: evil.example\r\n"), 403, "--allow-host evil.example"),
        (handshake("/nothing", "Origin: https://evil.example\r\n"), 403, "--allow-origin"),
        (handshake("/echo", "Origin: http://localhost\r\nOrigin: http://localhost\r\n"), 403, "origin"),
        (post, 405, "GET"),
        (old, 426, "13"),
        (keyless, 400, "Sec-WebSocket-Key"),
        // Syntax is judged before Host and Origin.
        (handshake("/echo", "Host: evil.example\r\nHost: evil.example\r\n"), 400, "Host"),
        (handshake("/echo", "Origin: https://evil.example\r\nBad Name: x\r\n"), 400, "header"),
    ];
    for (request, status, hint) in cases {
        let mut wire = Wire::connect(address);
        let response = wire.send(&request).response();
        assert_eq!(response.status, status, "{request}");
        assert!(response.body.to_lowercase().contains(&hint.to_lowercase()), "{request}: {}", response.body);
        assert!(wire.is_ended(), "{request}");
    }
    assert_eq!(ask(address, handshake("/members", "")).header("WWW-Authenticate"), Some("Bearer"));
}

#[test]
fn loopback_origins_pass_on_a_loopback_listener_and_named_ones_everywhere() {
    let access = Access { allow_origins: vec!["app.example".into()], allow_hosts: vec!["chat.example".into()] };
    let (_server, address) = start_with(builder().access(access));
    let cases = [
        ("", 101),
        ("Origin: null\r\n", 101),
        ("Origin: http://127.0.0.1:5173\r\n", 101),
        ("Origin: https://app.example\r\n", 101),
        ("Host: chat.example\r\nOrigin: https://chat.example\r\n", 101),
        ("Host: other.example\r\nOrigin: https://other.example\r\n", 403),
        ("Origin: https://other.example\r\n", 403),
    ];
    for (extra, status) in cases {
        let response = Wire::connect(address).send(handshake("/echo", extra)).head();
        assert_eq!(response.status, status, "{extra:?}");
    }
}

#[test]
fn an_address_gets_no_more_connections_than_it_may_have() {
    let limits = AddressLimits { connections_per_address_max: Some(1), ..AddressLimits::default() };
    let (_server, address) = start_with(builder().address_limits(limits));
    let mut first = Wire::connect(address);
    assert_eq!(first.send(handshake("/echo", "")).head().status, 101);
    let refused = ask(address, handshake("/echo", ""));
    assert_eq!((refused.status, refused.header("Retry-After")), (429, Some("5")));
    drop(first);
    eventually("the first is counted out", || Wire::connect(address).send(handshake("/echo", "")).head().status == 101);
}

#[test]
fn an_address_that_comes_too_fast_is_told_so() {
    let limits = AddressLimits { connect_rate_per_address: Some(0.001), ..AddressLimits::default() };
    let (_server, address) = start_with(builder().address_limits(limits));
    assert_eq!(Wire::connect(address).send(handshake("/echo", "")).head().status, 101);
    assert_eq!(ask(address, handshake("/echo", "")).status, 429);
}

#[test]
fn a_trusted_proxy_says_whose_connection_it_is() {
    let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST).to_string().parse().unwrap();
    let limits = AddressLimits {
        connections_per_address_max: Some(1),
        trusted_proxies: vec![proxy],
        ..AddressLimits::default()
    };
    let (_server, address) = start_with(builder().address_limits(limits));
    let from = |client: &str| handshake("/rooms/1", &format!("X-Forwarded-For: 1.1.1.1, {client}\r\n"));
    let mut one = Wire::connect(address);
    one.send(from("203.0.113.1")).head();
    assert_eq!(one.text(), "1 None 203.0.113.1");
    assert_eq!(Wire::connect(address).send(from("203.0.113.2")).head().status, 101);
    assert_eq!(Wire::connect(address).send(from("203.0.113.1")).head().status, 429);
}

#[test]
fn ipv6_is_served_and_one_server_listens_on_several_addresses() {
    let bound = builder().bind("127.0.0.1:0").unwrap();
    let Ok(bound) = bound.and_bind("[::1]:0") else {
        eprintln!("this machine has no IPv6 loopback");
        return;
    };
    let server = bound.start().unwrap();
    for address in server.local_addrs() {
        let mut wire = Wire::connect(*address);
        assert_eq!(wire.send(handshake("/echo", &format!("Host: {address}\r\n"))).head().status, 101);
    }
}

#[test]
fn a_taken_port_is_said_to_be_taken_and_by_whom() {
    let (_server, address) = start();
    let error = builder().bind(address).unwrap_err().to_string();
    assert!(error.contains("is taken"), "{error}");
    if cfg!(target_os = "linux") {
        assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
    }
}

#[test]
fn wrong_routes_are_refused_before_anything_is_bound() {
    let twice = builder().route("/echo", crate::support::Echo).bind("127.0.0.1:0").unwrap_err();
    assert!(twice.to_string().contains("/echo"), "{twice}");
    let unknown = builder().default_route("ekko").bind("127.0.0.1:0").unwrap_err();
    assert!(unknown.to_string().contains("echo, rooms/{room}"), "{unknown}");
}
