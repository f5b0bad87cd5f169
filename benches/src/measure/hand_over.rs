//! The second ceiling: a plain buffer, handed over with one flag for every 256 messages, and no protocol.
//!
//! Its words are atomic, so that no unsafe code is needed, and therefore go one by one; so few lines would be on their
//! way at once that a ring of plain words would reach twice as much. Hence each side first touches one word of every line.
//! It remains a low ceiling where the cores are near each other: between two hardware threads of one core (a line there and
//! back in 30 ns), where copying is all that is left to do, the best rings get up to twice as much.

use super::BATCH;
use super::ends::{Consuming, Producing};
use super::line::Line;
use super::payload::Payload;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words of a cache line.
const LINE: usize = 8;

/// The flag is up while the words are the consumer's.
#[derive(Debug)]
struct Block {
    flag: Line,
    words: Vec<AtomicU64>,
}

/// Either end. The blocks are gone through in turn by both.
#[derive(Debug)]
pub(super) struct HandOver {
    blocks: Arc<[Block]>,
    next: usize,
}

pub(super) fn ends<M: Payload>(capacity: usize) -> (HandOver, HandOver) {
    let words = || (0..BATCH * M::WORDS).map(|_| AtomicU64::new(0)).collect();
    let blocks: Arc<[Block]> = (0..capacity / BATCH).map(|_| Block { flag: Line::default(), words: words() }).collect();
    (HandOver { blocks: Arc::clone(&blocks), next: 0 }, HandOver { blocks, next: 0 })
}

impl HandOver {
    /// The next block, if its flag is as wanted.
    #[inline(always)]
    fn block(&self, flag: u64) -> Option<&Block> {
        let block = &self.blocks[self.next];
        (block.flag.0.load(Ordering::Acquire) == flag).then_some(block)
    }
}

impl<M: Payload> Producing<M> for HandOver {
    fn one(&mut self, message: M) -> Result<(), M> {
        // It knows whole batches only.
        Err(message)
    }

    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        let Some(block) = self.block(0) else { return 0 };
        let sent = burst.end - burst.start;
        debug_assert_eq!(sent, BATCH as u64, "a block is filled or left alone");
        block.words.iter().step_by(LINE).for_each(|word| word.store(0, Ordering::Relaxed));
        for (slot, number) in block.words.chunks_exact(M::WORDS).zip(burst) {
            let message = make(number);
            slot.iter().zip(message.words()).for_each(|(to, &word)| to.store(word, Ordering::Relaxed));
        }
        block.flag.0.store(1, Ordering::Release);
        self.next = (self.next + 1) % self.blocks.len();
        sent
    }
}

impl<M: Payload> Consuming<M> for HandOver {
    fn one(&mut self, _see: impl FnOnce(&M)) -> bool {
        false
    }

    #[inline]
    fn many(&mut self, _max: usize, mut see: impl FnMut(&M)) -> usize {
        let Some(block) = self.block(1) else { return 0 };
        black_box(block.words.iter().step_by(LINE).fold(0, |all, word| all | word.load(Ordering::Relaxed)));
        for slot in block.words.chunks_exact(M::WORDS) {
            see(&M::from_words(|index| slot[index].load(Ordering::Relaxed)));
        }
        block.flag.0.store(0, Ordering::Release);
        self.next = (self.next + 1) % self.blocks.len();
        BATCH
    }
}
