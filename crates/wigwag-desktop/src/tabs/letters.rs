//! Letters: 26 tiles that can be switched on, each with its value and the last ones before.

use std::time::{Duration, Instant};

use eframe::egui::{self, RichText, Sense, Stroke};
use wigwag_net::OwnedMessage;

use crate::{
    app::{Desktop, Tab},
    bar,
    letters::Tile,
    look::{self, Tokens},
    words,
};

pub(crate) fn draw(desktop: &mut Desktop, ui: &mut egui::Ui) {
    let mut changes = Vec::new();
    ui.horizontal(|ui| {
        if ui.button("All").on_hover_text("subscribe to every letter").clicked() {
            changes.extend(('A'..='Z').map(|letter| (letter, true)));
        }
        if ui.button("None").on_hover_text("unsubscribe from every letter").clicked() {
            changes.extend(('A'..='Z').map(|letter| (letter, false)));
        }
        ui.weak("/letters");
        bar::draw_state(ui, &desktop.letters.link);
        ui.monospace(format!("{} of 26, {} updates", desktop.tiles.wanted(), words::count(desktop.tiles.updates)));
        if let Some(why) = desktop.letters.link.why() {
            let bad = look::tokens(ui).bad;
            ui.label(RichText::new(why).color(bad));
        }
    });
    let now = Instant::now();
    let tokens = look::tokens(ui);
    ui.horizontal_wrapped(|ui| {
        let gap = ui.spacing().item_spacing.x;
        let columns = ((ui.available_width() + gap) / (TILE_WIDTH_MIN + gap)).floor().max(1.0);
        let size = egui::vec2((ui.available_width() + gap) / columns - gap - 0.01, 68.0);
        for (letter, tile) in desktop.tiles.iter() {
            if draw_tile(ui, (letter, tile), size, tokens, now) {
                changes.push((letter, !tile.wanted));
            }
        }
    });
    for (letter, wanted) in changes {
        if let Some(message) = desktop.tiles.want(letter, wanted) {
            // Without a connection it is said when there is one.
            desktop.letters.send(OwnedMessage::Text(message));
        }
    }
    ui.separator();
    if desktop.tiles.log.is_empty() {
        ui.weak("Switch a letter on: its updates appear here in words.");
    }
    let height = ui.text_style_height(&egui::TextStyle::Monospace);
    let log = &desktop.tiles.log;
    egui::ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show_rows(
        ui,
        height,
        log.len(),
        |ui, range| {
            for line in log.range(range) {
                ui.monospace(line);
            }
        },
    );
}

/// Whether it was switched.
fn draw_tile(ui: &mut egui::Ui, (letter, tile): (char, &Tile), size: egui::Vec2, tokens: Tokens, now: Instant) -> bool {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let value = tile.value.map_or_else(|| words::UNKNOWN.to_owned(), |value| value.to_string());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::CheckBox, true, tile.wanted, format!("Letter {letter} {value}"))
    });
    let fresh = tile.changed.is_some_and(|at| now.saturating_duration_since(at) < FLASH);
    let edge = if response.has_focus() || response.hovered() {
        Stroke::new(2.0, tokens.sea)
    } else if tile.wanted {
        Stroke::new(1.5, tokens.muted)
    } else {
        Stroke::new(1.0, tokens.line)
    };
    let fill = if fresh { tokens.sea.gamma_multiply(0.18) } else { tokens.surface };
    let painter = ui.painter();
    painter.rect(rect, 6.0, fill, edge, egui::StrokeKind::Inside);
    let ink = if tile.wanted { tokens.ink } else { tokens.muted };
    let (sans, mono) = (egui::FontId::proportional(20.0), egui::FontId::monospace(16.0));
    painter.text(rect.min + egui::vec2(10.0, 8.0), egui::Align2::LEFT_TOP, letter, sans, ink);
    painter.text(rect.right_top() + egui::vec2(-10.0, 10.0), egui::Align2::RIGHT_TOP, value, mono, ink);
    let room = egui::Rect::from_min_max(rect.left_bottom() + egui::vec2(10.0, -28.0), rect.max - egui::vec2(10.0, 8.0));
    let place = |number: usize, value: u64| {
        let x = egui::lerp(room.left()..=room.right(), number as f32 / 19.0);
        egui::pos2(x, egui::lerp(room.bottom()..=room.top(), (value.clamp(1_000, 9_999) - 1_000) as f32 / 8_999.0))
    };
    let trace: Vec<egui::Pos2> = tile.trace.iter().enumerate().map(|(number, value)| place(number, *value)).collect();
    if trace.len() > 1 {
        painter.add(egui::Shape::line(trace, Stroke::new(1.5, tokens.sea)));
    }
    response.clicked()
}

/// When the flash of a change is over, if one is seen.
pub(crate) fn next_frame(desktop: &Desktop, now: Instant) -> Option<Duration> {
    let changed = desktop.tiles.iter().filter_map(|(_, tile)| tile.changed).max()?;
    let left = FLASH.checked_sub(now.saturating_duration_since(changed))?;
    (desktop.tab == Tab::Letters).then_some(left + Duration::from_millis(1))
}

const TILE_WIDTH_MIN: f32 = 104.0;
/// How long a tile shows that it has changed.
const FLASH: Duration = Duration::from_millis(400);
