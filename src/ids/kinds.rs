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

    /// An agent is there, with its capabilities.
    pub const AGENT_INITIALIZED: Self = Self(0);
    /// An agent has finished.
    pub const AGENT_COMPLETED: Self = Self(1);
    /// What somebody waited for is there.
    pub const DEPENDENCY_RESOLVED: Self = Self(2);
    /// A message from one agent to others.
    pub const INTER_AGENT_MESSAGE: Self = Self(3);
    /// A stage of a flow has finished.
    pub const STAGE_COMPLETED: Self = Self(4);
    /// An error was recovered from.
    pub const ERROR_RECOVERY_COMPLETED: Self = Self(5);
    /// An agent's context was replaced.
    pub const CONTEXT_UPDATED: Self = Self(6);
    /// An agent is gone.
    pub const AGENT_DOWN: Self = Self(7);
    /// The first of those that have no meaning of their own, up to 63.
    pub const FIRST_CUSTOM: Self = Self(8);

    /// The kind with this number; none from 64 on.
    pub const fn new(kind: u8) -> Option<Self> {
        if kind < Self::COUNT { Some(Self(kind)) } else { None }
    }

    /// Its number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// What it is called, from [`FIRST_CUSTOM`](Self::FIRST_CUSTOM) on nothing.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "agent_initialized",
            1 => "agent_completed",
            2 => "dependency_resolved",
            3 => "inter_agent_message",
            4 => "stage_completed",
            5 => "error_recovery_completed",
            6 => "context_updated",
            7 => "agent_down",
            _ => return None,
        })
    }

    /// The set of this kind alone.
    pub const fn mask(self) -> SignalMask {
        SignalMask(1 << self.0)
    }
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "kind_{}", self.0),
        }
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
