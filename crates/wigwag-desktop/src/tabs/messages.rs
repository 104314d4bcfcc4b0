//! Messages: a field to write in, and the log of what was sent and received.

use std::{
    fs::File,
    io::BufWriter,
    path::PathBuf,
    sync::mpsc::{Receiver, channel},
    time::{Instant, SystemTime},
};

use eframe::egui::{self, Key, RichText, TextStyle};
use wigwag_net::OwnedMessage;

use crate::{
    channel::Channel,
    log::{self, Entry, Log, What},
    look, words,
};

/// The tab's state.
#[derive(Default)]
pub(crate) struct Messages {
    pub(crate) log: Log,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// The message is to be typed next.
    pub(crate) focus: bool,
    filter: String,
    /// The entry that is shown whole, by its number, and how: made once, for it may be long.
    selected: Option<(usize, String)>,
    /// Why the message cannot be sent, or what became of a file.
    pub(crate) notice: Option<(bool, String)>,
    saving: Option<Receiver<Result<String, String>>>,
}

/// What is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Text,
    /// Checked before it is sent.
    Json,
    /// Bytes, as hexadecimal digits.
    Hex,
}

impl Kind {
    const ALL: [(Self, &'static str); 3] = [(Self::Text, "Text"), (Self::Json, "JSON"), (Self::Hex, "Hex")];
}

impl Messages {
    /// Sends what is typed. What cannot be sent stays in the field.
    pub(crate) fn send(&mut self, channel: &Channel) {
        let message = match self.kind {
            Kind::Text => Ok(OwnedMessage::Text(self.text.clone())),
            Kind::Json => match serde_json::from_str::<serde::de::IgnoredAny>(&self.text) {
                Ok(_) => Ok(OwnedMessage::Text(self.text.clone())),
                Err(error) => Err(format!("not JSON: {error}")),
            },
            Kind::Hex => log::from_hex(&self.text).map(OwnedMessage::Binary),
        };
        // Before it is on its way: the answer may be quicker than this thread.
        let now = Instant::now();
        self.notice = match message {
            Err(why) => Some((false, why)),
            Ok(message) if channel.send(message.clone()) => {
                self.log.sent(message, SystemTime::now(), now);
                self.text.clear();
                None
            }
            Ok(_) => Some((false, "not sent: there is no open connection; Connect opens one".to_owned())),
        };
    }

    pub(crate) fn clear(&mut self) {
        self.log.clear();
        self.selected = None;
    }

    pub(crate) fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Writes the log into a new file beside the user's other files, without a frame that waits.
    fn save(&mut self) {
        let entries: Vec<Entry> = self.log.entries().cloned().collect();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let path = export_path(SystemTime::now());
            let written = File::create_new(&path)
                .and_then(|file| log::write_ndjson(entries.iter(), BufWriter::new(file)))
                .map(|()| format!("{} saved to {}", words::counted(entries.len() as u64, "entry"), path.display()))
                .map_err(|error| format!("cannot write {}: {error}", path.display()));
            // Nobody listens any more where the window was closed.
            let _ = tell.send(written);
        });
        self.saving = Some(told);
    }

    pub(crate) fn draw(&mut self, ui: &mut egui::Ui, channel: &Channel) {
        if let Some(written) = self.saving.as_ref().and_then(|told| told.try_recv().ok()) {
            self.saving = None;
            self.notice = Some(match written {
                Ok(words) => (true, words),
                Err(words) => (false, words),
            });
        }
        self.draw_field(ui, channel);
        self.draw_tools(ui);
        if self.log.len() == 0 {
            ui.add_space(24.0);
            ui.vertical_centered(|ui| {
                ui.weak("What you send and receive appears here. Connect, write above, and press Enter.");
            });
            return;
        }
        if self.selected.as_ref().is_some_and(|(number, _)| self.log.get(*number).is_none()) {
            self.selected = None;
        }
        if self.selected.is_some() {
            egui::Panel::bottom("whole").resizable(true).default_size(180.0).show(ui, |ui| self.draw_whole(ui));
        }
        self.draw_list(ui);
    }

    fn draw_field(&mut self, ui: &mut egui::Ui, channel: &Channel) {
        ui.horizontal(|ui| {
            for (kind, name) in Kind::ALL {
                ui.selectable_value(&mut self.kind, kind, name);
            }
            let hint = match self.kind {
                Kind::Text => "Message",
                Kind::Json => r#"{"message": "hello"}"#,
                Kind::Hex => "68 65 6c 6c 6f",
            };
            let edit = egui::TextEdit::singleline(&mut self.text)
                .hint_text(hint)
                .font(TextStyle::Monospace)
                .desired_width(ui.available_width() - 90.0);
            let typed = ui.add(edit).accessible_name("Message");
            if std::mem::take(&mut self.focus) {
                typed.request_focus();
            }
            let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if ui.add(look::primary(ui, "Send")).on_hover_text("Enter, or Ctrl+Enter from everywhere").clicked()
                || entered
            {
                self.send(channel);
                typed.request_focus();
            }
        });
    }

    fn draw_tools(&mut self, ui: &mut egui::Ui) {
        ui.horizontal(|ui| {
            let edit = egui::TextEdit::singleline(&mut self.filter).hint_text("Filter").desired_width(180.0);
            if ui.add(edit).accessible_name("Filter").changed() {
                self.log.set_filter(&self.filter);
            }
            let paused = self.log.is_paused();
            if ui.button(if paused { "Go on" } else { "Pause" }).clicked() {
                self.log.pause(!paused);
            }
            if ui.add_enabled(self.log.len() > 0, egui::Button::new("Clear")).on_hover_text("Ctrl+K").clicked() {
                self.clear();
            }
            let can_save = self.log.len() > 0 && self.saving.is_none();
            if ui.add_enabled(can_save, egui::Button::new("Save")).on_hover_text("as NDJSON").clicked() {
                self.save();
            }
            ui.monospace(format!("{} sent, {} received", words::count(self.log.sent), words::count(self.log.received)));
            if self.log.held_back() > 0 {
                let warn = look::tokens(ui).warn;
                let held = words::count(self.log.held_back() as u64);
                ui.label(RichText::new(format!("paused: {held} more since")).color(warn));
            }
            // In this row, so that nothing moves when it comes or goes.
            if let Some((well, words)) = &self.notice {
                let tokens = look::tokens(ui);
                let words = RichText::new(words).color(if *well { tokens.ok } else { tokens.bad });
                ui.add(egui::Label::new(words).truncate());
            }
        });
    }

    fn draw_list(&mut self, ui: &mut egui::Ui) {
        let rows = self.log.shown();
        if rows == 0 {
            ui.weak(format!("Nothing contains {:?}.", self.log.filter()));
            return;
        }
        let tokens = look::tokens(ui);
        let height = ui.text_style_height(&TextStyle::Monospace) + 4.0;
        ui.spacing_mut().item_spacing.y = 0.0;
        egui::ScrollArea::vertical().id_salt("messages").auto_shrink(false).stick_to_bottom(true).show_rows(
            ui,
            height,
            rows,
            |ui, range| {
                for row in range {
                    let Some(number) = self.log.number(row) else { continue };
                    let Some(entry) = self.log.get(number) else { continue };
                    let (sign, colour) = match entry.what {
                        What::Sent(_) => ("→", tokens.signal),
                        What::Received(_) => ("←", tokens.sea),
                        What::Note(_) => ("·", tokens.muted),
                    };
                    let size = match entry.what {
                        What::Note(_) => String::new(),
                        _ => words::bytes(entry.bytes() as u64),
                    };
                    let rtt = entry.rtt.map(words::time).unwrap_or_default();
                    let time = words::time_of_day(entry.wall);
                    let line = match entry.what {
                        What::Note(_) => format!("{time} {sign} {}", entry.line()),
                        _ => format!("{time} {sign} {size:>9} {rtt:>8}  {}", entry.line()),
                    };
                    let selected = self.selected.as_ref().is_some_and(|(other, _)| *other == number);
                    if draw_row(ui, &line, height, colour, selected).clicked() {
                        self.selected = (!selected).then(|| (number, cut(&entry.whole())));
                    }
                }
            },
        );
    }

    fn draw_whole(&mut self, ui: &mut egui::Ui) {
        let Some((number, whole)) = &self.selected else { return };
        let mut closed = false;
        ui.horizontal(|ui| {
            if ui.button("Copy").clicked()
                && let Some(entry) = self.log.get(*number)
            {
                ui.ctx().copy_text(entry.payload());
            }
            closed = ui.button("Close").clicked();
            ui.weak("time of day in UTC; JSON is indented, bytes are shown as hexadecimal digits");
        });
        egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            ui.add(egui::Label::new(RichText::new(whole).monospace()).selectable(true));
        });
        if closed {
            self.selected = None;
        }
    }
}

/// One line of the list; what does not fit is cut off.
fn draw_row(ui: &mut egui::Ui, line: &str, height: f32, colour: egui::Color32, selected: bool) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), height), egui::Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, selected, line));
    if selected {
        ui.painter().rect_filled(rect, 3.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 3.0, look::tokens(ui).line);
    }
    let font = TextStyle::Monospace.resolve(ui.style());
    let place = rect.left_center() + egui::vec2(6.0, 0.0);
    ui.painter().with_clip_rect(rect.intersect(ui.clip_rect())).text(
        place,
        egui::Align2::LEFT_CENTER,
        line,
        font,
        colour,
    );
    response
}

/// What can be laid out within a frame; Copy gives all.
fn cut(text: &str) -> String {
    match text.char_indices().nth(WHOLE_CHARS_MAX) {
        Some((end, _)) => format!("{}\n… {} more", &text[..end], words::bytes((text.len() - end) as u64)),
        None => text.to_owned(),
    }
}

/// `wigwag-messages-20261130-093102.ndjson` in the user's home.
fn export_path(now: SystemTime) -> PathBuf {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    let directory = home.map_or_else(std::env::temp_dir, PathBuf::from);
    let time = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':', 'Z'], "").replace('T', "-");
    directory.join(format!("wigwag-messages-{time}.ndjson"))
}

const WHOLE_CHARS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn exports_are_named_by_their_time() {
        let path = export_path(SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_031_062));
        let name = path.file_name().expect("a name").to_str().expect("ASCII");
        assert_eq!(name, "wigwag-messages-20261130-093102.ndjson");
    }

    #[test]
    fn long_messages_are_cut_for_the_eye_at_a_character() {
        let text = "ä".repeat(WHOLE_CHARS_MAX + 3);
        assert!(cut(&text).ends_with("\n… 6 B more"));
        assert_eq!(cut("short"), "short");
    }
}
