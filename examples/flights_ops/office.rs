//! What all share who work here: the parts of the coordination, built once and closed together.

use crate::Failure;
use crate::board::{Board, NAMES};
use crate::feed::{Feed, Flight};
use crate::rules;
use ringway::coord::contexts::{
    Allocation, Allocations, Assignment, ContextError, ContextStore, CoordState, Protocols, SharedIntelligence,
};
use ringway::coord::dependencies::DependencySet;
use ringway::coord::routing::RouterSet;
use ringway::coord::signals::SignalHub;
use ringway::coord::state::Change;
use ringway::coord::{Coordination, Scoped};
use ringway::ids::{AgentId, CoordId, SessionId, SignalKind};
use ringway::metrics::{Level, MetricError, Rate, Registry, SeriesId, Slo, Stat};
use ringway::value::Score;
use std::sync::Arc;

pub const COORDINATION: CoordId = CoordId::new(1);
const SESSION: SessionId = SessionId::new(1);
pub const LATE: SignalKind = SignalKind::FIRST_CUSTOM;
pub const CANCELLED: SignalKind = SignalKind::new(9).unwrap();
/// More late flights of a carrier than these, in percent, are an alert.
const ALERT: f64 = 15.0;

/// Who works here. They are agents behind the carriers; behind them are the aircraft.
#[derive(Clone, Copy, Debug)]
pub enum Staff {
    DutyManager,
    RebookingDesk,
    Dispatcher,
}

pub struct Office {
    pub hub: SignalHub,
    pub contexts: ContextStore,
    pub dependencies: DependencySet,
    pub routers: RouterSet,
    pub board: Board,
    pub registry: Registry,
    /// Of each carrier.
    pub late_percent: Vec<(SeriesId, Rate)>,
}

impl Office {
    /// `late` is in minutes.
    pub fn open(feed: &Feed, late: u32, desks: usize) -> Result<Self, Failure> {
        let registry = Registry::builder().build();
        let flights = feed.flights.len();
        let hub = SignalHub::builder().subscriber_capacity(flights.min(65_536)).registry(&registry)?.build()?;
        hub.open(COORDINATION)?;
        let office = Self {
            contexts: ContextStore::builder().registry(&registry).build()?,
            // Targets are the flights, and a gate for each.
            dependencies: DependencySet::builder(&hub).targets(2 * flights).tickets(flights).deps(2 * flights).build(),
            routers: RouterSet::builder()
                .known(rules::KEYS, NAMES.len())
                .conditional(rules::rules())
                .cache(0)
                .histogram(registry.histogram("routing_decision_time_ms", &[])?)
                .build()?,
            board: Board::new(&feed.carriers, desks + 1)?,
            late_percent: feed.carriers.iter().map(|name| watched_rate(&registry, name)).collect::<Result<_, _>>()?,
            registry,
            hub,
        };
        office.hand_out_limits(feed, late)?;
        Ok(office)
    }

    /// The guard that closes the parts, in the right order.
    pub fn coordination(&self) -> Coordination {
        let mut coordination = Coordination::open(COORDINATION, SESSION);
        coordination.register(self.hub.clone()).register(self.dependencies.clone());
        coordination.register(self.contexts.clone()).register(Arc::clone(&self.board.state));
        coordination
    }

    /// Handles into the coordination, and what is kept for it.
    pub fn occupancy(&self) -> [(&'static str, usize); 6] {
        let history = self.hub.metrics(COORDINATION).map_or(0, |metrics| metrics.history_len);
        let mut changes = vec![Change::default(); 1_000];
        [
            ("streams and senders", self.hub.refs(COORDINATION)),
            ("signals of the history", history),
            ("tickets", self.dependencies.refs(COORDINATION)),
            ("pending dependencies", self.dependencies.pending(COORDINATION) as usize),
            ("contexts", self.contexts.metrics().live),
            ("changes of the state", self.board.state.history(changes.len(), &mut changes)),
        ]
    }

    /// Each carrier's context. Those whose flights are long have more time, and crews that have less.
    fn hand_out_limits(&self, feed: &Feed, late: u32) -> Result<(), Failure> {
        let mut allocations = Allocations::default();
        let mut assignments = Vec::new();
        for (carrier, name) in feed.carriers.iter().enumerate() {
            let flights = || feed.flights.iter().filter(|flight| flight.carrier == carrier);
            let miles: u64 = flights().map(|flight| u64::from(flight.distance)).sum();
            let is_long_haul = miles > 1_500 * flights().count() as u64;
            let (late, crew, quality) = if is_long_haul { (late * 3 / 2, 90, 0.55) } else { (late, 120, 0.7) };
            let agent = self.carrier(carrier);
            let limits = Allocation {
                timeout_ms: late * 60_000,
                max_execution_ms: crew * 60_000,
                quality: Score::new(quality)?,
                ..Allocation::default()
            };
            allocations.agents.push((agent, limits));
            assignments.push(Assignment { agent, objective: format!("{name} in time"), ..Assignment::default() });
        }
        let state = CoordState { coordination: COORDINATION, session: SESSION };
        let mut out = vec![Err(ContextError::UnknownAgent); assignments.len()];
        let shared = Arc::new(SharedIntelligence::default());
        self.contexts.distribute(state, &assignments, shared, &allocations, &Protocols::default(), &mut out)?;
        Ok(())
    }

    pub fn limits(&self, carrier: usize) -> Result<Limits, ContextError> {
        let allocation = self.contexts.get(COORDINATION, self.carrier(carrier))?.allocation;
        let minutes = |ms: u32| i64::from(ms / 60_000);
        let (late, crew) = (minutes(allocation.timeout_ms), minutes(allocation.max_execution_ms));
        Ok(Limits { late, crew, quality: allocation.quality })
    }

    pub fn carrier(&self, carrier: usize) -> AgentId {
        AgentId { index: carrier as u32, generation: 0 }
    }

    pub fn staff(&self, who: Staff) -> AgentId {
        self.carrier(self.late_percent.len() + who as usize)
    }

    /// A flight is a generation of its aircraft: done once, and well or not.
    pub fn flight(&self, flight: &Flight) -> Option<AgentId> {
        let first = self.staff(Staff::Dispatcher).index + 1;
        Some(AgentId { index: first + flight.aircraft?, generation: flight.leg })
    }
}

/// What a carrier's context allows, in minutes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A departure later than this is late.
    pub late: i64,
    /// A crew waits so long.
    pub crew: i64,
    /// How punctual an aircraft has to be for its next flight to leave without further ado.
    pub quality: Score,
}

/// 1 in time, 0 from a hundred minutes late.
pub fn punctuality(minutes: i64) -> Score {
    Score::new((100 - minutes).clamp(0, 100) as f64 / 100.0).unwrap_or(Score::ZERO)
}

fn watched_rate(registry: &Registry, carrier: &str) -> Result<(SeriesId, Rate), MetricError> {
    let (name, tags) = ("late_percent", [("carrier", carrier)]);
    let rate = registry.rate(name, &tags)?;
    let metric = registry.series(name, &tags).ok_or(MetricError::SloInvalid)?;
    let advice = "ask for spare aircraft";
    registry.watch(Slo { metric, stat: Stat::Value, bound: ALERT, level: Level::Warning, advice })?;
    Ok((metric, rate))
}
