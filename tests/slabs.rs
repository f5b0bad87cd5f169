//! Slabs: places, handles, references, magazines, and nothing lost.

use ringway::slab::{Exhausted, FreeList, Handle, Shared, Slab};
use ringway::value::BlobRef;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

#[test]
fn every_place_is_usable_and_comes_back() {
    let slab = Slab::new(3);
    for _ in 0..2 {
        let handles: Vec<_> = (0..3).map(|n| slab.insert(n).unwrap()).collect();
        assert_eq!((slab.insert(9).unwrap_err(), slab.len()), (Exhausted(9), 3));
        assert_eq!(handles.iter().map(|handle| **handle).collect::<Vec<_>>(), [0, 1, 2]);
        drop(handles);
        assert!(slab.is_empty());
    }
}

#[test]
fn a_handle_owns_its_value() {
    let slab = Slab::new(1);
    let value = Arc::new(());
    let mut handle = slab.insert((Arc::clone(&value), 1)).unwrap();
    handle.1 += 1;
    assert_eq!((handle.1, Arc::strong_count(&value)), (2, 2));
    drop(handle.into_inner());
    assert_eq!((Arc::strong_count(&value), slab.len()), (1, 0));
    // Handles outlive their slab.
    let handle = slab.insert((Arc::clone(&value), 3)).unwrap();
    drop(slab);
    assert_eq!(handle.1, 3);
    drop(handle);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn the_last_shared_handle_frees_the_place() {
    let slab = Slab::new(2);
    let shared = slab.insert(String::from("news")).unwrap().share();
    let clones = [shared.clone(), shared.clone()];
    drop(shared);
    assert_eq!((clones[1].as_str(), slab.len()), ("news", 1));
    drop(clones);
    assert!(slab.is_empty());
    let mut shares = slab.insert(String::from("for three")).unwrap().share_among(3);
    let first = shares.next().unwrap();
    assert_eq!((shares.len(), first.as_str()), (2, "for three"));
    drop((shares, first));
    assert!(slab.is_empty());
    assert_eq!(slab.insert(String::new()).unwrap().share_among(0).count(), 0);
    assert!(slab.is_empty());
}

#[test]
fn a_reference_names_one_value_only() {
    let slab = Slab::new(1);
    let shared = slab.insert(1).unwrap().share();
    let reference = shared.reference();
    assert_eq!(*slab.get(reference).unwrap(), 1);
    drop(shared);
    assert!(slab.get(reference).is_none(), "gone");
    let handle = slab.insert(2).unwrap();
    assert!(slab.get(reference).is_none(), "somebody else's");
    assert!(slab.get(BlobRef { generation: reference.generation + 1, ..reference }).is_none(), "not shared");
    let shared = handle.share();
    assert_eq!(slab.get(shared.reference()).map(|shared| *shared), Some(2));
    assert!(slab.get(reference).is_none(), "an old one");
    assert!(slab.get(BlobRef { index: 7, generation: 0 }).is_none(), "no such place");
}

#[test]
fn magazines_keep_places_and_give_them_back() {
    let slab = Slab::new(40);
    let mut magazine = slab.magazine();
    let first = magazine.insert(0).unwrap();
    // 31 more wait in the magazine; 8 are left.
    let others: Vec<_> = (0..8).map(|n| slab.insert(n).unwrap()).collect();
    assert!(slab.insert(9).is_err());
    magazine.recycle(first);
    let of_the_magazine: Vec<_> = (0..32).map(|n| magazine.insert(n).unwrap()).collect();
    assert!(magazine.insert(0).is_err());
    drop(others);
    assert!(magazine.insert(0).is_ok());
    drop((of_the_magazine, magazine));
    assert_eq!((0..40).map(|n| slab.insert(n).unwrap()).collect::<Vec<_>>().len(), 40);
}

#[test]
fn a_magazine_leaves_other_slabs_their_places() {
    let (mine, other) = (Slab::new(1), Slab::new(1));
    let mut magazine = mine.magazine();
    magazine.recycle(other.insert(1).unwrap());
    assert!(other.insert(1).is_ok());
    let full: Vec<_> = magazine.insert(1).into_iter().collect();
    assert!(magazine.insert(1).is_err());
    drop(full);
}

#[test]
fn a_full_magazine_takes_no_more() {
    let slab = Slab::new(128);
    let mut magazine = slab.magazine();
    let handles: Vec<_> = (0..128).map(|n| magazine.insert(n).unwrap()).collect();
    handles.into_iter().for_each(|handle| magazine.recycle(handle));
    assert_eq!(slab.len(), 0);
    // 64 stay, the others went to everybody.
    assert_eq!((0..100).map_while(|n| slab.insert(n).ok()).collect::<Vec<_>>().len(), 64);
}

#[test]
fn a_panicking_drop_loses_no_place() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    let slab = Slab::new(1);
    for _ in 0..3 {
        let handle = slab.insert(Bomb).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(handle))).is_err());
        let shared = slab.insert(Bomb).unwrap().share();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(shared))).is_err());
        let handle = slab.insert(Bomb).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| slab.magazine().recycle(handle))).is_err());
        assert!(slab.is_empty());
    }
}

#[test]
fn forgotten_handles_only_keep_their_places() {
    // What is forgotten keeps its slab; that stays within reach, so that a leak check does not mind.
    static KEPT: OnceLock<Slab<i32>> = OnceLock::new();
    let slab = KEPT.get_or_init(|| Slab::new(3));
    std::mem::forget(slab.insert(1));
    let mut shares = slab.insert(2).unwrap().share_among(2);
    drop(shares.next());
    std::mem::forget(shares);
    assert_eq!(slab.len(), 2);
    assert!(slab.insert(3).is_ok());
}

#[test]
fn bad_capacities_panic() {
    assert!(catch_unwind(|| Slab::<u8>::new(0)).is_err());
    assert!(catch_unwind(|| FreeList::full(0)).is_err());
    assert!(catch_unwind(|| FreeList::full(u32::MAX as usize)).is_err());
}

/// Threads that take, look up, share and drop the same few places: each value is dropped once, and nobody sees another's.
#[test]
fn many_threads_share_few_places() {
    const ROUNDS: u64 = 50_000;
    struct Counted<'a>(u64, &'a AtomicU64);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.1.fetch_add(self.0, Ordering::Relaxed);
        }
    }
    let (dropped, published) = (AtomicU64::new(0), AtomicU64::new(0));
    let slab = Slab::new(70);
    let inserted: u64 = std::thread::scope(|scope| {
        let threads = (0..4).map(|thread| {
            let (slab, dropped, published) = (&slab, &dropped, &published);
            scope.spawn(move || {
                let mut magazine = slab.magazine();
                let mut sum = 0;
                for round in 1..=ROUNDS {
                    let value = Counted(thread << 32 | round, dropped);
                    let result = if round % 3 == 0 { slab.insert(value) } else { magazine.insert(value) };
                    // What did not go in is dropped, too.
                    sum += thread << 32 | round;
                    let Ok(handle) = result else { continue };
                    let shared = handle.share();
                    published.store(shared.reference().to_bits(), Ordering::Relaxed);
                    let found = slab.get(BlobRef::from_bits(published.load(Ordering::Relaxed)));
                    assert!(found.is_none_or(|found| (1..=ROUNDS).contains(&(found.0 & 0xffff_ffff))));
                    assert_eq!(shared.0, thread << 32 | round);
                }
                sum
            })
        });
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((dropped.load(Ordering::Relaxed), slab.len()), (inserted, 0));
    assert_eq!((0..70).map_while(|_| slab.insert(Counted(0, &dropped)).ok()).collect::<Vec<_>>().len(), 70);
}

#[test]
fn handles_cross_threads_as_their_values_may() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Slab<std::cell::Cell<u8>>>();
    sync::<Slab<std::cell::Cell<u8>>>();
    send::<Handle<std::cell::Cell<u8>>>();
    send::<Shared<String>>();
    sync::<Shared<String>>();
}
