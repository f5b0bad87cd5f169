//! A crew: receivers that share a channel's work, each of which carries what it has claimed out of the ring.
//!
//! A member moves the messages it claims into a private inbox before anybody looks at them. So a slow handler occupies no slot
//! of the ring: it holds up nobody, and no message but those of its own inbox.
//!
//! A member that leaves with messages in its inbox puts them among the crew's *found* ones, and its colleagues take those before
//! they look into the ring. A colleague ends only when nothing can come back: see M2.
//!
//! # Invariants
//!
//! * **M1** Of a private inbox, `head..ready` hold values, which are no more than its slots; nobody else has its cursor. So it
//!   keeps R1 to R3 like a ring with one receiver that is its own sender.
//! * **M2** A member's `carries` is set before it claims, and cleared only when its inbox is empty. What is found changes under
//!   the mutex: whoever leaves puts its rest there before it clears `carries`, whoever takes from there has set `carries` before.
//!   So if the ring has ended, and under the mutex nothing is found and nobody carries, then nothing comes back, ever.
//! * **M3** Who clears `carries` once the ring has ended, and who adds to what is found, rings the channel's bell afterwards.
//!
//! # Orderings
//!
//! Relaxed all of them; what orders them stands beside them.
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | C1 `fill`: Relaxed set of `carries`, before the claim, whose settling (N4) releases it | N5: the poll that found the ring ended | a member ends while a colleague carries the last messages |
//! | C2 `end`, `Member::drop` by its receiver: the bell (W2) after `carries` was cleared, and `lost` raised | W1 | a colleague sleeps though all is over, or over messages |
//! | C3 the mutex | itself | M2 |

use super::source::Inbox;
use super::{Batch, Mpmc, Receiver, Release, Source};
use crate::error::{BuildError, TryRecvError};
use crate::ring::{Consumer, Ring, Storage};
use crate::sync::{Arc, AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, guard};
use crate::wait::Event;
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;

/// What the members of a crew share.
struct Crew<T> {
    /// Of each member: whether it has messages that may come back, or is about to claim some. Each on its own line, and read by
    /// others only once the ring has ended.
    carries: Box<[CachePadded<AtomicBool>]>,
    found: Mutex<Found<T>>,
    /// How many are found: a hint.
    lost: CachePadded<AtomicUsize>,
}

/// What members have left behind.
struct Found<T> {
    messages: VecDeque<T>,
    /// Members that have not left.
    members: usize,
}

impl<T> Crew<T> {
    fn found(&self) -> MutexGuard<'_, Found<T>> {
        // No user code runs under the mutex.
        self.found.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn somebody_carries(&self) -> bool {
        // Relaxed: C1 to C3.
        self.carries.iter().any(|carries| carries.load(Ordering::Relaxed))
    }

    /// `messages` shared among the members: what one of them may take.
    fn share(&self, messages: usize) -> usize {
        messages.div_ceil(self.carries.len()).max(1)
    }
}

/// Members of a new crew. The channel goes on serving its other receivers.
pub(crate) fn crew<T>(receiver: Receiver<T, Mpmc>, members: usize) -> Vec<Member<T>> {
    let crew = Arc::new(Crew {
        carries: (0..members).map(|_| CachePadded::new(AtomicBool::new(false))).collect(),
        found: Mutex::new(Found { messages: VecDeque::new(), members }),
        lost: CachePadded::new(AtomicUsize::new(0)),
    });
    let mut receivers: Vec<_> = (1..members).map(|_| receiver.clone()).collect();
    // The first one: it may have claimed something before.
    receivers.insert(0, receiver);
    let member = |(number, receiver)| Member { receiver, crew: Arc::clone(&crew), number };
    receivers.into_iter().enumerate().map(member).collect()
}

/// A place in a crew. The last to leave drops what is found then, and counts it.
pub(crate) struct Member<T> {
    receiver: Receiver<T, Mpmc>,
    crew: Arc<Crew<T>>,
    number: usize,
}

impl<T> Member<T> {
    /// Its inbox, for batches of up to `batch` messages; on the thread that calls this.
    pub(crate) fn carry(self, batch: usize) -> Result<Carry<T>, BuildError> {
        let storage = Storage::new(batch.next_power_of_two())?;
        let inbox = PrivateInbox { storage, consumer: Consumer::new(0) };
        Ok(Carry { inbox, member: self, ring_ended: false, ended: false })
    }

    #[inline(always)]
    fn carries(&self) -> &AtomicBool {
        &self.crew.carries[self.number]
    }
}

impl<T> Drop for Member<T> {
    fn drop(&mut self) {
        let rest = {
            let mut found = self.crew.found();
            self.carries().store(false, Ordering::Relaxed);
            found.members -= 1;
            if found.members == 0 { std::mem::take(&mut found.messages) } else { VecDeque::new() }
        };
        // C2: the receiver, which leaves after this, rings the bell.
        // Counted first: a message's drop may panic.
        self.receiver.shared.counts.dropped.add(rest.len() as u64);
        drop(rest);
    }
}

/// A member with its inbox.
pub(crate) struct Carry<T> {
    inbox: PrivateInbox<T>,
    member: Member<T>,
    /// The ring will give nothing any more.
    ring_ended: bool,
    /// Nor will colleagues.
    ended: bool,
}

impl<T> Carry<T> {
    /// Fills the empty inbox with a fair share of what there is, `max` at the most.
    fn fill(&mut self, max: usize) -> Result<(), TryRecvError> {
        let max = max.min(self.inbox.storage.capacity());
        // Relaxed: C2, and what is found is under the mutex.
        if self.member.crew.lost.load(Ordering::Relaxed) > 0 && self.take_found(max) {
            return Ok(());
        }
        if self.ring_ended {
            return self.end(max);
        }
        self.member.carries().store(guard("who claims carries"), Ordering::Relaxed); // C1
        let share = self.member.crew.share(self.member.receiver.shared.ring.unclaimed());
        match self.member.receiver.try_batch(share.min(max)) {
            Ok(batch) => {
                batch.for_each(|message| self.inbox.push(message));
                return Ok(());
            }
            Err(error) => self.ring_ended = error.is_disconnected(),
        }
        if self.ring_ended {
            return self.end(max);
        }
        self.member.carries().store(false, Ordering::Relaxed);
        Err(TryRecvError::Empty)
    }

    /// Takes over what a colleague has left; false if others were faster.
    #[cold]
    fn take_found(&mut self, max: usize) -> bool {
        let mut found = self.member.crew.found();
        if found.messages.is_empty() {
            return false;
        }
        self.member.carries().store(true, Ordering::Relaxed); // M2
        let share = self.member.crew.share(found.messages.len()).min(max);
        found.messages.drain(..share).for_each(|message| self.inbox.push(message));
        self.member.crew.lost.store(found.messages.len(), Ordering::Relaxed);
        true
    }

    /// The ring has ended and the inbox is empty: is all over, or may messages come back?
    #[cold]
    fn end(&mut self, max: usize) -> Result<(), TryRecvError> {
        if self.member.carries().load(Ordering::Relaxed) {
            self.member.carries().store(false, Ordering::Relaxed);
            if guard("who is done carrying wakes the others") {
                self.member.receiver.shared.bells.not_empty.notify(u32::MAX); // C2
            }
        }
        if self.member.crew.somebody_carries() {
            return Err(TryRecvError::Empty);
        }
        let found = self.member.crew.found();
        if !found.messages.is_empty() {
            drop(found);
            return if self.take_found(max) { Ok(()) } else { Err(TryRecvError::Empty) };
        }
        // M2: looked at once more under the mutex.
        if self.member.crew.somebody_carries() && guard("the end is looked at under the mutex") {
            return Err(TryRecvError::Empty);
        }
        self.ended = true;
        Err(TryRecvError::Disconnected)
    }
}

impl<T> Drop for Carry<T> {
    fn drop(&mut self) {
        if self.inbox.consumer.available() == 0 {
            return;
        }
        // The member, which is dropped after this, still carries (M2), and wakes the others (M3).
        let mut found = self.member.crew.found();
        found.messages.extend(self.inbox.batch(usize::MAX));
        self.member.crew.lost.store(found.messages.len(), Ordering::Relaxed);
    }
}

impl<T> Source for Carry<T> {
    type Item = T;

    #[inline]
    fn try_batch(&mut self, max: usize) -> Result<Batch<'_, T>, TryRecvError> {
        if self.inbox.consumer.available() == 0 {
            self.fill(max)?;
        }
        Ok(self.inbox.batch(max))
    }

    fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.try_batch(1)?.next().ok_or(TryRecvError::Empty)
    }

    fn drain(&mut self, max: usize, f: impl FnMut(T)) -> usize {
        let before = self.taken();
        if let Ok(batch) = self.try_batch(max) {
            batch.for_each(f);
        }
        self.taken().wrapping_sub(before) as usize
    }
}

impl<T> Inbox for Carry<T> {
    fn event(&self) -> Event {
        self.member.receiver.event()
    }

    fn shares_event(&self) -> bool {
        true
    }

    fn move_event(&mut self, event: &Event) -> bool {
        self.member.receiver.move_event(event)
    }

    fn taken(&self) -> u64 {
        self.inbox.consumer.taken()
    }

    fn discard(&mut self) {
        if self.inbox.consumer.available() > 0 {
            // Counted first: the message's drop may panic.
            self.member.receiver.shared.counts.dropped.add(1);
            self.inbox.batch(1).commit(1);
        }
    }

    fn close(&self) {
        self.member.receiver.close();
    }

    fn arm_probe(&self) {
        self.member.receiver.arm_probe();
    }

    #[inline(always)]
    fn is_marked(&self) -> bool {
        self.member.receiver.is_marked()
    }

    fn take_mark(&self) -> Option<u64> {
        self.member.receiver.take_mark()
    }
}

/// Messages that were moved out of a ring, to be lent in place.
struct PrivateInbox<T> {
    storage: Storage<T>,
    consumer: Consumer,
}

impl<T> PrivateInbox<T> {
    #[inline]
    fn push(&mut self, message: T) {
        let Self { storage, consumer } = self;
        assert!(consumer.available() < storage.capacity(), "a message more than was asked for");
        // SAFETY: R1, by M1: the slot is not among `head..ready`, so it holds no value, and it is ours alone.
        unsafe { storage.write(consumer.ready, message) };
        consumer.ready = consumer.ready.wrapping_add(1);
    }

    #[inline]
    fn batch(&mut self, max: usize) -> Batch<'_, T> {
        Batch::new(&self.storage, &mut self.consumer, max, &Private)
    }
}

impl<T> Drop for PrivateInbox<T> {
    fn drop(&mut self) {
        self.batch(usize::MAX).commit_all();
    }
}

/// Nobody waits for the slots of a private inbox.
struct Private;

impl Release for Private {
    unsafe fn release(&self, consumer: &mut Consumer) {
        consumer.released = consumer.head;
    }
}

/// Who ends when, and who gets what was left: explored by loom under `--cfg ringway_loom`, otherwise run many times.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpmc;
    use crate::sync::model::{model, thread};

    /// A crew on a channel that is closed and holds `messages`.
    fn closed(members: usize, messages: u32) -> (mpmc::Sender<u32>, Vec<Carry<u32>>) {
        let (mut tx, rx) = mpmc::channel(messages as usize);
        assert_eq!(tx.try_send_iter(&mut (0..messages)), Ok(messages as usize));
        tx.close();
        (tx, crew(rx, members).into_iter().map(|member| member.carry(2).unwrap()).collect())
    }

    /// Takes what comes until all is over, sleeping in between: without the safety net of 100 ms, under loom.
    fn take_all(carry: &mut Carry<u32>) -> usize {
        let (event, mut taken) = (carry.event(), 0);
        event.wait_until(None, || {
            loop {
                match carry.try_batch(2) {
                    Ok(batch) => taken += batch.count(),
                    Err(error) => return error.is_disconnected(),
                }
            }
        });
        taken
    }

    fn settled(tx: &mpmc::Sender<u32>) -> (u64, u64) {
        let stats = tx.stats();
        assert_eq!(stats.in_flight(), 0);
        (stats.received, stats.dropped)
    }

    /// One leaves without having done what it has claimed: the other does it, or has already ended with nothing lost.
    #[test]
    fn who_stays_gets_what_another_leaves() {
        for messages in [1, 2] {
            model("who stays gets what another leaves", 3, move || {
                let (tx, mut carries) = closed(2, messages);
                let mut leaves = carries.pop().unwrap();
                let leaver = thread::spawn(move || leaves.try_batch(2).map_or(0, |batch| batch.len()));
                assert_eq!(take_all(&mut carries[0]), messages as usize);
                assert!(leaver.join().unwrap() <= 1, "a fair share");
                drop(carries);
                assert_eq!(settled(&tx), (u64::from(messages), 0));
            });
        }
    }

    /// What was left is taken and left again.
    #[test]
    fn what_is_left_may_be_left_again() {
        model("what is left may be left again", 2, || {
            let (tx, mut carries) = closed(3, 1);
            let (mut second, mut first) = (carries.pop().unwrap(), carries.pop().unwrap());
            // The first has it before anybody else looks.
            assert_eq!(first.try_batch(2).unwrap().len(), 1);
            let one = thread::spawn(move || drop(first));
            let two = thread::spawn(move || drop(second.try_batch(2)));
            assert_eq!(take_all(&mut carries[0]), 1);
            one.join().unwrap();
            two.join().unwrap();
            drop(carries);
            assert_eq!(settled(&tx), (1, 0));
        });
    }

    /// Who is done tells those who sleep because of it, before it leaves.
    #[test]
    fn who_is_done_holds_up_nobody() {
        model("who is done holds up nobody", 3, || {
            let (_tx, mut carries) = closed(2, 1);
            let mut other = carries.pop().unwrap();
            let other = thread::spawn(move || take_all(&mut other));
            let mine = take_all(&mut carries[0]);
            assert_eq!(mine + other.join().unwrap(), 1);
        });
    }

    /// Nobody stays: what was claimed is dropped and counted.
    #[test]
    fn the_last_drops_the_rest() {
        model("the last drops the rest", 3, || {
            let (tx, mut carries) = closed(2, 2);
            let mut other = carries.pop().unwrap();
            let other = thread::spawn(move || drop(other.try_batch(2)));
            drop(carries[0].try_batch(2));
            drop(carries);
            other.join().unwrap();
            assert_eq!(settled(&tx), (0, 2));
        });
    }
}
