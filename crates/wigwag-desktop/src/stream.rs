//! The stream service as the window sees it: three lanes that fill as characters come (docs/services/stream.md).

use serde::Deserialize;
use serde_json::json;

/// What has come of one text.
#[derive(Default)]
pub(crate) struct Lanes {
    pub(crate) echo: String,
    pub(crate) reverse: String,
    /// The last character, and how often it came before.
    pub(crate) count: Option<(String, u64)>,
    /// What the server had to say about the text.
    pub(crate) trouble: Option<String>,
    running: bool,
}

impl Lanes {
    /// Begins anew; gives what is to be sent.
    pub(crate) fn begin(&mut self, text: &str) -> String {
        *self = Self { running: true, ..Self::default() };
        json!({ "message": text }).to_string()
    }

    /// Whether more is to come.
    pub(crate) fn is_running(&self) -> bool {
        self.running
    }

    /// Nothing more is awaited.
    pub(crate) fn stop(&mut self) {
        self.running = false;
    }

    pub(crate) fn handle(&mut self, text: &str) {
        match serde_json::from_str(text) {
            // What comes after a stop is of a text that nobody waits for.
            _ if !self.running => {}
            Ok(Message::Stream { data }) if self.echo.len() + data.len() <= LANE_BYTES_MAX => self.echo.push_str(&data),
            Ok(Message::StreamReverse { data }) if self.reverse.len() + data.len() <= LANE_BYTES_MAX => {
                self.reverse.push_str(&data);
            }
            Ok(Message::Stream { .. } | Message::StreamReverse { .. }) => {
                self.trouble = Some("the server says more than it was told".to_owned());
                self.running = false;
            }
            Ok(Message::Count { last_char, count }) => {
                self.count = Some((last_char, count));
                self.running = false;
            }
            Ok(Message::Error { message }) => {
                self.trouble = Some(message);
                self.running = false;
            }
            Err(_) => {
                self.trouble = Some("this server answers otherwise than /stream does".to_owned());
                self.running = false;
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message {
    Stream { data: String },
    StreamReverse { data: String },
    Count { last_char: String, count: u64 },
    Error { message: String },
}

/// No text that is typed is longer.
const LANE_BYTES_MAX: usize = 1 << 20;
/// Ready to be sent.
pub(crate) const EXAMPLE: &str = "The quick brown fox jumped over the lazy dog o";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_fill_in_order_and_the_count_ends_them() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.begin("añ"), r#"{"message":"añ"}"#);
        for message in [
            r#"{"type":"stream","data":"a"}"#,
            r#"{"type":"stream","data":"ñ"}"#,
            r#"{"type":"stream_reverse","data":"ñ"}"#,
            r#"{"type":"stream_reverse","data":"a"}"#,
        ] {
            lanes.handle(message);
            assert!(lanes.is_running());
        }
        lanes.handle(r#"{"type":"count","last_char":"ñ","count":0}"#);
        assert_eq!((lanes.echo.as_str(), lanes.reverse.as_str()), ("añ", "ña"));
        assert_eq!(lanes.count, Some(("ñ".to_owned(), 0)));
        assert!(!lanes.is_running());
    }

    #[test]
    fn an_error_and_a_foreign_answer_are_shown() {
        for (message, expected) in [
            (r#"{"type":"error","code":"bad_json","message":"no JSON"}"#, "no JSON"),
            ("hello 17", "this server answers otherwise than /stream does"),
        ] {
            let mut lanes = Lanes::default();
            lanes.begin("x");
            lanes.handle(message);
            assert_eq!(lanes.trouble.as_deref(), Some(expected));
            assert!(!lanes.is_running());
        }
    }

    #[test]
    fn a_server_that_never_ends_is_not_listened_to_for_ever() {
        let mut lanes = Lanes::default();
        lanes.begin("x");
        let message = format!(r#"{{"type":"stream","data":"{}"}}"#, "x".repeat(50_000));
        (0..100).for_each(|_| lanes.handle(&message));
        assert!(lanes.echo.len() <= LANE_BYTES_MAX && !lanes.is_running());
    }

    #[test]
    fn what_comes_after_a_stop_is_not_shown() {
        let mut lanes = Lanes::default();
        lanes.begin("x");
        lanes.stop();
        lanes.handle(r#"{"type":"stream","data":"x"}"#);
        assert_eq!(lanes.echo, "");
    }
}
