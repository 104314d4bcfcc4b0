//! Writes the table of embedded files: `web/dist` where the pages have been built, the placeholder in `static/` where not.
//!
//! rust-embed reads the folder at run time in debug builds and needs one to be there; a table of `include_bytes!` is
//! `&'static` everywhere, and knows what was compressed when the pages were built.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha1::{Digest as _, Sha1};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let (dist, placeholder) = (here.join("../../web/dist"), here.join("static"));
    if !dist.is_dir() && here.join("../../web").is_dir() {
        // Where it cannot be made, builds are slower and right all the same.
        let _ = make_folder_to_watch(&dist);
    }
    for folder in [&dist, &placeholder] {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    let built = dist.join("index.html").is_file();
    let folder = fs::canonicalize(if built { dist } else { placeholder })?;
    let mut table = format!("/// See [`BUILT`].\nconst IS_BUILT: bool = {built};\n\nstatic EMBEDDED: &[File] = &[\n");
    for path in files(&folder)? {
        table += &entry(&folder, &path)?;
    }
    table += "];\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("embedded.rs"), table)
}

/// Cargo takes a watched folder that is not there for changed at each build, so an empty one is better than none; and an old
/// one, or the next build would take it for changed.
fn make_folder_to_watch(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    fs::File::open(folder)?.set_modified(SystemTime::UNIX_EPOCH)
}

/// All files below `folder` that are not the compressed form of another one, in order.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if !(matches!(extension(&path), "br" | "gz") && path.with_extension("").is_file()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// One row of the table, as Rust.
fn entry(folder: &Path, path: &Path) -> io::Result<String> {
    let relative = path.strip_prefix(folder).expect("found below the folder");
    let url = relative.iter().map(|part| format!("/{}", part.to_string_lossy())).collect::<String>();
    let bytes = fs::read(path)?;
    let compressed = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let other = PathBuf::from(name);
        let smaller = fs::metadata(&other).is_ok_and(|file| file.len() < bytes.len() as u64);
        if smaller { format!("Some(include_bytes!({other:?}))") } else { "None".to_owned() }
    };
    Ok(format!(
        "    File {{\n        path: {url:?},\n        content_type: {:?},\n        hash: {:?},\n        \
         has_hashed_name: {},\n        plain: include_bytes!({path:?}),\n        brotli: {},\n        gzip: {},\n    }},\n",
        content_type(extension(path)),
        hash(&bytes),
        url.starts_with("/assets/"),
        compressed(".br"),
        compressed(".gz"),
    ))
}

fn hash(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn content_type(extension: &str) -> &'static str {
    match extension {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
