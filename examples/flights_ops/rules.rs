//! What a late or cancelled flight needs: the rules, and what they see of it.

use crate::board::Column;
use crate::feed::Flight;
use crate::office::Limits;
use ringway::coord::routing::{Decision, Op, Operand, Rule};
use ringway::ids::{KeyId, RuleId, TaskId};
use ringway::value::{StateSize, StateView, Value};

const IS_CANCELLED: KeyId = KeyId::new(0);
const DELAY: KeyId = KeyId::new(1);
const DELAYS_TODAY: KeyId = KeyId::new(2);
const INBOUND_DELAY: KeyId = KeyId::new(3);
const CREW_MINUTES_LEFT: KeyId = KeyId::new(4);
const HOUR: KeyId = KeyId::new(5);
const DISTANCE: KeyId = KeyId::new(6);
pub const KEYS: usize = 7;

/// What a flight needs is a task, and counted in the column of the same number.
pub const fn task(need: Column) -> TaskId {
    TaskId::new(need as u32)
}

pub fn rules() -> [Rule; 7] {
    let rule = |id, key, op, operand: Operand, decision, need| {
        // The earlier, the more urgent.
        Rule::new(RuleId::new(id), key, op, operand, decision).priority(100 - id as u8).next(task(need))
    };
    [
        rule(1, IS_CANCELLED, Op::Eq, true.into(), Decision::End, Column::Rebooking),
        rule(2, DELAY, Op::Ge, 180.into(), Decision::Branch, Column::Rebooking),
        rule(3, DELAYS_TODAY, Op::Gt, 1.into(), Decision::Error, Column::Maintenance),
        rule(4, INBOUND_DELAY, Op::Gt, 30.into(), Decision::Retry, Column::Aircraft),
        rule(5, CREW_MINUTES_LEFT, Op::Lt, 0.into(), Decision::Branch, Column::Crew),
        rule(6, HOUR, Op::In, [7_i64, 8, 16, 17, 18, 19].into(), Decision::Parallel, Column::Gate),
        // There is another flight within the hour.
        rule(7, DISTANCE, Op::Le, 250.into(), Decision::Skip, Column::Rebooking),
    ]
}

/// A flight as the rules see it.
pub struct Situation<'a> {
    pub flight: &'a Flight,
    pub limits: Limits,
    /// Late departures of its aircraft on this day, before this one.
    pub delays_today: i64,
}

impl StateView for Situation<'_> {
    fn get(&self, key: KeyId) -> Option<Value> {
        let flight = self.flight;
        Some(Value::Int(match key {
            IS_CANCELLED => return Some(Value::Bool(flight.delay.is_none())),
            DELAY => flight.delay?,
            DELAYS_TODAY => self.delays_today,
            INBOUND_DELAY => flight.inbound_delay?,
            CREW_MINUTES_LEFT => self.limits.crew - flight.delay?,
            HOUR => i64::from(flight.scheduled / 60),
            DISTANCE => i64::from(flight.distance),
            _ => return None,
        }))
    }

    /// No two flights are alike: nothing is cached.
    fn version(&self) -> u64 {
        u64::from(self.flight.row)
    }

    fn size(&self) -> StateSize {
        StateSize { keys: KEYS, depth: 1, bytes: KEYS * size_of::<Value>() }
    }
}
