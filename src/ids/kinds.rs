//! Kinds of signals, and sets of them.

use core::fmt;
use core::ops::{BitAnd, BitOr, Not};

/// A kind of signal: one of 64, a bit of a [`SignalMask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SignalKind(u8);

impl SignalKind {
    /// How many kinds there can be.
    pub const COUNT: u8 = 64;

    /// The kind with this number; none from 64 on.
    pub const fn new(kind: u8) -> Option<Self> {
        if kind < Self::COUNT { Some(Self(kind)) } else { None }
    }

    /// Its number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The set of this kind alone.
    pub const fn mask(self) -> SignalMask {
        SignalMask(1 << self.0)
    }
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kind_{}", self.0)
    }
}

/// A set of [`SignalKind`]s: one bit each.
///
/// ```
/// use ringway::ids::{SignalKind, SignalMask};
/// let [late, lost] = [8, 9].map(|kind| SignalKind::new(kind).unwrap());
/// let either = late.mask() | lost.mask();
/// assert!(either.contains(late) && !(either & !late.mask()).contains(late));
/// assert_eq!(SignalKind::new(64), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct SignalMask(pub u64);

impl SignalMask {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self(u64::MAX);

    /// Whether the kind is in the set.
    #[inline]
    pub const fn contains(self, kind: SignalKind) -> bool {
        self.0 & kind.mask().0 != 0
    }

    /// Whether the set has no kind.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in the set, in order.
    pub fn iter(self) -> impl Iterator<Item = SignalKind> {
        (0..SignalKind::COUNT).map(SignalKind).filter(move |kind| self.contains(*kind))
    }
}

impl BitOr for SignalMask {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for SignalMask {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for SignalMask {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl FromIterator<SignalKind> for SignalMask {
    fn from_iter<K: IntoIterator<Item = SignalKind>>(kinds: K) -> Self {
        kinds.into_iter().fold(Self::NONE, |mask, kind| mask | kind.mask())
    }
}

impl From<SignalKind> for SignalMask {
    fn from(kind: SignalKind) -> Self {
        kind.mask()
    }
}
