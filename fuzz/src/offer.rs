//! Iterators to send from: they may lie about their length, and panic.

use crate::input::Input;
use crate::value::{Value, plan};
use ringway::MAX_BATCH;
use std::collections::VecDeque;

#[derive(Debug)]
pub struct Offer {
    values: VecDeque<Value>,
    pub numbers: Vec<u32>,
    hint: (usize, Option<usize>),
    given: usize,
    panics_at: Option<usize>,
}

impl Offer {
    pub fn make(input: &mut Input<'_>) -> Self {
        let n = input.below(24);
        let values: VecDeque<_> = (0..n).map(|_| Value::make(input)).collect();
        let numbers = values.iter().map(Value::number).collect();
        let lie = input.below(24);
        let hint = match input.below(8) {
            0..=2 => (n, Some(n)),
            3 => (0, None),
            4 => (lie, Some(lie)),
            5 => (lie, None),
            6 => (usize::MAX, Some(lie)),
            _ => (0, Some(lie)),
        };
        let panics_at = Some(input.below(32)).filter(|at| *at < n);
        Self { values, numbers, hint, given: 0, panics_at }
    }

    /// How many slots are claimed for it, as the documentation has it: exact lengths are believed, others up to a batch.
    pub fn wants(&self) -> usize {
        match self.hint {
            (lower, Some(upper)) if lower == upper => upper,
            (lower, upper) => upper.unwrap_or(usize::MAX).min(lower.max(MAX_BATCH)),
        }
    }

    /// How many go into so much room, and whether it panics after them.
    pub fn fills(&self, room: usize) -> (usize, bool) {
        let n = self.panics_at.unwrap_or(self.numbers.len());
        (room.min(n), self.panics_at.is_some_and(|at| at < room))
    }

    /// How many were taken; the others are dropped in peace.
    pub fn end(self) -> usize {
        self.values.into_iter().for_each(|value| _ = value.into_number());
        self.given
    }
}

impl Iterator for Offer {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.panics_at == Some(self.given) {
            plan();
        }
        let value = self.values.pop_front()?;
        self.given += 1;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hint
    }
}
