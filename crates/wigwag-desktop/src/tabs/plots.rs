//! Lines over time: now at the right edge, y from zero, each line with its name at its end.

use eframe::egui::{self, Color32};
use egui_plot::{GridMark, Line, LineStyle, Plot, PlotPoint, PlotPoints, Text};

use crate::{look, words};

/// One line.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) points: Vec<[f64; 2]>,
    pub(super) colour: Color32,
    /// Told apart without colours.
    pub(super) dashed: bool,
}

/// What the values of a chart are.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    /// Writes one for the axis.
    write: fn(f64) -> String,
    /// A round step, for values up to this one.
    step: fn(f64) -> f64,
}

/// Whole things: nothing lies between two of them.
pub(super) const COUNT: Unit = Unit { write: words::short, step: |highest| nice_step(highest).max(1.0) };
pub(super) const MILLISECONDS: Unit = Unit { write: |millis| words::seconds(millis.max(0.0) / 1e3), step: nice_step };
pub(super) const BYTES: Unit = Unit {
    write: |bytes| words::bytes(bytes.max(0.0) as u64),
    step: |highest| {
        let highest = drawable(highest);
        let unit = 1024_f64.powf(highest.max(1.0).log(1024.0).floor());
        nice_step(highest / unit) * unit
    },
};

/// A chart of these lines over the last `seconds`.
pub(super) fn chart(ui: &mut egui::Ui, name: &'static str, seconds: f64, series: Vec<Series>, unit: Unit) {
    let highest = series.iter().flat_map(|one| &one.points).map(|point| point[1]).fold(0.0, f64::max);
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let top = top(highest, unit);
    look::card(ui).show(ui, |ui| {
        ui.strong(name);
        plot(ui, name, highest, unit)
            .height(PLOT_HEIGHT)
            .x_grid_spacer(move |_| marks(-seconds, 0.0, if seconds > 30.0 { 10.0 } else { 5.0 }))
            .x_axis_formatter(move |mark, _| match mark.value {
                0.0 => "now".to_owned(),
                // It would lie on the lowest mark of the other axis.
                value if value == -seconds => String::new(),
                value => format!("{value:.0} s"),
            })
            .show(ui, |plot| {
                // Room at the right for the lines' names.
                plot.set_plot_bounds_x(-seconds..=seconds * 0.1);
                plot.set_plot_bounds_y(0.0..=top);
                let mut taken = Vec::new();
                for one in series {
                    let Some(last) = one.points.last().copied() else { continue };
                    let style = if one.dashed { LineStyle::dashed_loose() } else { LineStyle::Solid };
                    let points = PlotPoints::from(one.points);
                    plot.line(Line::new(one.name, points).color(one.colour).style(style).width(1.5));
                    let place = PlotPoint::new(last[0] + seconds * 0.01, free_place(last[1] / top, &mut taken) * top);
                    let label = egui::RichText::new(one.name).small();
                    let anchor = egui::Align2::LEFT_CENTER;
                    plot.text(Text::new(one.name, place, label).color(one.colour).anchor(anchor));
                }
            });
    });
}

/// A plot that only shows: with the look's grid, and marks from zero to `highest`.
pub(super) fn plot<'a>(ui: &egui::Ui, name: &'static str, highest: f64, unit: Unit) -> Plot<'a> {
    Plot::new(name)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_background(false)
        .grid_color(look::tokens(ui).line)
        .grid_fade(0.0)
        .y_axis_min_width(64.0)
        .y_grid_spacer(move |_| marks(0.0, top(highest, unit), (unit.step)(highest)))
        .y_axis_formatter(move |mark, _| (unit.write)(mark.value))
}

/// The upper end of an axis: the next round step, and a little for the line's width.
pub(super) fn top(highest: f64, unit: Unit) -> f64 {
    let step = (unit.step)(highest);
    let highest = drawable(highest);
    (highest / step).ceil().max(1.0) * step * 1.02
}

/// A round step that divides `highest` into two to five.
fn nice_step(highest: f64) -> f64 {
    let rough = drawable(highest) / 4.0;
    let ten = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * ten).find(|step| *step >= rough).unwrap_or(10.0 * ten)
}

/// Of nothing there are no steps, and of too much too many.
fn drawable(highest: f64) -> f64 {
    highest.clamp(1e-6, 1e15)
}

fn marks(from: f64, to: f64, step: f64) -> Vec<GridMark> {
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    (first..=last).map(|place| GridMark { value: place as f64 * step, step_size: step }).collect()
}

/// Where a line's name is written, from 0 at the bottom to 1: beside its end, or as near as others leave room.
fn free_place(wanted: f64, taken: &mut Vec<f64>) -> f64 {
    let wanted = wanted.clamp(0.08, 0.94);
    let free =
        |place: &f64| (0.0..=1.0).contains(place) && taken.iter().all(|other| (other - place).abs() >= NAME_HEIGHT);
    let tries = (0..20).flat_map(|step| [wanted + 0.05 * f64::from(step), wanted - 0.05 * f64::from(step)]);
    let place = tries.into_iter().find(free).unwrap_or(wanted);
    taken.push(place);
    place
}

const PLOT_HEIGHT: f32 = 120.0;
/// Of the plot's height.
const NAME_HEIGHT: f64 = 0.14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_two_to_five_of_them_reach_the_top() {
        for (highest, expected) in
            [(1.0, 0.5), (4.0, 1.0), (7.0, 2.0), (1_000.0, 500.0), (0.03, 0.01), (98_000.0, 50_000.0)]
        {
            let step = nice_step(highest);
            assert!((step - expected).abs() < expected * 1e-9, "{highest}: {step}");
            assert!((2.0..=5.0).contains(&(highest / step).ceil()), "{highest}: {step}");
        }
    }

    #[test]
    fn nothing_and_too_much_have_few_marks_as_well() {
        for highest in [0.0, 5e-324, 1e308] {
            for unit in [COUNT, BYTES, MILLISECONDS] {
                let step = (unit.step)(highest);
                assert!((1..=6).contains(&marks(0.0, top(highest, unit), step).len()), "{highest}: {step}");
            }
        }
    }

    #[test]
    fn counts_have_whole_steps_and_bytes_binary_ones() {
        assert_eq!([1.0, 2.0, 7.0].map(COUNT.step), [1.0, 1.0, 2.0]);
        assert_eq!([1_500.0, 3_000.0].map(BYTES.step), [512.0, 1024.0]);
        assert_eq!((BYTES.write)(2048.0), "2.00 KiB");
    }

    #[test]
    fn names_of_lines_that_meet_do_not_lie_on_each_other() {
        let mut taken = Vec::new();
        let places = [free_place(0.5, &mut taken), free_place(0.5, &mut taken), free_place(0.0, &mut taken)];
        assert!((places[0] - places[1]).abs() >= NAME_HEIGHT && places[2] > 0.0, "{places:?}");
    }
}
