//! Simulation: many clients at once, their lines over time, and the verdict.

use std::{fs::File, io::BufWriter, path::PathBuf, time::Duration};

use eframe::egui::{self, RichText};
use wigwag_load::{Plan, Snapshot, report};

use super::{
    figures,
    plots::{COUNT, MILLISECONDS, Series, chart},
};
use crate::{app::Desktop, look, trial::Trial, words};

/// The tab's state.
pub(crate) struct Simulation {
    pub(crate) trial: Trial,
    pub(crate) clients: u32,
    pub(crate) seconds: u32,
    /// Messages per second in all; 0: as fast as answers come.
    pub(crate) rate: u32,
    trouble: Option<String>,
    report: Option<Result<PathBuf, String>>,
}

impl Default for Simulation {
    fn default() -> Self {
        Self { trial: Trial::default(), clients: 1_000, seconds: 10, rate: 0, trouble: None, report: None }
    }
}

impl Simulation {
    /// Begins, with the address in the bar.
    pub(crate) fn start(desktop: &mut Desktop) {
        match desktop.target() {
            Ok((url, manner)) => {
                let asked = &desktop.simulation;
                let plan = Plan {
                    connections: asked.clients,
                    duration: Some(Duration::from_secs(u64::from(asked.seconds))),
                    rate: (asked.rate > 0).then_some(f64::from(asked.rate)),
                    in_flight: (asked.rate == 0).then_some(1),
                    headers: manner.headers,
                    protocols: manner.protocols,
                    ..Plan::to(url)
                };
                let wake = desktop.wake();
                desktop.simulation.trouble = None;
                desktop.simulation.report = None;
                desktop.simulation.trial.start(plan, wake);
            }
            Err(why) => desktop.simulation.trouble = Some(why),
        }
    }

    fn open_report(&mut self, context: &egui::Context) {
        let Some(outcome) = self.trial.outcome() else { return };
        if !matches!(self.report, Some(Ok(_))) {
            let path = std::env::temp_dir().join(format!("wigwag-report-{:.3}.html", outcome.started_unix));
            // In a folder that all may write to: what lies there already is not ours, nor to be written through.
            let written = File::create_new(&path).and_then(|file| report::html::write(outcome, BufWriter::new(file)));
            self.report = Some(match written {
                Ok(()) => Ok(path),
                Err(error) => Err(format!("cannot write {}: {error}", path.display())),
            });
        }
        if let Some(Ok(path)) = &self.report {
            context.open_url(egui::OpenUrl::new_tab(format!("file://{}", path.display())));
        }
    }
}

/// So many clients as the limit of open files allows beside what else the window needs.
pub(crate) fn clients_max() -> u32 {
    let files = rlimit::Resource::NOFILE.get().map_or(1_024, |(soft, _)| soft);
    u32::try_from(files.saturating_sub(FILES_SPARE)).unwrap_or(u32::MAX).max(1)
}

pub(crate) fn draw(desktop: &mut Desktop, ui: &mut egui::Ui) {
    let running = desktop.simulation.trial.is_running();
    ui.horizontal(|ui| {
        let simulation = &mut desktop.simulation;
        let number =
            |ui: &mut egui::Ui, name: &str, value: &mut u32, range: std::ops::RangeInclusive<u32>, speed: f64| {
                let name = ui.label(name);
                ui.add_enabled(!running, egui::DragValue::new(value).range(range).speed(speed)).labelled_by(name.id);
            };
        number(ui, "Clients", &mut simulation.clients, 1..=clients_max(), 10.0);
        number(ui, "seconds", &mut simulation.seconds, 1..=3_600, 0.2);
        number(ui, "messages per second (0: as fast as answers come)", &mut simulation.rate, 0..=10_000_000, 100.0);
        if ui.add_enabled(!running, look::primary(ui, "Start")).clicked() {
            Simulation::start(desktop);
        }
    });
    ui.weak(format!("Clients connect to {} at once; every answer is checked.", desktop.bar.address));
    let simulation = &mut desktop.simulation;
    figures::trouble(ui, simulation.trouble.as_deref().or_else(|| simulation.trial.trouble()));
    figures::progress(ui, &mut simulation.trial);
    if simulation.trial.snapshot().is_none() {
        return;
    }
    egui::ScrollArea::vertical().id_salt("simulation").auto_shrink(false).show(ui, |ui| {
        draw_account(simulation, ui);
        if let Some(snapshot) = simulation.trial.snapshot() {
            draw_plots(ui, snapshot);
        }
    });
}

fn draw_account(simulation: &mut Simulation, ui: &mut egui::Ui) {
    let mut open = false;
    look::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let Some(snapshot) = simulation.trial.snapshot() else { return };
        let outcome = simulation.trial.outcome();
        if let Some(outcome) = outcome {
            figures::verdict(ui, outcome);
            open = ui.button("Open HTML report").clicked();
        }
        figures::equation(ui, outcome.map_or(&snapshot.account, |outcome| &outcome.account));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 24.0;
            look::figure(ui, "open now", &words::count(snapshot.connections.open));
            look::figure(ui, "opened", &words::count(snapshot.connections.opened));
            look::figure(ui, "failed", &words::count(snapshot.connections.failed));
            look::figure(ui, "lost", &words::count(snapshot.connections.lost));
        });
        figures::pace(ui, snapshot, outcome);
        match &simulation.report {
            Some(Ok(path)) => drop(ui.weak(format!("report: {}", path.display()))),
            Some(Err(why)) => {
                let bad = look::tokens(ui).bad;
                ui.label(RichText::new(why).color(bad));
            }
            None => {}
        }
    });
    if open {
        simulation.open_report(ui.ctx());
    }
}

fn draw_plots(ui: &mut egui::Ui, snapshot: &Snapshot) {
    let tokens = look::tokens(ui);
    // The last second is not whole yet.
    let whole = &snapshot.recent[..snapshot.recent.len().saturating_sub(1)];
    let points = |figure: &dyn Fn(&wigwag_load::snapshot::Second) -> Option<f64>| -> Vec<[f64; 2]> {
        let count = whole.len() as f64;
        whole
            .iter()
            .zip(0..)
            .filter_map(|(second, place)| Some([f64::from(place) + 1.0 - count, figure(second)?]))
            .collect()
    };
    let quantile = |share: f64| {
        points(&move |second| (second.heat.count() > 0).then(|| second.heat.quantile(share).as_secs_f64() * 1e3))
    };
    let span = (whole.len() as f64).clamp(10.0, 60.0);
    let one = |name, points, colour| Series { name, points, colour, dashed: false };
    chart(ui, "Connections", span, vec![one("open", points(&|second| Some(second.open as f64)), tokens.sea)], COUNT);
    let out = Series { dashed: true, ..one("out", points(&|second| Some(second.sent as f64)), tokens.signal) };
    let answers = one("in", points(&|second| Some(second.answered as f64)), tokens.sea);
    chart(ui, "Messages per second", span, vec![out, answers], COUNT);
    let p99 = Series { dashed: true, ..one("p99", quantile(0.99), tokens.warn) };
    chart(ui, "Time to answer", span, vec![one("p50", quantile(0.5), tokens.sea), p99], MILLISECONDS);
}

/// Fonts, the display, the window's own connections, the tester's workers.
const FILES_SPARE: u64 = 200;
