//! What people forget: the walls between the crates (ARCHITECTURE.md), the protocol crate's abstinence, links in the
//! documents. Reads the tree, runs nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The crates of ARCHITECTURE.md, and of this workspace and its foreign crates what each may use.
const MAY_USE: &[(&str, &[&str], &[&str])] = &[
    ("wigwag-proto", &[], &["base64", "httparse", "sha1", "simdutf8", "thiserror", "zlib-rs"]),
    (
        "wigwag-net",
        &["wigwag-proto"],
        &[
            "fastrand",
            "mio",
            "nix",
            "rand",
            "rustix",
            "rustls",
            "rustls-native-certs",
            "slab",
            "socket2",
            "thiserror",
            "tracing",
        ],
    ),
    (
        "wigwag-server",
        &["wigwag-net", "wigwag-proto"],
        &[
            "axum",
            "bytes",
            "http",
            "http-body-util",
            "hyper",
            "hyper-util",
            "matchit",
            "prometheus-client",
            "rustls",
            "serde",
            "serde_json",
            "socket2",
            "thiserror",
            "tokio",
            "tower-service",
            "tracing",
        ],
    ),
    (
        "wigwag-gateway",
        &["wigwag-net", "wigwag-proto", "wigwag-server"],
        &["fastrand", "rand", "rustls", "serde_json", "thiserror", "tracing"],
    ),
    (
        "wigwag-services",
        &["wigwag-net", "wigwag-server"],
        &["fastrand", "serde", "serde_json", "tracing", "unicode-segmentation"],
    ),
    (
        "wigwag-load",
        &["wigwag-net", "wigwag-proto"],
        &[
            "askama",
            "base64",
            "fastrand",
            "hdrhistogram",
            "humantime",
            "itoa",
            "nix",
            "regex",
            "rlimit",
            "rustls",
            "serde",
            "serde_json",
            "socket2",
            "strsim",
            "thiserror",
            "toml",
        ],
    ),
    ("wigwag-web", &[], &[]),
    (
        "wigwag-desktop",
        &["wigwag-load", "wigwag-net", "wigwag-proto"],
        &["base64", "clap", "eframe", "egui_plot", "fastrand", "humantime", "rlimit", "serde", "serde_json"],
    ),
];

/// What would give the protocol crate a clock, a socket, random numbers, an environment or a log.
const NOT_IN_PROTO: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "std::thread",
    "std::fs",
    "Instant::now",
    "SystemTime",
    "fastrand",
    "rand::",
    "tracing",
    "println!",
    "eprintln!",
    "unsafe",
];

#[test]
fn crates_depend_only_on_what_architecture_allows() {
    for (name, own, foreign) in MAY_USE {
        let allowed: BTreeSet<&str> = own.iter().chain(*foreign).copied().collect();
        for dependency in dependencies(&root().join("crates").join(name).join("Cargo.toml")) {
            assert!(allowed.contains(dependency.as_str()), "{name} may not use {dependency} (see ARCHITECTURE.md)");
        }
    }
}

#[test]
fn every_crate_is_in_the_table_of_architecture() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    for entry in fs::read_dir(root().join("crates")).expect("there are crates") {
        let name = entry.expect("readable").file_name().into_string().expect("crates have ASCII names");
        assert!(architecture.contains(&format!("| `{name}` |")), "{name} is missing in ARCHITECTURE.md");
    }
}

#[test]
fn the_protocol_crate_has_no_clock_socket_random_number_or_log() {
    for file in files(&root().join("crates/wigwag-proto/src"), "rs") {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            for word in NOT_IN_PROTO {
                assert!(!line.contains(word), "{}: {word} in {line:?}", file.display());
            }
        }
    }
}

#[test]
fn links_between_documents_are_alive() {
    let mut documents = files(&root().join("docs"), "md");
    documents.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)));
    let mut links = 0;
    for document in documents {
        let text = read(&document);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let path = target.split('#').next().unwrap_or_default();
            let path = document.parent().expect("a file has a folder").join(path);
            assert!(path.exists(), "{}: dead link to {target}", document.display());
            links += 1;
        }
    }
    assert!(links > 0, "no link was found: is the test looking in the right place?");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The keys of `[dependencies]`.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = read(manifest);
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let keys = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    keys.filter(|key| !key.is_empty() && !key.starts_with('#')).map(str::to_owned).collect()
}

/// All files below `folder` with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found
}
