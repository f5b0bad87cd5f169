//! Ends the process when a round does not end, and measures how long the machine stops threads.

use crate::ledger::locked;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Watch(Arc<Mutex<State>>);

struct State {
    /// The plan of the round that is on, and when it began.
    round: Option<(String, Instant)>,
    held_up: Duration,
}

impl Watch {
    pub(crate) fn start(patience: Duration) -> Self {
        let state = Arc::new(Mutex::new(State { round: None, held_up: Duration::ZERO }));
        let watched = Arc::clone(&state);
        std::thread::spawn(move || {
            loop {
                let began = Instant::now();
                std::thread::sleep(TICK);
                let late = began.elapsed().saturating_sub(TICK);
                let mut state = locked(&watched);
                state.held_up = state.held_up.max(late);
                let Some((plan, began)) = &mut state.round else { continue };
                if late > Duration::from_secs(1) {
                    // The machine stood still: that is not the round's fault.
                    *began += late;
                }
                if began.elapsed() > patience {
                    println!("\nHUNG after {} s: {plan}", patience.as_secs());
                    std::process::exit(1);
                }
            }
        });
        Self(state)
    }

    pub(crate) fn begin(&self, plan: String) {
        *locked(&self.0) = State { round: Some((plan, Instant::now())), held_up: Duration::ZERO };
    }

    /// How long this watch itself was held up at the longest.
    pub(crate) fn end(&self) -> Duration {
        let mut state = locked(&self.0);
        state.round = None;
        state.held_up
    }
}
