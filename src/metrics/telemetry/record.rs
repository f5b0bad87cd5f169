//! What is told, as plain data: four words.
//!
//! ```text
//! 0  kind      1  when      2, 3  the fields one after the other, the first in the lowest bits
//! ```

use crate::clock::Stamp;
use crate::ids::{SignalKind, SymId};
use core::fmt;
use core::ops::BitOr;

/// What travels.
pub(super) type Words = [u64; 4];

/// A field of a record.
trait Field: Copy {
    const BITS: u32;
    fn to_bits(self) -> u64;
    fn from_bits(bits: u64) -> Self;
}

macro_rules! fields {
    ($($type:ty: $bits:expr, $value:ident => $to:expr, $word:ident => $from:expr;)+) => {$(
        impl Field for $type {
            const BITS: u32 = $bits;

            #[inline]
            fn to_bits(self) -> u64 {
                let $value = self;
                $to
            }

            #[inline]
            fn from_bits($word: u64) -> Self {
                $from
            }
        }
    )+};
}

fields! {
    u8: 8, value => value.into(), bits => bits as u8;
    u32: 32, value => value.into(), bits => bits as u32;
    u64: 64, value => value, bits => bits;
    bool: 1, value => value.into(), bits => bits & 1 == 1;
    SymId: 32, value => value.get().into(), bits => Self::new(bits as u32);
    // Written from a kind, so it is one.
    SignalKind: 8, value => value.get().into(), bits => Self::new(bits as u8).unwrap_or(Self::AGENT_INITIALIZED);
}

/// Fields in two words.
#[derive(Clone, Copy, Default)]
struct Packed {
    bits: u128,
    used: u32,
}

impl Packed {
    #[inline]
    fn with<F: Field>(self, field: F) -> Self {
        Self { bits: self.bits | u128::from(field.to_bits()) << self.used, used: self.used + F::BITS }
    }

    #[inline]
    fn next<F: Field>(&mut self) -> F {
        let field = F::from_bits((self.bits >> self.used) as u64);
        self.used += F::BITS;
        field
    }
}

macro_rules! records {
    ($($(#[$doc:meta])* $number:literal $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)+
    })+) => {
        /// What happened. Numbers stand for what belongs to the parts of coordination: a decision, a strategy and a section are
        /// told by their place in their enum.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Record {$(
            $(#[$doc])*
            $name {$(
                $(#[$field_doc])*
                $field: $type,
            )+},
        )+}

        /// The kinds of [`Record`]s, each a bit of an [`EventMask`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum EventKind {$(
            $(#[$doc])*
            $name = $number,
        )+}

        impl EventKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }

        impl Record {
            /// Its kind.
            #[inline]
            pub const fn kind(&self) -> EventKind {
                match self {
                    $(Self::$name { .. } => EventKind::$name,)+
                }
            }

            #[inline]
            fn pack(self) -> u128 {
                match self {
                    $(Self::$name { $($field),+ } => Packed::default()$(.with($field))+.bits,)+
                }
            }

            fn unpack(kind: u64, bits: u128) -> Option<Self> {
                let mut packed = Packed { bits, used: 0 };
                match kind {
                    $($number => Some(Self::$name { $($field: packed.next()),+ }),)+
                    _ => None,
                }
            }
        }

        $(const _: () = assert!(0 $(+ <$type as Field>::BITS)+ <= u128::BITS, "two words are what there is");)+
    };
}

records! {
    /// A signal was sent, or some of one kind in one call.
    0 SignalSent {
        /// Its kind.
        kind: SignalKind,
        /// How many.
        n: u32,
    }
    /// A subscriber has a signal in its hands.
    1 SignalReceived {
        /// Its kind.
        kind: SignalKind,
        /// Since it was sent.
        ns: u64,
    }
    /// A subscriber learned that it has lost signals.
    2 SignalLagged {
        /// How many.
        missed: u64,
    }
    /// Signals of a history were archived.
    3 HistoryArchived {
        /// How many.
        n: u64,
    }
    /// A routing was decided.
    8 Routed {
        /// The place in `routing::Decision`.
        decision: u8,
        /// The place of the built-in strategies in `routing::Strategy`, from 4 on the custom ones.
        strategy: u8,
        /// How long it took; 0 where that is not measured.
        ns: u32,
        /// Whether it came from the cache.
        cached: bool,
    }
    /// A router panicked, and was left out.
    9 RouterFault {
        /// As for `Routed`.
        strategy: u8,
    }
    /// A set of routers was made: by its builder, or of another one.
    10 RulesChanged {
        /// Counts the sets that have one builder in common, from 1 on.
        version: u32,
    }
    /// Contexts were distributed.
    16 ContextDistributed {
        /// How many.
        n: u32,
        /// How long that took.
        ns: u64,
    }
    /// A section of what is shared was replaced.
    17 ContextUpdated {
        /// The place in `contexts::Section`.
        section: u8,
        /// How many contexts got it.
        targets: u32,
    }
    /// A context is larger than it should be, and was stored.
    18 ContextOversize {
        /// How large it is.
        bytes: u64,
    }
    /// A coordination's contexts were cleared.
    19 ContextCleared {
        /// How many there were.
        n: u64,
    }
    /// A dependency was registered.
    24 DepRegistered {
        /// Its number.
        dep: u32,
        /// 0 for an agent, 1 for a resource, 2 for a gate, 3 for a probe.
        kind: u8,
    }
    /// A dependency was met.
    25 DepResolved {
        /// As for `DepRegistered`.
        kind: u8,
        /// Since it was registered.
        ns: u64,
    }
    /// A dependency ran out of time.
    26 DepTimeout {
        /// Its number.
        dep: u32,
    }
    /// A dependency cannot be met any more: the agent or the probe failed.
    27 DepFailed {
        /// Its number.
        dep: u32,
    }
    /// A probe was asked.
    28 ProbeRun {
        /// How long it took to answer.
        ns: u64,
    }
    /// The state has another version.
    32 StateCommitted {
        /// Which.
        version: u64,
        /// How many keys were written.
        changes: u32,
    }
    /// The state was rolled back.
    33 StateRolledBack {
        /// To the content of this version.
        to: u64,
        /// As this one.
        version: u64,
    }
    /// An activity of your own has begun: see [`Telemetry::span`](super::Telemetry::span).
    40 SpanStarted {
        /// What you call it.
        span: SymId,
    }
    /// It has ended.
    41 SpanStopped {
        /// What you call it.
        span: SymId,
        /// How long it lasted.
        ns: u64,
    }
}

impl EventKind {
    /// The set of this kind alone.
    pub const fn mask(self) -> EventMask {
        EventMask(1 << self as u8)
    }
}

/// A set of [`EventKind`]s.
///
/// ```
/// use ringway::metrics::telemetry::{EventKind, EventMask};
/// let lost = EventKind::SignalLagged | EventKind::DepTimeout;
/// assert!(lost.contains(EventKind::DepTimeout) && !lost.contains(EventKind::Routed));
/// assert!((EventMask::NONE | EventKind::Routed) == EventKind::Routed.mask());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct EventMask(u128);

impl EventMask {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every kind, those of later versions too.
    pub const ALL: Self = Self(u128::MAX);

    /// Whether the kind is in the set.
    #[inline]
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & kind.mask().0 != 0
    }

    /// Whether the set has no kind.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In two words, the lower one first.
    pub(super) const fn halves(self) -> [u64; 2] {
        [self.0 as u64, (self.0 >> 64) as u64]
    }
}

impl From<EventKind> for EventMask {
    fn from(kind: EventKind) -> Self {
        kind.mask()
    }
}

impl<K: Into<Self>> BitOr<K> for EventMask {
    type Output = Self;

    fn bitor(self, other: K) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl<K: Into<EventMask>> BitOr<K> for EventKind {
    type Output = EventMask;

    fn bitor(self, other: K) -> EventMask {
        self.mask() | other
    }
}

impl FromIterator<EventKind> for EventMask {
    fn from_iter<K: IntoIterator<Item = EventKind>>(kinds: K) -> Self {
        kinds.into_iter().fold(Self::NONE, |mask, kind| mask | kind)
    }
}

impl fmt::Debug for EventMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(EventKind::ALL.iter().filter(|kind| self.contains(**kind))).finish()
    }
}

/// What happened, and when. Travels as 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When it was told.
    pub at: Stamp,
    /// What it was.
    pub record: Record,
}

impl Event {
    /// The kind of its record.
    pub fn kind(&self) -> EventKind {
        self.record.kind()
    }

    #[inline]
    pub(super) fn to_words(self) -> Words {
        let fields = self.record.pack();
        [self.kind() as u64, self.at.to_bits(), fields as u64, (fields >> 64) as u64]
    }

    /// From these words; none for a kind that there is not.
    pub(super) fn from_words([kind, at, low, high]: Words) -> Option<Self> {
        let record = Record::unpack(kind, u128::from(high) << 64 | u128::from(low))?;
        Some(Self { at: Stamp::from_bits(at), record })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_records_say_the_same() {
        let at = Stamp::from_bits(7);
        for record in [
            Record::SignalSent { kind: SignalKind::AGENT_DOWN, n: u32::MAX },
            Record::Routed { decision: 7, strategy: 255, ns: 1, cached: true },
            Record::StateRolledBack { to: u64::MAX, version: 1 },
            Record::SpanStopped { span: SymId::new(u32::MAX), ns: u64::MAX },
        ] {
            let event = Event { at, record };
            assert_eq!(Event::from_words(event.to_words()), Some(event));
        }
        assert_eq!(Event::from_words([127, 0, 0, 0]), None);
    }

    #[test]
    fn kinds_have_a_bit_each() {
        let all: EventMask = EventKind::ALL.iter().copied().collect();
        assert_eq!(all.0.count_ones() as usize, EventKind::ALL.len());
    }
}
