//! What the sender does.

use super::Broadcast;
use crate::input::Input;
use crate::offer::Offer;
use crate::value::{Value, any_bomb, are_dropped, is_dropped, plan, planned};
use ringway::broadcast::Sender;
use ringway::{ReserveError, Slots, TrySendError};
use std::mem;
use std::time::Duration;

impl Broadcast {
    /// What every call of the sender does first; true if it drops a bomb.
    fn settle(&mut self) -> bool {
        let Some((values, n)) = self.forgotten.take() else { return false };
        self.aborted += n as u64;
        any_bomb(&values)
    }

    /// The sender claims so many slots: what was in them is dropped. True if that drops a bomb.
    fn clear(&mut self, n: usize) -> bool {
        let end = self.sent.len() + n;
        let from = self.cleared.saturating_sub(self.capacity);
        self.cleared = self.cleared.max(end);
        let to = self.cleared.saturating_sub(self.capacity);
        any_bomb(&self.sent[from..to])
    }

    pub(super) fn send(&mut self, input: &mut Input<'_>, timed: bool) {
        let Some(mut tx) = self.tx.take() else { return };
        let value = Value::make(input);
        let number = value.number();
        let mut bomb = self.settle();
        let fits = !self.disconnected() && self.free() > 0;
        if !bomb && fits {
            bomb = self.clear(1);
        }
        let sent = planned(|| if timed { send_at_once(&mut tx, value) } else { tx.try_send(value) });
        self.tx = Some(tx);
        assert_eq!(sent.is_none(), bomb);
        match sent {
            None => assert!(is_dropped(number)),
            Some(Ok(())) => {
                assert!(fits, "sent, though there was no room");
                self.sent.push(number);
            }
            Some(Err(TrySendError::Full(value))) => {
                assert!(!fits && !self.disconnected());
                assert_eq!(value.into_number(), number);
            }
            Some(Err(TrySendError::Disconnected(value))) => {
                assert!(self.disconnected());
                assert_eq!(value.into_number(), number);
            }
        }
    }

    pub(super) fn send_iter(&mut self, input: &mut Input<'_>) {
        let Some(mut tx) = self.tx.take() else { return };
        let mut offer = Offer::make(input);
        let mut bomb = self.settle();
        // Nothing to send is no mistake where nobody reads, as long as the channel is open.
        let refused = self.closed || (offer.wants() > 0 && self.disconnected());
        let mut room = if bomb || refused { 0 } else { offer.wants().min(self.free()) };
        if room > 0 && self.clear(room) {
            (bomb, room) = (true, 0);
        }
        let (expected, panics) = offer.fills(room);
        let result = planned(|| tx.try_send_iter(&mut offer));
        self.tx = Some(tx);
        match result {
            None => assert!(bomb || panics),
            Some(Err(_)) => assert!(!bomb && refused),
            Some(Ok(sent)) => assert_eq!((sent, bomb, refused, panics), (expected, false, false, false)),
        }
        self.aborted += (room - expected) as u64;
        self.sent.extend(&offer.numbers[..expected]);
        assert_eq!(offer.end(), expected, "taken from the iterator");
    }

    pub(super) fn reserve(&mut self, input: &mut Input<'_>) {
        let Some(mut tx) = self.tx.take() else { return };
        let n = input.below(self.capacity + 2);
        let mut bomb = self.settle();
        let fits = n <= self.capacity && !self.closed && (n == 0 || (!self.disconnected() && n <= self.free()));
        if !bomb && fits && n > 0 {
            bomb = self.clear(n);
        }
        match planned(|| tx.try_reserve(n)) {
            None => assert!(bomb),
            Some(Err(error)) => {
                assert!(!bomb && !fits);
                match error {
                    ReserveError::TooLarge => assert!(n > self.capacity),
                    ReserveError::Disconnected => assert!(self.disconnected()),
                    ReserveError::TooFew { free } => assert!(!self.disconnected() && free == self.free()),
                }
            }
            Some(Ok(slots)) => {
                assert!(!bomb && fits);
                self.fill(slots, n, input);
            }
        }
        self.tx = Some(tx);
    }

    fn fill(&mut self, mut slots: Slots<'_, Value>, n: usize, input: &mut Input<'_>) {
        let mut pushed = Vec::new();
        for _ in 0..input.below(n + 2) {
            let value = Value::make(input);
            let number = value.number();
            match slots.push(value) {
                Ok(()) => pushed.push(number),
                Err(value) => assert_eq!((pushed.len(), value.into_number()), (n, number)),
            }
        }
        assert_eq!((slots.len(), slots.remaining()), (n, n - pushed.len()));
        let (end, nested) = (input.below(4), input.below(4));
        // Readers go on meanwhile.
        for _ in 0..nested {
            self.nested(input);
        }
        match end {
            0 => {
                slots.commit();
                self.aborted += (n - pushed.len()) as u64;
                self.sent.extend(pushed);
            }
            1 => {
                assert_eq!(planned(|| drop(slots)).is_none(), any_bomb(&pushed));
                assert!(are_dropped(&pushed));
                self.aborted += n as u64;
            }
            2 => {
                let unwound = planned(|| {
                    let _slots = slots;
                    plan();
                });
                assert!(unwound.is_none() && are_dropped(&pushed));
                self.aborted += n as u64;
            }
            _ => {
                mem::forget(slots);
                self.forgotten = (n > 0).then_some((pushed, n));
            }
        }
    }

    pub(super) fn drop_sender(&mut self) {
        let Some(tx) = self.tx.take() else { return };
        (self.has_sender, self.closed) = (false, true);
        let bomb = self.settle();
        let bomb = self.goes_with_a_bomb() || bomb;
        assert_eq!(planned(|| drop(tx)).is_none(), bomb);
    }
}

fn send_at_once(tx: &mut Sender<Value>, value: Value) -> Result<(), TrySendError<Value>> {
    tx.send_timeout(value, Duration::ZERO).map_err(|error| match error.is_timeout() {
        true => TrySendError::Full(error.into_inner()),
        false => TrySendError::Disconnected(error.into_inner()),
    })
}
