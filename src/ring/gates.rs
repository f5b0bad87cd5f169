//! Gates: the cursors of receivers that all read everything, which the sender must not overtake.
//!
//! # Invariants
//!
//! * **G1** A lane belongs to one receiver from `join` until its `leave`. Its number is not given out again before everybody
//!   who follows that receiver has left too: a follower's mask never names a stranger.
//! * **G2** An active lane's cursor is never ahead of what its receiver has released. Where it is behind, senders wait longer.
//! * **G3** Once `join` has returned `start`, no slot of a position from `start` on is overwritten before the lane's cursor has
//!   passed it.
//!
//! G3: the sender finds room by a scan: fence, active lanes, their cursors. If a scan's fence comes after the fence in `join`, it
//! sees the lane, and G2 holds it back. If it comes before, the second look of `join` at the tail sees what was published before
//! that scan, so `start` is no lower; and what that scan allows to be overwritten is lower than the tail it was made at.
//!
//! A scan may see a lane's bit of its last owner with the cursor of its next: that chain (leave, `owned`, join, cursor)
//! orders the overwriting after the last owner's reads.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | G4 `release`, `join`: Release store of a cursor | G5 | the sender overwrites (a follower reads) what is still in work |
//! | G5 `slowest`: Acquire load of a cursor | G4, and the fence G9 before `join`'s second store, which is Relaxed | the same |
//! | G6 `open`: Release on `active` | G7 | the sender overwrites what the leaver was still reading |
//! | G7 `slowest`, `any`: Acquire load of `active` | G6, G8 | the same; a new lane's cursor is the last owner's |
//! | G8 `join`: Release on `active` | G7 | that cursor may be far behind: the sender finds the ring full, though it is not |
//! | G9 SeqCst fences in `join` and `scan` | each other | neither sees the other: a slot is overwritten under a newcomer |
//! | G10 `leave`: Release on `owned` (and AcqRel on `holds` before it) | G11 | the next owner's cursor is seen before the last one's reads |
//! | G11 `join`: Acquire on `owned` | G10 | the same |
//!
//! The loads of the tail in `join` are Relaxed (G12): the second is ordered by G9, and what is read of the slots is acquired by
//! the ring's `poll`.

use super::tail::ahead;
use crate::sync::{AtomicU64, AtomicUsize, Ordering, fence, guard};
use crossbeam_utils::CachePadded;

/// Receivers that one ring can have at a time. Loom's cells are dear; a model has few receivers.
pub(crate) const LANES: usize = if cfg!(ringway_loom) { 3 } else { 64 };

/// Where a receiver stands: its lane, and the lanes of those that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    pub(crate) lane: u32,
    pub(super) after: u64,
}

impl Gate {
    /// Of receivers whose ring has no gates.
    pub(super) const NONE: Self = Self { lane: u32::MAX, after: 0 };

    fn bit(self) -> u64 {
        1 << self.lane
    }
}

pub(super) struct Gates {
    cursors: Box<[CachePadded<AtomicU64>]>,
    /// Lanes that the sender must not overtake. Read at every claim, written when receivers come and go.
    active: CachePadded<AtomicU64>,
    seldom: CachePadded<Seldom>,
}

struct Seldom {
    /// Lanes that are not to be given out.
    owned: AtomicU64,
    /// For each lane: its receiver, and those who follow it.
    holds: Box<[AtomicUsize]>,
    /// Receivers that follow others.
    followers: AtomicUsize,
}

fn lanes(mask: u64) -> impl Iterator<Item = usize> {
    core::iter::successors(Some(mask), |rest| Some(rest & rest.wrapping_sub(1)))
        .take_while(|rest| *rest != 0)
        .map(|rest| rest.trailing_zeros() as usize)
}

impl Gates {
    pub(super) fn new(start: u64) -> Self {
        Self {
            cursors: (0..LANES).map(|_| CachePadded::new(AtomicU64::new(start))).collect(),
            active: CachePadded::new(AtomicU64::new(0)),
            seldom: CachePadded::new(Seldom {
                owned: AtomicU64::new(0),
                holds: (0..LANES).map(|_| AtomicUsize::new(0)).collect(),
                followers: AtomicUsize::new(0),
            }),
        }
    }

    /// A lane for a receiver that follows those in `after` (all of which are held by the caller), and the position at which it
    /// begins: what the sender publishes from now on. None if all lanes are taken. Whoever waits for room is to look again
    /// afterwards: for a moment the cursor may be behind that.
    pub(super) fn join(&self, tail: &AtomicU64, after: u64) -> Option<(Gate, u64)> {
        let gate = Gate { lane: self.take_lane()?, after };
        let cursor = &self.cursors[gate.lane as usize];
        // Relaxed: the lanes are held by the caller's receivers.
        for lane in lanes(after).filter(|_| guard("a follower holds the lanes before it")) {
            self.seldom.holds[lane].fetch_add(1, Ordering::Relaxed);
        }
        self.seldom.followers.fetch_add(usize::from(after != 0), Ordering::Relaxed);
        // Relaxed: G12. Release: G4, pairs with G5.
        let before = tail.load(Ordering::Relaxed);
        cursor.store(before, Ordering::Release);
        // Release: G8, pairs with G7.
        self.active.fetch_or(gate.bit(), Ordering::Release);
        fence(Ordering::SeqCst); // G9
        let start = if guard("the tail is looked at after joining") { tail.load(Ordering::Relaxed) } else { before };
        // Relaxed: whatever G4 tells here lies before the fence, which releases it with this store.
        cursor.store(start, Ordering::Relaxed);
        Some((gate, start))
    }

    fn take_lane(&self) -> Option<u32> {
        let mut owned = self.seldom.owned.load(Ordering::Relaxed);
        loop {
            let lane = owned.trailing_ones();
            if lane as usize >= LANES {
                return None;
            }
            // Acquire: G11, pairs with G10.
            let taken = owned | 1 << lane;
            match self.seldom.owned.compare_exchange_weak(owned, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    // Relaxed: the lane is the caller's.
                    self.seldom.holds[lane as usize].store(1, Ordering::Relaxed);
                    return Some(lane);
                }
                Err(seen) => owned = seen,
            }
        }
    }

    /// The receiver gates nobody any more: neither the sender nor those who follow it. It reads nothing from here on.
    pub(super) fn open(&self, gate: Gate) {
        // Release: G6, pairs with G7.
        self.active.fetch_and(!gate.bit(), Ordering::Release);
    }

    /// The receiver gates nobody any more, and follows nobody.
    pub(super) fn leave(&self, gate: Gate) {
        self.open(gate);
        self.seldom.followers.fetch_sub(usize::from(gate.after != 0), Ordering::Relaxed);
        let followed = if guard("a follower holds the lanes before it") { gate.after } else { 0 };
        for lane in lanes(followed | gate.bit()) {
            // AcqRel: G10: the last to let go has seen what all others had read.
            if self.seldom.holds[lane].fetch_sub(1, Ordering::AcqRel) == 1 {
                // Release: G10, pairs with G11.
                self.seldom.owned.fetch_and(!(1 << lane), Ordering::Release);
            }
        }
    }

    /// Lets the sender, and those who follow, go up to `position`.
    #[inline(always)]
    pub(super) fn release(&self, gate: Gate, position: u64) {
        // Release: G4, pairs with G5.
        self.cursors[gate.lane as usize].store(position, Ordering::Release);
    }

    /// The least of the active cursors, for the sender, who must see those who join.
    pub(super) fn scan(&self) -> Option<u64> {
        fence(Ordering::SeqCst); // G9
        self.slowest(u64::MAX).map(|(_, cursor)| cursor)
    }

    /// The lane and cursor of the slowest of the active lanes in `mask`.
    #[inline]
    pub(super) fn slowest(&self, mask: u64) -> Option<(usize, u64)> {
        // Acquire: G7, pairs with G6 and G8.
        let active = self.active.load(Ordering::Acquire) & mask;
        // Acquire: G5, pairs with G4.
        let cursors = lanes(active).map(|lane| (lane, self.cursors[lane].load(Ordering::Acquire)));
        cursors.reduce(|least, next| if ahead(least.1, next.1) > 0 { next } else { least })
    }

    /// Whether anybody reads at all.
    #[inline(always)]
    pub(super) fn any(&self) -> bool {
        // Acquire: G7, pairs with G6.
        self.active.load(Ordering::Acquire) != 0
    }

    /// How many read.
    pub(super) fn count(&self) -> usize {
        self.active.load(Ordering::Relaxed).count_ones() as usize
    }

    /// Whether anybody follows anybody.
    #[inline(always)]
    pub(super) fn any_follower(&self) -> bool {
        // Relaxed: joining behind a receiver borrows it, and a receiver is not `Sync`: the count happens before whatever the
        // receiver that is followed does later, its look here included.
        self.seldom.followers.load(Ordering::Relaxed) != 0
    }
}
