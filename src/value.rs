//! Values: what the state holds, rules compare and signals carry. Sixteen bytes, copied, never allocated.
//!
//! What does not fit (text, documents, sets) is kept elsewhere and named here: a [`SymId`] for text that was interned, a
//! [`SetRef`] or a [`BlobRef`] for the rest. Absence is `Option::None`; [`Value::Null`] is a value like any other.
//!
//! ```
//! use ringway::value::{NotFinite, Value};
//!
//! let delay = Value::Int(42);
//! // As two words, for lossy rings and two-copy slots; no value is [0, 0], which stands for none.
//! assert_eq!(Value::from_words(delay.to_words()), Some(delay));
//! assert_eq!(Value::from_words(Value::words_of(None)), None);
//! assert_eq!(Value::float(f64::NAN), Err(NotFinite));
//! ```

mod score;
mod view;

pub use score::{Score, ScoreError};
pub use view::{Members, StateSize, StateView};

use crate::ids::SymId;
use core::fmt;
use std::error::Error;

/// A small value.
///
/// `==` compares kind and content, so that `Int(1)` is not `Float(1.0)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing, but present: not the same as no value.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number: see [`Value::float`]. Whoever stores values refuses others ([`is_finite`](Value::is_finite)).
    Float(f64),
    /// A name that was interned.
    Sym(SymId),
    /// A set that is kept elsewhere.
    Set(SetRef),
    /// Data that is kept elsewhere.
    Blob(BlobRef),
}

/// The words that stand for no value.
pub const ABSENT: [u64; 2] = [0; 2];

const NULL: u64 = 1;
const BOOL: u64 = 2;
const INT: u64 = 3;
const FLOAT: u64 = 4;
const SYM: u64 = 5;
const SET: u64 = 6;
const BLOB: u64 = 7;

impl Value {
    /// A number that is checked to be finite.
    ///
    /// # Errors
    ///
    /// [`NotFinite`] for infinities and what is no number.
    pub const fn float(number: f64) -> Result<Self, NotFinite> {
        if number.is_finite() { Ok(Self::Float(number)) } else { Err(NotFinite) }
    }

    /// Whether it is a value that may be stored: anything but a [`Float`](Self::Float) that is infinite or no number.
    pub const fn is_finite(self) -> bool {
        !matches!(self, Self::Float(number) if !number.is_finite())
    }

    /// As two words: the kind, then the content. The first is never 0.
    #[inline]
    pub const fn to_words(self) -> [u64; 2] {
        match self {
            Self::Null => [NULL, 0],
            Self::Bool(yes) => [BOOL, yes as u64],
            Self::Int(number) => [INT, number as u64],
            Self::Float(number) => [FLOAT, number.to_bits()],
            Self::Sym(name) => [SYM, name.get() as u64],
            Self::Set(set) => [SET, set.to_bits()],
            Self::Blob(blob) => [BLOB, blob.to_bits()],
        }
    }

    /// From these words; none for [`ABSENT`] and for words that are no value's.
    #[inline]
    pub const fn from_words([kind, content]: [u64; 2]) -> Option<Self> {
        Some(match kind {
            NULL => Self::Null,
            BOOL => Self::Bool(content != 0),
            INT => Self::Int(content as i64),
            FLOAT => Self::Float(f64::from_bits(content)),
            SYM => Self::Sym(SymId::new(content as u32)),
            SET => Self::Set(SetRef::from_bits(content)),
            BLOB => Self::Blob(BlobRef::from_bits(content)),
            _ => return None,
        })
    }

    /// The words of a value that may be absent.
    #[inline]
    pub const fn words_of(value: Option<Self>) -> [u64; 2] {
        match value {
            Some(value) => value.to_words(),
            None => ABSENT,
        }
    }
}

macro_rules! from {
    ($($of:ty => $kind:ident;)+) => {$(
        impl From<$of> for Value {
            fn from(content: $of) -> Self {
                Self::$kind(content)
            }
        }
    )+};
}

from! {
    bool => Bool;
    i64 => Int;
    SymId => Sym;
    SetRef => Set;
    BlobRef => Blob;
}

/// Names things that are kept elsewhere.
macro_rules! references {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name {
            /// The place.
            pub index: u32,
            /// Which of its successive occupants: a reference kept for too long names nothing.
            pub generation: u32,
        }

        impl $name {
            /// As one word: the generation above the index.
            pub const fn to_bits(self) -> u64 {
                (self.generation as u64) << 32 | self.index as u64
            }

            /// From that word.
            pub const fn from_bits(bits: u64) -> Self {
                Self { index: bits as u32, generation: (bits >> 32) as u32 }
            }
        }
    )+};
}

references! {
    /// A set in a pool of sets.
    SetRef;
    /// Data in a slab: see [`slab::Slab::get`](crate::slab::Slab::get). Keeps nothing alive.
    BlobRef;
}

/// A number is infinite, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFinite;

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number is not finite")
    }
}

impl Error for NotFinite {}
