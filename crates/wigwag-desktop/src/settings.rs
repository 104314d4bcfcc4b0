//! What is kept between starts, in a JSON file of the user's own. Headers are not: they may hold secrets.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// What is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) url: String,
    /// Addresses that were connected to, the last one first.
    pub(crate) recent: Vec<String>,
    pub(crate) theme: Theme,
    pub(crate) reconnect: bool,
    /// Subprotocols, with commas between them.
    pub(crate) protocols: String,
    pub(crate) stream_text: String,
}

/// Light, dark, or as the system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "ws://127.0.0.1:8765/random".to_owned(),
            recent: Vec::new(),
            theme: Theme::System,
            reconnect: true,
            protocols: String::new(),
            stream_text: crate::stream::EXAMPLE.to_owned(),
        }
    }
}

impl Settings {
    /// What was kept; the defaults where there is nothing, or nothing that can be read.
    pub(crate) fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Replaces the file as a whole: a full disk leaves the old one.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let new = path.with_extension("json.new");
        fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        fs::rename(new, path)
    }

    /// This address was connected to. Without its query, which may hold a secret.
    pub(crate) fn remember(&mut self, url: &str) {
        let url = url.split('?').next().unwrap_or(url);
        url.clone_into(&mut self.url);
        self.recent.retain(|other| other != url);
        self.recent.insert(0, url.to_owned());
        self.recent.truncate(RECENT_MAX);
    }
}

/// `$XDG_CONFIG_HOME/wigwag/desktop.json`, or the same below `~/.config`; `None` without a home.
pub(crate) fn path() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base =
        set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config"))).or_else(|| set("APPDATA"))?;
    Some(base.join("wigwag/desktop.json"))
}

const RECENT_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_broken_files_are_the_defaults() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("deep/desktop.json");
        assert_eq!(Settings::load(&path), Settings::default());
        let mut settings = Settings { theme: Theme::Dark, ..Settings::default() };
        settings.remember("ws://127.0.0.1:1/echo");
        settings.save(&path).expect("saved");
        assert_eq!(Settings::load(&path), settings);
        fs::write(&path, "{").expect("written");
        assert_eq!(Settings::load(&path), Settings::default());
    }

    #[test]
    fn recent_addresses_are_ten_without_their_queries_the_last_one_first() {
        let mut settings = Settings::default();
        (0..12).for_each(|number| settings.remember(&format!("ws://host/{number}?token=secret")));
        settings.remember("ws://host/5");
        assert_eq!(settings.recent.len(), 10);
        assert_eq!(settings.recent[..2], ["ws://host/5", "ws://host/11"]);
        assert!(!serde_json::to_string(&settings).expect("JSON").contains("secret"));
    }
}
