//! Cache lines asked for before they are needed.
//!
//! A ring's lines are nearly always in the other side's cache. A loop that meets them one by one waits for each; asked for ahead,
//! they travel at once. Small messages: all lines of a run in one burst, before the run is touched. Messages of a line or more: a
//! window that rolls a few lines ahead of the loop. The other way round gains nothing, and so does either on one side only. Messages
//! of several lines keep as many on their way as there can be by themselves.
//!
//! # Invariants
//!
//! * **P1** A prefetch is a hint: it faults at no address and changes no value. So nothing depends on who owns the slot.
//! * **P2** All the same, only lines of the slots it is given are asked for: beyond a run they are somebody else's, who is using
//!   them.

#![cfg_attr(ringway_loom, allow(dead_code, reason = "models have no caches"))]

const LINE: usize = 64;

/// Lines that a burst asks for at the most: about as many as a core can have under way, and then some.
const BURST: usize = 64;

/// How far the window is ahead of the loop, in lines.
const WINDOW: usize = 12;

/// The largest messages that a window serves, in bytes: with 256 it cost a third.
const LARGEST: usize = 128;

/// What the lines are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Reading,
    Writing,
}

/// Whether messages are so small that a burst serves them, rather than a window.
pub(crate) const fn by_burst<T>() -> bool {
    0 < size_of::<T>() && size_of::<T>() < LINE
}

/// Asks for all lines of `slots`, if there are two or more; for messages smaller than a line.
#[inline(always)]
pub(crate) fn burst<T>(slots: *const [T], what: For) {
    burst_of(slots).for_each(|line| hint(line, what));
}

#[inline(always)]
fn burst_of<T>(slots: *const [T]) -> impl Iterator<Item = *const u8> {
    let bytes = if by_burst::<T>() { size_of::<T>() * slots.len() } else { 0 };
    let lines = if bytes > LINE { bytes.div_ceil(LINE).min(BURST) } else { 0 };
    (0..lines).map(move |line| slots.cast::<u8>().wrapping_add(line * LINE))
}

/// How many messages a window is ahead of its loop; none if they are small or large.
pub(crate) const fn ahead<T>() -> usize {
    if by_burst::<T>() || size_of::<T>() == 0 || size_of::<T>() > LARGEST {
        0
    } else {
        WINDOW.div_ceil(size_of::<T>().div_ceil(LINE))
    }
}

/// Asks for the lines of one message, of a line or more.
#[inline(always)]
pub(crate) fn message<T>(slot: *const T, what: For) {
    lines_of(slot).for_each(|line| hint(line, what));
}

#[inline(always)]
fn lines_of<T>(slot: *const T) -> impl Iterator<Item = *const u8> {
    (0..size_of::<T>().div_ceil(LINE)).map(move |line| slot.cast::<u8>().wrapping_add(line * LINE))
}

/// A window that rolls ahead of a loop over `slots`; for messages of a line or more.
pub(crate) struct Window<T> {
    slots: *const [T],
    what: For,
}

impl<T> Window<T> {
    /// Asks for the first of them, if there are two or more.
    #[inline(always)]
    pub(crate) fn open(slots: *const [T], what: For) -> Self {
        let window = Self { slots, what };
        (0..window.first()).filter_map(|index| window.slot(index)).for_each(|slot| message(slot, what));
        window
    }

    /// The loop has come to `index`.
    #[inline(always)]
    pub(crate) fn roll(&self, index: usize) {
        if let Some(slot) = self.slot(index + ahead::<T>()) {
            message(slot, self.what);
        }
    }

    #[inline(always)]
    fn first(&self) -> usize {
        if self.slots.len() > 1 { ahead::<T>() } else { 0 }
    }

    /// What is asked for at `index`.
    #[inline(always)]
    fn slot(&self, index: usize) -> Option<*const T> {
        (ahead::<T>() > 0 && index < self.slots.len()).then(|| self.slots.cast::<T>().wrapping_add(index))
    }
}

#[cfg(all(target_arch = "x86_64", not(any(miri, ringway_loom))))]
#[inline(always)]
fn hint(line: *const u8, what: For) {
    // By hand: the compiler turns its own hint for writing into one for reading where the target need not have PREFETCHW, which
    // the first 64-bit processors did not.
    // SAFETY: P1.
    unsafe {
        match what {
            For::Reading => {
                core::arch::asm!("prefetcht0 [{}]", in(reg) line.addr(), options(nomem, nostack, preserves_flags))
            }
            For::Writing => {
                core::arch::asm!("prefetchw [{}]", in(reg) line.addr(), options(nomem, nostack, preserves_flags))
            }
        }
    }
}

#[cfg(all(target_arch = "aarch64", not(any(miri, ringway_loom))))]
#[inline(always)]
fn hint(line: *const u8, what: For) {
    // SAFETY: P1.
    unsafe {
        match what {
            For::Reading => {
                core::arch::asm!("prfm pldl1keep, [{}]", in(reg) line.addr(), options(nomem, nostack, preserves_flags))
            }
            For::Writing => {
                core::arch::asm!("prfm pstl1keep, [{}]", in(reg) line.addr(), options(nomem, nostack, preserves_flags))
            }
        }
    }
}

#[cfg(any(miri, ringway_loom, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline(always)]
fn hint(_: *const u8, _: For) {}

#[cfg(all(test, not(ringway_loom)))]
mod tests {
    use super::*;

    /// Where in `len` slots the lines lie that a loop over them asks for; it panics if one lies outside (P2).
    fn asked_for<T: Clone>(value: T, len: usize) -> Vec<usize> {
        let slots = vec![value; len];
        let slots: *const [T] = &*slots;
        let window = Window { slots, what: For::Writing };
        let rolled = (0..window.first()).chain((0..len).map(|index| index + ahead::<T>()));
        let rolled: Vec<_> = rolled.filter_map(|index| window.slot(index)).flat_map(lines_of).collect();
        let begin = slots.cast::<u8>() as usize;
        let lines = burst_of(slots).chain(rolled).map(|line| line as usize);
        lines
            .inspect(|line| assert!((begin..begin + len * size_of::<T>()).contains(line), "outside"))
            .map(|line| line - begin)
            .collect()
    }

    #[test]
    fn a_burst_asks_for_every_line_once() {
        assert_eq!(asked_for(0_u64, 256), (0..32).map(|line| line * 64).collect::<Vec<_>>());
        assert_eq!(asked_for([0_u8; 48], 4), [0, 64, 128]);
        assert_eq!(asked_for(0_u64, 8), [0; 0], "one line comes by itself");
        assert_eq!(asked_for(0_u64, 4096).len(), BURST);
    }

    #[test]
    fn a_window_asks_for_every_line_once() {
        for len in [2, 11, 12, 13, 256] {
            assert_eq!(asked_for([0_u64; 8], len), (0..len).map(|line| line * 64).collect::<Vec<_>>());
            assert_eq!(asked_for([0_u64; 16], len), (0..2 * len).map(|line| line * 64).collect::<Vec<_>>());
        }
        assert_eq!(asked_for([0_u8; 65], 2).len(), 4, "by message, each from its beginning");
    }

    #[test]
    fn nothing_has_no_lines() {
        assert_eq!(asked_for((), 256), [0; 0]);
        assert_eq!(asked_for(0_u64, 0), [0; 0]);
        assert_eq!(asked_for([0_u64; 8], 0), [0; 0]);
        assert_eq!(asked_for([0_u64; 32], 256), [0; 0], "and large messages ask for none");
    }
}
