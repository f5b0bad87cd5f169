//! What hears signals as a part of the system, and not as an agent's subscription: it is in no account and in no figure, and nobody
//! has to be subscribed.

use super::signal::Signal;
use crate::ids::{CoordId, SignalMask};
use std::sync::Weak;

/// Is told of signals of some kinds, of every coordination of a hub.
pub(in crate::coord) trait Listener: Send + Sync {
    /// A signal was sent, and the history has it. Runs within the sender's call, which promises not to wait: short, and without
    /// signals of the kinds that are listened to.
    fn hear(&self, coordination: CoordId, signal: &Signal);
}

/// Those who listen. Without any, a signal costs one AND.
#[derive(Clone, Default)]
pub(super) struct Listeners {
    kinds: u64,
    listeners: Vec<(SignalMask, Weak<dyn Listener>)>,
}

impl Listeners {
    /// The same with another one, and without those that are gone.
    pub(super) fn with(&self, kinds: SignalMask, listener: Weak<dyn Listener>) -> Self {
        let held = self.listeners.iter().filter(|(_, listener)| listener.strong_count() > 0);
        let listeners: Vec<_> = held.cloned().chain([(kinds, listener)]).collect();
        Self { kinds: listeners.iter().fold(0, |all, (kinds, _)| all | kinds.0), listeners }
    }

    #[inline]
    pub(super) fn tell(&self, coordination: CoordId, signal: &Signal) {
        if SignalMask(self.kinds).contains(signal.kind) {
            self.tell_all(coordination, signal);
        }
    }

    #[cold]
    fn tell_all(&self, coordination: CoordId, signal: &Signal) {
        let wants = |(kinds, _): &&(SignalMask, _)| kinds.contains(signal.kind);
        for listener in self.listeners.iter().filter(wants).filter_map(|(_, listener)| listener.upgrade()) {
            listener.hear(coordination, signal);
        }
    }
}
