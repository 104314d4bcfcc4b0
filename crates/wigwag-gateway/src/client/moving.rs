//! Pieces of messages on their way: to the upstream, into the memory, or into the queue of those that wait.

use wigwag_net::{CloseCode, Socket};
use wigwag_proto::{Frames, MessageKind};

use super::{ClientSide, Link};
use crate::metrics::Failure;

impl ClientSide {
    /// A piece of a message from the client.
    #[inline]
    pub(super) fn pass_on(&mut self, socket: &mut Socket<'_>, kind: MessageKind, piece: &[u8], last: bool) {
        let Link::Open(to) = self.link else { return self.keep(socket, kind, piece, last) };
        if self.replay.is_some() {
            // Also what finds nobody there: whoever takes that place is told.
            self.remember(kind, piece, last);
        }
        let Some(mut upstream) = socket.other(to) else { return };
        upstream.send_piece(kind, piece, last);
        if last {
            self.sampler.sample(1, &mut upstream, &self.upstream.metrics.added_latency);
        }
        if upstream.is_backed_up() {
            socket.pause();
        }
    }

    /// Whole messages from the client.
    #[inline]
    pub(super) fn pass_on_frames(&mut self, socket: &mut Socket<'_>, mut frames: Frames<'_>) {
        let Link::Open(to) = self.link else {
            return frames.iter().for_each(|(kind, payload)| self.keep(socket, kind, payload, true));
        };
        if self.replay.is_some() {
            frames.iter().for_each(|(kind, payload)| self.remember(kind, payload, true));
        }
        let Some(mut upstream) = socket.other(to) else { return };
        let messages = frames.messages();
        upstream.send_frames(frames);
        self.sampler.sample(messages, &mut upstream, &self.upstream.metrics.added_latency);
        if upstream.is_backed_up() {
            socket.pause();
        }
    }

    pub(super) fn remember(&mut self, kind: MessageKind, piece: &[u8], last: bool) {
        let Some(replay) = &mut self.replay else { return };
        let config = &self.upstream.config;
        if replay.memory.push(kind, piece, last, &config.replay, config.replay_bytes_max).is_err() {
            self.replay = None;
        }
    }

    /// The upstream is not there.
    #[cold]
    fn keep(&mut self, socket: &mut Socket<'_>, kind: MessageKind, piece: &[u8], last: bool) {
        let Link::Waiting(waiting) = &mut self.link else { return };
        let bytes_max = self.upstream.config.hold_bytes_max;
        if waiting.queue.push(kind, piece, last, bytes_max) {
            return;
        }
        self.upstream.metrics.count(Failure::HoldFull);
        self.stop_waiting(&mut socket.local());
        let why = format!("the upstream is not there, and no more than {bytes_max} bytes wait for it");
        socket.close(CloseCode::TRY_AGAIN_LATER, &why);
    }
}
