//! Routing: what happens next to a task, decided from the state by a small set of routers.
//!
//! A [`RouterSet`] asks up to eight routers. Each gives a [`Verdict`]; one of them becomes the decision:
//!
//! | router | decides by | priority |
//! |---|---|---|
//! | conditional | [rules](Rule): a key of the state, one of ten [operators](Op), an operand. The first that matches | 100 |
//! | state analysis | [errors, gaps, complexity](StateAnalysis) of the state | 80 |
//! | parallel | [hints](hints()): which tasks may run beside each other | 60 |
//! | priority | the task's priority, kept in the state | 40 |
//! | custom | whatever you write: see [`Router`] | its own |
//!
//! A verdict's score is its confidence times the router's priority, and the best score wins. A router that found nothing to say
//! *abstains* and decides only if all the others do as well. Without that ([`Consolidate::Weighted`]) the state's "go on" would
//! drown out whatever the parallel and the priority router find.
//!
//! Rules are compiled when the set is built; decisions are kept for as long as the state's version, the set and what the
//! routers look at stay the same. [`RuleSet::report`] finds the rules that do nothing.
//!
//! ```
//! use ringway::coord::routing::{Decision, Keys, Op, Reason, RouteRequest, RouterSet, Rule, StateAnalysis, hints};
//! use ringway::ids::{Interner, KeyId, RuleId, TaskId};
//! use ringway::value::{StateSize, StateView, Value};
//!
//! /// A state of three keys. In service, `coord::state` has it.
//! struct Desk { errors: i64, delay: i64, version: u64 }
//!
//! impl StateView for Desk {
//!     fn get(&self, key: KeyId) -> Option<Value> {
//!         match key.get() {
//!             0 => Some(Value::Int(self.errors)),
//!             3 => Some(Value::Int(self.delay)),
//!             _ => None,
//!         }
//!     }
//!     fn version(&self) -> u64 {
//!         self.version
//!     }
//!     fn size(&self) -> StateSize {
//!         StateSize { keys: 2, depth: 1, bytes: 32 }
//!     }
//! }
//!
//! let names = Interner::new(16);
//! let keys = Keys::resolve(|name| names.intern(name))?; // error_count, completed_tasks, task_priority
//! let delay = names.intern("delay_minutes")?;
//! let (fly, rebook) = (TaskId::new(0), TaskId::new(1));
//! let late = Rule::new(RuleId::new(1), delay, Op::Gt, 60, Decision::Branch).priority(90).next(rebook);
//!
//! let routers = RouterSet::builder()
//!     .keys(keys)
//!     .known(names.len(), 2)
//!     .conditional([late])
//!     .state(StateAnalysis::default())
//!     .parallel(hints().task(fly).group(1).task(rebook).group(1))
//!     .priority(80, 20)
//!     .build()?;
//!
//! let request = RouteRequest { task: fly, ..RouteRequest::default() };
//! let mut desk = Desk { errors: 0, delay: 75, version: 1 };
//! let route = routers.route(&desk, &request);
//! assert_eq!((route.decision, route.next, route.reason), (Decision::Branch, Some(rebook), Reason::Rule(RuleId::new(1))));
//!
//! // On time: no rule, no error. But the other task could run beside it.
//! desk = Desk { delay: 5, version: 2, ..desk };
//! assert_eq!(routers.route(&desk, &request).decision, Decision::Parallel);
//! assert!(routers.route(&desk, &request).cached);
//!
//! desk = Desk { errors: 1, version: 3, ..desk };
//! assert_eq!(routers.route(&desk, &request).decision, Decision::Retry);
//! assert_eq!(routers.stats().total_routings, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod cache;
mod error;
mod hints;
mod history;
mod metrics;
mod report;
mod router;
mod rule;
mod rules;
mod set;
mod stats;
mod test;
mod types;
mod words;

pub use builder::RouterSetBuilder;
pub use error::RouteError;
pub use hints::{Hints, HintsBuilder, hints};
pub use metrics::RouteMetrics;
pub use report::RuleReport;
pub use router::{Keys, Router, RouterSpec, StateAnalysis};
pub use rule::{Op, Operand, Rule};
pub use rules::RuleSet;
pub use set::RouterSet;
pub use stats::RouteStats;
pub use types::{Consolidate, Decision, Fields, Q16, Reason, Route, RouteRecord, RouteRequest, Strategy, Verdict};
