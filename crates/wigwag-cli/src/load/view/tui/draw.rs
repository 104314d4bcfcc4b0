//! The screen's layout. Made for 80 × 24; what is larger gives the charts more room, what is smaller leaves them out.

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph},
};
use wigwag_load::{
    report::words::{self, clock, count, percent},
    snapshot::{Phase, Snapshot},
};

use super::{View, panels};
use crate::load::view::lines::phase;

pub(super) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, view: &View) {
    let area = frame.area();
    let errors = panels::errors(snapshot, view.style, if area.height >= 30 { 6 } else { 2 });
    let [head, gauge, figures, charts, ledger, trouble, generator, keys] =
        Layout::vertical(rows(area.height, errors.len() as u16)).areas(area);
    draw_head(frame, head, snapshot, view);
    draw_gauge(frame, gauge, snapshot, view);
    draw_figures(frame, figures, snapshot, view);
    draw_charts(frame, charts, snapshot, view);
    let block = panel("ledger", view);
    let inner = block.inner(ledger);
    frame.render_widget(block, ledger);
    frame.render_widget(Paragraph::new(panels::ledger(snapshot, view.style, inner.width)), inner);
    frame.render_widget(Paragraph::new(errors), trouble);
    frame.render_widget(Paragraph::new(panels::generator(snapshot, view.style)), generator);
    draw_keys(frame, keys, snapshot, view);
    if view.help {
        draw_help(frame, area, view);
    }
}

/// The rows from top to bottom. What matters most gets its room first; what has none is left out whole, but
/// for errors: the first ones are worth most.
fn rows(height: u16, errors: u16) -> [Constraint; 8] {
    let mut left = height;
    let mut take = |wanted: u16, least: u16| {
        let taken = if least <= left { wanted.min(left) } else { 0 };
        left -= taken;
        taken
    };
    let [head, keys] = [take(1, 1), take(1, 1)];
    let ledger = match take(LEDGER_HEIGHT, LEDGER_HEIGHT) {
        0 => take(LEDGER_HEIGHT_MIN, LEDGER_HEIGHT_MIN),
        height => height,
    };
    let [gauge, trouble, generator] = [take(1, 1), take(errors, 1), take(1, 1)];
    let figures = take(FIGURES_HEIGHT, FIGURES_HEIGHT);
    let [head, gauge, figures, ledger, trouble, generator, keys] =
        [head, gauge, figures, ledger, trouble, generator, keys].map(Constraint::Length);
    [head, gauge, figures, Constraint::Fill(1), ledger, trouble, generator, keys]
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, view: &View) {
    let style = view.style;
    let state = match snapshot.phase {
        _ if snapshot.stopping => Span::styled("stopping", style.warn()),
        Phase::Running if snapshot.paused => Span::styled("paused", style.warn()),
        _ => Span::styled(phase(snapshot), style.strong()),
    };
    let right = Line::from(vec![state, Span::raw(format!("  {} ", clock(snapshot.elapsed)))]);
    let width = area.width.saturating_sub(right.width() as u16 + 1);
    let [left_area, right_area] = Layout::horizontal([Constraint::Length(width), Constraint::Min(0)]).areas(area);
    let left = Line::from(vec![
        Span::styled(" ▣ ", style.signal()),
        Span::styled("wigwag load  ", style.strong()),
        Span::raw(words::plain(&view.url).into_owned()),
    ]);
    frame.render_widget(left, left_area);
    frame.render_widget(right.alignment(Alignment::Right), right_area);
}

/// A bar, then how much is done and how long it will take.
fn draw_gauge(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, view: &View) {
    let progress = &snapshot.progress;
    let (share, text) = match snapshot.phase {
        Phase::Opening => {
            let (open, wanted) = (snapshot.connections.open, snapshot.connections.wanted.max(1));
            (open as f64 / wanted as f64, format!("{} of {} connections open", count(open), count(wanted)))
        }
        _ => {
            let left = match (progress.left, snapshot.phase) {
                (Some(left), Phase::Running) if !snapshot.paused => format!(", {} left", clock(left)),
                _ => String::new(),
            };
            let done = match progress.messages {
                Some(all) => format!("{} of {} sent", count(snapshot.account.sent), count(all)),
                None => match progress.duration {
                    Some(all) => format!("{} of {}", clock(snapshot.sending), clock(all)),
                    None => format!("{} sent", count(snapshot.account.sent)),
                },
            };
            (progress.share, format!("{}  {done}{left}", percent(progress.share)))
        }
    };
    let text = format!(" {text} ");
    let width = usize::from(area.width).saturating_sub(text.chars().count() + 2);
    let filled = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    let line = Line::from(vec![
        Span::raw(" "),
        Span::styled("━".repeat(filled), view.style.signal()),
        Span::styled("─".repeat(width - filled), view.style.muted()),
        Span::raw(text),
    ]);
    frame.render_widget(line, area);
}

fn draw_figures(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, view: &View) {
    let halves = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]);
    let [left, right] = halves.areas(area);
    let block = panel("load", view);
    frame.render_widget(Paragraph::new(panels::load(snapshot, view.style)).block(block), left);
    let block = panel("latency, intended → answer", view);
    frame.render_widget(Paragraph::new(panels::latency(snapshot, view.style)).block(block), right);
}

fn draw_charts(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, view: &View) {
    if area.height < CHARTS_HEIGHT_MIN {
        return;
    }
    let halves = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]);
    let [left, right] = halves.areas(area);
    let block = panel("answered per second", view);
    let inner = block.inner(left);
    frame.render_widget(block, left);
    panels::draw_timeline(frame, inner, snapshot, view.style);
    let block = panel("how many took how long", view);
    let inner = block.inner(right);
    frame.render_widget(block, right);
    panels::draw_histogram(frame, inner, snapshot, view.style);
}

fn draw_keys(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, view: &View) {
    let style = view.style;
    if let Some(notice) = view.notice {
        frame.render_widget(Line::styled(format!(" {notice}"), style.warn()), area);
        return;
    }
    let pause = if snapshot.paused { "resume" } else { "pause" };
    let mut keys = vec![("p", pause), ("s", "stop")];
    if snapshot.rate_asked.is_some() {
        keys.push(("+ -", "rate"));
    }
    keys.push(("?", "help"));
    let mut spans = Vec::new();
    for (key, what) in keys {
        spans.push(Span::styled(format!(" {key}"), style.strong()));
        spans.push(Span::styled(format!(" {what}  "), style.muted()));
    }
    frame.render_widget(Line::from(spans), area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let lines = [
        ("p, space", "pause and resume sending"),
        ("s, q, esc", "stop: wait for answers, close, report"),
        ("ctrl-c", "the same; a second time ends at once"),
        ("+ -", "10 % more or less per second (with -r)"),
        ("?", "close this help"),
    ];
    let text: Vec<Line<'_>> = lines
        .into_iter()
        .map(|(key, what)| Line::from(vec![Span::styled(format!(" {key:<11}"), view.style.strong()), Span::raw(what)]))
        .collect();
    let (width, height) = (56.min(area.width), (text.len() as u16 + 2).min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" keys ")), place);
}

fn panel<'a>(title: &'a str, view: &View) -> Block<'a> {
    Block::bordered().border_style(view.style.muted()).title(Span::styled(format!(" {title} "), view.style.strong()))
}

const FIGURES_HEIGHT: u16 = 7;
const CHARTS_HEIGHT_MIN: u16 = 4;
/// The account without its table.
const LEDGER_HEIGHT_MIN: u16 = 3;
const LEDGER_HEIGHT: u16 = 5;
