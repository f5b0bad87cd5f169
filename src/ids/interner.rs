//! Names and their numbers.

use core::fmt;
use core::marker::PhantomData;
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// An id that an [`Interner`] can give out. Implement it for ids of your own.
pub trait InternedId: Copy {
    /// The greatest index there is an id for.
    const LIMIT: usize;

    /// The id of an index; none above [`LIMIT`](Self::LIMIT).
    fn from_index(index: usize) -> Option<Self>;

    /// The index of an id.
    fn index(self) -> usize;
}

/// Gives each name a number, once. For set-up: [`intern`](Self::intern) allocates and takes a lock. [`name`](Self::name), for
/// reports, does neither.
///
/// Shared by reference between threads. Ids count up from 0 in the order of first mention.
pub struct Interner<I> {
    names: Box<[OnceLock<Arc<str>>]>,
    indexes: Mutex<HashMap<Arc<str>, usize>>,
    ids: PhantomData<fn() -> I>,
}

impl<I: InternedId> Interner<I> {
    /// An interner with room for `capacity` names, at most for as many as there are ids.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.min(I::LIMIT.saturating_add(1));
        Self {
            names: (0..capacity).map(|_| OnceLock::new()).collect(),
            indexes: Mutex::new(HashMap::new()),
            ids: PhantomData,
        }
    }

    /// The id of a name; a new one if the name is new.
    ///
    /// # Errors
    ///
    /// [`Empty`](InternError::Empty) and [`TooLong`](InternError::TooLong) (over 64 bytes) refuse the name;
    /// [`Full`](InternError::Full) says that there is no room for another one.
    pub fn intern(&self, name: &str) -> Result<I, InternError> {
        if name.is_empty() {
            return Err(InternError::Empty);
        }
        if name.len() > LONGEST {
            return Err(InternError::TooLong { max: LONGEST });
        }
        // A panic in here is one for want of memory, which leaves the map whole.
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = indexes.get(name).copied().unwrap_or(indexes.len());
        let id = I::from_index(index).ok_or(InternError::Full)?;
        if index == indexes.len() {
            let cell = self.names.get(index).ok_or(InternError::Full)?;
            let name = cell.get_or_init(|| Arc::from(name));
            indexes.insert(Arc::clone(name), index);
        }
        Ok(id)
    }

    /// The id of a name that was interned before. Takes the lock.
    pub fn find(&self, name: &str) -> Option<I> {
        let indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        indexes.get(name).copied().and_then(I::from_index)
    }

    /// The name of an id; empty, as no name is, for an id that this interner has not given out. Wait-free.
    pub fn name(&self, id: I) -> &str {
        self.names.get(id.index()).and_then(OnceLock::get).map_or("", |name| name)
    }

    /// Whether this interner has given the id out.
    pub fn contains(&self, id: I) -> bool {
        !self.name(id).is_empty()
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many names there can be.
    pub fn capacity(&self) -> usize {
        self.names.len()
    }
}

impl<I: InternedId> fmt::Debug for Interner<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interner").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// A name could not be interned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InternError {
    /// There is no room for another name.
    Full,
    /// The name has no characters.
    Empty,
    /// The name is longer than names may be.
    TooLong {
        /// The longest, in bytes.
        max: usize,
    },
}

impl fmt::Display for InternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("there is no room for another name"),
            Self::Empty => f.write_str("a name may not be empty"),
            Self::TooLong { max } => write!(f, "a name may have {max} bytes at most"),
        }
    }
}

impl Error for InternError {}
