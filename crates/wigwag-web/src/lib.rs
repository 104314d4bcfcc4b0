//! The pages, embedded in the binary: bytes by path. They ask for nothing from any other host, and work under
//! [`CONTENT_SECURITY_POLICY`].
//!
//! Absent on purpose: HTTP, routing, and the state of any service. Whoever serves them sets the headers.

/// A file to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// For the header `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub bytes: &'static [u8],
    /// For the header `Cache-Control`.
    pub cache: &'static str,
}

/// The `Content-Security-Policy` under which the pages work: their own files and WebSockets of their own host. Browsers
/// take `'self'` of `connect-src` to include them.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file at the path of a URL, if there is one. `/` is the page.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    let path = if path == "/" { "/index.html" } else { path };
    FILES.iter().find(|(name, _)| *name == path).map(|(_, file)| *file)
}

/// All paths that [`file`] knows, `/` apart.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

static FILES: &[(&str, File)] = &[
    ("/index.html", embed(HTML, include_bytes!("../static/index.html"))),
    ("/app.js", embed(SCRIPT, include_bytes!("../static/app.js"))),
    ("/style.css", embed(STYLE, include_bytes!("../static/style.css"))),
    ("/mark.svg", embed(IMAGE, include_bytes!("../static/mark.svg"))),
];

/// The names of the files stay while their content changes with the version: browsers are to ask each time.
const fn embed(content_type: &'static str, bytes: &'static [u8]) -> File {
    File { content_type, bytes, cache: "no-cache" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> &'static str {
        let file = file(path).unwrap_or_else(|| panic!("{path} is embedded"));
        std::str::from_utf8(file.bytes).expect("files are UTF-8")
    }

    #[test]
    fn page_is_whole_and_found_at_the_root() {
        assert_eq!(file("/"), file("/index.html"));
        assert!(text("/").starts_with("<!doctype html>") && text("/").trim_end().ends_with("</html>"));
        for path in ["", "/nothing", "//", "/index.html/", "/../Cargo.toml", "/static/app.js"] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn what_the_page_refers_to_is_embedded() {
        let references = text("/").split(['"']).filter(|part| part.starts_with('/'));
        let references: Vec<&str> = references.collect();
        assert_eq!(references.len(), 4, "{references:?}");
        for reference in references {
            assert!(file(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for path in paths() {
            let text = text(path).replace("http://www.w3.org/2000/svg", "");
            for forbidden in ["http://", "https://", "<style", "style=", " onclick", "javascript:", "@import", "eval("]
            {
                assert!(!text.contains(forbidden), "{forbidden} in {path}");
            }
        }
        for script in text("/").split("<script").skip(1) {
            assert!(script.contains("src=") && script.contains("></script>"), "a script without a file: {script}");
        }
    }
}
