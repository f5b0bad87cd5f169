//! The workloads: kinds of ring with so many producers and consumers, ways of sending and taking, sizes of messages.

use super::CAPACITY;
use std::fmt;

/// Messages that fit into a large ring, which its producer can be far ahead in.
const LARGE: usize = 65_536;

/// A kind of ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Spsc,
    Mpsc,
    Mpmc,
    Broadcast,
}

/// How messages are sent and taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// One at a time on both sides.
    One,
    /// By the batch on both sides.
    Batch,
    /// Sent one at a time, taken by the batch: what services do.
    Mixed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    pub(super) kind: Kind,
    pub(super) producers: usize,
    pub(super) consumers: usize,
    pub(super) style: Style,
    /// Of a message: 8, 64 or 256.
    pub(super) bytes: usize,
    /// Messages that fit in, all shards of a ring together.
    pub(super) capacity: usize,
}

impl Workload {
    /// Whether it is measured unless it is asked for by its name.
    pub(super) fn is_usual(&self) -> bool {
        match (self.kind, self.capacity) {
            (Kind::Spsc, CAPACITY) => true,
            (Kind::Spsc, _) => self.bytes == 8,
            _ => self.bytes <= 64 && self.capacity == CAPACITY,
        }
    }
}

/// Kinds, each with its numbers of producers and consumers.
const SHAPES: [(Kind, usize, usize); 8] = [
    (Kind::Spsc, 1, 1),
    (Kind::Mpsc, 2, 1),
    (Kind::Mpsc, 4, 1),
    (Kind::Mpmc, 1, 1),
    (Kind::Mpmc, 2, 2),
    (Kind::Mpmc, 4, 4),
    (Kind::Broadcast, 1, 2),
    (Kind::Broadcast, 1, 4),
];

pub(super) fn all() -> Vec<Workload> {
    let mut all = Vec::new();
    for (kind, producers, consumers) in SHAPES {
        for capacity in [CAPACITY, LARGE] {
            for style in [Style::One, Style::Batch, Style::Mixed] {
                all.extend([8, 64, 256].map(|bytes| Workload { kind, producers, consumers, style, bytes, capacity }));
            }
        }
    }
    all
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Spsc => "spsc",
            Kind::Mpsc => "mpsc",
            Kind::Mpmc => "mpmc",
            Kind::Broadcast => "broadcast",
        };
        let style = match self.style {
            Style::One => "one",
            Style::Batch => "batch",
            Style::Mixed => "mixed",
        };
        let large = if self.capacity == LARGE { "-64k" } else { "" };
        write!(f, "{kind}{large} {}/{} {style} {} B", self.producers, self.consumers, self.bytes)
    }
}
