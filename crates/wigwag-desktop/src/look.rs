//! The look: colours, sizes, the mark. One set of tokens for light and dark; everything drawn takes its colours from here.

use std::collections::BTreeMap;

use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, IconData, Margin, RichText, Stroke, Style, TextStyle, Visuals,
};

use crate::settings::Theme;

/// The colours of one theme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    pub(crate) paper: Color32,
    pub(crate) surface: Color32,
    pub(crate) line: Color32,
    pub(crate) ink: Color32,
    pub(crate) muted: Color32,
    /// The accent: the primary action, what goes out, the mark.
    pub(crate) signal: Color32,
    /// Links, what comes in, the focus.
    pub(crate) sea: Color32,
    pub(crate) ok: Color32,
    pub(crate) warn: Color32,
    pub(crate) bad: Color32,
}

const LIGHT: Tokens = Tokens {
    paper: Color32::from_rgb(0xFB, 0xFA, 0xF7),
    surface: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    line: Color32::from_rgb(0xDD, 0xD9, 0xD0),
    ink: Color32::from_rgb(0x16, 0x20, 0x2B),
    muted: Color32::from_rgb(0x56, 0x61, 0x6E),
    signal: Color32::from_rgb(0xC8, 0x10, 0x2E),
    sea: Color32::from_rgb(0x0B, 0x5C, 0xAD),
    ok: Color32::from_rgb(0x1B, 0x7F, 0x4B),
    warn: Color32::from_rgb(0x8A, 0x5B, 0x00),
    bad: Color32::from_rgb(0xB3, 0x26, 0x1E),
};

const DARK: Tokens = Tokens {
    paper: Color32::from_rgb(0x0E, 0x15, 0x1C),
    surface: Color32::from_rgb(0x16, 0x20, 0x2B),
    line: Color32::from_rgb(0x2A, 0x37, 0x43),
    ink: Color32::from_rgb(0xE8, 0xEC, 0xEF),
    muted: Color32::from_rgb(0x9A, 0xA7, 0xB4),
    signal: Color32::from_rgb(0xFF, 0x6B, 0x6B),
    sea: Color32::from_rgb(0x6C, 0xB6, 0xFF),
    ok: Color32::from_rgb(0x4C, 0xC3, 0x8A),
    warn: Color32::from_rgb(0xE3, 0xB3, 0x41),
    bad: Color32::from_rgb(0xFF, 0x8A, 0x80),
};

/// The colours in force.
pub(crate) fn tokens(ui: &egui::Ui) -> Tokens {
    if ui.visuals().dark_mode { DARK } else { LIGHT }
}

/// Sets both themes up.
pub(crate) fn dress(context: &egui::Context) {
    for (theme, tokens) in [(egui::Theme::Light, LIGHT), (egui::Theme::Dark, DARK)] {
        context.set_visuals_of(theme, visuals(tokens, theme == egui::Theme::Dark));
        context.style_mut_of(theme, sizes);
    }
}

pub(crate) fn set_theme(context: &egui::Context, theme: Theme) {
    context.set_theme(match theme {
        Theme::System => egui::ThemePreference::System,
        Theme::Light => egui::ThemePreference::Light,
        Theme::Dark => egui::ThemePreference::Dark,
    });
}

fn visuals(tokens: Tokens, dark: bool) -> Visuals {
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    let hairline = Stroke::new(1.0, tokens.line);
    visuals.panel_fill = tokens.paper;
    visuals.window_fill = tokens.surface;
    visuals.window_stroke = hairline;
    visuals.extreme_bg_color = tokens.surface;
    visuals.faint_bg_color = tokens.surface;
    visuals.code_bg_color = tokens.paper;
    visuals.weak_text_color = Some(tokens.muted);
    visuals.hyperlink_color = tokens.sea;
    visuals.warn_fg_color = tokens.warn;
    visuals.error_fg_color = tokens.bad;
    visuals.selection.bg_fill = tokens.sea.gamma_multiply(0.25);
    visuals.selection.stroke = Stroke::new(2.0, tokens.sea);
    visuals.window_shadow = egui::Shadow::NONE;
    visuals.popup_shadow = egui::Shadow::NONE;
    let widgets = &mut visuals.widgets;
    for widget in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        widget.corner_radius = CornerRadius::same(6);
        widget.fg_stroke = Stroke::new(1.0, tokens.ink);
        widget.bg_stroke = hairline;
        widget.bg_fill = tokens.surface;
        widget.weak_bg_fill = tokens.surface;
        // What the pointer is on changes its colour, and never its size.
        widget.expansion = 0.0;
    }
    widgets.hovered.bg_stroke = Stroke::new(1.0, tokens.sea);
    widgets.active.bg_stroke = Stroke::new(1.5, tokens.sea);
    visuals
}

fn sizes(style: &mut Style) {
    let sans = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = BTreeMap::from([
        (TextStyle::Small, sans(12.0)),
        (TextStyle::Body, sans(14.0)),
        (TextStyle::Button, sans(14.0)),
        (TextStyle::Heading, sans(20.0)),
        (TextStyle::Monospace, FontId::new(13.0, FontFamily::Monospace)),
    ]);
    style.spacing.item_spacing = egui::vec2(8.0, 8.0);
    style.spacing.button_padding = egui::vec2(12.0, 5.0);
    style.spacing.interact_size.y = 28.0;
    style.animation_time = 0.0;
}

/// A surface with a hairline around it.
pub(crate) fn card(ui: &egui::Ui) -> egui::Frame {
    let tokens = tokens(ui);
    egui::Frame::new()
        .fill(tokens.surface)
        .stroke(Stroke::new(1.0, tokens.line))
        .corner_radius(6)
        .inner_margin(Margin::same(12))
}

/// The one button of a tab that one has come for.
pub(crate) fn primary(ui: &egui::Ui, words: &str) -> egui::Button<'static> {
    let tokens = tokens(ui);
    egui::Button::new(RichText::new(words).color(tokens.paper).strong()).fill(tokens.signal)
}

/// A figure with its name below.
pub(crate) fn figure(ui: &mut egui::Ui, name: &str, value: &str) {
    let muted = tokens(ui).muted;
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.label(RichText::new(value).monospace().size(16.0));
        ui.label(RichText::new(name).small().color(muted));
    });
}

/// The mark: a square with a smaller one in its middle, as the flag is.
pub(crate) fn mark(ui: &mut egui::Ui, size: f32) {
    let tokens = tokens(ui);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(size, size), egui::Sense::hover());
    let stroke = Stroke::new(1.0, tokens.line);
    ui.painter().rect(rect, 2.0, tokens.surface, stroke, egui::StrokeKind::Inside);
    ui.painter().rect_filled(rect.shrink(size * 0.3), 0.0, tokens.signal);
}

/// The mark as the window's icon.
pub(crate) fn icon() -> IconData {
    const SIZE: usize = 64;
    let (white, red) = ([0xFF, 0xFF, 0xFF, 0xFF], [0xC8, 0x10, 0x2E, 0xFF]);
    let inner = SIZE * 3 / 10..SIZE * 7 / 10;
    let pixel = |place: usize| {
        let (x, y) = (place % SIZE, place / SIZE);
        if inner.contains(&x) && inner.contains(&y) { red } else { white }
    };
    IconData { rgba: (0..SIZE * SIZE).flat_map(pixel).collect(), width: SIZE as u32, height: SIZE as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2: the contrast of two colours.
    fn contrast(one: Color32, other: Color32) -> f64 {
        let luminance = |colour: Color32| {
            let linear = |part: u8| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_text_can_be_read_on_paper_and_on_a_surface() {
        for tokens in [LIGHT, DARK] {
            for ground in [tokens.paper, tokens.surface] {
                for text in [tokens.ink, tokens.muted, tokens.signal, tokens.sea, tokens.ok, tokens.warn, tokens.bad] {
                    assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {}", contrast(text, ground));
                }
            }
            assert!(contrast(tokens.paper, tokens.signal) >= 4.5, "the primary button");
        }
    }

    #[test]
    fn the_icon_is_the_flag() {
        let icon = icon();
        assert_eq!(icon.rgba.len(), 64 * 64 * 4);
        assert_eq!((icon.rgba[0], icon.rgba[(32 * 64 + 32) * 4 + 1]), (0xFF, 0x10));
    }
}
