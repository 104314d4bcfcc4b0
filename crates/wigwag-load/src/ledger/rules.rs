//! What all workers of a run judge by: [`Rules`].

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use serde_json::Value;

use crate::{
    payload::{Payloads, Scratch, Sent},
    plan::{CheckedPlan, Expect, Script},
};

/// What all workers of a run judge by.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) payloads: Payloads,
    pub(crate) expect: Expect,
    /// What connections say and expect to hear, instead of payloads and `expect`.
    pub(crate) script: Option<Arc<Script>>,
    /// Who publishes and subscribes to what, and what has come of it.
    pub(crate) fan: Option<Arc<super::Fan>>,
    /// Under [`Expect::Auto`]: what the first answer has shown. 0: nothing yet.
    form: AtomicU8,
    /// Answers are matched to messages by order, for they do not name them, or by nothing, for none is expected.
    pub(crate) in_order: bool,
    pub(crate) timeout_nanos: u64,
    pub(crate) connections: u32,
    pub(crate) workers: u32,
    /// Messages have an intended time of their own.
    pub(crate) open_loop: bool,
    pub(crate) offenders_max: usize,
    records_any: bool,
    pub(crate) records_all: bool,
}

/// The two forms that [`Expect::Auto`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    Echo = 1,
    Suffix = 2,
}

impl Rules {
    pub(crate) fn new(plan: &CheckedPlan, payloads: Payloads) -> Self {
        let asked = plan.plan();
        Self {
            in_order: !payloads.names_messages()
                || matches!(asked.expect, Expect::Match(_) | Expect::Count(_) | Expect::Nothing),
            payloads,
            expect: asked.expect.clone(),
            fan: fan(asked),
            script: asked.script.clone().filter(|script| script.broadcast.is_none()),
            form: AtomicU8::new(0),
            timeout_nanos: u64::try_from(asked.timeout.as_nanos()).unwrap_or(u64::MAX),
            connections: plan.connections_max,
            workers: plan.workers as u32,
            open_loop: asked.rate.is_some(),
            offenders_max: asked.offenders_max,
            records_any: asked.recorder.is_some(),
            records_all: asked.recorder.is_some() && asked.record_all,
        }
    }

    pub(crate) fn records(&self) -> bool {
        self.records_any
    }

    /// Whether an answer tells by its content which message it answers.
    pub(crate) fn is_about_content(&self) -> bool {
        !matches!(self.expect, Expect::Match(_) | Expect::Count(_) | Expect::Nothing)
    }

    /// The expectation in force, with what `auto` has found.
    pub(crate) fn found(&self) -> String {
        if self.fan.is_some() {
            return "each delivery once and in order".to_owned();
        }
        if let Some(script) = &self.script {
            return format!("script {}", script.name);
        }
        match (&self.expect, self.form.load(Relaxed)) {
            (Expect::Auto, form) if form == Form::Echo as u8 => "echo".to_owned(),
            (Expect::Auto, form) if form == Form::Suffix as u8 => "suffix".to_owned(),
            (expect, _) => expect.to_string(),
        }
    }

    /// Whether messages are sent in one go: they are our own, short, sent when they are to be, and answered.
    pub(crate) fn sends_together(&self) -> bool {
        self.payloads.are_short() && !self.open_loop && !matches!(self.expect, Expect::Nothing)
    }

    /// Whether right answers are nothing but the token of the message that they answer.
    pub(crate) fn expects_tokens(&self) -> bool {
        let is_echo = match self.expect {
            Expect::Echo => true,
            Expect::Auto => self.form.load(Relaxed) == Form::Echo as u8,
            _ => false,
        };
        is_echo && self.payloads.is_token_alone()
    }

    /// Whether answers begin with the name of the message that they answer, if they are right.
    pub(crate) fn names_answers(&self) -> bool {
        !self.in_order && self.payloads.begin_with_name()
    }

    /// Whether `content` is a right answer to the message.
    #[inline]
    pub(crate) fn fits(&self, content: &[u8], message: Sent, scratch: &mut Scratch) -> bool {
        let mut form = || self.payloads.strip(message, content, scratch).and_then(form);
        match &self.expect {
            Expect::Auto => form().is_some_and(|form| self.agrees(form)),
            Expect::Echo => form() == Some(Form::Echo),
            Expect::Suffix => form() == Some(Form::Suffix),
            Expect::Json(path) => {
                let Ok(value) = serde_json::from_slice::<Value>(content) else { return false };
                path.find(&value).is_some_and(|found| {
                    is_value(found, &self.payloads.compose(message.id, message.nanos, scratch).to_vec())
                })
            }
            Expect::Match(regex) => regex.is_match(content),
            Expect::Count(_) => true,
            Expect::Nothing => false,
        }
    }

    /// The first form that is seen becomes the rule.
    #[inline]
    fn agrees(&self, form: Form) -> bool {
        match self.form.load(Relaxed) {
            0 => match self.form.compare_exchange(0, form as u8, Relaxed, Relaxed) {
                Ok(_) => true,
                Err(other) => other == form as u8,
            },
            known => known == form as u8,
        }
    }
}

fn fan(asked: &crate::Plan) -> Option<Arc<super::Fan>> {
    let broadcast = asked.script.as_ref()?.broadcast.clone()?;
    Some(Arc::new(super::Fan::new(asked.fan_out?, broadcast)))
}

/// What an answer is that begins with the message, by what follows.
#[inline]
fn form(rest: &[u8]) -> Option<Form> {
    match rest {
        [] => Some(Form::Echo),
        [b' ', b'1'..=b'9'] | [b' ', b'1'..=b'9', b'0'..=b'9'] | b" 100" => Some(Form::Suffix),
        _ => None,
    }
}

/// Whether a JSON value is the message: its text, or where the message is JSON itself, its value.
fn is_value(found: &Value, message: &[u8]) -> bool {
    match found {
        Value::String(text) => text.as_bytes() == message,
        other => serde_json::from_slice::<Value>(message).is_ok_and(|value| value == *other),
    }
}
