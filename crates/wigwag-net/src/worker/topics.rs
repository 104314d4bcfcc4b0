//! This worker's part of the topics: who is subscribed, and the newest publication of each.

use wigwag_proto::{CloseCode, connection::Prepared};

use super::{Flags, Phase, Worker, slot::Subscription};
use crate::{
    service::CloseCause,
    topic::{Lag, Topic},
};

/// The topics, by number.
#[derive(Default)]
pub(super) struct Topics {
    entries: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    subscribers: Vec<u32>,
    newest: Option<Prepared>,
}

impl Topics {
    fn entry(&mut self, topic: Topic) -> &mut Entry {
        let index = topic.0 as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, Entry::default);
        }
        &mut self.entries[index]
    }
}

impl Worker {
    pub(crate) fn subscribe(&mut self, index: usize, topic: Topic, lag: Lag) -> Option<Prepared> {
        let entry = self.topics.entry(topic);
        let newest = entry.newest.clone();
        let slot = &mut self.slots[index];
        let subscriptions = &mut slot.extra.get_or_insert_default().subscriptions;
        match subscriptions.iter_mut().find(|subscription| subscription.topic == topic) {
            // The newest is handed out now: it is no longer owed.
            Some(subscription) => subscription.owed = false,
            None => {
                let position = entry.subscribers.len() as u32;
                entry.subscribers.push(index as u32);
                subscriptions.push(Subscription { topic, position, lag, owed: false });
                slot.flags.set(Flags::SUBSCRIBED);
            }
        }
        newest
    }

    pub(crate) fn unsubscribe(&mut self, index: usize, topic: Topic) -> bool {
        let slot = &mut self.slots[index];
        let Some(extra) = &mut slot.extra else { return false };
        let found = extra.subscriptions.iter().position(|subscription| subscription.topic == topic);
        let Some(found) = found else { return false };
        let subscription = extra.subscriptions.swap_remove(found);
        if extra.subscriptions.is_empty() {
            extra.subscriptions = Vec::new();
            slot.flags.clear(Flags::SUBSCRIBED);
        }
        self.leave(&subscription);
        true
    }

    pub(crate) fn is_subscribed(&self, index: usize, topic: Topic) -> bool {
        let extra = self.slots[index].extra.as_ref();
        extra.is_some_and(|extra| extra.subscriptions.iter().any(|subscription| subscription.topic == topic))
    }

    pub(super) fn unsubscribe_all(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.flags.clear(Flags::SUBSCRIBED);
        let subscriptions = std::mem::take(&mut slot.extra().subscriptions);
        for subscription in &subscriptions {
            self.leave(subscription);
        }
    }

    /// Takes a subscriber out of its topic's list; the last of the list moves into its place.
    fn leave(&mut self, subscription: &Subscription) {
        let subscribers = &mut self.topics.entry(subscription.topic).subscribers;
        subscribers.swap_remove(subscription.position as usize);
        let Some(moved) = subscribers.get(subscription.position as usize).copied() else { return };
        if let Some(extra) = &mut self.slots[moved as usize].extra
            && let Some(other) = extra.subscriptions.iter_mut().find(|other| other.topic == subscription.topic)
        {
            other.position = subscription.position;
        }
    }

    /// Appends a publication to every subscriber's out-buffer; they go out at the end of the turn.
    pub(super) fn publish(&mut self, topic: Topic, message: &Prepared) {
        let entry = self.topics.entry(topic);
        entry.newest = Some(message.clone());
        // Nobody subscribes or leaves while this runs: services are not called.
        let subscribers = std::mem::take(&mut entry.subscribers);
        for index in &subscribers {
            self.publish_to(*index as usize, topic, message);
        }
        self.topics.entry(topic).subscribers = subscribers;
    }

    fn publish_to(&mut self, index: usize, topic: Topic, message: &Prepared) {
        let slot = &self.slots[index];
        if slot.phase != Phase::Open {
            return;
        }
        if slot.queued_bytes() > self.limits.out_queue_high_water {
            // A burst within one turn is not the subscriber's fault.
            self.flush_in_callback(index);
        }
        let slot = &self.slots[index];
        let lagging = slot.flags.has(Flags::WANTS_WRITABLE) || slot.queued_bytes() > self.limits.out_queue_high_water;
        if lagging && !self.may_queue_more(index, topic) {
            return;
        }
        let slot = &mut self.slots[index];
        if slot.send_prepared(message, &mut self.context) {
            self.metrics.routes[usize::from(slot.route)].messages_out.add(1);
        }
        self.mark_dirty(index);
    }

    /// A subscriber that does not keep up: whether this publication is queued for it all the same.
    fn may_queue_more(&mut self, index: usize, topic: Topic) -> bool {
        let full = self.push_queue_full(index);
        let slot = &mut self.slots[index];
        slot.flags.set(Flags::WANTS_WRITABLE);
        let subscriptions = slot.extra.as_mut().map(|extra| &mut extra.subscriptions);
        let subscription = subscriptions.and_then(|all| all.iter_mut().find(|one| one.topic == topic));
        match subscription.map(|subscription| (subscription.lag, subscription)) {
            Some((Lag::Newest, subscription)) => {
                // What was owed before is now skipped for good: the newer one takes its place.
                if std::mem::replace(&mut subscription.owed, true) {
                    self.metrics.publications_skipped.add(1);
                }
                false
            }
            Some((Lag::Close, _)) if full => {
                let why = "too slow: the queue of publications is full";
                self.end_with(index, CloseCode::TRY_AGAIN_LATER, why, CloseCause::Overload);
                false
            }
            _ => true,
        }
    }

    /// Sends the newest publication of every topic of which the connection missed some.
    pub(super) fn send_owed(&mut self, index: usize) {
        let Some(extra) = &mut self.slots[index].extra else { return };
        let owed = extra.subscriptions.iter_mut().filter(|one| one.owed);
        let topics: Vec<Topic> = owed.map(|one| (one.owed = false, one.topic).1).collect();
        for topic in topics {
            let Some(newest) = self.topics.entry(topic).newest.clone() else { continue };
            let slot = &mut self.slots[index];
            if slot.send_prepared(&newest, &mut self.context) {
                self.metrics.routes[usize::from(slot.route)].messages_out.add(1);
            }
        }
    }
}
