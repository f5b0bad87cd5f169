//! What is sent: signals as they are written and read, and filters over them.

use super::SignalError;
use crate::ids::{AgentId, CorrelationId, SignalKind, SignalMask, SymId, TraceId};
use crate::value::{BlobRef, Score, SetRef, Value};
use core::fmt;

/// Who sent a signal: an agent, or the system itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct SenderId(u64);

impl SenderId {
    /// Nobody in particular. The default.
    pub const SYSTEM: Self = Self(u64::MAX);

    /// An agent.
    pub const fn agent(agent: AgentId) -> Self {
        Self(agent.to_bits())
    }

    /// The agent; none if it is the system.
    pub fn as_agent(self) -> Option<AgentId> {
        (self != Self::SYSTEM).then(|| AgentId::from_bits(self.0))
    }

    /// As a word.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From that word.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl Default for SenderId {
    fn default() -> Self {
        Self::SYSTEM
    }
}

impl From<AgentId> for SenderId {
    fn from(agent: AgentId) -> Self {
        Self::agent(agent)
    }
}

impl fmt::Display for SenderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_agent() {
            Some(agent) => agent.fmt(f),
            None => f.write_str("system"),
        }
    }
}

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recipients {
    /// Every subscriber, the sender's own subscriptions included.
    #[default]
    All,
    /// The agents of a set that was made with [`SignalHub::recipients`](super::SignalHub::recipients).
    Mask(SetRef),
    /// One agent.
    One(AgentId),
}

/// What ties a signal to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Ties an answer to its question.
    pub correlation: CorrelationId,
    /// Ties the steps of one activity together.
    pub trace: TraceId,
}

/// What a signal says, in 64 bytes: eight for what kind of payload it is, 56 for the payload.
///
/// Large results stay where they are, in a slab for example; a signal carries a summary, and names the rest by
/// [`Signal::reference`]. What is larger does not compile, or is an error:
///
/// ```
/// use ringway::coord::signals::{SignalError, SignalPayload};
/// assert!(SignalPayload::custom(b"short").is_ok());
/// assert_eq!(SignalPayload::custom(&[0; 65]), Err(SignalError::PayloadTooLarge { max: 64 }));
/// ```
///
/// ```compile_fail,E0308
/// ringway::coord::signals::SignalPayload::Custom([0; 65]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SignalPayload {
    /// An agent is there.
    Initialized {
        /// What it can do: bits of the application's own.
        capabilities: u64,
        /// Whether it is ready.
        ready: bool,
        /// How long that took, in milliseconds.
        init_ms: u32,
    },
    /// An agent has finished.
    Completed {
        /// What came of it, in a word.
        summary: SymId,
        /// How good it is.
        quality: Score,
        /// How long it took, in milliseconds.
        execution_ms: u32,
        /// How many things were made.
        artifacts: u16,
        /// What went wrong: a number of the application's own.
        error: Option<u16>,
    },
    /// What somebody waited for is there.
    DependencyResolved {
        /// What kind of dependency: [`Target::kind`](crate::coord::dependencies::Target::kind), where a set of dependencies says it.
        kind: u8,
        /// Which.
        id: u32,
        /// Who resolved it.
        by: AgentId,
        /// With what.
        data: Value,
    },
    /// A message from one agent to others.
    Message {
        /// What about.
        topic: SymId,
        /// Whether the sender waits for an answer.
        requires_response: bool,
        /// How long, in milliseconds.
        response_timeout_ms: u32,
        /// The message.
        body: [u8; 32],
    },
    /// Anything.
    Custom([u8; 56]),
}

impl SignalPayload {
    /// How many bytes of a record it fills.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Initialized { .. } => 16,
            Self::Completed { .. } => 24,
            Self::DependencyResolved { .. } => 32,
            Self::Message { .. } => 48,
            Self::Custom(body) => body.len(),
        }
    }

    /// The most a payload takes, in bytes, with eight for what kind it is.
    pub const MAX: usize = 64;
    /// How long a sender waits for an answer unless it says otherwise, in milliseconds.
    pub const RESPONSE_TIMEOUT_MS: u32 = 5_000;

    /// Up to 56 bytes of anything, with zeros behind.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLarge`](SignalError::PayloadTooLarge).
    pub fn custom(bytes: &[u8]) -> Result<Self, SignalError> {
        let mut body = [0; 56];
        let room = body.get_mut(..bytes.len()).ok_or(SignalError::PayloadTooLarge { max: Self::MAX })?;
        room.copy_from_slice(bytes);
        Ok(Self::Custom(body))
    }

    /// A message that asks for no answer.
    pub const fn message(topic: SymId, body: [u8; 32]) -> Self {
        let response_timeout_ms = Self::RESPONSE_TIMEOUT_MS;
        Self::Message { topic, requires_response: false, response_timeout_ms, body }
    }
}

impl Default for SignalPayload {
    fn default() -> Self {
        Self::Custom([0; 56])
    }
}

impl TryFrom<&[u8]> for SignalPayload {
    type Error = SignalError;

    /// As [`SignalPayload::custom`].
    fn try_from(bytes: &[u8]) -> Result<Self, SignalError> {
        Self::custom(bytes)
    }
}

/// A signal.
///
/// It travels as a record of 128 bytes of plain data ([`to_words`](Self::to_words)); this is its typed view. Any kind may carry any
/// payload.
///
/// ```
/// use ringway::coord::signals::{Recipients, SenderId, Signal, SignalPayload};
/// use ringway::ids::{AgentId, SignalKind, SymId};
///
/// let [from, to] = [1, 2].map(|index| AgentId { index, generation: 0 });
/// let payload = SignalPayload::message(SymId::new(3), *b"the gate has changed: now B12...");
/// let signal = Signal {
///     sender: SenderId::agent(from),
///     to: Recipients::One(to),
///     ..Signal::new(SignalKind::INTER_AGENT_MESSAGE, payload)
/// };
/// assert_eq!(Signal::from_words(signal.to_words()), Some(signal));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal {
    /// Of what kind it is: what subscribers choose by.
    pub kind: SignalKind,
    /// Who sent it; [`SenderId::SYSTEM`] by default.
    pub sender: SenderId,
    /// Whom it is for; everybody by default.
    pub to: Recipients,
    /// What it says.
    pub payload: SignalPayload,
    /// Where the rest is kept.
    pub reference: Option<BlobRef>,
    /// What it belongs to.
    pub meta: Meta,
}

impl Signal {
    /// A signal of the system's to everybody.
    pub const fn new(kind: SignalKind, payload: SignalPayload) -> Self {
        let meta = Meta { correlation: CorrelationId::new(0), trace: TraceId::new(0) };
        Self { kind, sender: SenderId::SYSTEM, to: Recipients::All, payload, reference: None, meta }
    }

    /// What is wrong with it, whoever it is for.
    pub(super) fn check(&self) -> Result<(), SignalError> {
        match self.payload {
            SignalPayload::DependencyResolved { data, .. } if !data.is_finite() => Err(SignalError::NotFinite),
            _ => Ok(()),
        }
    }
}

impl Default for Signal {
    /// An empty one, to fill a buffer with.
    fn default() -> Self {
        Self::new(SignalKind::AGENT_INITIALIZED, SignalPayload::default())
    }
}

/// Which signals of a history: those that meet every condition. By default all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Of these kinds.
    pub kinds: SignalMask,
    /// Of this sender.
    pub sender: Option<SenderId>,
    /// With this correlation.
    pub correlation: Option<CorrelationId>,
}

impl Default for HistoryFilter {
    fn default() -> Self {
        Self { kinds: SignalMask::ALL, sender: None, correlation: None }
    }
}

impl HistoryFilter {
    pub(super) fn meets(&self, signal: &Signal) -> bool {
        self.kinds.contains(signal.kind)
            && self.sender.is_none_or(|sender| sender == signal.sender)
            && self.correlation.is_none_or(|correlation| correlation == signal.meta.correlation)
    }
}
