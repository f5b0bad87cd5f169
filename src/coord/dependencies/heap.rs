//! What is due first, of a fixed number of places.

const NOWHERE: u32 = u32::MAX;

/// A heap of places by when they are due, which knows where each place is.
pub(super) struct Heap {
    order: Vec<u32>,
    /// Of each place: where it is in the order, and when it is due.
    found: Box<[(u32, u64)]>,
}

impl Heap {
    pub(super) fn new(places: usize) -> Self {
        Self { order: Vec::with_capacity(places), found: vec![(NOWHERE, 0); places].into() }
    }

    /// The place that is due first, and when.
    pub(super) fn first(&self) -> Option<(u64, u32)> {
        self.order.first().map(|&place| (self.due(place), place))
    }

    /// When a place of the heap is due.
    pub(super) fn due(&self, place: u32) -> u64 {
        self.found[place as usize].1
    }

    pub(super) fn contains(&self, place: u32) -> bool {
        self.found[place as usize].0 != NOWHERE
    }

    /// Puts a place in, or moves it.
    pub(super) fn set(&mut self, place: u32, due: u64) {
        self.remove(place);
        self.found[place as usize].1 = due;
        self.order.push(place);
        self.up(self.order.len() - 1);
    }

    /// Takes a place out, if it is in.
    pub(super) fn remove(&mut self, place: u32) {
        let at = core::mem::replace(&mut self.found[place as usize].0, NOWHERE);
        if at == NOWHERE {
            return;
        }
        let at = at as usize;
        self.order.swap_remove(at);
        if at < self.order.len() {
            self.down(at);
            self.up(at);
        }
    }

    fn settle(&mut self, at: usize) {
        self.found[self.order[at] as usize].0 = at as u32;
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.order.swap(a, b);
        self.settle(a);
    }

    fn before(&self, a: usize, b: usize) -> bool {
        self.due(self.order[a]) < self.due(self.order[b])
    }

    fn up(&mut self, mut at: usize) {
        while at > 0 && self.before(at, (at - 1) / 2) {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
        self.settle(at);
    }

    fn down(&mut self, mut at: usize) {
        loop {
            let children = [2 * at + 1, 2 * at + 2].into_iter().filter(|&child| child < self.order.len());
            match children.reduce(|a, b| if self.before(b, a) { b } else { a }).filter(|&child| self.before(child, at))
            {
                Some(child) => {
                    self.swap(at, child);
                    at = child;
                }
                None => return self.settle(at),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Heap;

    /// Against a list that is searched.
    #[test]
    fn the_first_is_the_first() {
        let (mut heap, mut list, mut seed) = (Heap::new(16), [None; 16], 1_u64);
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (place, due) = (seed >> 60, seed >> 33 & 31);
            list[place as usize] = (seed >> 40 & 3 > 0).then_some(due);
            match list[place as usize] {
                Some(due) => heap.set(place as u32, due),
                None => heap.remove(place as u32),
            }
            assert_eq!(heap.first().map(|(due, _)| due), list.iter().flatten().min().copied());
            assert_eq!(heap.contains(place as u32), list[place as usize].is_some());
            if let Some((due, place)) = heap.first() {
                assert_eq!(list[place as usize], Some(due));
            }
        }
    }
}
