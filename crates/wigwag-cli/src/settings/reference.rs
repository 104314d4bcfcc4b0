//! docs/configuration.md, from the declarations. The test fails when the page on disk differs; it writes the page when
//! `UPDATE_DOCS=1` is set.

use std::fmt::Write as _;

use super::layers::OTHER_VARIABLES;
use super::{SETTINGS, Serving, Setting};

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
            let about = readers(section(about).map(|setting| setting.read_by)).map_or_else(
                || about.trim().to_owned(),
                |command| format!("{} For `wigwag {command}` only.", about.trim()),
            );
            let _ = write!(page, "\n## {}: {table}\n\n{about}\n\n{HEAD}", setting.heading());
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

fn section(about: &str) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |setting| setting.about == about)
}

/// The command that alone has all of these, if there is one.
fn readers(all: impl Iterator<Item = &'static [Serving]>) -> Option<&'static str> {
    let mut all = all.collect::<Vec<_>>();
    all.dedup();
    match all[..] {
        [[Serving::Serve]] => Some("serve"),
        [[Serving::Gateway]] => Some("gateway"),
        _ => None,
    }
}

fn row(setting: &Setting) -> String {
    let default = if setting.default.is_empty() { "none".to_owned() } else { format!("`{}`", setting.default) };
    let value = setting.metavar.replace('|', "\\|");
    let (key, flag, variable, help) = (setting.key(), setting.flag(), setting.variable(), setting.help());
    let expected = setting.expectation();
    let help = if setting.range.is_some() { format!("{help} {}", range(setting)) } else { help.to_owned() };
    let whole_section = readers(section(setting.about).map(|setting| setting.read_by));
    let help = match readers(std::iter::once(setting.read_by)) {
        Some(command) if whole_section.is_none() => format!("{help} For `wigwag {command}` only."),
        _ => help,
    };
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
wigwag gateway --config wigwag.toml
```

```toml
# wigwag.toml
listen = [\"127.0.0.1:8765\", \"[::1]:8765\"]

[limits]
message-bytes-max = \"16MiB\"

[timeouts]
idle-timeout = \"2m\"

[gateway]
upstream = \"ws://127.0.0.1:8765/letters\"
hold = \"1m\"

[[gateway.route]]                       # as text: \"/chat=ws://10.0.0.5:9000/chat; hold=5s\"
path = \"/chat\"
upstream = \"ws://10.0.0.5:9000/chat\"
hold = \"5s\"
```

- One file may serve both commands: `wigwag serve` and `wigwag gateway` share all tables but `[services]`, which only
  `serve` reads, and `[gateway]`, which only `gateway` reads. So does a variable of a name that both have (`WIGWAG_LISTEN`).
- `wigwag config` prints the effective configuration of both commands with the source of each value, as TOML that can be
  read again; it takes the flags of `serve`. `wigwag config serve` and `wigwag config gateway` take the flags of that
  command, and print what it reads.
- `wigwag config --check FILE` says whether a file is valid: exit code 0 if it is, 2 if not, 1 if it cannot be read.
- An unknown key, variable or flag is an error, which names the nearest known one. So is a value that does not fit.
- SIZE is a number of bytes with or without unit (`65536`, `64KiB`, `1MB`); TIME has units (`250ms`, `10s`, `1m 30s`).
- A list is repeated as a flag (`--listen A --listen B`), has commas in a variable (`A,B`), and is an array in TOML.
- An empty variable counts as not set. Variables that container platforms set for services called `wigwag`
  (`WIGWAG_PORT`, `WIGWAG_SERVICE_HOST`, …) are ignored.
";
