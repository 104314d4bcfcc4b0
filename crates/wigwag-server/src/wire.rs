//! Types of messages, written down for the pages: `web/src/shared/wire/`. The tests that use this fail when a file there
//! differs from the Rust types; they write it when `UPDATE_WIRE=1` is set. `wigwag-services` has this file as well.

use std::path::Path;

use ts_rs::{Config, TS};

/// One TypeScript module.
pub(crate) struct Module {
    text: String,
    renew: String,
}

impl Module {
    /// An empty module, of what is declared in `source` and tested in the package `package`.
    pub(crate) fn new(source: &str, package: &str) -> Self {
        let renew = format!("UPDATE_WIRE=1 cargo test -p {package} wire_types");
        Self { text: format!("// Generated from {source}. To renew it:\n// {renew}\n"), renew }
    }

    /// Adds a type, with its documentation.
    pub(crate) fn add<T: TS>(&mut self) {
        // JSON has one kind of number, and none of ours passes 2^53.
        let config = Config::new().with_large_int("number");
        let (docs, declaration) = (T::docs().unwrap_or_default(), T::decl(&config));
        self.add_text(&format!("{docs}export {declaration}"));
    }

    /// Adds a constant or what else is TypeScript already.
    pub(crate) fn add_text(&mut self, text: &str) {
        self.text.push_str(&format!("\n{}\n", laid_out(text)));
    }

    /// Fails if the file differs.
    #[track_caller]
    pub(crate) fn check(&self, name: &str) {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/shared/wire"));
        let path = folder.join(name);
        if std::env::var_os("UPDATE_WIRE").is_some() {
            std::fs::create_dir_all(folder).expect("web/ is writable");
            std::fs::write(&path, &self.text).expect("web/ is writable");
        }
        let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(on_disk == self.text, "web/src/shared/wire/{name} is stale: {}", self.renew);
    }
}

/// A declaration as ts-rs writes it, with a field per line and a comment above it.
fn laid_out(declaration: &str) -> String {
    let fields = declaration.contains("{ \n") || declaration.contains(", \n");
    let text = declaration.replace("{ [", "{[");
    let text = if fields { text.replace("{ ", "{\n").replace(", }", ";\n}") } else { text.replace(", }", " }") };
    let text = text.replace("{[", "{ [");
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.replace("/**\n * ", "/** ").replace("\n */", " */").lines().map(str::trim_end) {
        let line = line.strip_suffix(',').map_or_else(|| line.to_owned(), |field| format!("{field};"));
        if line.is_empty() {
            continue;
        }
        inside &= !line.starts_with('}');
        out.push_str(if !out.is_empty() { "\n" } else { "" });
        out.push_str(if inside { "  " } else { "" });
        out.push_str(&line);
        inside |= line.ends_with('{');
    }
    out
}
