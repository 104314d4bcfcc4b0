//! The gateway's routes: where a path is relayed to, and in which options it differs from the gateway's own settings.
//!
//! As text a route is `/path=ws://host/path; hold=5s; replay-key=letter`; in the file it may be a table with the keys
//! `path`, `upstream` and the options. An option has the name, type and range of the gateway's setting that it replaces.

use std::fmt::Write as _;
use std::time::Duration;

use wigwag_net::url::WsUrl;

use super::declared::{Gateway, SETTINGS};
use super::file::nearest;
use super::setting::Setting;
use super::types::{Bytes, ReplayOthers};
use super::value::{Reading, Refused, Scalar, Value};

/// What `upstream` is for.
pub(crate) const UPSTREAM_PATH: &str = "/ws";

/// What to do about a replay without a hold.
pub(super) const HOLD_TO_REPLAY: &str = "give hold a time such as 30s, or leave replay-on-reconnect out";

/// The paths of the services that come with `wigwag serve`.
const SERVICE_PATHS: [&str; 4] = ["/echo", "/random", "/stream", "/letters"];

/// A URL that a connection can be opened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream(pub(crate) WsUrl);

/// A path, where it is relayed to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteRule {
    pub(crate) path: String,
    /// Absent only for paths that are relayed without a rule: then the rule is about their options.
    upstream: Option<Upstream>,
    options: RouteOptions,
}

/// A relayed path with everything settled.
#[derive(Clone, Debug)]
pub(crate) struct Relayed {
    pub(crate) path: String,
    pub(crate) upstream: WsUrl,
    /// The gateway's settings as they are for this path.
    pub(crate) settings: Gateway,
}

/// The name of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderName(pub(crate) String);

/// The key of a member of a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonKey(pub(crate) String);

/// A member of a JSON object: its key, and its value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonMatch {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Declares which of the gateway's settings a route may have a value of its own for.
macro_rules! options {
    ($($field:ident: $type:ty),+ $(,)?) => {
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        struct RouteOptions {$(
            $field: Option<$type>,
        )+}

        impl RouteOptions {
            const NAMES: &[&str] = &[$(stringify!($field)),+];

            fn set(&mut self, setting: &Setting, texts: &[String]) -> Result<(), Refused> {
                let reading = Reading { range: setting.range.as_ref(), absent: setting.default, directory: None };
                match setting.field {
                    $(stringify!($field) => self.$field = Some(<$type>::read(texts, &reading)?),)+
                    _ => return Err(Refused::Form),
                }
                Ok(())
            }

            /// Each option that is set, as the text of its values.
            fn texts(&self) -> Vec<(&'static str, Vec<String>)> {
                let mut texts = Vec::new();
                $(if let Some(value) = &self.$field {
                    texts.push((stringify!($field), value.texts("")));
                })+
                texts
            }

            fn applied_to(&self, gateway: &Gateway) -> Gateway {
                let mut gateway = gateway.clone();
                $(if let Some(value) = &self.$field {
                    gateway.$field.clone_from(value);
                })+
                gateway
            }
        }
    };
}

options! {
    hold: Duration,
    hold_bytes_max: Bytes,
    connect_timeout: Duration,
    retry_min: Duration,
    retry_max: Duration,
    replay_on_reconnect: bool,
    replay_bytes_max: Bytes,
    replay_key: Vec<JsonKey>,
    replay_cancel: Vec<JsonMatch>,
    replay_ignore_case: bool,
    replay_others: ReplayOthers,
    pass_cookies: bool,
    pass_authorization: bool,
    pass_header: Vec<HeaderName>,
    forwarded: bool,
    upstream_deflate: bool,
}

impl Gateway {
    /// Every path that is relayed, in the order in which a person is told: those of the rules last.
    pub(crate) fn relayed(&self) -> Vec<Relayed> {
        let settled = |path: &str, upstream: WsUrl, rule: Option<&RouteRule>| Relayed {
            path: path.to_owned(),
            upstream,
            settings: rule.map_or_else(|| self.clone(), |rule| rule.options.applied_to(self)),
        };
        let usual = self.usual_paths().map(|path| {
            let rule = self.route.iter().find(|rule| rule.path == path);
            let own = rule.and_then(|rule| rule.upstream.clone());
            settled(path, own.map_or_else(|| self.usual_upstream(path), |upstream| upstream.0), rule)
        });
        let others = self.route.iter().filter(|rule| !self.usual_paths().any(|path| path == rule.path));
        let others = others.filter_map(|rule| Some(settled(&rule.path, rule.upstream.clone()?.0, Some(rule))));
        usual.chain(others).collect()
    }

    /// The paths that are relayed without a rule.
    fn usual_paths(&self) -> impl Iterator<Item = &'static str> {
        let services: &[&str] = if self.relay_services { &SERVICE_PATHS } else { &[] };
        std::iter::once(UPSTREAM_PATH).chain(services.iter().copied())
    }

    fn usual_upstream(&self, path: &str) -> WsUrl {
        let Upstream(upstream) = &self.upstream;
        if path == UPSTREAM_PATH { upstream.clone() } else { with_target(upstream, path) }
    }
}

/// What contradicts in the routes, a sentence each.
pub(super) fn problems(gateway: &Gateway) -> Vec<String> {
    let is_usual = |rule: &&RouteRule| gateway.usual_paths().any(|path| path == rule.path);
    let homeless = gateway.route.iter().filter(|rule| rule.upstream.is_none() && !is_usual(rule));
    let homeless = homeless.map(|rule| {
        let usual = gateway.usual_paths().collect::<Vec<_>>().join(", ");
        format!("route {} has no upstream: write {}=ws://… (only {usual} have one already)", rule.path, rule.path)
    });
    let idle = gateway.route.iter().filter(|rule| {
        let has_rules = rule.options.replay_key.is_some() || rule.options.replay_cancel.is_some();
        has_rules && !rule.options.applied_to(gateway).replay_on_reconnect
    });
    let idle = idle.map(|rule| format!("route {} has replay rules, which need replay-on-reconnect", rule.path));
    let keyless = gateway.relayed().into_iter().filter(|relayed| {
        let settings = &relayed.settings;
        settings.replay_key.is_empty() && !settings.replay_cancel.is_empty()
    });
    let keyless = keyless.map(|relayed| format!("route {} has replay-cancel, which needs replay-key", relayed.path));
    // Where the gateway's own settings say so, that is said once.
    let is_said = gateway.replay_on_reconnect && gateway.hold.is_zero();
    let vain = gateway
        .relayed()
        .into_iter()
        .filter(|relayed| !is_said && relayed.settings.replay_on_reconnect && relayed.settings.hold.is_zero());
    let vain = vain.map(|relayed| {
        format!("route {} has replay-on-reconnect, but hold 0 leaves no time to replay: {HOLD_TO_REPLAY}", relayed.path)
    });
    homeless.chain(idle).chain(keyless).chain(vain).collect()
}

/// The same server, asked for something else.
fn with_target(url: &WsUrl, target: &str) -> WsUrl {
    let whole = url.to_string();
    let origin = whole.strip_suffix(&url.target()).unwrap_or(&whole);
    format!("{origin}{target}").parse().expect("another path does not spoil a URL")
}

/// Why no connection can be opened to a URL, if so.
pub(super) fn problem_of_url(text: &str) -> Option<String> {
    match Upstream::parse(text) {
        Err(Refused::Reason(reason)) => Some(reason),
        _ => None,
    }
}

/// The text of a route that is a table in the file.
pub(super) fn text_of_table(parts: &[(String, Vec<String>)]) -> Result<String, String> {
    let single = |name: &str| parts.iter().find(|(key, _)| key == name).map(|(_, values)| values.as_slice());
    let Some([path]) = single("path") else { return Err("a route needs a `path`".to_owned()) };
    let mut text = path.clone();
    match single("upstream") {
        Some([upstream]) => text += &format!("={upstream}"),
        Some(_) => return Err("a route has one `upstream`".to_owned()),
        None => {}
    }
    for (key, values) in parts.iter().filter(|(key, _)| key != "path" && key != "upstream") {
        for value in values {
            let _ = write!(text, "; {key}={value}");
        }
    }
    Ok(text)
}

impl Scalar for RouteRule {
    const METAVAR: &'static str = "/PATH=URL";
    const TABULAR: bool = true;

    fn form() -> String {
        "/PATH=URL such as /chat=ws://127.0.0.1:9000/chat, with options such as `; hold=5s` behind it".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let mut parts = text.split(';').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let (path, upstream) = match first.split_once('=') {
            Some((path, url)) => (path.trim(), Some(Upstream::parse(url.trim())?)),
            None => (first, None),
        };
        if !is_path(path) {
            return Err(Refused::Form);
        }
        let mut given: Vec<(&Setting, Vec<String>)> = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, "on"));
            let setting = option(name.trim())?;
            match given.iter_mut().find(|(other, _)| other.is(setting)) {
                Some((_, values)) => values.push(value.trim().to_owned()),
                None => given.push((setting, vec![value.trim().to_owned()])),
            }
        }
        let mut options = RouteOptions::default();
        for (setting, values) in given {
            options.set(setting, &values).map_err(|refused| refused.of(setting))?;
        }
        Ok(Self { path: path.to_owned(), upstream, options })
    }

    fn text(&self) -> String {
        let mut text = self.path.clone();
        if let Some(Upstream(url)) = &self.upstream {
            let _ = write!(text, "={url}");
        }
        for (field, values) in self.options.texts() {
            for value in values {
                let _ = write!(text, "; {}={value}", field.replace('_', "-"));
            }
        }
        text
    }
}

/// The setting of the gateway that an option of a route stands for.
fn option(name: &str) -> Result<&'static Setting, Refused> {
    let options =
        || SETTINGS.iter().filter(|setting| setting.table == "gateway" && RouteOptions::NAMES.contains(&setting.field));
    let found = options().find(|setting| setting.key() == name);
    found.ok_or_else(|| {
        let hint = nearest(name, options().map(Setting::key)).map(|near| format!(": did you mean `{near}`?"));
        Refused::Reason(format!("a route has no option `{name}`{}", hint.unwrap_or_default()))
    })
}

impl Refused {
    /// Says which option of a route was refused.
    fn of(self, setting: &Setting) -> Self {
        let reason = match self {
            Self::Form => format!("expected {}", setting.expectation()),
            Self::Reason(reason) => reason,
        };
        Self::Reason(format!("`{}`: {reason}", setting.key()))
    }
}

/// A path without parameters: what is relayed is named, not matched.
fn is_path(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#{}\\\"".contains(&byte);
    text.starts_with('/') && text.bytes().all(is_plain)
}

impl Scalar for Upstream {
    const METAVAR: &'static str = "URL";

    fn form() -> String {
        "a URL such as ws://127.0.0.1:8765/letters".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        text.parse().map(Self).map_err(|error: wigwag_net::url::UrlError| Refused::Reason(error.to_string()))
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

impl Scalar for HeaderName {
    const METAVAR: &'static str = "NAME";

    fn form() -> String {
        "the name of a header such as X-Request-Id".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_token) {
            return Err(Refused::Form);
        }
        match text.to_ascii_lowercase().as_str() {
            "cookie" => Err(Refused::Reason("use --pass-cookies".to_owned())),
            "authorization" => Err(Refused::Reason("use --pass-authorization".to_owned())),
            _ => Ok(Self(text.to_owned())),
        }
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl Scalar for JsonKey {
    const METAVAR: &'static str = "KEY";

    fn form() -> String {
        "the key of a JSON message such as letter".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        if text.is_empty() { Err(Refused::Form) } else { Ok(Self(text.to_owned())) }
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl Scalar for JsonMatch {
    const METAVAR: &'static str = "KEY=VALUE";

    fn form() -> String {
        "key and value of a JSON message such as action=unsubscribe".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or(Refused::Form)?;
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }

    fn text(&self) -> String {
        format!("{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::GivenFlags;
    use crate::settings::{Serving, load};

    fn gateway(variables: &[(&str, &str)]) -> Result<Gateway, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let effective = load(&GivenFlags::default(), Some(Serving::Gateway), variables);
        effective.map(|effective| effective.settings.gateway).map_err(|error| error.to_string())
    }

    fn lines(gateway: &Gateway) -> Vec<String> {
        gateway.relayed().iter().map(|relayed| format!("{} {}", relayed.path, relayed.upstream)).collect()
    }

    #[test]
    fn a_route_reads_back_as_it_is_written() {
        for text in [
            "/chat=ws://127.0.0.1:9000/chat",
            "/chat=wss://chat.example/rooms/1?a=b",
            "/ws; replay-on-reconnect=true; replay-key=letter; replay-cancel=action=unsubscribe",
            "/chat=ws://h:1/; hold=1m 30s; hold-bytes-max=1KiB; pass-header=X-A; pass-header=X-B",
        ] {
            let rule = RouteRule::parse(text).unwrap_or_else(|refused| panic!("{text}: {refused:?}"));
            assert_eq!(rule.text(), text);
        }
    }

    #[test]
    fn what_is_no_route_is_refused_with_the_reason() {
        let reason = |text: &str| match RouteRule::parse(text) {
            Err(Refused::Reason(reason)) => reason,
            other => panic!("{text}: {other:?}"),
        };
        assert!(reason("/a=http://h/").contains("unknown scheme http://"));
        assert!(reason("/a=ws://h/; hol=1s").contains("did you mean `hold`?"));
        assert!(reason("/a=ws://h/; hold=2h").contains("`hold`: expected a time"));
        assert!(reason("/a=ws://h/; hold=1s; hold=2s").contains("`hold`: expected a time"));
        assert!(reason("/a=ws://h/; replay-on-reconnect=perhaps").contains("expected on or off"));
        for text in ["a=ws://h/", "=ws://h/", "/a b=ws://h/", "/{room}=ws://h/", ""] {
            assert_eq!(RouteRule::parse(text), Err(Refused::Form), "{text}");
        }
    }

    #[test]
    fn services_are_relayed_to_the_host_of_the_upstream() {
        let all = gateway(&[("WIGWAG_UPSTREAM", "wss://[::1]:9/x?y")]).expect("valid");
        assert_eq!(
            lines(&all),
            [
                "/ws wss://[::1]:9/x?y",
                "/echo wss://[::1]:9/echo",
                "/random wss://[::1]:9/random",
                "/stream wss://[::1]:9/stream",
                "/letters wss://[::1]:9/letters"
            ]
        );
        let alone = gateway(&[("WIGWAG_RELAY_SERVICES", "off")]).expect("valid");
        assert_eq!(lines(&alone), ["/ws ws://127.0.0.1:8765/letters"]);
    }

    #[test]
    fn a_rule_replaces_the_upstream_of_a_usual_path_or_only_its_options() {
        let rules = "/echo=ws://other/e, /letters; hold=1s, /chat=ws://h/c; replay-on-reconnect";
        let gateway = gateway(&[("WIGWAG_ROUTE", rules), ("WIGWAG_HOLD", "2s")]).expect("valid");
        assert!(lines(&gateway).contains(&"/echo ws://other/e".to_owned()));
        let relayed = |path: &str| gateway.relayed().into_iter().find(|one| one.path == path).expect("relayed");
        assert_eq!(relayed("/letters").upstream.to_string(), "ws://127.0.0.1:8765/letters");
        assert_eq!(relayed("/letters").settings.hold, Duration::from_secs(1));
        assert_eq!(relayed("/chat").settings.hold, Duration::from_secs(2));
        assert!(relayed("/chat").settings.replay_on_reconnect && !relayed("/ws").settings.replay_on_reconnect);
    }

    #[test]
    fn contradictions_are_named() {
        let problem = |variables: &[(&str, &str)]| gateway(variables).expect_err("a contradiction");
        assert!(problem(&[("WIGWAG_ROUTE", "/chat")]).starts_with("route /chat has no upstream"));
        assert!(problem(&[("WIGWAG_ROUTE", "/a=ws://h/,/a=ws://h/")]).contains("has /a twice"));
        for path in ["/metrics/live", "/metrics", "/healthz", "/readyz", "/assets/x"] {
            let message = problem(&[("WIGWAG_ROUTE", &format!("{path}=ws://h/"))]);
            assert!(message.contains(&format!("has {path}, which the gateway answers itself")), "{message}");
        }
        assert!(gateway(&[("WIGWAG_ROUTE", "/=ws://h/,/metrics/mine=ws://h/,/assets=ws://h/")]).is_ok());
        assert!(problem(&[("WIGWAG_ROUTE", "/ws; replay-key=a")]).contains("need replay-on-reconnect"));
        assert_eq!(
            problem(&[("WIGWAG_REPLAY_ON_RECONNECT", "on"), ("WIGWAG_HOLD", "0s")]),
            "replay-on-reconnect (true, from WIGWAG_REPLAY_ON_RECONNECT) has no time to replay in with hold (0s, from \
             WIGWAG_HOLD): give hold a time such as 30s, or leave replay-on-reconnect out"
        );
        assert!(
            problem(&[("WIGWAG_ROUTE", "/ws; replay-on-reconnect; hold=0s")]).starts_with("route /ws has replay-on")
        );
        assert!(gateway(&[("WIGWAG_HOLD", "0s"), ("WIGWAG_ROUTE", "/ws; replay-on-reconnect; hold=1s")]).is_ok());
        let both = [("WIGWAG_INSECURE_UPSTREAM", "on"), ("WIGWAG_UPSTREAM_CA", "a.pem")];
        assert!(problem(&both).contains("contradicts upstream-ca"));
    }

    #[test]
    fn names_of_headers_are_judged() {
        assert_eq!(HeaderName::parse("X-Request-Id"), Ok(HeaderName("X-Request-Id".to_owned())));
        assert_eq!(HeaderName::parse("a b"), Err(Refused::Form));
        assert!(matches!(HeaderName::parse("Cookie"), Err(Refused::Reason(_))));
    }
}
