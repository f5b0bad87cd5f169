//! Slots: a record that is replaced while it is read, and a cell that is written once and taken by its last reader.
//!
//! [`TwoCopy`] is what the state keeps its values in; [`OnceSlot`] hands a result to a known number of readers.

mod once;
mod two_copy;

pub use once::{OnceSlot, Reading};
pub use two_copy::{TwoCopy, Words};
