//! A plain field, shared without any order of its own: whoever reads it must have been told, by something else, that it was
//! written.

#[cfg(ringway_loom)]
use loom::cell::UnsafeCell;
#[cfg(not(ringway_loom))]
use std::cell::UnsafeCell;

#[derive(Debug)]
pub struct Note(UnsafeCell<u32>);

// SAFETY: only as far as a scenario makes it so: loom fails it when two accesses are not ordered.
unsafe impl Sync for Note {}

impl Note {
    #[allow(clippy::new_without_default, reason = "a note is something")]
    pub fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    pub fn write(&self, value: u32) {
        #[cfg(ringway_loom)]
        // SAFETY: loom fails the scenario if anybody else has access.
        self.0.with_mut(|cell| unsafe { *cell = value });
        #[cfg(not(ringway_loom))]
        // SAFETY: the scenario orders the accesses, which its model has shown.
        unsafe {
            *self.0.get() = value;
        }
    }

    pub fn read(&self) -> u32 {
        #[cfg(ringway_loom)]
        // SAFETY: as above.
        return self.0.with(|cell| unsafe { *cell });
        #[cfg(not(ringway_loom))]
        // SAFETY: as above.
        unsafe {
            *self.0.get()
        }
    }
}
