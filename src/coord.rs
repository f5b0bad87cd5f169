//! Coordination over the channels: thin registries of ids, atomics and handles that allocate nothing once they are built.
//!
//! * [`signals`]: what happened, told to the agents that asked for it.
//! * [`contexts`]: what each agent needs to know, in one snapshot for all and a small record for each.
//!
//! What belongs to one coordination is opened and closed together: [`Coordination`] is the guard of its scope.

pub mod contexts;
mod coordination;
pub mod dependencies;
mod overflow;
pub mod state;
mod turn;
pub mod routing;
pub mod signals;

pub use coordination::{CloseError, Closed, Coordination, ScopeClosed, Scoped, Stage};
pub use overflow::Overflow;
