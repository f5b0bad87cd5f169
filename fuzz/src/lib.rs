//! What the targets share: how an input becomes operations, values that know how often they were dropped, and the
//! models of a queue and of a broadcast.
//!
//! Every target reads an input as a header and then operation after operation, all on one thread, and looks after each
//! of them whether the channel still is what the model says. A mistake is a panic, which ends the process.
#![allow(clippy::missing_panics_doc, reason = "panicking is how a target tells what it has found")]

pub mod broadcast;
pub mod ends;
pub mod input;
pub mod offer;
pub mod queue;
pub mod value;
