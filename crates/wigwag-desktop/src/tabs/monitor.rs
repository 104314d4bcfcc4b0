//! Monitor: what the server says of itself, over the last minute.

use std::time::Duration;

use eframe::egui::{self, RichText};

use super::plots::{BYTES, COUNT, MILLISECONDS, Series, chart};
use crate::{app::Desktop, bar, look, monitor::Figures, words};

pub(crate) fn draw(desktop: &mut Desktop, ui: &mut egui::Ui) {
    ui.horizontal(|ui| {
        ui.weak("/metrics/live");
        bar::draw_state(ui, &desktop.monitor.link);
        if let Some(why) = desktop.monitor.link.why().or(desktop.feed.trouble.as_deref()) {
            let bad = look::tokens(ui).bad;
            ui.label(RichText::new(why).color(bad));
        }
    });
    let Some(newest) = desktop.feed.newest().cloned() else {
        ui.add_space(24.0);
        ui.vertical_centered(|ui| {
            ui.weak("A wigwag server says once a second how it does. Connect to one, and its figures appear here.");
        });
        return;
    };
    draw_figures(ui, &newest);
    let tokens = look::tokens(ui);
    let feed = &desktop.feed;
    let one = |name, points, colour| Series { name, points, colour, dashed: false };
    let dashed = |name, points, colour| Series { name, points, colour, dashed: true };
    let millis = |micros: Option<u64>| micros.map(|micros| micros as f64 / 1e3);
    egui::ScrollArea::vertical().id_salt("monitor").auto_shrink(false).show(ui, |ui| {
        let open = feed.series(|figures| Some(figures.all.connections as f64));
        chart(ui, "Connections", SECONDS, vec![one("open", open, tokens.sea)], COUNT);
        let incoming = feed.series(|figures| Some(figures.all.messages_in_per_second));
        let outgoing = feed.series(|figures| Some(figures.all.messages_out_per_second));
        let lines = vec![one("in", incoming, tokens.sea), dashed("out", outgoing, tokens.signal)];
        chart(ui, "Messages per second", SECONDS, lines, COUNT);
        let incoming = feed.series(|figures| Some(figures.all.bytes_in_per_second));
        let outgoing = feed.series(|figures| Some(figures.all.bytes_out_per_second));
        let lines = vec![one("in", incoming, tokens.sea), dashed("out", outgoing, tokens.signal)];
        chart(ui, "Bytes per second", SECONDS, lines, BYTES);
        let half = feed.series(|figures| millis(figures.latency.p50_micros));
        let most = feed.series(|figures| millis(figures.latency.p99_micros));
        let lines = vec![one("p50", half, tokens.sea), dashed("p99", most, tokens.warn)];
        chart(ui, "Answer latency in the server", SECONDS, lines, MILLISECONDS);
        draw_services(ui, &newest);
    });
}

fn draw_figures(ui: &mut egui::Ui, newest: &Figures) {
    let micros = |micros: Option<u64>| {
        micros.map_or_else(|| words::UNKNOWN.to_owned(), |micros| words::time(Duration::from_micros(micros)))
    };
    look::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 24.0;
            look::figure(ui, "connections", &words::count(newest.all.connections));
            look::figure(ui, "messages in", &words::count(newest.all.messages_in_total));
            look::figure(ui, "messages out", &words::count(newest.all.messages_out_total));
            look::figure(ui, "p99 now", &micros(newest.latency.p99_micros));
            look::figure(ui, "max now", &micros(newest.latency.max_micros));
            look::figure(ui, "queued", &words::bytes(newest.out_queue_bytes));
            let memory = newest.resident_bytes.map_or_else(|| words::UNKNOWN.to_owned(), words::bytes);
            look::figure(ui, "memory", &memory);
            let files = newest.open_descriptors.map_or_else(|| words::UNKNOWN.to_owned(), words::count);
            look::figure(ui, "descriptors", &files);
            look::figure(ui, "up", &words::clock(Duration::from_secs_f64(newest.uptime_seconds.max(0.0))));
            look::figure(ui, "version", &newest.version);
            look::figure(ui, "workers", &words::count(newest.workers));
        });
        if newest.draining {
            let warn = look::tokens(ui).warn;
            ui.label(RichText::new("The server is stopping: it takes no new connections.").color(warn));
        }
    });
}

fn draw_services(ui: &mut egui::Ui, newest: &Figures) {
    look::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.strong("Services");
        egui::Grid::new("services").num_columns(4).spacing([24.0, 4.0]).show(ui, |ui| {
            for name in ["service", "connections", "messages in", "messages out"] {
                ui.weak(name);
            }
            ui.end_row();
            for service in &newest.services {
                ui.label(&service.name);
                let traffic = &service.traffic;
                for number in [traffic.connections, traffic.messages_in_total, traffic.messages_out_total] {
                    ui.monospace(words::count(number));
                }
                ui.end_row();
            }
        });
    });
}

/// Shown.
const SECONDS: f64 = 60.0;
