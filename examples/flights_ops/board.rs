//! The live totals: what the state holds.

use ringway::coord::state::{Snapshot, StateError, StateStore};
use ringway::ids::{AgentId, KeyId};
use ringway::value::Value;
use std::sync::Arc;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    Flights,
    Late,
    Cancelled,
    Signals,
    /// What late and cancelled flights need, also as tasks of routing. Nothing but attention:
    Watch,
    Crew,
    Gate,
    Rebooking,
    Maintenance,
    Aircraft,
    /// Flights that waited for their aircraft. Where it came late: those that left in time all the same, and those that did not.
    /// Those that never got it.
    Awaited,
    Absorbed,
    PassedOn,
    Lost,
}

pub const NAMES: [&str; 14] = [
    "flights",
    "late",
    "cancelled",
    "signals",
    "watch",
    "crew",
    "gate",
    "rebooking",
    "maintenance",
    "aircraft",
    "awaited",
    "absorbed",
    "passed on",
    "lost",
];

pub type Counts = [i64; NAMES.len()];
type Row = [KeyId; NAMES.len()];

/// A row for each carrier, and one for each of those who write: the desks and the dispatcher. Every key has one writer.
pub struct Board {
    pub state: Arc<StateStore>,
    carriers: Vec<Row>,
    writers: Vec<Row>,
}

impl Board {
    pub fn new(carriers: &[String], writers: usize) -> Result<Self, StateError> {
        let state = StateStore::builder().keys((carriers.len() + writers) * NAMES.len()).build();
        let row = |name: &str| -> Result<Row, StateError> {
            let mut keys = Row::default();
            for (key, column) in keys.iter_mut().zip(NAMES) {
                *key = state.key(&format!("{name}.{column}"))?;
            }
            Ok(keys)
        };
        let carriers = carriers.iter().map(|carrier| row(carrier)).collect::<Result<_, _>>()?;
        let writers = (0..writers).map(|writer| row(&format!("writer {writer}"))).collect::<Result<_, _>>()?;
        Ok(Self { state: Arc::new(state), carriers, writers })
    }

    /// Adds to a carrier's row and to the writer's own, in one version.
    pub fn add(&self, carrier: usize, writer: usize, counts: &Counts, by: AgentId) -> Result<u64, StateError> {
        let mut changes = [(KeyId::default(), None); 2 * NAMES.len()];
        let mut changed = 0;
        for row in [&self.carriers[carrier], &self.writers[writer]] {
            for (key, count) in row.iter().zip(counts).filter(|(_, count)| **count != 0) {
                changes[changed] = (*key, Some(Value::Int(number(self.state.get(*key)) + count)));
                changed += 1;
            }
        }
        self.state.update(&changes[..changed], by)
    }

    pub fn get(&self, carrier: usize, column: Column) -> i64 {
        number(self.state.get(self.carriers[carrier][column as usize]))
    }

    /// One version: each carrier, and all together as the writers have it.
    pub fn look(&self) -> (Vec<Counts>, Counts) {
        let mut snapshot = Snapshot::new();
        self.state.snapshot(&mut snapshot);
        let row = |keys: &Row| keys.map(|key| number(snapshot.get(key)));
        (self.carriers.iter().map(row).collect(), sum(self.writers.iter().map(row)))
    }
}

fn number(value: Option<Value>) -> i64 {
    if let Some(Value::Int(number)) = value { number } else { 0 }
}

pub fn sum(rows: impl Iterator<Item = Counts>) -> Counts {
    rows.fold(Counts::default(), |sum, row| std::array::from_fn(|column| sum[column] + row[column]))
}
