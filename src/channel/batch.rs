//! Messages lent in place.

use super::Release;
use crate::ring::{Consumer, For, Pieces, Storage, Window};
use core::fmt;
use core::iter::FusedIterator;

/// Messages of one receiver, in place: look at them as slices, take them one by one, or commit what is done with.
///
/// Iterating takes messages by value. [`commit`](Batch::commit) drops messages in place. What was neither taken nor
/// committed when the batch is dropped stays in the channel and comes again. The slots of what was taken go back to
/// the senders at once when the batch is dropped, with one store; until then they occupy the channel.
///
/// A batch that is forgotten (`mem::forget`) gives its slots back with the receiver's next call.
///
/// ```
/// let (mut tx, mut rx) = ringway::spsc::channel(8);
/// tx.try_send_iter(&mut (1..=5))?;
///
/// let mut batch = rx.try_batch(4)?;
/// assert_eq!(batch.len(), 4);
/// assert_eq!(batch.as_slices().0, [1, 2, 3, 4]);
/// assert_eq!(batch.next(), Some(1)); // taken
/// batch.commit(2); // 2 and 3 are done with
/// drop(batch);
///
/// assert_eq!(rx.try_recv(), Ok(4)); // was left
/// assert_eq!(rx.try_recv(), Ok(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Batch<'a, T> {
    storage: &'a Storage<T>,
    /// Its head moves before a message is handed out, so that no message is handed out twice whatever becomes of us.
    consumer: &'a mut Consumer,
    end: u64,
    channel: &'a dyn Release,
}

impl<'a, T> Batch<'a, T> {
    /// The first `max` of what is available to `consumer`.
    pub(super) fn new(
        storage: &'a Storage<T>,
        consumer: &'a mut Consumer,
        max: usize,
        channel: &'a dyn Release,
    ) -> Self {
        let len = consumer.available().min(max);
        storage.ask_for(consumer.head, len, For::Reading);
        let end = consumer.head.wrapping_add(len as u64);
        Self { storage, consumer, end, channel }
    }

    /// How many messages are left in the batch.
    #[inline]
    pub fn len(&self) -> usize {
        self.end.wrapping_sub(self.consumer.head) as usize
    }

    /// Whether nothing is left in the batch.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.end == self.consumer.head
    }

    /// What is left, in order: the second slice follows the first, and is empty unless the batch lies across the end
    /// of the ring.
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let (first, second) = self.storage.shared_pieces(self.consumer.head, self.len());
        // SAFETY: R2: `head..end` holds values that are this receiver's alone, and the batch is borrowed meanwhile.
        unsafe { (&*first, &*second) }
    }

    /// As [`as_slices`](Batch::as_slices), to be changed in place.
    ///
    /// They live no longer than the batch:
    ///
    /// ```compile_fail,E0505
    /// let (_tx, mut rx) = ringway::spsc::channel::<u32>(8);
    /// let mut batch = rx.try_batch(8).unwrap();
    /// let (kept, _) = batch.as_mut_slices();
    /// drop(batch);
    /// kept[0] = 1;
    /// ```
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let (first, second) = self.storage.pieces(self.consumer.head, self.len());
        // SAFETY: R2, and the pieces do not overlap; the batch is borrowed exclusively meanwhile.
        unsafe { (&mut *first, &mut *second) }
    }

    /// Is done with the next `n` messages: drops them in place, all of them even if one's drop panics.
    ///
    /// # Panics
    ///
    /// If fewer are left.
    pub fn commit(&mut self, n: usize) {
        let start = self.consumer.head;
        self.pass(n);
        // SAFETY: R2: these held values, and the head has moved past them.
        unsafe { self.storage.drop_run(start, n) };
    }

    /// Takes every message that is left. The fastest way to take them by value: positions stay in registers meanwhile. If `f`
    /// panics, the message it was given is gone and the others stay.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::spsc::channel(8);
    /// tx.try_send_iter(&mut (1..=5))?;
    /// let (mut batch, mut sum) = (rx.try_batch(8)?, 0);
    /// batch.take_all(|n| sum += n);
    /// assert_eq!((sum, batch.len()), (15, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn take_all(&mut self, mut f: impl FnMut(T)) {
        // SAFETY: R2: the value is this receiver's, and is counted as taken.
        self.pass_each(Storage::pieces_to_take, |message| f(unsafe { message.read() }));
    }

    /// Goes past every message that is left, and shows it to `f`.
    #[inline]
    pub(super) fn lend_all(&mut self, mut f: impl FnMut(&T)) {
        // SAFETY: R2: the position holds a value until it is released, and that is not before the batch is dropped.
        self.pass_each(Storage::shared_pieces, |message| f(unsafe { &*message }));
    }

    /// Goes past every message that is left, each before `f` gets it.
    #[inline(always)]
    fn pass_each(&mut self, pieces: impl Fn(&Storage<T>, u64, usize) -> Pieces<T>, mut f: impl FnMut(*const T)) {
        /// Tells, also when unwinding, how many were passed; they are counted in a register meanwhile.
        struct Passing<'a> {
            consumer: &'a mut Consumer,
            passed: usize,
        }
        impl Drop for Passing<'_> {
            fn drop(&mut self) {
                self.consumer.head = self.consumer.head.wrapping_add(self.passed as u64);
            }
        }
        let (first, second) = pieces(self.storage, self.consumer.head, self.len());
        let mut passing = Passing { consumer: self.consumer, passed: 0 };
        for piece in [first, second] {
            let window = Window::open(piece, For::Reading);
            for index in 0..piece.len() {
                window.roll(index);
                passing.passed += 1;
                f(piece.cast::<T>().wrapping_add(index));
            }
        }
    }

    /// Goes past the next message without moving it out.
    #[inline]
    pub(super) fn lend_next(&mut self) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let position = self.consumer.head;
        self.consumer.head = position.wrapping_add(1);
        // SAFETY: R2: the position holds a value until it is released, and that is not before the batch is dropped.
        Some(unsafe { self.storage.get(position) })
    }

    /// Goes past `n` messages and leaves them where they are.
    pub(super) fn pass(&mut self, n: usize) {
        assert!(n <= self.len(), "commit of {n} messages, but the batch has {} left", self.len());
        self.consumer.head = self.consumer.head.wrapping_add(n as u64);
    }

    /// Is done with all messages that are left.
    pub fn commit_all(&mut self) {
        self.commit(self.len());
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let position = self.consumer.head;
        self.consumer.head = position.wrapping_add(1);
        // SAFETY: R2: the position held a value, and the head has moved past it.
        Some(unsafe { self.storage.read(position) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }

    #[inline]
    fn fold<B, F: FnMut(B, T) -> B>(mut self, init: B, mut f: F) -> B {
        // Empty only while `f` runs, and if it panics.
        let mut folded = Some(init);
        self.take_all(|message| folded = folded.take().map(|before| f(before, message)));
        match folded {
            Some(folded) => folded,
            None => unreachable!("`f` has returned each time"),
        }
    }
}

// Not `ExactSizeIterator`: its unstable `is_empty` would make ours ambiguous behind `&mut Batch`, where handlers use it.
impl<T> FusedIterator for Batch<'_, T> {}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        if self.consumer.head != self.consumer.released {
            // SAFETY: what lies below the head was taken or dropped.
            unsafe { self.channel.release(self.consumer) };
        }
    }
}

impl<T> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.len()).finish_non_exhaustive()
    }
}
