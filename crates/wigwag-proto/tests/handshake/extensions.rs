//! Negotiation of permessage-deflate (RFC 7692 §5, §7.1; RFC 6455 §9.1).

use wigwag_proto::{
    deflate::Negotiated,
    handshake::extensions::{
        DeflatePolicy, MalformedExtensions, Offers, UnacceptableExtensions, accept_response, negotiate, offer,
    },
};

/// Keeps contexts and full windows, so that an answer shows what the offer asked for.
const LENIENT: DeflatePolicy = DeflatePolicy {
    enabled: true,
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

fn values<'v>(lines: &'v [&'v str]) -> impl Iterator<Item = &'v [u8]> {
    lines.iter().map(|line| line.as_bytes())
}

/// The answer to header lines, or `None` if all offers are declined.
#[track_caller]
fn answer(lines: &[&str], policy: &DeflatePolicy) -> Option<(String, Negotiated)> {
    let offers = Offers::parse(values(lines)).expect("well-formed offers");
    negotiate(&offers, policy).map(|grant| {
        let mut out = Vec::new();
        grant.write(&mut out);
        (String::from_utf8(out).unwrap(), grant.negotiated())
    })
}

#[track_caller]
fn answers(line: &str, policy: &DeflatePolicy, expected: &str) {
    assert_eq!(answer(&[line], policy).map(|(text, _)| text).as_deref(), Some(expected), "{line}");
}

mod server {
    use super::*;

    #[test]
    fn a_plain_offer_gets_what_the_policy_wants() {
        answers("permessage-deflate", &LENIENT, "permessage-deflate");
        let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        answers("permessage-deflate", &DeflatePolicy::default(), both);
        assert_eq!(answer(&["permessage-deflate"], &DeflatePolicy::DISABLED), None);
    }

    #[test]
    fn what_was_offered_is_answered() {
        for parameters in [
            "; server_no_context_takeover",
            "; client_no_context_takeover",
            "; server_max_window_bits=9",
            "; server_max_window_bits=15",
            "; client_max_window_bits=10",
        ] {
            let line = format!("permessage-deflate{parameters}");
            answers(&line, &LENIENT, &line);
        }
    }

    #[test]
    fn the_smaller_window_is_agreed_on() {
        let policy = DeflatePolicy { server_max_window_bits: 11, client_max_window_bits: 12, ..LENIENT };
        let line = "permessage-deflate; server_max_window_bits=13; client_max_window_bits=10";
        answers(line, &policy, "permessage-deflate; server_max_window_bits=11; client_max_window_bits=10");
        let line = "permessage-deflate; server_max_window_bits=10; client_max_window_bits";
        answers(line, &policy, "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12");
    }

    #[test]
    fn client_window_bits_are_not_answered_unless_offered() {
        let policy = DeflatePolicy { server_max_window_bits: 11, client_max_window_bits: 11, ..LENIENT };
        let (text, negotiated) = answer(&["permessage-deflate"], &policy).unwrap();
        assert_eq!(text, "permessage-deflate; server_max_window_bits=11");
        assert_eq!((negotiated.server_max_window_bits, negotiated.client_max_window_bits), (11, 15));
    }

    #[test]
    fn a_server_window_of_8_is_declined_and_a_client_window_of_8_needs_no_answer() {
        assert_eq!(answer(&["permessage-deflate; server_max_window_bits=8"], &LENIENT), None);
        let (text, negotiated) = answer(&["permessage-deflate; client_max_window_bits=8"], &LENIENT).unwrap();
        assert_eq!((text.as_str(), negotiated.client_max_window_bits), ("permessage-deflate", 9));
    }

    #[test]
    fn unknown_repeated_and_invalid_parameters_are_declined() {
        for parameters in [
            "x",
            "x=1",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_max_window_bits; client_max_window_bits",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=010",
            "server_max_window_bits=1",
            "server_max_window_bits=150",
            "server_max_window_bits=1a",
            "client_max_window_bits=09",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=\"7\"",
            "Server_Max_Window_Bits=10",
        ] {
            assert_eq!(answer(&[&format!("permessage-deflate; {parameters}")], &LENIENT), None, "{parameters}");
        }
    }

    #[test]
    fn the_first_acceptable_offer_wins_over_all_lines() {
        let line = "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10";
        answers(line, &LENIENT, "permessage-deflate; server_max_window_bits=10");
        let lines = [
            "x-other; a=\"b\"",
            "permessage-deflate; y",
            ", permessage-deflate;client_no_context_takeover ,permessage-deflate",
        ];
        assert_eq!(answer(&lines, &LENIENT).unwrap().0, "permessage-deflate; client_no_context_takeover");
    }

    #[test]
    fn a_value_may_be_quoted() {
        answers(
            "permessage-deflate; server_max_window_bits=\"10\"",
            &LENIENT,
            "permessage-deflate; server_max_window_bits=10",
        );
        answers(
            "permessage-deflate; server_max_window_bits = \"1\\2\"",
            &LENIENT,
            "permessage-deflate; server_max_window_bits=12",
        );
    }

    #[test]
    fn other_extensions_are_passed_over() {
        assert_eq!(answer(&["x-webkit-deflate-frame, permessage-bzip2; a; b=c"], &LENIENT), None);
        assert_eq!(answer(&[], &LENIENT), None);
    }

    #[test]
    fn a_malformed_header_is_told() {
        for line in [
            "",
            ",",
            "a b",
            "a;",
            "a;;b",
            "a; =b",
            "a; b=",
            "a; b=\"",
            "a; b=\"\"",
            "a; b=\"c",
            "a; b=\"c d\"",
            "a; b=c d",
            "=",
            "a; b=\"\\",
            "a; b=\"\\\"\"",
            "a/b",
            ";a",
            "a; b=\"c\"d",
            "é",
        ] {
            assert_eq!(Offers::parse(values(&[line])), Err(MalformedExtensions), "{line:?}");
        }
    }

    #[test]
    fn offers_beyond_the_bound_are_declined() {
        let bad = "permessage-deflate; server_max_window_bits=8, ".repeat(Offers::MAX);
        assert_eq!(answer(&[&format!("{bad}permessage-deflate")], &LENIENT), None);
    }
}

mod client {
    use super::*;

    fn offered(policy: &DeflatePolicy) -> Option<String> {
        offer(policy).map(|offer| {
            let mut out = Vec::new();
            offer.write(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    fn judge(lines: &[&str], policy: &DeflatePolicy) -> Result<Option<Negotiated>, UnacceptableExtensions> {
        accept_response(values(lines), policy)
    }

    #[test]
    fn an_offer_says_what_the_policy_wants() {
        assert_eq!(offered(&LENIENT).as_deref(), Some("permessage-deflate; client_max_window_bits"));
        let policy =
            DeflatePolicy { server_max_window_bits: 10, client_max_window_bits: 9, ..DeflatePolicy::default() };
        let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
            server_max_window_bits=10; client_max_window_bits=9";
        assert_eq!(offered(&policy).as_deref(), Some(expected));
        assert_eq!(offered(&DeflatePolicy::DISABLED), None);
    }

    #[test]
    fn no_extension_is_a_fine_answer() {
        assert_eq!(judge(&[], &LENIENT), Ok(None));
    }

    #[test]
    fn an_answer_within_the_offer_is_agreed_on() {
        let line =
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=8; client_max_window_bits=11";
        let negotiated = Negotiated {
            server_no_context_takeover: true,
            client_no_context_takeover: false,
            server_max_window_bits: 9,
            client_max_window_bits: 11,
        };
        assert_eq!(judge(&[line], &LENIENT), Ok(Some(negotiated)));
    }

    #[test]
    fn an_answer_beyond_the_offer_fails() {
        let asking = DeflatePolicy { server_no_context_takeover: true, ..LENIENT };
        let small = DeflatePolicy { server_max_window_bits: 10, client_max_window_bits: 10, ..LENIENT };
        for (line, policy) in [
            ("permessage-deflate", asking),
            ("permessage-deflate", small),
            ("permessage-deflate; server_max_window_bits=11", small),
            ("permessage-deflate; server_max_window_bits=10; client_max_window_bits=11", small),
            ("permessage-deflate; client_max_window_bits", LENIENT),
            ("permessage-deflate; client_max_window_bits=8", LENIENT),
            ("permessage-deflate; server_max_window_bits=16", LENIENT),
            ("permessage-deflate; server_max_window_bits", LENIENT),
            ("permessage-deflate; x", LENIENT),
            ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", LENIENT),
        ] {
            assert_eq!(judge(&[line], &policy), Err(UnacceptableExtensions::Parameters), "{line}");
        }
    }

    #[test]
    fn what_was_not_offered_or_stands_twice_fails() {
        let not_offered = Err(UnacceptableExtensions::NotOffered);
        assert_eq!(judge(&["permessage-deflate"], &DeflatePolicy::DISABLED), not_offered);
        assert_eq!(judge(&["x-other"], &LENIENT), not_offered);
        assert_eq!(judge(&["permessage-deflate, x-other"], &LENIENT), not_offered);
        let repeated = Err(UnacceptableExtensions::Repeated);
        assert_eq!(judge(&["permessage-deflate, permessage-deflate"], &LENIENT), repeated);
        assert_eq!(judge(&["permessage-deflate", "permessage-deflate"], &LENIENT), repeated);
        assert!(matches!(judge(&["permessage-deflate;"], &LENIENT), Err(UnacceptableExtensions::Malformed(_))));
    }
}
