//! What rules see of a state.

use super::{SetRef, Value};
use crate::ids::KeyId;

/// A state as those see it who only read it: values by key, a version, a size.
///
/// Implemented by states and their snapshots, and by a test's own few values:
///
/// ```
/// use ringway::ids::KeyId;
/// use ringway::value::{StateSize, StateView, Value};
///
/// struct Always(Value);
///
/// impl StateView for Always {
///     fn get(&self, _key: KeyId) -> Option<Value> {
///         Some(self.0)
///     }
///     fn version(&self) -> u64 {
///         1
///     }
///     fn size(&self) -> StateSize {
///         StateSize { keys: 1, depth: 1, bytes: 16 }
///     }
/// }
/// assert_eq!(Always(Value::Null).get(KeyId::new(3)), Some(Value::Null));
/// ```
pub trait StateView {
    /// The value of a key; none if there is none.
    fn get(&self, key: KeyId) -> Option<Value>;

    /// Counts the changes: two reads under one version saw one state.
    fn version(&self) -> u64;

    /// Whose versions these are: two states with one identity and one version have one content, also when one of them is gone.
    ///
    /// By default the address, which tells states apart while they live. A state whose place another one may take, with versions
    /// that begin again, gives a number of its own, or is not to be asked through a cache.
    fn identity(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }

    /// How large it is, kept up to date rather than counted.
    fn size(&self) -> StateSize;

    /// Whether the set holds the member. By default no set holds anything.
    fn set_contains(&self, _set: SetRef, _member: u32) -> bool {
        false
    }

    /// Lets `read` ask a set for several members. By default each question is one to [`set_contains`](Self::set_contains); a state
    /// that has to look for its sets looks once here, and answers all questions from what it has found.
    fn with_set(&self, set: SetRef, read: &mut dyn FnMut(&Members<'_>)) {
        read(&|member| self.set_contains(set, member));
    }
}

/// Tells whether a set holds a member: see [`StateView::with_set`].
pub type Members<'a> = dyn Fn(u32) -> bool + 'a;

/// How large a state is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    /// Keys that have a value.
    pub keys: usize,
    /// The deepest nesting: 1 where values are flat.
    pub depth: usize,
    /// Bytes of the values, references counted as themselves.
    pub bytes: usize,
}
