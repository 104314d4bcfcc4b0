//! Types of settings that the standard library lacks: sizes, closed sets of words, and what only the server can judge:
//! networks, origins, hosts.

use bytesize::ByteSize;
use wigwag_server::Access;
use wigwag_server::addresses::{Network, NetworkError};

use super::value::{Refused, Scalar};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(usize);

/// An entry of the server's allow list of origins, which the server's own parser has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedOrigin(String);

/// An entry of the server's allow list of hosts, which the server's own parser has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedHost(String);

impl Bytes {
    pub(crate) fn get(self) -> usize {
        self.0
    }
}

/// Declares an enum whose variants are written as words.
macro_rules! words {
    ($(#[$attribute:meta])* $Name:ident $metavar:literal { $($Variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $Name { $($Variant),+ }

        impl $Name {
            pub(crate) const WORDS: &[&str] = &[$($word),+];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word),+ }
            }
        }

        impl Scalar for $Name {
            const METAVAR: &'static str = $metavar;

            fn form() -> String {
                format!("one of {}", Self::WORDS.join(", "))
            }

            fn parse(text: &str) -> Result<Self, Refused> {
                match text { $($word => Ok(Self::$Variant),)+ _ => Err(Refused::Form) }
            }

            fn text(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

words! {
    /// A service that comes with the server.
    ServiceName "SERVICE" { Echo = "echo", Random = "random", Stream = "stream", Letters = "letters" }
}

words! {
    /// What becomes of messages that a replay rule says nothing of.
    ReplayOthers "WHAT" { Replay = "replay", Forget = "forget" }
}

words! {
    /// The least severe level that is logged.
    LogLevel "LEVEL" { Off = "off", Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace" }
}

words! {
    /// How log lines look.
    LogFormat "FORMAT" { Text = "text", Json = "json" }
}

impl Scalar for Bytes {
    const METAVAR: &'static str = "SIZE";

    fn form() -> String {
        "a size such as 64KiB or 1MiB".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let size: ByteSize = text.parse().map_err(|_| Refused::Form)?;
        usize::try_from(size.as_u64()).map(Self).map_err(|_| Refused::Form)
    }

    fn text(&self) -> String {
        Self::amount_text(self.0 as u64)
    }

    fn amount(&self) -> Option<u64> {
        Some(self.0 as u64)
    }

    /// In the largest unit that says it exactly.
    fn amount_text(amount: u64) -> String {
        let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        let exact = units.iter().find(|(shift, _)| amount != 0 && amount.trailing_zeros() >= *shift);
        exact.map_or_else(|| amount.to_string(), |(shift, unit)| format!("{}{unit}", amount >> shift))
    }
}

impl Scalar for Network {
    const METAVAR: &'static str = "CIDR";

    fn form() -> String {
        "an address or network such as 10.0.0.0/8 or ::1".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        text.parse().map_err(|error| match error {
            NetworkError::HostBits { .. } => Refused::Reason(error.to_string()),
            _ => Refused::Form,
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Scalar for AllowedOrigin {
    const METAVAR: &'static str = "ORIGIN";

    fn form() -> String {
        "an origin such as https://example.org, a name such as example.org or `*.example.org`, `null`, or `*` for any"
            .to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        Access::check_origin(text).map_err(|_| Refused::Form)?;
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl Scalar for AllowedHost {
    const METAVAR: &'static str = "HOST";

    fn form() -> String {
        "a host such as ws.example.org, ws.example.org:8765, [::1] or `*.example.org`, or `*` for any".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        Access::check_host(text).map_err(|_| Refused::Form)?;
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: Scalar>(text: &str, shown: Option<&str>) {
        assert_eq!(T::parse(text).ok().map(|value| value.text()).as_deref(), shown, "{text}");
    }

    #[test]
    fn sizes_are_shown_exactly() {
        for (text, shown) in [
            ("1MiB", Some("1MiB")),
            ("1 MiB", Some("1MiB")),
            ("1536", Some("1536")),
            ("1536KiB", Some("1536KiB")),
            ("1MB", Some("1000000")),
            ("0", Some("0")),
            ("-1", None),
            ("many", None),
            ("", None),
        ] {
            check::<Bytes>(text, shown);
        }
    }

    #[test]
    fn network_with_host_bits_is_answered_with_what_to_write() {
        check::<Network>("10.0.0.0/8", Some("10.0.0.0/8"));
        check::<Network>("::1", Some("::1/128"));
        assert_eq!(Network::parse("example.org"), Err(Refused::Form));
        let Err(Refused::Reason(reason)) = Network::parse("10.0.0.1/8") else { panic!("it has host bits") };
        assert!(reason.contains("10.0.0.0/8"), "{reason}");
    }

    #[test]
    fn origins_are_those_that_the_server_takes_and_stay_as_they_are() {
        for (text, shown) in [
            ("https://Example.org", Some("https://Example.org")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("*.example.org", Some("*.example.org")),
            ("null", Some("null")),
            ("*", Some("*")),
            ("https://example.org/app", None),
            ("https://user@example.org", None),
            ("https://", None),
            ("https://a:b", None),
        ] {
            check::<AllowedOrigin>(text, shown);
        }
    }

    #[test]
    fn hosts_are_those_that_the_server_takes_and_stay_as_they_are() {
        for (text, shown) in [
            ("ws.example.org", Some("ws.example.org")),
            ("example.org:8765", Some("example.org:8765")),
            ("*.example.org", Some("*.example.org")),
            ("[::1]", Some("[::1]")),
            ("*", Some("*")),
            ("https://example.org", None),
            ("null", None),
            ("", None),
        ] {
            check::<AllowedHost>(text, shown);
        }
    }
}
