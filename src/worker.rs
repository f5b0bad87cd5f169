//! Workers: a duty cycle on a core.
//!
//! One cycle: each duty takes at most a batch and handles it, due timers fire, staged output is flushed; then the
//! worker waits on its one [`Event`](crate::Event), which all its inboxes ring.

mod builder;
mod cycle;
mod duty;
mod handle;
mod inbox;
mod observe;
mod pin;
mod pool;
mod run;
mod timers;

pub use builder::{Worker, WorkerBuilder};
pub use cycle::{Cycle, WorkerId};
pub use duty::{Duty, Handler, PanicPolicy, each};
pub use handle::{BuildWarning, WorkerHandle, WorkerReport};
pub use pin::{Pin, allowed_cores};
pub use pool::{PoolBuilder, PoolHandle, PoolReport};
pub use timers::{TimerError, TimerId};

pub(crate) use builder::{Settings, check_workers, settings_methods};
pub(crate) use inbox::InboxDuty;
