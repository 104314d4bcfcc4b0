//! The letters service as the window sees it: 26 tiles, and a log in words (docs/services/letters.md).

use std::{collections::VecDeque, time::Instant};

use serde_json::{Value, json};

/// All letters.
pub(crate) struct Tiles {
    tiles: [Tile; 26],
    /// What happened, in words, the newest last.
    pub(crate) log: VecDeque<String>,
    pub(crate) updates: u64,
}

/// One letter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tile {
    /// Subscribed, or to be.
    pub(crate) wanted: bool,
    pub(crate) value: Option<u64>,
    pub(crate) changed: Option<Instant>,
    /// The last values, the newest last.
    pub(crate) trace: VecDeque<u64>,
}

impl Default for Tiles {
    fn default() -> Self {
        Self { tiles: std::array::from_fn(|_| Tile::default()), log: VecDeque::new(), updates: 0 }
    }
}

impl Tiles {
    /// Each letter and its tile.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (char, &Tile)> {
        ('A'..='Z').zip(&self.tiles)
    }

    pub(crate) fn wanted(&self) -> usize {
        self.tiles.iter().filter(|tile| tile.wanted).count()
    }

    /// Wants a letter, or no longer; gives what is to be sent.
    pub(crate) fn want(&mut self, letter: char, wanted: bool) -> Option<String> {
        let tile = self.tile(letter)?;
        if std::mem::replace(&mut tile.wanted, wanted) == wanted {
            return None;
        }
        if !wanted {
            *tile = Tile::default();
        }
        Some(action(letter, wanted))
    }

    /// A connection is there: what is to be sent so that all is as wanted.
    pub(crate) fn subscriptions(&self) -> Vec<String> {
        self.iter().filter(|(_, tile)| tile.wanted).map(|(letter, _)| action(letter, true)).collect()
    }

    pub(crate) fn handle(&mut self, text: &str, now: Instant) {
        let message: Option<Value> = serde_json::from_str(text).ok();
        let Some(fields) = message.as_ref().and_then(Value::as_object) else {
            return self.say(format!("not understood: {text}"));
        };
        for (name, value) in fields {
            let letter = name.chars().next().filter(|_| name.len() == 1);
            match (letter.and_then(|letter| Some((letter, self.tile(letter)?))), value.as_u64()) {
                // An update that crossed the end of its subscription.
                (Some((_, tile)), Some(_)) if !tile.wanted => {}
                (Some((letter, tile)), Some(number)) => {
                    tile.value = Some(number);
                    tile.changed = Some(now);
                    tile.trace.push_back(number);
                    if tile.trace.len() > TRACE_MAX {
                        tile.trace.pop_front();
                    }
                    self.updates += 1;
                    self.say(format!("Letter {letter} updated with number {number}."));
                }
                _ => self.say(format!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))),
            }
        }
    }

    fn tile(&mut self, letter: char) -> Option<&mut Tile> {
        let place = (letter as usize).checked_sub('A' as usize)?;
        self.tiles.get_mut(place)
    }

    fn say(&mut self, words: String) {
        self.log.push_back(words.chars().take(WORDS_CHARS_MAX).collect());
        if self.log.len() > LOG_MAX {
            self.log.pop_front();
        }
    }
}

fn action(letter: char, subscribe: bool) -> String {
    let action = if subscribe { "subscribe" } else { "unsubscribe" };
    json!({ "action": action, "letter": letter }).to_string()
}

const TRACE_MAX: usize = 20;
const LOG_MAX: usize = 500;
/// Of a line of the log.
const WORDS_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_said_once_and_again_on_a_new_connection() {
        let mut tiles = Tiles::default();
        assert_eq!(tiles.want('B', true).as_deref(), Some(r#"{"action":"subscribe","letter":"B"}"#));
        assert_eq!(tiles.want('B', true), None);
        tiles.want('Z', true);
        assert_eq!(tiles.subscriptions(), [action('B', true), action('Z', true)]);
        assert_eq!(tiles.want('B', false).as_deref(), Some(r#"{"action":"unsubscribe","letter":"B"}"#));
        assert_eq!(tiles.wanted(), 1);
    }

    #[test]
    fn updates_go_to_their_tile_and_into_the_log() {
        let mut tiles = Tiles::default();
        tiles.want('A', true);
        for number in 1000..1030 {
            tiles.handle(&json!({ "A": number }).to_string(), Instant::now());
        }
        tiles.handle(r#"{"B":1234}"#, Instant::now());
        tiles.handle(r#"{"C":"You need to subscribe before un-subscribing"}"#, Instant::now());
        let (_, tile) = tiles.iter().next().expect("26 tiles");
        assert_eq!((tile.value, tile.trace.len(), tiles.updates), (Some(1029), TRACE_MAX, 30));
        assert_eq!(tiles.log[29], "Letter A updated with number 1029.");
        assert_eq!(tiles.log[30], "C: You need to subscribe before un-subscribing");
        assert_eq!(tiles.log.len(), 31);
    }

    #[test]
    fn what_is_no_update_is_said_and_breaks_nothing() {
        let mut tiles = Tiles::default();
        for message in ["", "[1]", r#"{"é":1}"#, r#"{"AB":1}"#, r#"{"error":{"code":1}}"#] {
            tiles.handle(message, Instant::now());
        }
        assert_eq!(tiles.log.len(), 5);
        tiles.handle(&"x".repeat(10_000), Instant::now());
        assert_eq!(tiles.log[5].len(), WORDS_CHARS_MAX);
    }
}
