//! What is sent: one word, 8, or 32, all of which are written by the producer and read by the consumer.

/// The upper bits of a message's tag tell its producer, the rest counts that producer's messages.
pub(super) const PRODUCER_SHIFT: u32 = 56;

/// The tag of a producer's `sequence`-th message, from 0.
#[inline(always)]
pub(super) const fn tag(producer: usize, sequence: u64) -> u64 {
    (producer as u64) << PRODUCER_SHIFT | sequence
}

/// A message. Its words are the tag and the numbers that follow it, so that a torn message does not add up.
pub(super) trait Payload: Copy + Default + Send + Sync + 'static {
    const WORDS: usize;

    fn from_words(word: impl FnMut(usize) -> u64) -> Self;

    fn words(&self) -> &[u64];

    #[inline(always)]
    fn new(tag: u64) -> Self {
        Self::from_words(|index| tag + index as u64)
    }

    #[inline(always)]
    fn tag(&self) -> u64 {
        self.words()[0]
    }

    #[inline(always)]
    fn sum(&self) -> u64 {
        self.words().iter().fold(0, |sum, &word| sum.wrapping_add(word))
    }

    /// What the first `sent` messages of a producer add up to.
    fn sum_of(producer: usize, sent: u64) -> u64 {
        let (words, sent) = (Self::WORDS as u128, u128::from(sent));
        let tags = u128::from(tag(producer, 0)) * sent + sent * sent.saturating_sub(1) / 2;
        // Only the lower half is compared: consumers add in wrapping arithmetic.
        (tags * words + sent * (words * (words - 1) / 2)) as u64
    }
}

impl Payload for u64 {
    const WORDS: usize = 1;

    #[inline(always)]
    fn from_words(mut word: impl FnMut(usize) -> u64) -> Self {
        word(0)
    }

    #[inline(always)]
    fn words(&self) -> &[u64] {
        std::slice::from_ref(self)
    }
}

macro_rules! words {
    ($($count:literal),*) => { $(
        impl Payload for [u64; $count] {
            const WORDS: usize = $count;

            #[inline(always)]
            fn from_words(word: impl FnMut(usize) -> u64) -> Self {
                std::array::from_fn(word)
            }

            #[inline(always)]
            fn words(&self) -> &[u64] {
                self
            }
        }
    )* };
}

words!(8, 32);

#[cfg(test)]
mod tests {
    use super::*;

    fn adds_up<M: Payload>() {
        for (producer, sent) in [(0, 0), (0, 1), (1, 1000), (3, 12_345)] {
            let sum = (0..sent).fold(0_u64, |sum, n| sum.wrapping_add(M::new(tag(producer, n)).sum()));
            assert_eq!(M::sum_of(producer, sent), sum, "{producer} {sent}");
        }
    }

    #[test]
    fn sums_are_foreseen() {
        adds_up::<u64>();
        adds_up::<[u64; 8]>();
        adds_up::<[u64; 32]>();
    }
}
