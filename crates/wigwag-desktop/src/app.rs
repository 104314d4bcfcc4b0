//! The window: what it holds, and how it is laid out. Each tab draws itself and gives back what is to be done.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime},
};

use eframe::egui::{self, Key, RichText};
use wigwag_net::{OwnedMessage, url::WsUrl};

use crate::{
    bar::{self, Bar},
    channel::{Channel, Manner, News},
    letters::Tiles,
    link::Status,
    look,
    monitor::Monitor,
    settings::Settings,
    stream::Lanes,
    tabs::{self, bulk::Bulk, messages::Messages, simulation::Simulation},
    wire::Wire,
};

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Messages,
    Bulk,
    Simulation,
    Stream,
    Letters,
    Monitor,
}

impl Tab {
    pub(crate) const ALL: [Self; 6] =
        [Self::Messages, Self::Bulk, Self::Simulation, Self::Stream, Self::Letters, Self::Monitor];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Messages => "Messages",
            Self::Bulk => "10,000",
            Self::Simulation => "Simulation",
            Self::Stream => "Stream",
            Self::Letters => "Letters",
            Self::Monitor => "Monitor",
        }
    }

    /// The service that it speaks to, where that is not the one of the address.
    fn path(self) -> Option<&'static str> {
        match self {
            Self::Stream => Some("/stream"),
            Self::Letters => Some("/letters"),
            Self::Monitor => Some("/metrics/live"),
            Self::Messages | Self::Bulk | Self::Simulation => None,
        }
    }
}

/// What a key says together with ctrl (on a Mac: with the command key).
#[derive(Clone, Copy)]
enum Command {
    Show(Tab),
    /// Type an address.
    Address,
    Clear,
    /// Do what the tab is for.
    Go,
}

impl Command {
    fn of(key: Key) -> Option<Self> {
        const DIGITS: [Key; 6] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6];
        match key {
            Key::L => Some(Self::Address),
            Key::K => Some(Self::Clear),
            Key::Enter => Some(Self::Go),
            _ => DIGITS.iter().position(|digit| *digit == key).map(|place| Self::Show(Tab::ALL[place])),
        }
    }
}

/// The program.
pub(crate) struct Desktop {
    pub(crate) settings: Settings,
    saved: Settings,
    settings_path: Option<PathBuf>,
    pub(crate) bar: Bar,
    pub(crate) tab: Tab,
    /// The connection of the bar.
    pub(crate) main: Channel,
    /// Those of the tabs that know their service.
    pub(crate) stream: Channel,
    pub(crate) letters: Channel,
    pub(crate) monitor: Channel,
    pub(crate) messages: Messages,
    pub(crate) bulk: Bulk,
    pub(crate) simulation: Simulation,
    pub(crate) lanes: Lanes,
    pub(crate) tiles: Tiles,
    pub(crate) feed: Monitor,
    wire: Arc<Wire>,
    /// The next tab fails to be drawn.
    #[cfg(test)]
    pub(crate) fails: bool,
}

impl Desktop {
    pub(crate) fn new(wire: Wire, settings: Settings, settings_path: Option<PathBuf>) -> Self {
        let wire = Arc::new(wire);
        let service = || Channel::of_service(wire.clone());
        Self {
            bar: Bar { address: settings.url.clone(), ..Bar::default() },
            tab: Tab::Messages,
            main: Channel::new(wire.clone()),
            stream: service(),
            letters: service(),
            monitor: service(),
            messages: Messages::default(),
            bulk: Bulk::default(),
            simulation: Simulation::default(),
            lanes: Lanes::default(),
            tiles: Tiles::default(),
            feed: Monitor::default(),
            saved: settings.clone(),
            settings,
            settings_path,
            wire,
            #[cfg(test)]
            fails: false,
        }
    }

    /// Takes in what has happened since the last frame. Never waits.
    pub(crate) fn advance(&mut self, now: Instant, wall: SystemTime) {
        for news in self.main.poll(now) {
            match news {
                News::Message(message, at) => self.messages.log.received(message, wall, at),
                News::Opened => {
                    let url = self.main.url().map(ToString::to_string).unwrap_or_default();
                    self.messages.log.note(format!("connected to {url}"), wall);
                }
                News::Closed => self.messages.log.note(self.main.link.why().unwrap_or("closed").to_owned(), wall),
            }
        }
        for news in self.stream.poll(now) {
            match news {
                News::Message(OwnedMessage::Text(text), _) => self.lanes.handle(&text),
                News::Closed if self.lanes.is_running() => {
                    self.lanes.stop();
                    self.lanes.trouble = Some("the connection was lost before the end: send it again".to_owned());
                }
                _ => {}
            }
        }
        for news in self.letters.poll(now) {
            match news {
                News::Opened => self.tiles.subscriptions().into_iter().for_each(|message| {
                    self.letters.send(OwnedMessage::Text(message));
                }),
                News::Message(OwnedMessage::Text(text), at) => self.tiles.handle(&text, at),
                _ => {}
            }
        }
        for news in self.monitor.poll(now) {
            if let News::Message(OwnedMessage::Text(text), _) = news {
                self.feed.handle(&text);
            }
        }
        self.bulk.trial.poll();
        self.simulation.trial.poll();
        self.want_channels();
    }

    /// Connects to the address in the bar.
    pub(crate) fn connect(&mut self) {
        match WsUrl::from_typed(&self.bar.address).map_err(|error| error.to_string()).and_then(|url| {
            let manner = self.bar.manner(&self.settings.protocols)?;
            Ok((url, manner))
        }) {
            Ok((url, manner)) => {
                self.bar.trouble = None;
                self.settings.remember(&url.to_string());
                self.main.connect(url, manner);
                self.save();
            }
            Err(why) => self.bar.trouble = Some(why),
        }
    }

    pub(crate) fn disconnect(&mut self) {
        self.main.disconnect();
    }

    /// Where runs go: the address in the bar, connected or not.
    pub(crate) fn target(&self) -> Result<(WsUrl, Manner), String> {
        let url = WsUrl::from_typed(&self.bar.address).map_err(|error| error.to_string())?;
        Ok((url, self.bar.manner(&self.settings.protocols)?))
    }

    /// Sends the text of the Stream tab.
    pub(crate) fn begin_stream(&mut self) {
        let message = self.lanes.begin(&self.settings.stream_text);
        self.stream.send(OwnedMessage::Text(message));
    }

    pub(crate) fn wake(&self) -> crate::wire::Wake {
        self.wire.wake()
    }

    /// The services' own connections: while their tab is looked at, or what it shows goes on.
    fn want_channels(&mut self) {
        let wanted = self.main.target().map(|(url, _)| url.clone());
        // As the bar's connection was opened: what is being typed for the next one is not for these.
        let headers = self.main.target().map(|(_, manner)| manner.headers.clone()).unwrap_or_default();
        let manner = Manner { headers, ..Manner::default() };
        let busy = [self.lanes.is_running(), self.tiles.wanted() > 0, !self.feed.history.is_empty()];
        let channels = [&mut self.stream, &mut self.letters, &mut self.monitor];
        for ((tab, channel), busy) in [Tab::Stream, Tab::Letters, Tab::Monitor].into_iter().zip(channels).zip(busy) {
            let url = wanted.as_ref().zip(tab.path()).map(|(url, path)| url.at(path));
            if url.is_none() || self.tab == tab || busy {
                channel.link.reconnect = self.settings.reconnect;
                channel.want(url, &manner);
            }
        }
        self.main.link.reconnect = self.settings.reconnect;
    }

    /// Keeps the settings. What cannot be written is said in the bar.
    pub(crate) fn save(&mut self) {
        let Some(path) = self.settings_path.as_ref().filter(|_| self.settings != self.saved) else { return };
        match self.settings.save(path) {
            Ok(()) => self.saved = self.settings.clone(),
            Err(error) => self.bar.trouble = Some(format!("cannot keep the settings in {}: {error}", path.display())),
        }
    }

    /// Carries out what was pressed, in that order: several keys may come within a frame.
    fn keys(&mut self, ui: &egui::Ui) {
        let mut pressed = Vec::new();
        ui.input_mut(|input| {
            input.events.retain(|event| match event {
                egui::Event::Key { key, pressed: true, modifiers, .. }
                    if modifiers.command && !modifiers.alt && Command::of(*key).is_some() =>
                {
                    pressed.extend(Command::of(*key));
                    false
                }
                _ => true,
            });
        });
        pressed.into_iter().for_each(|command| self.obey(command));
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Show(tab) => {
                self.tab = tab;
                // Who comes by a key writes with keys.
                self.messages.focus = tab == Tab::Messages;
            }
            Command::Address => self.bar.focus = true,
            Command::Clear => self.messages.clear(),
            Command::Go => match self.tab {
                Tab::Bulk if !self.bulk.trial.is_running() => Bulk::start(self),
                Tab::Simulation if !self.simulation.trial.is_running() => Simulation::start(self),
                Tab::Stream if self.stream.link.status() == Status::Open => self.begin_stream(),
                Tab::Messages => self.messages.send(&self.main),
                _ => {}
            },
        }
    }

    /// Draws a frame. A part that fails is said to have failed, and the window stays.
    pub(crate) fn draw(&mut self, ui: &mut egui::Ui) {
        let drawn = catch_unwind(AssertUnwindSafe(|| self.draw_all(ui)));
        if drawn.is_err() {
            // What went wrong is on standard error. Another tab is more likely to be drawn than the one that was not.
            let failed = std::mem::replace(&mut self.tab, Tab::Messages).name();
            self.bar.trouble = Some(format!(
                "{failed} could not be drawn, which is a bug of this program; its words are on standard error"
            ));
            ui.ctx().request_repaint();
        }
    }

    fn draw_all(&mut self, ui: &mut egui::Ui) {
        self.keys(ui);
        egui::Panel::top("bar").frame(bar::frame(ui)).show(ui, |ui| self.draw_bar(ui));
        egui::Panel::left("tabs").frame(bar::frame(ui)).exact_size(132.0).resizable(false).show(ui, |ui| {
            ui.add_space(4.0);
            for (number, tab) in (1..).zip(Tab::ALL) {
                let words = RichText::new(tab.name());
                let button = egui::Button::selectable(self.tab == tab, words).min_size(egui::vec2(108.0, 32.0));
                if ui.add(button).on_hover_text(format!("Ctrl+{number}")).clicked() {
                    self.tab = tab;
                }
            }
        });
        egui::CentralPanel::default().show(ui, |ui| match self.tab {
            #[cfg(test)]
            _ if self.fails => panic!("on purpose"),
            Tab::Messages => self.messages.draw(ui, &self.main),
            Tab::Bulk => tabs::bulk::draw(self, ui),
            Tab::Simulation => tabs::simulation::draw(self, ui),
            Tab::Stream => tabs::stream::draw(self, ui),
            Tab::Letters => tabs::letters::draw(self, ui),
            Tab::Monitor => tabs::monitor::draw(self, ui),
        });
    }

    /// When the next frame is due, if nothing else happens.
    pub(crate) fn next_frame(&self, now: Instant) -> Option<std::time::Duration> {
        let channels = [&self.main, &self.stream, &self.letters, &self.monitor];
        let ticking = channels.iter().any(|channel| matches!(channel.link.status(), Status::Waiting { .. }));
        let soon = self.bulk.trial.is_running() || self.simulation.trial.is_running() || self.messages.is_saving();
        let due = channels.iter().filter_map(|channel| channel.link.next_at()).min();
        let due = due.map(|at| at.saturating_duration_since(now));
        let ticks = [(soon, 100), (ticking, 250)];
        let ticks =
            ticks.into_iter().filter(|(wanted, _)| *wanted).map(|(_, millis)| std::time::Duration::from_millis(millis));
        ticks.chain(due).chain(tabs::letters::next_frame(self, now)).min()
    }
}

impl eframe::App for Desktop {
    fn logic(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        let now = Instant::now();
        self.advance(now, SystemTime::now());
        if let Some(after) = self.next_frame(now) {
            context.request_repaint_after(after);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.draw(ui);
        // What a click began may want a frame sooner than was known before it.
        if let Some(after) = self.next_frame(Instant::now()) {
            ui.ctx().request_repaint_after(after);
        }
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.save();
    }
}

/// Ready for its window.
pub(crate) fn begin(context: &egui::Context, settings: Settings, path: Option<PathBuf>) -> std::io::Result<Desktop> {
    look::dress(context);
    look::set_theme(context, settings.theme);
    let wake = {
        let context = context.clone();
        Arc::new(move || context.request_repaint())
    };
    Ok(Desktop::new(Wire::new(wake)?, settings, path))
}
