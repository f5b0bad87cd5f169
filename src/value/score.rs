//! A quality, from nothing to all.

use core::fmt;
use std::error::Error;

/// A number from 0.0 to 1.0: the quality of a result, the level of a gate.
///
/// ```
/// use ringway::value::{Score, ScoreError};
/// assert!(Score::new(0.8)? > Score::new(0.7)?);
/// assert_eq!(Score::new(1.1), Err(ScoreError::OutOfRange));
/// assert_eq!(Score::new(f64::NAN), Err(ScoreError::NotFinite));
/// # Ok::<(), ScoreError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
#[repr(transparent)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "f64", into = "f64"))]
pub struct Score(f64);

impl Score {
    /// The least.
    pub const ZERO: Self = Self(0.0);
    /// The greatest.
    pub const ONE: Self = Self(1.0);

    /// The score of a number from 0.0 to 1.0, both included.
    ///
    /// # Errors
    ///
    /// [`NotFinite`](ScoreError::NotFinite), [`OutOfRange`](ScoreError::OutOfRange).
    pub const fn new(score: f64) -> Result<Self, ScoreError> {
        if !score.is_finite() {
            return Err(ScoreError::NotFinite);
        }
        // Adding nothing turns -0.0 into 0.0, so that equal scores have equal bits.
        if score >= 0.0 && score <= 1.0 { Ok(Self(score + 0.0)) } else { Err(ScoreError::OutOfRange) }
    }

    /// Its number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// As a word. Greater scores have greater words.
    pub const fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    /// From that word.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), for words that are no score's.
    pub const fn from_bits(bits: u64) -> Result<Self, ScoreError> {
        Self::new(f64::from_bits(bits))
    }
}

impl TryFrom<f64> for Score {
    type Error = ScoreError;

    /// As [`Score::new`].
    fn try_from(score: f64) -> Result<Self, ScoreError> {
        Self::new(score)
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        score.get()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number is no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreError {
    /// It is infinite, or no number.
    NotFinite,
    /// It is below 0.0 or above 1.0.
    OutOfRange,
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "a score is a finite number",
            Self::OutOfRange => "a score lies between 0.0 and 1.0",
        })
    }
}

impl Error for ScoreError {}
