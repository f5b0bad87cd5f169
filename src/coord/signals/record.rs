//! Signals as plain data: sixteen words, eight of them the payload.
//!
//! ```text
//! 0  what the others are: kind, recipients, payload, flags; a byte each
//! 1  sender              2  recipient or set      3  reference
//! 4  correlation         5  trace                 6  when it was sent     7  0
//! 8  first word of the payload ... 14 last; 15  0
//! ```

use super::signal::{Meta, Recipients, SenderId, Signal, SignalPayload};
use crate::clock::Stamp;
use crate::ids::{AgentId, CorrelationId, SignalKind, SymId, TraceId};
use crate::value::{BlobRef, Score, SetRef, Value};

/// What travels.
pub(super) type Record = [u64; 16];

const STAMP: usize = 6;
const BODY: usize = 8;
/// Words of the largest payload.
const WORDS: usize = 7;

const HAS_REFERENCE: u8 = 1;

const ALL: u8 = 0;
const MASK: u8 = 1;
const ONE: u8 = 2;

const INITIALIZED: u8 = 0;
const COMPLETED: u8 = 1;
const RESOLVED: u8 = 2;
const MESSAGE: u8 = 3;
const CUSTOM: u8 = 4;

/// Beside a number of 16 bits: it is there.
const PRESENT: u64 = 1 << 16;

const fn pair(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

fn bytes_to_words<const B: usize>(bytes: &[u8; B], words: &mut [u64]) {
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
}

fn words_to_bytes<const B: usize>(words: &[u64]) -> [u8; B] {
    let mut bytes = [0; B];
    for (word, bytes) in words.iter().zip(bytes.as_chunks_mut::<8>().0) {
        *bytes = word.to_le_bytes();
    }
    bytes
}

impl SignalPayload {
    fn to_words(self) -> (u8, [u64; WORDS]) {
        let mut words = [0; WORDS];
        let tag = match self {
            Self::Initialized { capabilities, ready, init_ms } => {
                words[..2].copy_from_slice(&[capabilities, pair(ready.into(), init_ms)]);
                INITIALIZED
            }
            Self::Completed { summary, quality, execution_ms, artifacts, error } => {
                let error = error.map_or(0, |error| PRESENT | u64::from(error));
                let first = pair(summary.get(), execution_ms);
                words[..3].copy_from_slice(&[first, quality.to_bits(), u64::from(artifacts) << 32 | error]);
                COMPLETED
            }
            Self::DependencyResolved { kind, id, by, data } => {
                let [of, content] = data.to_words();
                words[..4].copy_from_slice(&[pair(kind.into(), id), by.to_bits(), of, content]);
                RESOLVED
            }
            Self::Message { topic, requires_response, response_timeout_ms, body } => {
                words[..2].copy_from_slice(&[pair(topic.get(), response_timeout_ms), requires_response.into()]);
                bytes_to_words(&body, &mut words[2..]);
                MESSAGE
            }
            Self::Custom(body) => {
                bytes_to_words(&body, &mut words);
                CUSTOM
            }
        };
        (tag, words)
    }

    fn from_words(tag: u8, words: &[u64; WORDS]) -> Option<Self> {
        Some(match tag {
            INITIALIZED => {
                Self::Initialized { capabilities: words[0], ready: high(words[1]) != 0, init_ms: words[1] as u32 }
            }
            COMPLETED => Self::Completed {
                summary: SymId::new(high(words[0])),
                quality: Score::from_bits(words[1]).ok()?,
                execution_ms: words[0] as u32,
                artifacts: high(words[2]) as u16,
                error: (words[2] & PRESENT != 0).then_some(words[2] as u16),
            },
            RESOLVED => Self::DependencyResolved {
                kind: high(words[0]) as u8,
                id: words[0] as u32,
                by: AgentId::from_bits(words[1]),
                data: Value::from_words([words[2], words[3]])?,
            },
            MESSAGE => Self::Message {
                topic: SymId::new(high(words[0])),
                requires_response: words[1] != 0,
                response_timeout_ms: words[0] as u32,
                body: words_to_bytes(&words[2..]),
            },
            CUSTOM => Self::Custom(words_to_bytes(words)),
            _ => return None,
        })
    }
}

impl Recipients {
    fn to_words(self) -> (u8, u64) {
        match self {
            Self::All => (ALL, 0),
            Self::Mask(set) => (MASK, set.to_bits()),
            Self::One(agent) => (ONE, agent.to_bits()),
        }
    }

    fn from_words(tag: u8, word: u64) -> Option<Self> {
        Some(match tag {
            ALL => Self::All,
            MASK => Self::Mask(SetRef::from_bits(word)),
            ONE => Self::One(AgentId::from_bits(word)),
            _ => return None,
        })
    }
}

impl Signal {
    /// As sixteen words of plain data.
    #[inline]
    pub fn to_words(&self) -> [u64; 16] {
        let (payload, body) = self.payload.to_words();
        let (to, recipient) = self.to.to_words();
        let flags = if self.reference.is_some() { HAS_REFERENCE } else { 0 };
        let mut words = [0; 16];
        words[0] = u64::from(u32::from_le_bytes([self.kind.get(), to, payload, flags]));
        words[1] = self.sender.to_bits();
        words[2] = recipient;
        words[3] = self.reference.unwrap_or_default().to_bits();
        words[4] = self.meta.correlation.get();
        words[5] = self.meta.trace.get();
        words[BODY..BODY + WORDS].copy_from_slice(&body);
        words
    }

    /// From these words; none for words that are no signal's.
    #[inline]
    pub fn from_words(words: [u64; 16]) -> Option<Self> {
        let [kind, to, payload, flags, ..] = words[0].to_le_bytes();
        let body = words[BODY..].first_chunk()?;
        Some(Self {
            kind: SignalKind::new(kind)?,
            sender: SenderId::from_bits(words[1]),
            to: Recipients::from_words(to, words[2])?,
            payload: SignalPayload::from_words(payload, body)?,
            reference: (flags & HAS_REFERENCE != 0).then(|| BlobRef::from_bits(words[3])),
            meta: Meta { correlation: CorrelationId::new(words[4]), trace: TraceId::new(words[5]) },
        })
    }

    /// As it is sent.
    #[inline]
    pub(super) fn stamped(&self, at: Stamp) -> Record {
        let mut record = self.to_words();
        record[STAMP] = at.to_bits();
        record
    }
}

/// When it was sent.
#[inline]
pub(super) fn stamp(record: &Record) -> Stamp {
    Stamp::from_bits(record[STAMP])
}
