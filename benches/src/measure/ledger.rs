//! The verification: what a consumer notes of every message, and what it must come to in the end.

use super::payload::{PRODUCER_SHIFT, Payload, tag};

/// What one consumer has seen. It is noted at the rate of the fastest ring, so a note is a few additions that do not wait
/// for one another; the number of producers is a constant, so that nothing is looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ledger<const PRODUCERS: usize> {
    count: u64,
    sum: u64,
    /// Its uppermost bit is set once a tag was less than the one expected: a difference below zero.
    differences: u64,
    /// By producer: the least tag that its next message may have.
    next: [u64; PRODUCERS],
}

impl<const PRODUCERS: usize> Ledger<PRODUCERS> {
    pub(super) fn new() -> Self {
        Self { count: 0, sum: 0, differences: 0, next: std::array::from_fn(|producer| tag(producer, 0)) }
    }

    /// Notes a message's words and its place. Messages are counted apart, many at once: see [`count`](Self::count).
    #[inline(always)]
    pub(super) fn note(&mut self, message: &impl Payload) {
        let tag = message.tag();
        self.sum = self.sum.wrapping_add(message.sum());
        if PRODUCERS == 1 {
            // Another producer's tag is either less, or beyond what was sent.
            self.differences |= tag.wrapping_sub(self.next[0]);
            self.next[0] = tag.wrapping_add(1);
            return;
        }
        for (producer, next) in self.next.iter_mut().enumerate() {
            let mine = tag >> PRODUCER_SHIFT == producer as u64;
            self.differences |= if mine { tag.wrapping_sub(*next) } else { 0 };
            *next = if mine { tag.wrapping_add(1) } else { *next };
        }
    }

    #[inline(always)]
    pub(super) fn count(&mut self, messages: usize) {
        self.count += messages as u64;
    }

    fn is_out_of_order(&self) -> bool {
        self.differences >> (u64::BITS - 1) == 1
    }
}

/// Checks what consumers saw against what each producer sent; each message is to be seen `copies` times, and by each
/// consumer in its producer's order. Gives the number of messages.
///
/// A consumer that saw strictly increasing numbers of a producer, none beyond the last one sent, and as many as were
/// sent, has seen each of them once. Where several share the messages, the sum stands for that.
pub(super) fn verify<M: Payload, const PRODUCERS: usize>(
    ledgers: &[Ledger<PRODUCERS>],
    sent: &[u64],
    copies: u64,
) -> Result<u64, String> {
    let total: u64 = sent.iter().sum();
    let expected =
        sent.iter().enumerate().fold(0_u64, |sum, (producer, &sent)| sum.wrapping_add(M::sum_of(producer, sent)));
    let count: u64 = ledgers.iter().map(|ledger| ledger.count).sum();
    let sum = ledgers.iter().fold(0_u64, |sum, ledger| sum.wrapping_add(ledger.sum));
    let ends = |ledger: &Ledger<PRODUCERS>| sent.iter().enumerate().all(|(p, &sent)| ledger.next[p] <= tag(p, sent));
    if count != total * copies {
        return Err(format!("{total} messages sent, {count} received instead of {}", total * copies));
    }
    if ledgers.iter().any(|ledger| ledger.is_out_of_order() || !ends(ledger)) {
        return Err("messages of one producer were received out of order, twice, or were never sent".to_owned());
    }
    if sum != expected.wrapping_mul(copies) {
        return Err("the words that were received do not add up to those that were sent".to_owned());
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(tags: &[u64]) -> Ledger<2> {
        let mut ledger = Ledger::new();
        tags.iter().for_each(|&tag| ledger.note(&<[u64; 8]>::new(tag)));
        ledger.count(tags.len());
        ledger
    }

    fn check(ledgers: &[Ledger<2>], copies: u64) -> Result<u64, String> {
        verify::<[u64; 8], 2>(ledgers, &[2, 1], copies)
    }

    #[test]
    fn what_was_sent_passes_and_nothing_else() {
        let (a, b, other) = (tag(0, 0), tag(0, 1), tag(1, 0));
        assert_eq!(check(&[seen(&[a, other, b])], 1), Ok(3));
        assert_eq!(check(&[seen(&[a]), seen(&[other, b])], 1), Ok(3));
        assert_eq!(check(&[seen(&[a, b, other]), seen(&[other, a, b])], 2), Ok(6));
        for (wrong, says) in [
            (&[a, b][..], "received"),
            (&[a, b, other, other], "received"),
            (&[b, a, other], "order"),
            (&[a, a, other], "order"),
            (&[a, b, tag(1, 1)], "order"),
        ] {
            assert!(check(&[seen(wrong)], 1).is_err_and(|told| told.contains(says)), "{wrong:?}");
        }
        let mut torn = seen(&[a, b]);
        torn.note(&[other, 0, 0, 0, 0, 0, 0, 0]);
        torn.count(1);
        assert!(check(&[torn], 1).is_err_and(|told| told.contains("add up")));
    }
}
