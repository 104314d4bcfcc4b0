//! The routes by path: which endpoint a request is for, and with which parameters.

use std::sync::Arc;

use wigwag_net::metrics::ROUTES_MAX;
use wigwag_proto::{Config, handshake::extensions::DeflatePolicy};

use crate::route::Route;

/// All routes of a server.
pub(crate) struct Routes {
    router: matchit::Router<usize>,
    entries: Vec<Entry>,
    default: Option<usize>,
}

/// One route.
pub(crate) struct Entry {
    /// Its path, `/rooms/{room}` for example.
    pub(crate) path: String,
    /// Its number in the metrics.
    pub(crate) number: u16,
    pub(crate) route: Box<dyn Route>,
    pub(crate) config: Arc<Config>,
    pub(crate) deflate: DeflatePolicy,
}

/// A route that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The path is no pattern, or is taken by another route.
    #[error("route {path:?}: {why}")]
    Path {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The default route is not among the routes.
    #[error("the default service {name:?} is none of: {known}")]
    UnknownDefault {
        /// The name as given.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// More routes than the metrics can tell apart.
    #[error("more than {} routes", ROUTES_MAX - 1)]
    TooMany,
}

/// A request's route.
pub(crate) struct Found<'r> {
    pub(crate) entry: &'r Entry,
    pub(crate) params: Vec<(String, String)>,
}

impl Routes {
    pub(crate) fn new(
        routes: Vec<(String, Box<dyn Route>)>,
        default: Option<&str>,
        config: &Arc<Config>,
        deflate: DeflatePolicy,
    ) -> Result<Self, RouteError> {
        // Number 0 is for connections that belong to no route: those that this process opens as client.
        if routes.len() >= ROUTES_MAX {
            return Err(RouteError::TooMany);
        }
        let mut router = matchit::Router::new();
        let mut entries = Vec::with_capacity(routes.len());
        for (index, (path, route)) in routes.into_iter().enumerate() {
            let invalid = |why: String| RouteError::Path { path: path.clone(), why };
            if !path.starts_with('/') {
                return Err(invalid("a path begins with /".to_owned()));
            }
            router.insert(&path, index).map_err(|error| invalid(error.to_string()))?;
            let config = route.config().map_or_else(|| config.clone(), Arc::new);
            let deflate = route.deflate().unwrap_or(deflate);
            entries.push(Entry { path, number: index as u16 + 1, route, config, deflate });
        }
        let default = default.map(|name| position(&entries, name)).transpose()?;
        Ok(Self { router, entries, default })
    }

    /// The route of a path; `/` is the default route's unless a route has it.
    pub(crate) fn find(&self, path: &str) -> Option<Found<'_>> {
        if let Ok(matched) = self.router.at(path) {
            let params = matched.params.iter().map(|(name, value)| (name.to_owned(), percent_decode(value)));
            return Some(Found { entry: &self.entries[*matched.value], params: params.collect() });
        }
        let default = self.default.filter(|_| path == "/")?;
        Some(Found { entry: &self.entries[default], params: Vec::new() })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names by the metrics' number.
    pub(crate) fn names(&self) -> Vec<String> {
        let outgoing = std::iter::once("outgoing".to_owned());
        outgoing.chain(self.entries.iter().map(|entry| entry.name().to_owned())).collect()
    }

    /// The paths that a person may try, for the body of a 404.
    pub(crate) fn paths(&self) -> String {
        self.entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Entry {
    /// The path without its first slash.
    pub(crate) fn name(&self) -> &str {
        match self.path.trim_start_matches('/') {
            "" => "/",
            name => name,
        }
    }
}

fn position(entries: &[Entry], name: &str) -> Result<usize, RouteError> {
    let wanted = name.trim_start_matches('/');
    let found = entries.iter().position(|entry| entry.path.trim_start_matches('/') == wanted);
    found.ok_or_else(|| RouteError::UnknownDefault {
        name: name.to_owned(),
        known: entries.iter().map(Entry::name).collect::<Vec<_>>().join(", "),
    })
}

/// Percent-decodes a path segment; what is no valid escape stays as it is, and what is no UTF-8 is replaced.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%').then(|| text.get(index + 1..index + 3)).flatten();
        let byte = escaped
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(bytes[index]));
        index += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_percent_decoded_and_a_broken_escape_stays() {
        let cases = [("a", "a"), ("a%20b", "a b"), ("%C3%A9", "é"), ("100%", "100%"), ("%zz", "%zz"), ("%+1", "%+1")];
        for (encoded, decoded) in cases {
            assert_eq!(percent_decode(encoded), decoded, "{encoded}");
        }
    }
}
