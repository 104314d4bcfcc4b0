//! Stream: one text, three lanes that fill as its characters come.

use eframe::egui::{self, RichText};

use crate::{app::Desktop, bar, link::Status, look};

pub(crate) fn draw(desktop: &mut Desktop, ui: &mut egui::Ui) {
    let open = desktop.stream.link.status() == Status::Open;
    let running = desktop.lanes.is_running();
    ui.horizontal(|ui| {
        let edit = egui::TextEdit::singleline(&mut desktop.settings.stream_text)
            .hint_text("Text")
            .desired_width((ui.available_width() - 160.0).max(200.0));
        let typed = ui.add(edit).accessible_name("Text");
        let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if running {
            if ui.button("Stop").clicked() {
                desktop.lanes.stop();
                // What the server still has to say is not wanted: a new connection hears none of it.
                desktop.stream.disconnect();
            }
        } else {
            let button = ui.add_enabled(open, look::primary(ui, "Send"));
            if button.on_disabled_hover_text("connect first").clicked() || (entered && open) {
                desktop.begin_stream();
            }
        }
    });
    ui.horizontal(|ui| {
        ui.weak("/stream");
        bar::draw_state(ui, &desktop.stream.link);
        if let Some(why) = desktop.stream.link.why().or(desktop.lanes.trouble.as_deref()) {
            let bad = look::tokens(ui).bad;
            ui.label(RichText::new(why).color(bad));
        }
    });
    let lanes = &desktop.lanes;
    let count = lanes.count.as_ref().map(|(last, count)| format!("Last char '{last}' count: {count}"));
    let parts = [
        ("Echo", lanes.echo.as_str(), "Each character, as it comes."),
        ("Reverse", lanes.reverse.as_str(), "Then from the last to the first."),
        ("Count", count.as_deref().unwrap_or_default(), "Last: how often the last character came before."),
    ];
    for (name, text, hint) in parts {
        look::card(ui).show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.set_min_height(64.0);
            ui.strong(name);
            if text.is_empty() {
                ui.weak(hint);
            } else {
                ui.label(RichText::new(text).monospace().size(16.0));
            }
        });
    }
}
