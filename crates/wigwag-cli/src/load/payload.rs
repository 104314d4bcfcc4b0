//! What to send, from a flag or a file.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use wigwag_load::plan::{Payload, Script, Template};

/// The ledger's own payload where neither is given.
pub(super) fn source(message: Option<&str>, file: Option<&Path>) -> anyhow::Result<Payload> {
    if let Some(text) = message {
        return Ok(Payload::Template(text.parse().context("--message")?));
    }
    let Some(path) = file else { return Ok(Payload::Ledger) };
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("--message-file {shown}"))?;
    let lines: Vec<Template> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| line.parse().with_context(|| format!("{shown}, line {}", number + 1)))
        .collect::<anyhow::Result<_>>()?;
    if lines.is_empty() {
        bail!("--message-file {shown}: no line in it");
    }
    Ok(Payload::Lines(lines.into()))
}

/// A scenario, with all that is wrong with it.
pub(super) fn script(path: &Path) -> anyhow::Result<Arc<Script>> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("--script {shown}"))?;
    let script = Script::parse(&shown.to_string(), &text);
    script.map(Arc::new).with_context(|| format!("--script {shown} cannot be used"))
}
