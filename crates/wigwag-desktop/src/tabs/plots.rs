//! Lines over time: now at the right edge, y from zero, each line with its name at its end.

use eframe::egui::{self, Color32};
use egui_plot::{GridMark, Line, LineStyle, Plot, PlotPoint, PlotPoints, Text};

use crate::look;

/// One line.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) points: Vec<[f64; 2]>,
    pub(super) colour: Color32,
    /// Told apart without colours.
    pub(super) dashed: bool,
}

/// A chart of these lines over the last `seconds`. `unit` writes a value for the axis.
pub(super) fn chart(ui: &mut egui::Ui, name: &'static str, seconds: f64, series: Vec<Series>, unit: fn(f64) -> String) {
    let highest = series.iter().flat_map(|one| &one.points).map(|point| point[1]).fold(0.0, f64::max);
    let step = nice_step(if highest > 0.0 { highest } else { 1.0 });
    let top = (highest / step).ceil().max(1.0) * step * 1.02;
    look::card(ui).show(ui, |ui| {
        ui.strong(name);
        plot(ui, name, step, unit)
            .height(PLOT_HEIGHT)
            .x_grid_spacer(move |_| marks(-seconds, 0.0, if seconds > 30.0 { 10.0 } else { 5.0 }))
            .x_axis_formatter(
                |mark, _| if mark.value == 0.0 { "now".to_owned() } else { format!("{:.0} s", mark.value) },
            )
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

/// A plot that only shows: with the look's grid, and marks a `step` apart from zero up.
pub(super) fn plot<'a>(ui: &egui::Ui, name: &'static str, step: f64, unit: fn(f64) -> String) -> Plot<'a> {
    Plot::new(name)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_background(false)
        .grid_color(look::tokens(ui).line)
        .grid_fade(0.0)
        .y_axis_min_width(64.0)
        .y_grid_spacer(move |_| marks(0.0, step * STEPS_MAX, step))
        .y_axis_formatter(move |mark, _| unit(mark.value))
}

/// A round step that divides `highest` into two to five.
pub(super) fn nice_step(highest: f64) -> f64 {
    let rough = highest / 4.0;
    let ten = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * ten).find(|step| *step >= rough).unwrap_or(10.0 * ten)
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

/// Of the plot's height.
const NAME_HEIGHT: f64 = 0.14;
/// More than a plot has.
const STEPS_MAX: f64 = 8.0;
const PLOT_HEIGHT: f32 = 120.0;

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
    fn names_of_lines_that_meet_do_not_lie_on_each_other() {
        let mut taken = Vec::new();
        let places = [free_place(0.5, &mut taken), free_place(0.5, &mut taken), free_place(0.0, &mut taken)];
        assert!((places[0] - places[1]).abs() >= NAME_HEIGHT && places[2] > 0.0, "{places:?}");
    }
}
