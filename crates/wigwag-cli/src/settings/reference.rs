//! docs/configuration.md, from the declarations. The test fails when the page on disk differs; it writes the page when
//! `UPDATE_DOCS=1` is set.

use std::fmt::Write as _;

use super::layers::OTHER_VARIABLES;
use super::{SETTINGS, Setting};

#[test]
fn configuration_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).expect("docs/ is writable");
    }
    let on_disk = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        on_disk == page,
        "docs/configuration.md is stale: UPDATE_DOCS=1 cargo test -p wigwag-cli configuration_page"
    );
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut about = "";
    for setting in SETTINGS {
        if setting.about != about {
            about = setting.about;
            let table = if setting.table.is_empty() {
                "at the top of the file".to_owned()
            } else {
                format!("`[{}]`", setting.table)
            };
            let _ = write!(page, "\n## {}: {table}\n\n{}\n\n{HEAD}", setting.heading(), about.trim());
        }
        page.push_str(&row(setting));
    }
    page.push_str("\n## Other variables\n\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in OTHER_VARIABLES {
        let _ = writeln!(page, "| `{name}` | {meaning} |");
    }
    page.push_str("| `NO_COLOR` | any value but the empty one turns colour off |\n");
    page
}

fn row(setting: &Setting) -> String {
    let default = if setting.default.is_empty() { "none".to_owned() } else { format!("`{}`", setting.default) };
    let value = setting.metavar.replace('|', "\\|");
    let (key, flag, variable, help) = (setting.key(), setting.flag(), setting.variable(), setting.help());
    let expected = setting.expectation();
    let help = if setting.range.is_some() { format!("{help} {}", range(setting)) } else { help.to_owned() };
    let help = if setting.metavar == "N" || setting.metavar == "SIZE" || setting.metavar == "TIME" {
        help
    } else {
        format!("{help} Value: {expected}.")
    };
    format!("| `{key}` | `--{flag} {value}`<br>`{variable}` | {default} | {help} |\n")
}

fn range(setting: &Setting) -> String {
    use super::types::Bytes;
    use super::value::Scalar;
    let range = setting.range.as_ref().expect("asked only where there is one");
    let show = match setting.metavar {
        "SIZE" => Bytes::amount_text,
        "TIME" => std::time::Duration::amount_text,
        _ => u32::amount_text,
    };
    format!("From {} to {}.", show(*range.start()), show(*range.end()))
}

const HEAD: &str = "| key | flag and variable | default | meaning |\n|---|---|---|---|\n";

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from crates/wigwag-cli/src/settings/declared.rs. To renew it:
     UPDATE_DOCS=1 cargo test -p wigwag-cli configuration_page -->

wigwag needs no configuration. Where you want another value, every setting has a flag, a variable and a key in a TOML
file. **A flag overrides a variable, a variable the file, the file the default.** A list is overridden as a whole.

```sh
wigwag serve --idle-timeout 2m
WIGWAG_IDLE_TIMEOUT=2m wigwag serve
wigwag serve --config wigwag.toml
```

```toml
# wigwag.toml
listen = [\"127.0.0.1:8765\", \"[::1]:8765\"]

[limits]
message-bytes-max = \"16MiB\"

[timeouts]
idle-timeout = \"2m\"
```

- `wigwag config` prints the effective configuration with the source of each value, as TOML that can be read again.
  It takes the flags of `serve`.
- `wigwag config --check FILE` says whether a file is valid: exit code 0 if it is, 2 if not, 1 if it cannot be read.
- An unknown key, variable or flag is an error, which names the nearest known one. So is a value that does not fit.
- SIZE is a number of bytes with or without unit (`65536`, `64KiB`, `1MB`); TIME has units (`250ms`, `10s`, `1m 30s`).
- A list is repeated as a flag (`--listen A --listen B`), has commas in a variable (`A,B`), and is an array in TOML.
- An empty variable counts as not set. Variables that container platforms set for services called `wigwag`
  (`WIGWAG_PORT`, `WIGWAG_SERVICE_HOST`, …) are ignored.
";
