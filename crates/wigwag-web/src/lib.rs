//! The pages, embedded in the binary: what `npm run build` made of `web/`, or a placeholder that says how to make it. They
//! ask for nothing from any other host, and work under [`CONTENT_SECURITY_POLICY`].
//!
//! Absent on purpose: HTTP, routing, and the state of any service. Whoever serves them chooses the encoding and sets the
//! headers.

/// A file to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// The path of its URL.
    pub path: &'static str,
    /// For the header `Content-Type`.
    pub content_type: &'static str,
    /// Of the content, in hexadecimal digits: another content has another one.
    pub hash: &'static str,
    /// Its name changes with its content, so that who has it need never ask again.
    pub has_hashed_name: bool,
    /// The content.
    pub plain: &'static [u8],
    /// The content, compressed for `Content-Encoding: br`, if that is smaller.
    pub brotli: Option<&'static [u8]>,
    /// The content, compressed for `Content-Encoding: gzip`, if that is smaller.
    pub gzip: Option<&'static [u8]>,
}

/// The pages are in this binary; otherwise it is the placeholder.
pub const BUILT: bool = IS_BUILT;

/// The `Content-Security-Policy` under which the pages work: their own files, and WebSockets to anywhere, because the Console
/// connects to whatever a person types.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// All files; the page is `/index.html`.
#[must_use]
pub fn files() -> &'static [File] {
    EMBEDDED
}

/// The file at the path of a URL, if there is one. `/` is the page.
#[must_use]
pub fn file(path: &str) -> Option<&'static File> {
    let path = if path == "/" { "/index.html" } else { path };
    EMBEDDED.iter().find(|file| file.path == path)
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    const PLACEHOLDER: [(&str, &str); 3] = [
        ("/index.html", include_str!("../static/index.html")),
        ("/placeholder.css", include_str!("../static/placeholder.css")),
        ("/mark.svg", include_str!("../static/mark.svg")),
    ];

    /// What attributes of a page name by a path of this host.
    fn references(page: &str) -> impl Iterator<Item = &str> {
        page.split("=\"/").skip(1).filter_map(|rest| rest.split('"').next()).filter(|path| !path.is_empty())
    }

    fn check_whole_and_strict(page: &str) {
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
        for forbidden in ["http://", "https://", "<style", " style=", " onclick", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
        for script in page.split("<script").skip(1) {
            assert!(script.contains("src=") && script.contains("></script>"), "a script without a file: {script}");
        }
    }

    #[test]
    fn page_is_found_at_the_root() {
        let page = file("/").expect("a page is embedded, built or not");
        assert_eq!(Some(page), file("/index.html"));
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(!page.has_hashed_name, "its name stays while its content changes");
        for path in ["", "/nothing", "//", "/index.html/", "/../Cargo.toml", "/static/index.html", "/index.html.gz"] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn page_is_whole_and_what_it_refers_to_is_embedded() {
        let page = str::from_utf8(file("/").expect("a page").plain).expect("pages are UTF-8");
        check_whole_and_strict(page);
        let references: Vec<String> = references(page).map(|path| format!("/{path}")).collect();
        assert!(references.len() > 1, "{references:?}");
        for reference in references {
            assert!(file(&reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn placeholder_is_whole_and_says_how_to_build_the_pages() {
        let (_, page) = PLACEHOLDER[0];
        check_whole_and_strict(page);
        for command in ["make run", "npm --prefix web ci", "npm --prefix web run build", "cargo build"] {
            assert!(page.contains(command), "{command}");
        }
        for reference in references(page) {
            assert!(PLACEHOLDER.iter().any(|(path, _)| path[1..] == *reference), "{reference}");
        }
    }

    #[test]
    fn built_pages_are_embedded_with_their_compressed_forms() {
        if !BUILT {
            return;
        }
        assert!(files().iter().any(|file| file.has_hashed_name), "no /assets/");
        for file in files().iter().filter(|file| file.content_type.contains("javascript") && file.plain.len() > 4096) {
            assert!(file.brotli.is_some() && file.gzip.is_some(), "{}", file.path);
        }
    }

    #[test]
    fn compressed_forms_are_smaller_and_hashes_differ() {
        let mut hashes: Vec<_> = files().iter().map(|file| (file.hash, file.plain)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let contents = hashes.len();
        hashes.dedup_by_key(|(hash, _)| *hash);
        assert_eq!(contents, hashes.len());
        for file in files() {
            for compressed in [file.brotli, file.gzip].into_iter().flatten() {
                assert!(compressed.len() < file.plain.len(), "{}", file.path);
            }
        }
    }
}
