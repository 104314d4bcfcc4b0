//! `wigwag-desktop`: a native window that sends, receives and monitors over WebSocket.
//!
//! | module | is |
//! |---|---|
//! | `app` | what the window holds, how it is laid out, keys |
//! | `bar` | address, state, how to connect, theme |
//! | `tabs` | what can be looked at, one file each |
//! | `link` | where a connection stands: a state machine without socket or window |
//! | `channel`, `wire` | a connection that is kept, and the thread that carries it |
//! | `log`, `stream`, `letters`, `monitor` | what the tabs show, as plain structs |
//! | `trial` | a load test of `wigwag-load`, watched |
//! | `settings`, `words`, `look` | what is kept; words and numbers for people; colours and sizes |
//!
//! A frame never waits: the network, load tests and files are on threads of their own. Absent on purpose: a ledger of its own,
//! and anything of the server.

mod app;
mod bar;
mod channel;
mod letters;
mod link;
mod log;
mod look;
mod monitor;
mod settings;
mod stream;
mod tabs;
#[cfg(test)]
mod tests;
mod trial;
mod wire;
mod words;

use std::process::ExitCode;

use clap::Parser;
use eframe::egui::ViewportBuilder;

use crate::settings::Settings;

/// A native window that sends, receives and monitors over WebSocket.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Args {
    /// Connect to this address at once; the scheme may be left out
    url: Option<String>,
}

const EXAMPLES: &str = "Examples:
  wigwag-desktop
  wigwag-desktop ws://127.0.0.1:8765/random
  wigwag-desktop :8765/echo

Keys: ctrl-l address, ctrl-enter send, ctrl-k clear, ctrl-1 to ctrl-6 tabs.";

fn main() -> ExitCode {
    let args = Args::parse();
    // Thousands of simulated clients want as many files.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("wigwag")
            .with_app_id("wigwag-desktop")
            .with_inner_size([1120.0, 760.0])
            .with_min_inner_size([760.0, 480.0])
            .with_icon(look::icon()),
        ..eframe::NativeOptions::default()
    };
    let run = eframe::run_native(
        "wigwag",
        options,
        Box::new(move |creation| {
            let path = settings::path();
            let settings = path.as_deref().map(Settings::load).unwrap_or_default();
            let mut desktop = app::begin(&creation.egui_ctx, settings, path)?;
            if let Some(url) = args.url {
                desktop.bar.address = url;
                desktop.connect();
            }
            Ok(Box::new(desktop))
        }),
    );
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = match error {
                // What the library says besides is for its authors.
                eframe::Error::WinitEventLoop(_) => "the display cannot be opened".to_owned(),
                error => error.to_string(),
            };
            eprintln!("error: no window: {why}");
            eprintln!("is there a display? wigwag-desktop needs X11 or Wayland; in a terminal, use: wigwag connect");
            ExitCode::FAILURE
        }
    }
}
