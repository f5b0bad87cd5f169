//! One end of a ring whose handles compete at it: where the next claim starts, and who gets it.
//!
//! The senders' end and the receivers' end are the same thing: runs of positions are settled there by those on the other side
//! (as free, as values), and are claimed by compare-and-swap once they were *seen* settled. So after a claim nobody waits.
//!
//! A claim may end within a run. Then those who come next find no stamp where they start: so the end of the run is *told*
//! first, in a word beside the position.
//!
//! The position's word is `position << 1 | sealed`: positions are compared in this shifted form, so that one modulus rules
//! them all, and a carry never reaches the seal.
//!
//! # Invariants
//!
//! * **E1** The position moves only by a compare-and-swap over positions that were seen settled after the position was read: so
//!   claims do not overlap, and never pass what is settled.
//! * **E2** Between the position and `told`, while that is ahead, all is settled, as one kind. Whoever moves `told` has seen the
//!   position at the beginning of what he tells; if it has moved on, that is still true of what lies ahead of it (N3).
//! * **E3** Where the position is, a settled run begins, or `told` or whoever settles it next says so.
//! * **E4** After the seal no claim succeeds: the swap compares the whole word. So a sealed position is final.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | E5 `moves`: Release exchange of the position | E6 | the middle of a run is found and no word of it: nothing, though there is something |
//! | E6 `look_and_claim`, `known`: Acquire load of the position | E5, E9 | the same; what the closer did is not visible to who is refused |
//! | E7 `look`: Release exchange of `told` | E8 | a slot is claimed that was not seen settled |
//! | E8 `look`: Acquire load of `told` | E7 | the same |
//! | E9 `seal`: AcqRel on the position | E6 | what the closer did is not visible to who learns of it |

use super::runs::{Kind, Runs};
use super::tail::ahead;
use crate::sync::{AtomicU64, Ordering, guard, pause};

const SEALED: u64 = 1;

/// So many positions are looked at beyond a short claim: their stamps share a line, so the next claims need not fetch it again.
const LOOK_AHEAD: u64 = 8;

/// The longest pause of who has lost a race, as a power of two.
const LONGEST_PAUSE: u32 = 6;

pub(super) struct End {
    position: AtomicU64,
    told: AtomicU64,
}

/// What came of a claim.
pub(super) enum Claimed {
    /// This many positions from the first one on are the caller's.
    Run(u64, u64),
    /// Fewer than wanted are settled, at this position.
    Short(u64, u64),
    Sealed,
}

impl End {
    pub(super) fn new(start: u64) -> Self {
        Self { position: AtomicU64::new(start << 1), told: AtomicU64::new(start) }
    }

    /// Claims between `min` and `max` positions that are settled as `kind`. `seen` is how far the caller has seen that before.
    #[inline(always)]
    pub(super) fn claim(&self, runs: &Runs, kind: Kind, seen: &mut u64, bounds: (u64, u64)) -> Claimed {
        // Relaxed: where so much was seen before, it was acquired then, and told; a position that is out of date fails.
        let word = self.position.load(Ordering::Relaxed);
        let (at, max) = (word >> 1, bounds.1);
        if ahead(*seen, at) >= max.cast_signed() && word & SEALED == 0 && self.moves(word, max) {
            return Claimed::Run(at, max);
        }
        self.look_and_claim(runs, kind, seen, bounds)
    }

    /// Claims one position that was seen settled before; none if nobody knows of any, or somebody else was faster.
    #[inline(always)]
    pub(super) fn claim_seen(&self, seen: u64) -> Option<u64> {
        // Relaxed: as in `claim`.
        let word = self.position.load(Ordering::Relaxed);
        let at = word >> 1;
        (ahead(seen, at) > 0 && word & SEALED == 0 && self.moves(word, 1)).then_some(at)
    }

    #[inline(never)]
    fn look_and_claim(&self, runs: &Runs, kind: Kind, seen: &mut u64, (min, max): (u64, u64)) -> Claimed {
        // What is seen counts for later calls only once a part of it was claimed: a run may have to be told first.
        let (mut until, mut lost) = (*seen, 0);
        loop {
            // Acquire: E6, pairs with E5 and E9.
            let word = self.position.load(Ordering::Acquire);
            if word & SEALED != 0 && guard("no claim after the seal") {
                return Claimed::Sealed;
            }
            let at = word >> 1;
            let mut known = ahead(until, at).max(0).cast_unsigned();
            if known < max {
                let told;
                (known, told) = self.look(runs, kind, at, known, max);
                if !told {
                    give_way(&mut lost);
                    continue;
                }
            }
            if known < min {
                // Relaxed: only compared. The position that is used is loaded above.
                if self.position.load(Ordering::Relaxed) == word || !guard("who is too late looks again") {
                    return Claimed::Short(at, known);
                }
                give_way(&mut lost);
                continue;
            }
            until = at.wrapping_add(known);
            let len = known.min(max);
            if self.moves(word, len) {
                *seen = until;
                return Claimed::Run(at, len);
            }
            give_way(&mut lost);
        }
    }

    /// Moves over `len` positions from where `word` says; false if somebody else has moved.
    #[inline(always)]
    fn moves(&self, word: u64, len: u64) -> bool {
        // Release: E5, pairs with E6: who finds this position finds what was told of it.
        self.position.compare_exchange(word, word.wrapping_add(len << 1), Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// How many positions are settled at `at`, where `known` are known of: `max` at least, if there are so many. False if a claim
    /// of `max` would end within a run and somebody else was telling something.
    #[inline]
    fn look(&self, runs: &Runs, kind: Kind, at: u64, mut known: u64, max: u64) -> (u64, bool) {
        // Acquire: E8, pairs with E7. Read after the position.
        let told = self.told.load(Ordering::Acquire);
        if guard("the middle of a run is known") {
            known = known.max(ahead(told, at).max(0).cast_unsigned()); // E2
        }
        let mut long = false;
        let wanted = max.max(LOOK_AHEAD.min(runs.capacity() / 2));
        while known < wanted {
            let Some(run) = runs.run(at.wrapping_add(known), kind) else { break };
            (known, long) = (known + run, long || run > 1);
        }
        if known <= max || !long {
            return (known, true);
        }
        // Release: E7, pairs with E8.
        let end = at.wrapping_add(known);
        (known, self.told.compare_exchange(told, end, Ordering::Release, Ordering::Relaxed).is_ok())
    }

    /// Whether something settled as `kind` can be claimed.
    pub(super) fn has_run(&self, runs: &Runs, kind: Kind) -> bool {
        let at = self.known();
        ahead(at, self.position()) > 0 || runs.run(at, kind).is_some()
    }

    /// Moves over `len` positions at `at`, nothing of which is to be had; false if somebody else has moved.
    pub(super) fn pass(&self, at: u64, len: u64) -> bool {
        self.moves(at << 1, len)
    }

    /// True for the call that did it.
    pub(super) fn seal(&self) -> bool {
        // AcqRel: E9, pairs with E6 and itself.
        self.position.fetch_or(SEALED, Ordering::AcqRel) & SEALED == 0
    }

    pub(super) fn is_sealed(&self) -> bool {
        // Acquire: E6, pairs with E9.
        self.position.load(Ordering::Acquire) & SEALED != 0
    }

    /// The position claimed last, in the shifted form; out of date as soon as it is read.
    #[inline(always)]
    pub(super) fn position(&self) -> u64 {
        // Relaxed: a hint, or final by E4 to who knows of the seal.
        self.position.load(Ordering::Relaxed) >> 1
    }

    /// The first position that may begin a run which was not seen settled here.
    pub(super) fn known(&self) -> u64 {
        // Acquire: E6, pairs with E5.
        let position = self.position.load(Ordering::Acquire) >> 1;
        // Relaxed: only compared; nobody reads a slot by it.
        let told = self.told.load(Ordering::Relaxed);
        if ahead(told, position) > 0 { told } else { position }
    }
}

/// After a lost race: leaves the line to who has won it, longer each time, so that he gets more done with it.
#[cold]
fn give_way(lost: &mut u32) {
    pause(1 << *lost);
    *lost = LONGEST_PAUSE.min(*lost + 1);
}
