//! What a client asked for, kept small for as long as its upstream may have to be asked again.

/// The request to the upstream: target, subprotocols and headers, line by line in one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked(Box<str>);

impl Asked {
    /// Parts with a line break in them, which no header can have, are left out.
    pub(crate) fn new(target: &str, protocols: &[&str], headers: &[(String, String)]) -> Self {
        let mut text = format!("{target}\n{}", protocols.join(","));
        for (name, value) in headers.iter().filter(|(name, value)| !name.contains('\n') && !value.contains('\n')) {
            text.push_str(&format!("\n{name}:{value}"));
        }
        Self(text.into())
    }

    /// The same, with this subprotocol and no other: the one that the client was promised.
    pub(crate) fn with_protocol(&self, protocol: Option<&str>) -> Self {
        let headers: Vec<_> = self.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self::new(self.target(), protocol.as_slice(), &headers)
    }

    pub(crate) fn target(&self) -> &str {
        self.line(0)
    }

    pub(crate) fn protocols(&self) -> impl Iterator<Item = &str> {
        self.line(1).split(',').filter(|protocol| !protocol.is_empty())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split('\n').skip(2).filter_map(|line| line.split_once(':'))
    }

    fn line(&self, number: usize) -> &str {
        self.0.split('\n').nth(number).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_come_back() {
        let headers = [("A".to_owned(), "b: c".to_owned()), ("D".to_owned(), String::new())];
        let asked = Asked::new("/x?y", &["v2", "v1"], &headers);
        assert_eq!(asked.target(), "/x?y");
        assert_eq!(asked.protocols().collect::<Vec<_>>(), ["v2", "v1"]);
        assert_eq!(asked.headers().collect::<Vec<_>>(), [("A", "b: c"), ("D", "")]);
        let promised = asked.with_protocol(Some("v1"));
        assert_eq!(promised.protocols().collect::<Vec<_>>(), ["v1"]);
        assert_eq!(promised.headers().count(), 2);
        assert_eq!(asked.with_protocol(None).protocols().count(), 0);
        assert_eq!(Asked::new("/", &[], &[]).headers().count(), 0);
    }

    #[test]
    fn a_line_break_cannot_make_a_header() {
        let asked = Asked::new("/", &[], &[("A".to_owned(), "b\nEvil: c".to_owned())]);
        assert_eq!(asked.headers().count(), 0);
    }
}
