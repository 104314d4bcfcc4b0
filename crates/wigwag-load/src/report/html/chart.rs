//! A chart as the template draws it: paths in a box of 1000 × 1000 that is stretched to any width, and labels beside it as
//! HTML, so that text keeps its size on a phone and on paper.

use std::fmt::Write as _;

use serde::Serialize;

use super::axis::Tick;
use crate::{
    outcome::Timeline,
    report::words,
    snapshot::{Mark, MarkKind},
};

/// What the template draws.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) note: String,
    /// For those who cannot see it: what it shows, with the figures that matter.
    pub(super) description: String,
    pub(super) is_tall: bool,
    pub(super) x: Vec<Tick>,
    pub(super) y: Vec<Tick>,
    pub(super) paths: Vec<Path>,
    pub(super) labels: Vec<Label>,
    pub(super) marks: Vec<MarkLine>,
    /// What the pointer reads, as JSON that is safe within a script element.
    pub(super) readings: String,
}

/// A path and its style.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) class: String,
    pub(super) d: String,
}

/// A series' name beside it, instead of a legend.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) class: &'static str,
    pub(super) text: String,
    /// From the bottom, in per cent.
    pub(super) bottom: f64,
}

/// Something that happened, as a vertical line.
#[derive(Clone, Debug)]
pub(super) struct MarkLine {
    pub(super) class: &'static str,
    /// In per cent.
    pub(super) left: f64,
    /// Named only where there is room.
    pub(super) text: Option<String>,
    /// The label stands to the left of its line, or it would leave the chart.
    pub(super) is_flipped: bool,
}

/// What the pointer reads: columns by where they begin, and each series' values as text.
#[derive(Debug, Default, Serialize)]
pub(super) struct Readings {
    /// Where each column begins, 0 to 1.
    pub(super) starts: Vec<f64>,
    /// What stands above the values.
    pub(super) heads: Vec<String>,
    pub(super) series: Vec<Series>,
}

#[derive(Debug, Serialize)]
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) values: Vec<String>,
}

impl Readings {
    pub(super) fn json(&self) -> String {
        // `<` could end the script element; JSON lets every character be escaped.
        serde_json::to_string(self).unwrap_or_default().replace('<', "\\u003c")
    }
}

/// A path in the box.
#[derive(Default)]
pub(super) struct Pen(String);

impl Pen {
    /// Both from 0 to 1, the origin at the bottom left.
    pub(super) fn move_to(&mut self, x: f64, y: f64) {
        write!(self.0, "M{} {}", unit(x), unit(1.0 - y)).expect("a string takes everything");
    }

    pub(super) fn line_to(&mut self, x: f64, y: f64) {
        write!(self.0, "L{} {}", unit(x), unit(1.0 - y)).expect("a string takes everything");
    }

    pub(super) fn rectangle(&mut self, left: f64, right: f64, bottom: f64, top: f64) {
        let (width, height) = (unit(right) - unit(left), unit(1.0 - bottom) - unit(1.0 - top));
        write!(self.0, "M{} {}h{width}v{height}h-{width}z", unit(left), unit(1.0 - top))
            .expect("a string takes everything");
    }

    pub(super) fn done(self, class: impl Into<String>) -> Path {
        Path { class: class.into(), d: self.0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A step line over spans of x, and the area below it where asked for.
pub(super) fn steps(points: &[(f64, f64, Option<f64>)], close: bool) -> Pen {
    let mut pen = Pen::default();
    let mut drawing = false;
    let mut last = 0.0;
    for (left, right, y) in points {
        let Some(y) = *y else {
            if drawing && close {
                pen.line_to(last, 0.0);
            }
            drawing = false;
            continue;
        };
        match (drawing, close) {
            (true, _) => pen.line_to(*left, y),
            (false, true) => {
                pen.move_to(*left, 0.0);
                pen.line_to(*left, y);
            }
            (false, false) => pen.move_to(*left, y),
        }
        pen.line_to(*right, y);
        (drawing, last) = (true, *right);
    }
    if drawing && close {
        pen.line_to(last, 0.0);
    }
    pen
}

/// Whole thousandths keep the file small, and are less than a pixel.
fn unit(value: f64) -> i32 {
    (value.clamp(0.0, 1.0) * 1000.0).round() as i32
}

/// The marks of a time line, named where there is room for it.
pub(super) fn marks(timeline: &Timeline, length: f64) -> Vec<MarkLine> {
    let mut lines = Vec::new();
    let mut named_until = -1.0;
    for mark in timeline.marks.iter().take(MARKS_MAX) {
        let left = (mark.at / length * 100.0).clamp(0.0, 100.0);
        // A name stands to the right of its line; near the right edge to the left of it.
        let is_flipped = left > 70.0;
        let (from, to) = if is_flipped { (left - NAME_ROOM, left) } else { (left, left + NAME_ROOM) };
        let has_room = from >= named_until;
        if has_room {
            named_until = to;
        }
        let text = has_room.then(|| words::plain(&mark.text).into_owned());
        lines.push(MarkLine { class: mark_class(mark), left, text, is_flipped });
    }
    lines
}

/// A mark's kind, as the style sheet names it.
pub(super) fn mark_class(mark: &Mark) -> &'static str {
    match mark.kind {
        MarkKind::Fault => "fault",
        MarkKind::Lost => "lost",
        MarkKind::Recovered => "recovered",
        MarkKind::Load => "load",
    }
}

/// Labels of series that would cover each other are moved apart; each takes this much of the height.
pub(super) fn spread(labels: &mut [Label], room: f64) {
    labels.sort_by(|one, other| one.bottom.total_cmp(&other.bottom));
    let mut least = 0.0;
    for label in labels.iter_mut() {
        label.bottom = label.bottom.max(least);
        least = label.bottom + room;
    }
    let mut most = 100.0 - room;
    for label in labels.iter_mut().rev() {
        label.bottom = label.bottom.min(most);
        most = label.bottom - room;
    }
}

const MARKS_MAX: usize = 400;
/// A mark's name takes about this many per cent of the width.
const NAME_ROOM: f64 = 30.0;
