//! Coordination over the channels: thin registries of ids, atomics and handles that allocate nothing once they are built.
//!
//! * [`signals`]: what happened, told to the agents that asked for it.
//! * [`contexts`]: what each agent needs to know, in one snapshot for all and a small record for each.
//! * [`state`]: versioned values, changed together, looked at as of one version.
//! * [`dependencies`]: what an agent waits for, and who says that it is there.
//! * [`routing`]: rules and analyses that say what an agent does next.
//!
//! What belongs to one coordination is opened and closed together: [`Coordination`] is the guard of its scope.

pub mod contexts;
mod coordination;
pub mod dependencies;
mod overflow;
pub mod routing;
pub mod signals;
pub mod state;
mod turn;

pub use coordination::{CloseError, Closed, Coordination, ScopeClosed, Scoped, Stage};
pub use overflow::Overflow;
