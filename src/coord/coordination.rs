//! The scope of a coordination.

use crate::ids::{CoordId, SessionId};
use crate::sync::caught;
use core::fmt;
use std::error::Error;
use std::sync::Arc;

/// In which order the parts of a coordination are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// First: nothing is told to anybody any more.
    Signals,
    /// Then whoever waits is let go.
    Dependencies,
    /// Then what the agents were given.
    Contexts,
    /// Then the state's history.
    State,
    /// Last, in the order in which they were registered: parts of your own.
    #[default]
    Other,
}

/// Something that keeps things for coordinations, and can let go of them.
///
/// After [`close`](Self::close) every call that names the coordination is answered with an error that says so
/// (`UnknownCoordination`). A coordination that is not known is closed already.
pub trait Scoped: Send + Sync {
    /// Drops all that is kept for the coordination. Called once for each, also while handles are held: these fail from then on.
    fn close(&self, coordination: CoordId) -> ScopeClosed;

    /// How many handles into the coordination are held by others, such as subscriptions or open tickets.
    fn refs(&self, _coordination: CoordId) -> usize {
        0
    }

    /// When it is to be closed, among the others. Asked once, when it is registered.
    fn stage(&self) -> Stage {
        Stage::Other
    }
}

impl<S: Scoped + ?Sized> Scoped for Arc<S> {
    fn close(&self, coordination: CoordId) -> ScopeClosed {
        (**self).close(coordination)
    }

    fn refs(&self, coordination: CoordId) -> usize {
        (**self).refs(coordination)
    }

    fn stage(&self) -> Stage {
        (**self).stage()
    }
}

/// What one part let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeClosed {
    /// Subscriptions, entries of a history, contexts, tickets: whatever the part keeps.
    pub dropped: usize,
}

/// What a whole coordination let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The parts that were closed.
    pub scopes: usize,
    /// What they dropped together.
    pub dropped: usize,
    /// Parts that panicked instead.
    pub faults: usize,
}

/// Guards the scope of a coordination: what was registered with it is closed together, at the latest when this is dropped.
///
/// For the control plane: opening, registering and closing allocate.
///
/// ```
/// use ringway::coord::{CloseError, Coordination, ScopeClosed, Scoped};
/// use ringway::ids::{CoordId, SessionId};
/// use std::sync::{Arc, Mutex};
///
/// /// Keeps notes by coordination.
/// #[derive(Default)]
/// struct Notes(Mutex<Vec<(CoordId, &'static str)>>);
///
/// impl Scoped for Notes {
///     fn close(&self, coordination: CoordId) -> ScopeClosed {
///         let mut notes = self.0.lock().unwrap();
///         let before = notes.len();
///         notes.retain(|(of, _)| *of != coordination);
///         ScopeClosed { dropped: before - notes.len() }
///     }
/// }
///
/// let notes = Arc::new(Notes::default());
/// let mut flight = Coordination::open(CoordId::new(1), SessionId::new(7));
/// flight.register(Arc::clone(&notes));
/// notes.0.lock().unwrap().push((flight.id(), "late"));
/// notes.0.lock().unwrap().push((CoordId::new(2), "of another one"));
///
/// assert_eq!(flight.close()?.dropped, 1);
/// assert_eq!(flight.close(), Err(CloseError::Closed));
/// # Ok::<(), CloseError>(())
/// ```
pub struct Coordination {
    id: CoordId,
    session: SessionId,
    scopes: Vec<(Stage, Box<dyn Scoped>)>,
    open: bool,
}

impl Coordination {
    /// Opens the scope. The parts open the coordination with themselves.
    pub fn open(id: CoordId, session: SessionId) -> Self {
        Self { id, session, scopes: Vec::new(), open: true }
    }

    /// Lets a part be closed with this coordination. Take an `Arc` of what others use too. A part that is registered twice is
    /// closed twice.
    pub fn register(&mut self, scope: impl Scoped + 'static) -> &mut Self {
        self.scopes.push((scope.stage(), Box::new(scope)));
        self
    }

    /// The coordination.
    pub fn id(&self) -> CoordId {
        self.id
    }

    /// Its session.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Whether it has not been closed.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Closes every part, in the order of their [`Stage`]s. A part that panics is counted, and keeps none of the others open.
    ///
    /// # Errors
    ///
    /// [`Busy`](CloseError::Busy) while handles are held: nothing is closed then. [`Closed`](CloseError::Closed) when it was
    /// done before. What takes a handle while this call runs is closed under its hands.
    pub fn close(&mut self) -> Result<Closed, CloseError> {
        if !self.open {
            return Err(CloseError::Closed);
        }
        let refs = self.scopes.iter().map(|(_, scope)| scope.refs(self.id)).sum();
        if refs > 0 {
            return Err(CloseError::Busy { refs });
        }
        Ok(self.close_all())
    }

    fn close_all(&mut self) -> Closed {
        self.open = false;
        let mut scopes = core::mem::take(&mut self.scopes);
        // Stable: parts of one stage in the order of their registration.
        scopes.sort_by_key(|(stage, _)| *stage);
        let mut closed = Closed { scopes: scopes.len(), ..Closed::default() };
        for (_, scope) in &scopes {
            // A part that panicked is not called again by this coordination.
            match caught(|| scope.close(self.id)) {
                Some(part) => closed.dropped += part.dropped,
                None => closed.faults += 1,
            }
        }
        closed
    }
}

impl Drop for Coordination {
    /// Closes it, whoever holds handles.
    fn drop(&mut self) {
        if self.open {
            self.close_all();
        }
    }
}

impl fmt::Debug for Coordination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coordination")
            .field("id", &self.id)
            .field("session", &self.session)
            .field("scopes", &self.scopes.len())
            .field("open", &self.open)
            .finish()
    }
}

/// A coordination was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseError {
    /// Handles into it are held.
    Busy {
        /// How many.
        refs: usize,
    },
    /// It was closed before.
    Closed,
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { refs } => write!(f, "{refs} handles into the coordination are held"),
            Self::Closed => f.write_str("the coordination was closed before"),
        }
    }
}

impl Error for CloseError {}
