//! The window as its user meets it, over AccessKit, against small servers of the tests' own.

mod peer;

use std::time::{Duration, Instant, SystemTime};

use eframe::egui::{self, Key, Modifiers, accesskit::Toggled};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};

use self::peer::Peer;
use crate::{
    app::{Desktop, Tab},
    look,
    settings::Settings,
    wire::Wire,
};

const DEADLINE: Duration = Duration::from_secs(30);

type Window = Harness<'static, Desktop>;

/// A window that has this address typed in, with settings of its own.
fn window(address: &str) -> Window {
    let wire = Wire::new(std::sync::Arc::new(|| {})).expect("a worker");
    let mut desktop = Desktop::new(wire, Settings::default(), None);
    address.clone_into(&mut desktop.bar.address);
    let mut window = Harness::builder().with_size([1120.0, 760.0]).with_context_setup(look::dress).build_ui_state(
        |ui, desktop: &mut Desktop| {
            desktop.advance(Instant::now(), SystemTime::now());
            desktop.draw(ui);
        },
        desktop,
    );
    window.step();
    window
}

/// As [`window`], connected to this server.
fn connected(peer: &Peer, path: &str) -> Window {
    let mut window = window(&format!("ws://{}{path}", peer.address));
    click(&mut window, "Connect");
    sees(&mut window, "open");
    window
}

/// Draws frames until a label contains this.
#[track_caller]
fn sees(window: &mut Window, words: &str) {
    let deadline = Instant::now() + DEADLINE;
    while window.query_all_by_label_contains(words).next().is_none() {
        assert!(Instant::now() < deadline, "not in time: {words:?} in {:#?}", window.root());
        std::thread::yield_now();
        window.step();
    }
}

#[track_caller]
fn click(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.step();
    window.step();
}

fn press(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.step();
    window.step();
}

/// Writes into a field, in place of what is in it.
#[track_caller]
fn write(window: &mut Window, field: &str, text: &str) {
    window.get_by_label(field).focus();
    window.step();
    press(window, Modifiers::COMMAND, Key::A);
    window.get_by_label(field).type_text(text);
    window.step();
}

mod connection {
    use super::*;

    #[test]
    fn opens_shows_its_round_trip_time_and_closes() {
        let peer = Peer::start();
        let mut window = connected(&peer, "/echo");
        let deadline = Instant::now() + DEADLINE;
        while window.state().main.link.rtt().is_none() {
            assert!(Instant::now() < deadline, "no round-trip time");
            window.step();
        }
        assert!(
            window.query_by_label_contains("round trip –").is_none() || {
                window.step();
                true
            }
        );
        click(&mut window, "Disconnect");
        sees(&mut window, "not connected");
        sees(&mut window, "closed: 1000");
    }

    #[test]
    fn a_refused_connection_says_what_to_do_and_is_tried_again_until_told_otherwise() {
        let mut window = window("ws://127.0.0.1:1/echo");
        click(&mut window, "Connect");
        sees(&mut window, "start it with: wigwag serve");
        sees(&mut window, "reconnecting in");
        click(&mut window, "Disconnect");
        sees(&mut window, "not connected");
    }

    #[test]
    fn an_address_that_is_none_is_not_tried() {
        let mut window = window("http://host/");
        click(&mut window, "Connect");
        sees(&mut window, "unknown scheme http://: use ws://");
        write(&mut window, "Address", "wss://user:secret@host/");
        click(&mut window, "Connect");
        sees(&mut window, "user name or password");
    }

    #[test]
    fn a_header_that_is_none_is_said_and_a_right_one_is_sent() {
        let peer = Peer::start();
        let mut window = window(&format!("ws://{}/echo", peer.address));
        click(&mut window, "More");
        write(&mut window, "Headers", "no header");
        click(&mut window, "Connect");
        sees(&mut window, "is no header: write Name: value");
        write(&mut window, "Headers", "X-Test: seen");
        write(&mut window, "Subprotocols", "chat, v2");
        click(&mut window, "Connect");
        sees(&mut window, "the server chose v2");
        assert_eq!(peer.header("x-test").as_deref(), Some("seen"));
    }

    #[test]
    fn the_address_is_reached_by_a_key_and_enter_connects() {
        let peer = Peer::start();
        let mut window = window("");
        press(&mut window, Modifiers::COMMAND, Key::L);
        let address = window.get_by_label("Address");
        assert!(address.is_focused());
        address.type_text(&format!("{}/echo", peer.address));
        window.step();
        press(&mut window, Modifiers::NONE, Key::Enter);
        sees(&mut window, "open");
        assert_eq!(window.state().settings.recent, [format!("ws://{}/echo", peer.address)]);
    }
}

mod messages {
    use super::*;

    #[test]
    fn enter_sends_and_the_answer_is_listed() {
        let peer = Peer::start();
        let mut window = connected(&peer, "/random");
        write(&mut window, "Message", "héllo");
        press(&mut window, Modifiers::NONE, Key::Enter);
        sees(&mut window, "1 sent, 1 received");
        sees(&mut window, "héllo 17");
        assert_eq!(window.state().messages.text, "", "ready for the next one");
        press(&mut window, Modifiers::COMMAND, Key::K);
        sees(&mut window, "0 sent, 0 received");
    }

    #[test]
    fn what_cannot_be_sent_stays_and_says_why() {
        let peer = Peer::start();
        let mut window = window("ws://127.0.0.1:1/");
        write(&mut window, "Message", "{");
        click(&mut window, "Send");
        sees(&mut window, "not sent: there is no open connection");
        click(&mut window, "JSON");
        click(&mut window, "Send");
        sees(&mut window, "not JSON:");
        click(&mut window, "Hex");
        write(&mut window, "Message", "0x");
        click(&mut window, "Send");
        sees(&mut window, "'x' is no hexadecimal digit");
        write(&mut window, "Address", &format!("ws://{}/echo", peer.address));
        click(&mut window, "Connect");
        sees(&mut window, "open");
        write(&mut window, "Message", "00 ff");
        press(&mut window, Modifiers::COMMAND, Key::Enter);
        sees(&mut window, "1 sent, 1 received");
    }

    #[test]
    fn a_filter_hides_and_a_message_is_shown_whole() {
        let peer = Peer::start();
        let mut window = connected(&peer, "/echo");
        for text in [r#"{"a":[1]}"#, "other"] {
            write(&mut window, "Message", text);
            press(&mut window, Modifiers::NONE, Key::Enter);
        }
        sees(&mut window, "2 sent, 2 received");
        write(&mut window, "Filter", "a");
        window.step();
        assert!(window.query_all_by_label_contains("other").next().is_none());
        window.query_all_by_label_contains(r#"{"a":[1]}"#).next().expect("a row").click();
        window.step();
        sees(&mut window, "Copy");
        sees(&mut window, "{\n  \"a\": [\n    1\n  ]\n}");
    }

    #[test]
    fn a_hundred_thousand_entries_are_drawn_as_few() {
        let mut window = window("ws://127.0.0.1:1/");
        for number in 0..100_000 {
            let message = wigwag_net::OwnedMessage::Text(format!("message {number}"));
            window.state_mut().messages.log.received(message, SystemTime::now(), Instant::now());
        }
        window.step();
        window.step();
        let drawn = window.query_all_by_label_contains("message ").count();
        assert!((5..100).contains(&drawn), "{drawn}");
    }
}

mod runs {
    use super::*;

    #[test]
    fn many_messages_are_sent_and_accounted_for() {
        let peer = Peer::start();
        let mut window = window(&format!("ws://{}/random", peer.address));
        window.state_mut().bulk.messages = 300;
        press(&mut window, Modifiers::COMMAND, Key::Num2);
        click(&mut window, "Send 300");
        sees(&mut window, "300 sent = 300 ok");
        sees(&mut window, "PASS");
        sees(&mut window, "300 answers");
    }

    #[test]
    fn a_run_without_a_server_says_why() {
        let mut window = window("ws://127.0.0.1:1/");
        press(&mut window, Modifiers::COMMAND, Key::Num2);
        click(&mut window, "Send 10,000");
        sees(&mut window, "INCONCLUSIVE");
        sees(&mut window, "no connection could be opened (1 x connect: connection refused)");
    }

    #[test]
    fn a_run_can_be_stopped() {
        let peer = Peer::start();
        let mut window = window(&format!("ws://{}/random", peer.address));
        window.state_mut().bulk.messages = 10_000_000;
        press(&mut window, Modifiers::COMMAND, Key::Num2);
        click(&mut window, "Send 10,000,000");
        sees(&mut window, "under way");
        click(&mut window, "Stop");
        sees(&mut window, "INCONCLUSIVE");
    }

    #[test]
    fn many_clients_are_simulated_and_judged() {
        let peer = Peer::start();
        let mut window = window(&format!("ws://{}/random", peer.address));
        (window.state_mut().simulation.clients, window.state_mut().simulation.seconds) = (5, 1);
        press(&mut window, Modifiers::COMMAND, Key::Num3);
        click(&mut window, "Start");
        sees(&mut window, "PASS");
        sees(&mut window, "Open HTML report");
        assert_eq!(window.state().simulation.trial.outcome().map(|outcome| outcome.connections.opened), Some(5));
    }
}

mod services {
    use super::*;

    #[test]
    fn lanes_of_the_stream_fill() {
        let peer = Peer::start();
        let mut window = connected(&peer, "/random");
        press(&mut window, Modifiers::COMMAND, Key::Num4);
        window.state_mut().settings.stream_text = "añ".to_owned();
        let deadline = Instant::now() + DEADLINE;
        while window.get_by_label("Send").accesskit_node().is_disabled() {
            assert!(Instant::now() < deadline, "/stream is not opened");
            window.step();
        }
        click(&mut window, "Send");
        sees(&mut window, "Last char 'ñ' count: 0");
        sees(&mut window, "ña");
        assert_eq!(window.state().lanes.echo, "añ");
    }

    #[test]
    fn a_letter_is_switched_on_and_its_value_shown() {
        let peer = Peer::start();
        let mut window = connected(&peer, "/random");
        press(&mut window, Modifiers::COMMAND, Key::Num5);
        click(&mut window, "Letter A –");
        sees(&mut window, "Letter A 1234");
        sees(&mut window, "Letter A updated with number 1234.");
        let tile = window.get_by_label("Letter A 1234");
        assert_eq!(tile.accesskit_node().toggled(), Some(Toggled::True));
        click(&mut window, "None");
        sees(&mut window, "0 of 26");
    }

    #[test]
    fn the_monitor_shows_what_the_server_says() {
        let peer = Peer::start();
        let mut window = connected(&peer, "/random");
        press(&mut window, Modifiers::COMMAND, Key::Num6);
        sees(&mut window, "4,321");
        sees(&mut window, "9.9.9");
    }

    #[test]
    fn tabs_are_reached_by_keys() {
        let mut window = window("");
        for (tab, key) in Tab::ALL.into_iter().zip([Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6]) {
            press(&mut window, Modifiers::COMMAND, key);
            assert_eq!(window.state().tab, tab);
        }
        press(&mut window, Modifiers::COMMAND, Key::Num1);
        assert!(window.get_by_label("Message").is_focused());
    }

    #[test]
    fn keys_that_come_within_a_frame_are_obeyed_in_their_order() {
        let mut window = window("");
        for key in [Key::Num6, Key::Num6, Key::Num4] {
            window.key_press_modifiers(Modifiers::COMMAND, key);
        }
        window.run_steps(8);
        assert_eq!(window.state().tab, Tab::Stream);
    }

    #[test]
    fn a_tab_that_fails_closes_no_window() {
        let mut window = window("");
        press(&mut window, Modifiers::COMMAND, Key::Num5);
        window.state_mut().fails = true;
        window.step();
        window.state_mut().fails = false;
        sees(&mut window, "Letters could not be drawn");
        press(&mut window, Modifiers::COMMAND, Key::Num5);
        sees(&mut window, "Switch a letter on");
    }

    #[test]
    fn every_tab_is_drawn_in_both_themes_without_a_connection() {
        for theme in [egui::Theme::Light, egui::Theme::Dark] {
            let mut window = window("");
            window.ctx.set_theme(theme);
            for tab in Tab::ALL {
                window.state_mut().tab = tab;
                window.run_steps(3);
            }
        }
    }
}
