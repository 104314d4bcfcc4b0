//! Which encoding a request likes best (RFC 9110 §12.5.3), of those that a file was compressed in when it was built.

use axum::http::{HeaderMap, header::ACCEPT_ENCODING};
use wigwag_web::File;

/// A content coding, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// For the header `Content-Encoding`.
    pub(super) const fn content_coding(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// What stands for it in `Accept-Encoding`. §8.4.1.3: "x-gzip" is "equivalent to gzip".
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Brotli => &["br"],
            Self::Gzip => &["gzip", "x-gzip"],
            Self::Identity => &["identity"],
        }
    }
}

/// The best of what there is: by the request's weights, and the smaller one among equals.
pub(super) fn choose(file: &File, request: &HeaderMap) -> (Encoding, &'static [u8]) {
    let wishes = Wishes::new(request);
    let mut best = (wishes.weight(Encoding::Identity), Encoding::Identity, file.plain);
    for (encoding, bytes) in [(Encoding::Gzip, file.gzip), (Encoding::Brotli, file.brotli)] {
        let weight = wishes.weight(encoding);
        if let Some(bytes) = bytes.filter(|_| weight > 0 && weight >= best.0) {
            best = (weight, encoding, bytes);
        }
    }
    // Where nothing is acceptable, it is sent as it is: a client that refuses even that reads it better than a 406.
    (best.1, best.2)
}

/// The members of `Accept-Encoding` with their weights, in thousandths.
struct Wishes<'a>(Vec<(&'a str, u32)>);

impl<'a> Wishes<'a> {
    fn new(request: &'a HeaderMap) -> Self {
        let lines = request.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        Self(lines.flat_map(|line| line.split(',')).filter_map(member).collect())
    }

    fn weight(&self, encoding: Encoding) -> u32 {
        let find = |wanted: &str| self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let named = encoding.names().iter().find_map(|name| find(name)).or_else(|| find("*"));
        match (named, encoding) {
            (Some((_, weight)), _) => *weight,
            // Acceptable without being named, and less welcome than anything that was.
            (None, Encoding::Identity) => UNNAMED,
            (None, _) => 0,
        }
    }
}

/// `name` or `name;q=0.5`; none if it cannot be understood.
fn member(text: &str) -> Option<(&str, u32)> {
    let (name, parameter) = text.split_once(';').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let name = name.trim();
    let weight = match parameter {
        None => 1000,
        Some(parameter) => {
            let (key, value) = parameter.trim().split_once('=')?;
            let value: f32 = value.trim().parse().ok().filter(|_| key.trim().eq_ignore_ascii_case("q"))?;
            // The smallest weight that can be written is one thousandth; a cast saturates.
            (value.clamp(0.0, 1.0) * 1000.0).round() as u32
        }
    };
    (!name.is_empty()).then_some((name, weight * WEIGHT_UNIT))
}

/// Weights are multiplied by it, so that there is one below the smallest.
const WEIGHT_UNIT: u32 = 2;
const UNNAMED: u32 = 1;

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check_among(lines: &[&'static str], brotli: bool, gzip: bool, expected: Encoding) {
        let mut file = *wigwag_web::file("/").expect("a page is embedded");
        (file.plain, file.brotli, file.gzip) =
            (b"plain", brotli.then_some(b"brotli".as_slice()), gzip.then_some(b"gzip".as_slice()));
        let mut request = HeaderMap::new();
        for line in lines {
            request.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        let (encoding, bytes) = choose(&file, &request);
        assert_eq!(encoding, expected, "{lines:?}");
        let right: &[u8] = match encoding {
            Encoding::Brotli => b"brotli",
            Encoding::Gzip => b"gzip",
            Encoding::Identity => b"plain",
        };
        assert_eq!(bytes, right, "{lines:?}");
    }

    #[track_caller]
    fn check(line: &'static str, expected: Encoding) {
        check_among(&[line], true, true, expected);
    }

    #[test]
    fn unasked_it_is_sent_as_it_is() {
        check_among(&[], true, true, Encoding::Identity);
        check("", Encoding::Identity);
        check("zstd, deflate", Encoding::Identity);
    }

    #[test]
    fn brotli_is_first_among_equals() {
        check("gzip, deflate, br, zstd", Encoding::Brotli);
        check("br;q=0.5, gzip;q=0.5", Encoding::Brotli);
        check("*", Encoding::Brotli);
        check("GZIP", Encoding::Gzip);
        check("x-gzip", Encoding::Gzip);
        check_among(&["gzip", "br"], true, true, Encoding::Brotli);
    }

    #[test]
    fn weights_are_obeyed() {
        check("br;q=0.2, gzip;q=0.8", Encoding::Gzip);
        check("br;q=0, gzip", Encoding::Gzip);
        check("br ; Q=0.001", Encoding::Brotli);
        check("gzip;q=0.5, identity", Encoding::Identity);
        check("gzip;q=0, br;q=0", Encoding::Identity);
        check("*;q=0, gzip;q=0.1", Encoding::Gzip);
        check("br;q=0, *", Encoding::Gzip);
        check("br;q=9", Encoding::Brotli);
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        for line in [",,;", "br;q=", "br;q=x", "br;level=1", "br;q=NaN", ";q=1"] {
            check(line, Encoding::Identity);
        }
        check("br;q=x, gzip", Encoding::Gzip);
    }

    #[test]
    fn only_what_there_is_can_be_chosen() {
        check_among(&["br, gzip"], false, true, Encoding::Gzip);
        check_among(&["br, gzip"], false, false, Encoding::Identity);
        check_among(&["br"], false, true, Encoding::Identity);
        check_among(&["identity;q=0"], true, true, Encoding::Identity);
    }
}
