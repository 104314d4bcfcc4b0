//! The connection bar: where to, in what state, and how.

use std::time::Instant;

use eframe::egui::{self, Key, Margin, RichText, Stroke};

use crate::{
    app::Desktop,
    channel::Manner,
    link::{Link, Status},
    look,
    settings::Theme,
    words,
};

/// What is typed in the bar and not kept.
#[derive(Default)]
pub(crate) struct Bar {
    pub(crate) address: String,
    /// One `Name: value` a line.
    pub(crate) headers_text: String,
    /// Whether the second row is shown.
    pub(crate) more: bool,
    /// The address is to be typed next.
    pub(crate) focus: bool,
    /// Why the address cannot be used.
    pub(crate) trouble: Option<String>,
}

impl Bar {
    /// How to connect, or what is wrong with what was typed.
    pub(crate) fn manner(&self, protocols: &str) -> Result<Manner, String> {
        for line in self.headers_text.lines().filter(|line| !line.trim().is_empty()) {
            if header(line).is_none() {
                return Err(format!("{:?} is no header: write Name: value, one a line", line.trim()));
            }
        }
        let protocols: Vec<String> =
            protocols.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        match protocols.iter().find(|name| name.contains(|sign: char| !sign.is_ascii_graphic())) {
            Some(name) => Err(format!("{name:?} is no subprotocol: names are separated by commas and have no spaces")),
            None => Ok(Manner { protocols, headers: self.headers() }),
        }
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        self.headers_text.lines().filter_map(header).collect()
    }
}

/// A header as it is typed; `None` where it could not be sent.
fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let (name, value) = (name.trim(), value.trim());
    let token = |sign: char| sign.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(sign);
    let fits = !name.is_empty() && name.chars().all(token) && !value.contains(|sign: char| sign.is_ascii_control());
    fits.then(|| (name.to_owned(), value.to_owned()))
}

/// The state of a connection in words, and whether it is well (`None`: neither).
pub(crate) fn state(link: &Link, now: Instant) -> (String, Option<bool>) {
    match link.status() {
        Status::Off => ("not connected".to_owned(), None),
        Status::Connecting => ("connecting …".to_owned(), None),
        Status::Open => ("open".to_owned(), Some(true)),
        Status::Closing => ("closing …".to_owned(), None),
        Status::Failed => ("not connected".to_owned(), Some(false)),
        Status::Waiting { until, attempt } => {
            let left = until.saturating_duration_since(now).as_secs_f64().ceil();
            (format!("reconnecting in {left} s (attempt {attempt})"), Some(false))
        }
    }
}

/// A sign and words: a disc is well, a square is not, a ring is neither.
pub(crate) fn draw_state(ui: &mut egui::Ui, link: &Link) {
    let tokens = look::tokens(ui);
    let (words, well) = state(link, Instant::now());
    let colour = match well {
        Some(true) => tokens.ok,
        Some(false) => tokens.bad,
        None => tokens.muted,
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let (rect, _) = ui.allocate_exact_size(egui::vec2(12.0, 12.0), egui::Sense::hover());
        let sign = rect.shrink(1.0);
        match well {
            Some(true) => drop(ui.painter().circle_filled(sign.center(), 5.0, colour)),
            Some(false) => drop(ui.painter().rect_filled(sign, 1.0, colour)),
            None => drop(ui.painter().circle_stroke(sign.center(), 4.5, Stroke::new(1.5, colour))),
        }
        ui.label(RichText::new(words).color(colour));
    });
}

/// The edge of bars: paper, with a hairline from egui's panel.
pub(crate) fn frame(ui: &egui::Ui) -> egui::Frame {
    let tokens = look::tokens(ui);
    egui::Frame::new().fill(tokens.surface).inner_margin(Margin::same(12)).stroke(Stroke::NONE)
}

impl Desktop {
    pub(crate) fn draw_bar(&mut self, ui: &mut egui::Ui) {
        ui.horizontal(|ui| {
            look::mark(ui, 22.0);
            self.draw_address(ui);
            let wanted = self.main.link.is_wanted();
            if wanted {
                if ui.button("Disconnect").clicked() {
                    self.disconnect();
                }
            } else if ui.add(look::primary(ui, "Connect")).clicked() {
                self.connect();
            }
            draw_state(ui, &self.main.link);
            let rtt = self.main.link.rtt().map_or_else(|| words::UNKNOWN.to_owned(), words::time);
            ui.label(RichText::new(format!("round trip {rtt}")).monospace());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                self.draw_theme(ui);
                ui.toggle_value(&mut self.bar.more, "More").on_hover_text("subprotocols and headers");
            });
        });
        if self.bar.more {
            self.draw_more(ui);
        }
        // A line of its own, also when there is nothing to say: nothing jumps when there is.
        let why = self.bar.trouble.as_deref().or_else(|| self.main.link.why()).unwrap_or(" ");
        let bad = look::tokens(ui).bad;
        ui.add(egui::Label::new(RichText::new(why).small().color(bad)).truncate());
    }

    fn draw_address(&mut self, ui: &mut egui::Ui) {
        let edit = egui::TextEdit::singleline(&mut self.bar.address)
            .hint_text("ws://HOST:PORT/PATH")
            .font(egui::TextStyle::Monospace)
            .desired_width((ui.available_width() - 560.0).clamp(200.0, 520.0));
        let typed = ui.add(edit).accessible_name("Address");
        if std::mem::take(&mut self.bar.focus) {
            typed.request_focus();
        }
        if typed.changed() {
            self.bar.trouble = None;
        }
        if typed.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            self.connect();
        }
        let mut chosen = None;
        ui.menu_button("Recent", |ui| {
            if self.settings.recent.is_empty() {
                ui.weak("Addresses that you connect to appear here.");
            }
            for url in &self.settings.recent {
                if ui.button(url).clicked() {
                    chosen = Some(url.clone());
                    ui.close();
                }
            }
        });
        if let Some(url) = chosen {
            self.bar.address = url;
            self.connect();
        }
    }

    fn draw_theme(&mut self, ui: &mut egui::Ui) {
        let before = self.settings.theme;
        let name = |theme| match theme {
            Theme::System => "System",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        };
        let chosen = egui::ComboBox::from_id_salt("theme").width(84.0).selected_text(name(before)).show_ui(ui, |ui| {
            for theme in [Theme::System, Theme::Light, Theme::Dark] {
                ui.selectable_value(&mut self.settings.theme, theme, name(theme));
            }
        });
        chosen.response.accessible_name("Theme").on_hover_text("Theme");
        if self.settings.theme != before {
            look::set_theme(ui.ctx(), self.settings.theme);
            self.save();
        }
    }

    fn draw_more(&mut self, ui: &mut egui::Ui) {
        ui.horizontal(|ui| {
            let name = ui.label("Subprotocols");
            let edit =
                egui::TextEdit::singleline(&mut self.settings.protocols).hint_text("chat, v2").desired_width(160.0);
            ui.add(edit).labelled_by(name.id);
            if let Some(protocol) = self.main.link.protocol() {
                ui.weak(format!("the server chose {protocol}"));
            }
            ui.checkbox(&mut self.settings.reconnect, "Reconnect");
        });
        ui.horizontal(|ui| {
            let name = ui.label("Headers");
            let edit = egui::TextEdit::multiline(&mut self.bar.headers_text)
                .hint_text("Authorization: Bearer …")
                .font(egui::TextStyle::Monospace)
                .desired_rows(2)
                .desired_width(420.0);
            ui.add(edit).labelled_by(name.id);
            ui.weak("used for the next connection; not kept");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_subprotocols_are_checked_before_they_are_sent() {
        let bar = |headers: &str| Bar { headers_text: headers.to_owned(), ..Bar::default() };
        let manner = bar("X-One: 1\n\n Authorization:Bearer a:b ").manner("chat, v2,").expect("all fit");
        assert_eq!(manner.protocols, ["chat", "v2"]);
        assert_eq!(manner.headers[1], ("Authorization".to_owned(), "Bearer a:b".to_owned()));
        for wrong in ["no colon", ": value", "a b: c", "x: \u{7}"] {
            assert!(bar(wrong).manner("").is_err(), "{wrong:?}");
        }
        assert!(bar("").manner("two words").is_err());
    }
}
