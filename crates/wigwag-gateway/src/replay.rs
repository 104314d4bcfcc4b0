//! What a client has said to its upstream and would have to say again to the next one, within a bound.
//!
//! Everything, or what a [`ReplayRule`] leaves of it. The rule is all that is known here of any service's messages.

use serde_json::{Map, Value};
use wigwag_proto::MessageKind;

use crate::config::{Others, Replay, ReplayRule};

/// A client's messages so far.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    entries: Vec<Entry>,
    /// What was said of a message that is not finished.
    unfinished: Option<(MessageKind, Vec<u8>)>,
    weight: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// What it is about, if the rule can tell.
    key: Option<Box<str>>,
    kind: MessageKind,
    payload: Box<[u8]>,
}

/// There is more to remember than allowed: nothing can be promised any longer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl Memory {
    /// Remembers a piece of a message.
    pub(crate) fn push(
        &mut self,
        kind: MessageKind,
        piece: &[u8],
        last: bool,
        replay: &Replay,
        bytes_max: usize,
    ) -> Result<(), TooMuch> {
        match self.unfinished.take() {
            None if last => self.remember(kind, piece, replay),
            begun => {
                let (kind, mut payload) = begun.unwrap_or_else(|| (kind, Vec::new()));
                if self.weight + payload.len() + piece.len() > bytes_max {
                    return Err(TooMuch);
                }
                payload.extend_from_slice(piece);
                if last {
                    self.remember(kind, &payload, replay);
                } else {
                    self.unfinished = Some((kind, payload));
                }
            }
        }
        if self.weight > bytes_max { Err(TooMuch) } else { Ok(()) }
    }

    /// Every message that is remembered, in order; last, and not whole (`false`), the one that is not finished.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MessageKind, &[u8], bool)> {
        let whole = self.entries.iter().map(|entry| (entry.kind, &*entry.payload, true));
        whole.chain(self.unfinished.iter().map(|(kind, payload)| (*kind, &payload[..], false)))
    }

    fn remember(&mut self, kind: MessageKind, payload: &[u8], replay: &Replay) {
        let meaning = match replay {
            Replay::Compacted(rule) => rule.meaning(kind, payload),
            Replay::Nothing | Replay::Everything => Meaning::Other,
        };
        let key = match meaning {
            Meaning::Sets(key) => {
                self.forget(&key);
                Some(key)
            }
            Meaning::Cancels(key) => return self.forget(&key),
            Meaning::Ignored => return,
            Meaning::Other => None,
        };
        let entry = Entry { key, kind, payload: payload.into() };
        self.weight += entry.weight();
        self.entries.push(entry);
    }

    fn forget(&mut self, key: &str) {
        if let Some(at) = self.entries.iter().position(|entry| entry.key.as_deref() == Some(key)) {
            self.weight -= self.entries.remove(at).weight();
        }
    }
}

impl Entry {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.payload.len() + self.key.as_ref().map_or(0, |key| key.len())
    }
}

/// What a rule makes of a message.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// It takes the place of the one with the same key.
    Sets(Box<str>),
    /// It takes the one with the same key away.
    Cancels(Box<str>),
    /// It is not to be remembered.
    Ignored,
    /// It stands for itself.
    Other,
}

impl ReplayRule {
    fn meaning(&self, kind: MessageKind, payload: &[u8]) -> Meaning {
        let message: Option<Map<String, Value>> = match kind {
            MessageKind::Text => serde_json::from_slice(payload).ok(),
            MessageKind::Binary => None,
        };
        let Some((message, key)) = message.and_then(|message| self.key_of(&message).map(|key| (message, key))) else {
            return match self.others {
                Others::Replay => Meaning::Other,
                Others::Forget => Meaning::Ignored,
            };
        };
        let cancels = |(field, wanted): (&String, &String)| {
            message.get(field).is_some_and(|value| self.text(value) == self.folded(wanted.clone()))
        };
        if !self.cancel.is_empty() && self.cancel.iter().all(cancels) {
            Meaning::Cancels(key)
        } else {
            Meaning::Sets(key)
        }
    }

    /// The values of the key fields; `None` if one is missing.
    fn key_of(&self, message: &Map<String, Value>) -> Option<Box<str>> {
        let mut key = String::new();
        for field in &self.key {
            let value = self.text(message.get(field)?);
            // With its length before it no value can run into the next.
            key.push_str(&format!("{}:{value}", value.len()));
        }
        Some(key.into())
    }

    fn text(&self, value: &Value) -> String {
        self.folded(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn folded(&self, text: String) -> String {
        if self.ignore_case { text.to_lowercase() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Replay {
        Replay::Compacted(ReplayRule {
            key: vec!["letter".to_owned()],
            cancel: [("action".to_owned(), "unsubscribe".to_owned())].into(),
            ignore_case: true,
            others: Others::Forget,
        })
    }

    /// What is left of these texts.
    #[track_caller]
    fn check(replay: &Replay, texts: &[&str], expected: &[&str]) {
        let mut memory = Memory::default();
        for text in texts {
            memory.push(MessageKind::Text, text.as_bytes(), true, replay, 10_000).expect("little enough");
        }
        let left: Vec<&str> = memory.iter().map(|(_, payload, _)| str::from_utf8(payload).expect("text")).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn everything_is_kept_in_order() {
        check(&Replay::Everything, &["a", "b", "a"], &["a", "b", "a"]);
    }

    #[test]
    fn a_rule_leaves_the_present_subscriptions() {
        let subscribe = |letter: &str| format!(r#"{{"action":"subscribe","letter":"{letter}"}}"#);
        let unsubscribe = |letter: &str| format!(r#"{{"action":"unsubscribe","letter":"{letter}"}}"#);
        let said = [subscribe("a"), subscribe("B"), subscribe("c"), unsubscribe("A"), subscribe("b"), unsubscribe("z")];
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        check(&letters(), &said, &[&subscribe("c"), &subscribe("b")]);
    }

    #[test]
    fn what_a_rule_says_nothing_of_is_forgotten_or_kept_in_its_place() {
        let said = ["not json", r#"{"letter":"a"}"#, "[1]", r#"{"other":1}"#, r#"{"letter":"a"}"#];
        check(&letters(), &said, &[r#"{"letter":"a"}"#]);
        let keeping = Replay::Compacted(ReplayRule { key: vec!["letter".to_owned()], ..ReplayRule::default() });
        check(&keeping, &said, &["not json", "[1]", r#"{"other":1}"#, r#"{"letter":"a"}"#]);
    }

    #[test]
    fn several_keys_count_together_and_numbers_are_values_too() {
        let rule = ReplayRule { key: vec!["room".to_owned(), "seat".to_owned()], ..ReplayRule::default() };
        let said = [
            r#"{"room":1,"seat":"2","v":1}"#,
            r#"{"room":12,"seat":""}"#,
            r#"{"room":1,"seat":"22"}"#,
            r#"{"seat":"2","room":1,"v":2}"#,
        ];
        check(&Replay::Compacted(rule), &said, &[said[1], said[2], said[3]]);
    }

    #[test]
    fn case_counts_unless_the_rule_says_otherwise() {
        let rule = ReplayRule { key: vec!["k".to_owned()], ..ReplayRule::default() };
        check(&Replay::Compacted(rule), &[r#"{"k":"a"}"#, r#"{"k":"A"}"#], &[r#"{"k":"a"}"#, r#"{"k":"A"}"#]);
    }

    #[test]
    fn a_message_in_pieces_is_one_and_its_beginning_is_known() {
        let mut memory = Memory::default();
        let mut push = |piece: &[u8], last| memory.push(MessageKind::Text, piece, last, &Replay::Everything, 1000);
        push(b"who", false).expect("little enough");
        push(b"le", true).expect("little enough");
        push(b"begun", false).expect("little enough");
        let all: Vec<_> = memory.iter().collect();
        assert_eq!(all, [(MessageKind::Text, &b"whole"[..], true), (MessageKind::Text, b"begun", false)]);
    }

    #[test]
    fn the_bound_holds_for_whole_messages_unfinished_ones_and_empty_ones() {
        let push = |payload: &[u8], last, times: usize| {
            let mut memory = Memory::default();
            (0..times).try_for_each(|_| memory.push(MessageKind::Binary, payload, last, &Replay::Everything, 1000))
        };
        assert_eq!(push(&[0; 1000], true, 1), Err(TooMuch));
        assert_eq!(push(&[0; 600], false, 2), Err(TooMuch));
        assert_eq!(push(b"", true, 1000), Err(TooMuch));
        assert_eq!(push(&[0; 100], true, 5), Ok(()));
    }

    #[test]
    fn what_is_replaced_weighs_nothing() {
        let mut memory = Memory::default();
        for _ in 0..10_000 {
            memory.push(MessageKind::Text, br#"{"letter":"a"}"#, true, &letters(), 1000).expect("one at a time");
        }
        assert_eq!(memory.iter().count(), 1);
    }
}
