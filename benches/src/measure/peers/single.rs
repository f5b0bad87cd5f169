//! Ends of which nothing is known but how one message goes in or comes out.

use crate::measure::ends::{Consuming, Producing};

/// A sending end: gives a message back where there is no room.
#[derive(Clone)]
pub(super) struct Push<F>(pub(super) F);

/// A receiving end.
#[derive(Clone)]
pub(super) struct Pop<F>(pub(super) F);

impl<M, F: FnMut(M) -> Result<(), M> + Send> Producing<M> for Push<F> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        self.0(message)
    }
}

impl<M, F: FnMut() -> Option<M> + Send> Consuming<M> for Pop<F> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0().map(|message| see(&message)).is_some()
    }
}
