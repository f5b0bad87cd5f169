//! The workloads: kinds of ring with so many producers and consumers, ways of sending and taking, sizes of messages.

use std::fmt;

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
    /// Of a message: 8 or 64.
    pub(super) bytes: usize,
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
        for style in [Style::One, Style::Batch, Style::Mixed] {
            all.extend([8, 64].map(|bytes| Workload { kind, producers, consumers, style, bytes }));
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
        write!(f, "{kind} {}/{} {style} {} B", self.producers, self.consumers, self.bytes)
    }
}
