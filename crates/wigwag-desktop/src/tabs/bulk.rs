//! 10,000 messages: one connection, full duplex, and an account of each message at the end.

use eframe::egui::{self, RichText};
use egui_plot::{Line, PlotPoints};
use wigwag_load::{Latency, Plan};

use super::{
    figures,
    plots::{MILLISECONDS, plot, top},
};
use crate::{app::Desktop, look, trial::Trial, words};

/// The tab's state.
pub(crate) struct Bulk {
    pub(crate) trial: Trial,
    pub(crate) messages: u64,
    pub(crate) in_flight: u32,
    trouble: Option<String>,
}

impl Default for Bulk {
    fn default() -> Self {
        Self { trial: Trial::default(), messages: 10_000, in_flight: 256, trouble: None }
    }
}

impl Bulk {
    /// Begins to send, to the address in the bar.
    pub(crate) fn start(desktop: &mut Desktop) {
        let (messages, in_flight) = (desktop.bulk.messages, desktop.bulk.in_flight);
        match desktop.target() {
            Ok((url, manner)) => {
                let plan = Plan {
                    connections: 1,
                    messages: Some(messages),
                    in_flight: Some(in_flight),
                    headers: manner.headers,
                    protocols: manner.protocols,
                    workers: Some(1),
                    ..Plan::to(url)
                };
                desktop.bulk.trouble = None;
                let wake = desktop.wake();
                desktop.bulk.trial.start(plan, wake);
            }
            Err(why) => desktop.bulk.trouble = Some(why),
        }
    }
}

pub(crate) fn draw(desktop: &mut Desktop, ui: &mut egui::Ui) {
    let running = desktop.bulk.trial.is_running();
    ui.horizontal(|ui| {
        let name = ui.label("Messages");
        let bulk = &mut desktop.bulk;
        let drag = egui::DragValue::new(&mut bulk.messages).range(1..=10_000_000).speed(100);
        ui.add_enabled(!running, drag).labelled_by(name.id);
        let name = ui.label("in flight");
        let drag = egui::DragValue::new(&mut bulk.in_flight).range(1..=65_536);
        ui.add_enabled(!running, drag).labelled_by(name.id);
        let words = format!("Send {}", words::count(bulk.messages));
        if ui.add_enabled(!running, look::primary(ui, &words)).clicked() {
            Bulk::start(desktop);
        }
    });
    ui.weak(format!(
        "Each message is numbered, and each answer compared with what is right, on a connection of its own to {}.",
        desktop.bar.address
    ));
    figures::trouble(ui, desktop.bulk.trouble.as_deref().or_else(|| desktop.bulk.trial.trouble()));
    figures::progress(ui, &mut desktop.bulk.trial);
    let trial = &desktop.bulk.trial;
    let Some(snapshot) = trial.snapshot() else { return };
    let outcome = trial.outcome();
    let account = outcome.map_or(&snapshot.account, |outcome| &outcome.account);
    look::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        if let Some(outcome) = outcome {
            figures::verdict(ui, outcome);
        }
        figures::equation(ui, account);
        figures::classes(ui, account);
        figures::pace(ui, snapshot, outcome);
    });
    let latency = outcome.map_or(&snapshot.latencies.service, |outcome| &outcome.latencies.service);
    draw_latency(ui, latency);
}

/// How many messages were answered within which time.
fn draw_latency(ui: &mut egui::Ui, latency: &Latency) {
    look::card(ui).show(ui, |ui| {
        ui.strong("Time from message to answer, by percentile");
        if latency.is_empty() {
            ui.weak("no answer yet");
            return;
        }
        // Each step to the right leaves a tenth of what was left: 0 is all, 1 is p90, 2 is p99.
        let points: PlotPoints<'_> = (0..=80)
            .map(|step| {
                let nines = f64::from(step) / 20.0;
                [nines, latency.quantile(1.0 - 10_f64.powf(-nines)).as_secs_f64() * 1e3]
            })
            .collect();
        let colour = look::tokens(ui).sea;
        let name = |nines: f64| match nines {
            ..0.5 => "min".to_owned(),
            ..1.5 => "p90".to_owned(),
            ..2.5 => "p99".to_owned(),
            ..3.5 => "p99.9".to_owned(),
            _ => "p99.99".to_owned(),
        };
        let highest = latency.max().as_secs_f64() * 1e3;
        plot(ui, "latency", highest, MILLISECONDS)
            .height(180.0)
            .include_y(0.0)
            .x_grid_spacer(egui_plot::uniform_grid_spacer(|_| [1.0, 1.0, 1.0]))
            .x_axis_formatter(move |mark, _| name(mark.value))
            .show(ui, |plot| {
                plot.set_plot_bounds_y(0.0..=top(highest, MILLISECONDS));
                plot.line(Line::new("latency", points).color(colour).width(1.5));
            });
        ui.label(RichText::new(format!("{} answers", words::count(latency.count()))).small());
    });
}
