//! Scenarios: each client goes through the script's steps, one after the other. What its answers are is the ledger's business.

use std::{cmp::Reverse, sync::Arc};

use wigwag_net::{Message, Socket, Turn};

use super::{Core, State, sending::BUSY_NANOS};
use crate::{
    plan::script::{Heard, Script, Step},
    snapshot::Phase,
};

/// How far a client is in its script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Player {
    /// The step that it is at.
    step: u32,
    at: Playing,
    /// When it goes on by itself.
    due: u64,
    /// The earliest time at which it stands in the list of timers; later than any where it does not.
    queued: u64,
    /// Passes that were done.
    passes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Playing {
    /// Has no connection, or sending has not begun.
    Idle,
    /// At a step that it has not begun.
    Ready,
    /// At a `wait` step, until `due`.
    Waiting,
    /// At an `expect` step, until `due` at most.
    Expecting,
    /// Through.
    Done,
}

impl Default for Player {
    fn default() -> Self {
        Self { step: 0, at: Playing::Idle, due: u64::MAX, queued: u64::MAX, passes: 0 }
    }
}

impl Core {
    pub(super) fn script(&self) -> Option<Arc<Script>> {
        self.job.rules.script.clone()
    }

    /// Whether every client is through its script.
    pub(super) fn has_played_all(&self) -> bool {
        let through =
            |local: usize| self.players[local].at == Playing::Done || self.clients[local].state == State::Gone;
        (0..self.players.len()).all(through)
    }

    /// A connection is open: what its script expects before it says anything may come.
    pub(super) fn enter_script(&mut self, local: u32, now: u64) {
        if self.players.get(local as usize).is_some_and(|player| player.at != Playing::Done) {
            self.ledger.begin_pass(local, now);
        }
    }

    /// A connection is gone: its script begins anew if it is opened again.
    pub(super) fn leave_script(&mut self, local: u32) {
        if let Some(player) = self.players.get_mut(local as usize).filter(|player| player.at != Playing::Done) {
            (player.step, player.at, player.due) = (0, Playing::Idle, u64::MAX);
        }
    }

    /// Sending has begun, and the connection is there.
    pub(super) fn start_player(&mut self, local: u32, socket: &mut Socket<'_>, now: u64) {
        if self.players[local as usize].at == Playing::Idle {
            self.players[local as usize].at = Playing::Ready;
            self.play(local, socket, now);
        }
    }

    /// One beat of all scripts; gives when the next one is wanted.
    pub(super) fn drive_scripts(&mut self, turn: &mut Turn<'_>, now: u64) -> Option<u64> {
        if !self.tempo.paused {
            self.start_some(turn, now);
            for local in std::mem::take(&mut self.blocked) {
                self.clients[local as usize].is_blocked = false;
                self.play_on(local, turn, now);
            }
        }
        let due = self.wake_players(turn, now);
        let is_busy =
            !self.tempo.paused && (!self.blocked.is_empty() || (self.started_upto as usize) < self.clients.len());
        if is_busy { Some(now + BUSY_NANOS) } else { due }
    }

    /// Goes on wherever a time is over; gives when the next one is.
    pub(super) fn wake_players(&mut self, turn: &mut Turn<'_>, now: u64) -> Option<u64> {
        for _ in 0..WAKES_PER_BEAT {
            let Reverse((until, local)) = self.timers.peek().copied()?;
            if until > now {
                return Some(until);
            }
            self.timers.pop();
            let player = &mut self.players[local as usize];
            if player.queued == until {
                player.queued = u64::MAX;
            }
            match player.at {
                _ if player.due > now => self.queue(local),
                Playing::Expecting => {
                    self.ledger.miss(local, self.players[local as usize].step as usize);
                    self.play_on(local, turn, now);
                }
                Playing::Waiting | Playing::Ready => self.play_on(local, turn, now),
                Playing::Idle | Playing::Done => {}
            }
        }
        Some(now + BUSY_NANOS)
    }

    /// A message came in.
    pub(super) fn hear(&mut self, local: u32, socket: &mut Socket<'_>, message: Message<'_>, now: u64) {
        let heard = Heard { content: message.as_bytes(), is_binary: matches!(message, Message::Binary(_)) };
        if self.ledger.hear(local, heard, now) && self.players[local as usize].at == Playing::Expecting {
            self.play(local, socket, now);
        }
    }

    fn play_on(&mut self, local: u32, turn: &mut Turn<'_>, now: u64) {
        if let Some(mut socket) = self.clients[local as usize].id.and_then(|id| turn.socket(id)) {
            self.play(local, &mut socket, now);
        }
    }

    /// Goes through the steps until one has to wait.
    fn play(&mut self, local: u32, socket: &mut Socket<'_>, now: u64) {
        let Some(script) = self.script() else { return };
        let at = local as usize;
        for _ in 0..STEPS_AT_ONCE_MAX {
            let step = self.players[at].step as usize;
            match script.steps.get(step) {
                None => {
                    if !self.end_pass(local, &script, now) {
                        return;
                    }
                    continue;
                }
                Some(Step::Send(message) | Step::Subscribe(message, _)) => {
                    if !self.may_say(local, socket, now) {
                        return;
                    }
                    self.ledger.say(local, step, now, |text| match message.binary {
                        false => socket.send(Message::Text(text)),
                        true => socket.send(Message::Binary(text.as_bytes())),
                    });
                }
                Some(Step::Expect(_)) => {
                    if let Some(deadline) = self.ledger.await_step(local, step, now) {
                        return self.wait(local, Playing::Expecting, deadline);
                    }
                }
                Some(Step::Wait(think)) => {
                    if self.players[at].at != Playing::Waiting {
                        let until = now + self.draw(*think);
                        return self.wait(local, Playing::Waiting, until);
                    }
                    if self.players[at].due > now {
                        return;
                    }
                }
            }
            let player = &mut self.players[at];
            (player.step, player.at, player.due) = (player.step + 1, Playing::Ready, u64::MAX);
        }
        // A script without any wait must not keep the worker from reading.
        self.wait(local, Playing::Ready, now + BUSY_NANOS);
    }

    /// A pass is done; `false` if it was the last one.
    fn end_pass(&mut self, local: u32, script: &Script, now: u64) -> bool {
        let player = &mut self.players[local as usize];
        player.passes += 1;
        let passes = script.repeat.or((self.deadline == u64::MAX).then_some(1));
        let is_over = now >= self.deadline || self.job.control.phase() != Phase::Running;
        if is_over || passes.is_some_and(|passes| player.passes >= passes) {
            (player.at, player.due) = (Playing::Done, u64::MAX);
            return false;
        }
        player.step = 0;
        self.ledger.begin_pass(local, now);
        true
    }

    /// Whether a message may be sent now. Where it may later, the client is put into the list of those that are blocked.
    fn may_say(&mut self, local: u32, socket: &Socket<'_>, now: u64) -> bool {
        let client = &mut self.clients[local as usize];
        let is_over = now >= self.deadline || self.job.control.phase() != Phase::Running || client.is_retiring;
        if is_over || client.state != State::Open || !socket.is_open() {
            return false;
        }
        let may = !self.tempo.paused && socket.queued_bytes() <= super::sending::QUEUE_BYTES_MAX;
        if !may && !std::mem::replace(&mut client.is_blocked, true) {
            self.blocked.push(local);
        }
        may
    }

    fn wait(&mut self, local: u32, playing: Playing, until: u64) {
        let player = &mut self.players[local as usize];
        (player.at, player.due) = (playing, until);
        self.queue(local);
    }

    /// A player stands in the list of timers once, as long as its time does not come nearer.
    fn queue(&mut self, local: u32) {
        let player = &mut self.players[local as usize];
        if player.due < player.queued {
            player.queued = player.due;
            self.timers.push(Reverse((player.due, local)));
        }
    }
}

/// Steps of one client in one go.
const STEPS_AT_ONCE_MAX: usize = 64;
const WAKES_PER_BEAT: usize = 4096;
