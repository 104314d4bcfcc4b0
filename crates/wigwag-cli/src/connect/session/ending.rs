//! When a session is over, and whether it went well.

use wigwag_net::{CloseCode, Closed};

use super::{Action, EXIT_FAILED, Level, Now, Phase, Replies, Session, Then};
use crate::connect::format::counted;

impl Session {
    /// After an arrival: is that what was waited for?
    pub(super) fn consider_arrival(&mut self, now: Now) {
        if self.phase != Phase::Open {
            return;
        }
        let enough = match (&self.options.until, self.options.replies) {
            (Some(_), _) if self.matched => true,
            (None, Replies::Count(count)) if count > 0 => self.tally.received >= count,
            _ => false,
        };
        if enough {
            return self.leave(0, now);
        }
        // Who answers is given time for the next answer; but what never ends must not go on for ever.
        if self.ended && self.options.until.is_none() && self.options.replies != Replies::Any {
            self.give_up_at = Some(now.instant + self.options.wait);
        }
        self.consider_end(now);
    }

    /// After the end of the input: is anything missing?
    pub(super) fn consider_end(&mut self, now: Now) {
        if !self.ended || self.phase != Phase::Open {
            return;
        }
        let missing = match (&self.options.until, self.options.replies) {
            (Some(_), _) => !self.matched,
            (None, Replies::Any) => true,
            (None, Replies::Count(count)) => self.tally.received < count,
            (None, Replies::OnePerMessage) => self.tally.unanswered > 0,
        };
        if missing || self.tally.awaits_pong() {
            self.give_up_at.get_or_insert(now.instant + self.options.wait);
            return;
        }
        let code = self.judge(false);
        self.leave(code, now);
    }

    /// The connection ended without us wanting it, and the session with it.
    pub(super) fn end_with_connection(&mut self, closed: &Closed, how: String, now: Now) {
        let clean = matches!(closed.code(), 1000 | 1001 | 1005);
        let unsent = if self.held.is_empty() { None } else { Some(counted(self.held.len() as u64, "message")) };
        let unread = !self.ended && !self.options.person;
        let problem = match (self.missing(), unsent) {
            (Some(missing), _) => Some(missing),
            (None, Some(unsent)) => Some(format!("{unsent} not sent")),
            (None, None) if unread => Some("the input was not sent to its end".to_owned()),
            (None, None) => None,
        };
        if clean && problem.is_none() {
            return self.finish(0, now);
        }
        let problem = problem.map(|problem| format!("; {problem}")).unwrap_or_default();
        self.note(Level::Error, format!("{how}{problem}"));
        self.finish(EXIT_FAILED, now);
    }

    /// The exit code: 0 if nothing that was asked for is missing. Says what is, and how long it was waited for.
    pub(super) fn judge(&mut self, waited: bool) -> u8 {
        let Some(missing) = self.missing() else { return 0 };
        let wait = if waited {
            format!(" within {} (--wait)", humantime::format_duration(self.options.wait))
        } else {
            String::new()
        };
        self.note(Level::Error, format!("{missing}{wait}"));
        EXIT_FAILED
    }

    /// What was asked for and has not come.
    fn missing(&self) -> Option<String> {
        let unanswered = self.tally.unanswered + self.tally.in_doubt;
        match (&self.options.until, self.options.replies) {
            (Some(until), _) if !self.matched => Some(format!("no message matched {until}")),
            (None, Replies::Count(count)) if self.tally.received < count => {
                Some(format!("{} of {} arrived", self.tally.received, counted(count, "message")))
            }
            (None, Replies::OnePerMessage) if unanswered > 0 => {
                Some(format!("{unanswered} of {} not answered", counted(self.tally.sent, "message")))
            }
            _ if self.tally.awaits_pong() => Some("no pong".to_owned()),
            _ => None,
        }
    }

    /// Something makes it senseless to go on.
    pub(super) fn fail(&mut self, why: String) {
        self.note(Level::Error, why);
        self.close_then(CloseCode::NORMAL, String::new(), Then::Leave(EXIT_FAILED));
    }

    /// Closes the connection, if it is open, and ends.
    pub(super) fn leave(&mut self, code: u8, now: Now) {
        match self.phase {
            Phase::Open => self.close_then(CloseCode::NORMAL, String::new(), Then::Leave(code)),
            Phase::Closing(_) => self.phase = Phase::Closing(Then::Leave(code)),
            Phase::Opening | Phase::Waiting(_) | Phase::Down => self.finish(code, now),
            Phase::Over => {}
        }
    }

    pub(super) fn close_then(&mut self, code: CloseCode, reason: String, then: Then) {
        self.actions.push_back(Action::Close(code, reason));
        self.phase = Phase::Closing(then);
    }

    /// Ends; there is no connection any more.
    pub(super) fn finish(&mut self, code: u8, now: Now) {
        if self.tally.connections > 0 && (self.options.interactive || self.interrupted) {
            self.report(now);
        }
        self.phase = Phase::Over;
        self.actions.push_back(Action::Exit(code));
    }
}
