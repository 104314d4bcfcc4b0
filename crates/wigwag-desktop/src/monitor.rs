//! The feed `/metrics/live` as the window sees it: the newest figures, and the last two minutes of each (docs/metrics-live.md).

use std::collections::VecDeque;

use serde::Deserialize;

/// One object of the feed; what is not shown is left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Figures {
    pub(crate) uptime_seconds: f64,
    pub(crate) version: String,
    pub(crate) draining: bool,
    pub(crate) workers: u64,
    pub(crate) all: Traffic,
    pub(crate) services: Vec<ServiceTraffic>,
    pub(crate) latency: Latency,
    pub(crate) out_queue_bytes: u64,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) open_descriptors: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Traffic {
    pub(crate) connections: u64,
    pub(crate) messages_in_total: u64,
    pub(crate) messages_out_total: u64,
    pub(crate) messages_in_per_second: f64,
    pub(crate) messages_out_per_second: f64,
    pub(crate) bytes_in_per_second: f64,
    pub(crate) bytes_out_per_second: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceTraffic {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) traffic: Traffic,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Latency {
    pub(crate) p50_micros: Option<u64>,
    pub(crate) p99_micros: Option<u64>,
    pub(crate) max_micros: Option<u64>,
}

/// The feed so far.
#[derive(Default)]
pub(crate) struct Monitor {
    /// The newest last.
    pub(crate) history: VecDeque<Figures>,
    /// Why what came could not be read.
    pub(crate) trouble: Option<String>,
}

impl Monitor {
    pub(crate) fn handle(&mut self, text: &str) {
        match serde_json::from_str::<Figures>(text) {
            Ok(mut figures) => {
                figures.uptime_seconds = figures.uptime_seconds.clamp(0.0, FIGURE_MAX);
                self.trouble = None;
                // A server that was started anew has another past.
                if self.history.back().is_some_and(|last| last.uptime_seconds > figures.uptime_seconds) {
                    self.history.clear();
                }
                self.history.push_back(figures);
                if self.history.len() > HISTORY_MAX {
                    self.history.pop_front();
                }
            }
            Err(error) => self.trouble = Some(format!("not a feed of wigwag: {error}")),
        }
    }

    pub(crate) fn newest(&self) -> Option<&Figures> {
        self.history.back()
    }

    /// A figure over time: seconds from now, which are negative, and its values.
    pub(crate) fn series(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Vec<[f64; 2]> {
        let now = self.newest().map_or(0.0, |newest| newest.uptime_seconds);
        self.history
            .iter()
            .filter_map(|one| Some([one.uptime_seconds - now, figure(one)?.clamp(0.0, FIGURE_MAX)]))
            .collect()
    }
}

/// More than any server can have of anything: what a feed claims beyond it is not drawn.
const FIGURE_MAX: f64 = 1e15;
/// Seconds kept.
const HISTORY_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn object(uptime: f64, connections: u64) -> String {
        format!(r#"{{"uptime_seconds":{uptime},"version":"1","unknown":[],"all":{{"connections":{connections}}}}}"#)
    }

    #[test]
    fn the_last_two_minutes_are_kept_and_now_is_zero() {
        let mut monitor = Monitor::default();
        (0..200).for_each(|second| monitor.handle(&object(f64::from(second), 7)));
        let series = monitor.series(|figures| Some(figures.all.connections as f64));
        assert_eq!((series.len(), series[0], series[119]), (120, [-119.0, 7.0], [0.0, 7.0]));
    }

    #[test]
    fn a_server_started_anew_begins_a_new_history() {
        let mut monitor = Monitor::default();
        [5.0, 6.0, 0.1].iter().for_each(|uptime| monitor.handle(&object(*uptime, 1)));
        assert_eq!(monitor.history.len(), 1);
    }

    #[test]
    fn what_is_no_feed_is_said() {
        let mut monitor = Monitor::default();
        monitor.handle("hello 17");
        assert!(monitor.trouble.is_some() && monitor.newest().is_none());
    }

    #[test]
    fn absurd_figures_are_bounded() {
        let mut monitor = Monitor::default();
        monitor.handle(r#"{"uptime_seconds":1e300,"all":{"bytes_in_per_second":1.7e308,"bytes_out_per_second":-5}}"#);
        let newest = monitor.newest().expect("a feed");
        assert_eq!(newest.uptime_seconds, FIGURE_MAX);
        assert_eq!(monitor.series(|figures| Some(figures.all.bytes_in_per_second)), [[0.0, FIGURE_MAX]]);
        assert_eq!(monitor.series(|figures| Some(figures.all.bytes_out_per_second)), [[0.0, 0.0]]);
    }

    #[test]
    fn a_figure_that_is_not_known_has_no_point() {
        let mut monitor = Monitor::default();
        monitor.handle(&object(1.0, 1));
        assert!(monitor.series(|figures| figures.latency.p50_micros.map(|micros| micros as f64)).is_empty());
    }
}
