//! Slabs: places that pass from thread to thread, values that are shared and looked up.

use loom_tests::{Arc, Mint, Note, Token, model, thread};
use ringway::slab::{FreeList, Slab};
use ringway::value::BlobRef;

/// Two threads use the same place again and again: each finds it its own.
#[test]
fn a_place_passes_from_hand_to_hand() {
    model("slab, two threads, two places", 3, || {
        let (mint, slab) = (Mint::new(), Slab::new(2));
        let other = {
            let (mint, slab) = (mint.clone(), slab.clone());
            thread::spawn(move || {
                for number in 10..12 {
                    let handle = slab.insert(mint.token(number)).expect("a place for each");
                    assert_eq!(handle.number, number);
                }
            })
        };
        for number in 0..2 {
            let handle = slab.insert(mint.token(number)).expect("a place for each");
            assert_eq!(handle.into_inner().number, number);
        }
        other.join().unwrap();
        assert_eq!((slab.len(), mint.alive()), (0, 0));
        // Both places are still there, once.
        let both = [20, 21].map(|number| slab.insert(mint.token(number)).expect("a place"));
        assert!(slab.insert(mint.token(22)).is_err());
        drop(both);
    });
}

/// Takers and givers of the list itself; the third thread gives what makes an old head come back.
#[test]
fn each_index_is_in_one_hand() {
    model("free list, three threads, three indexes", 2, || {
        let free = Arc::new(FreeList::full(3));
        // One for each index: loom fails when two write it and neither was told of the other.
        let notes = Arc::new([(); 3].map(|()| Note::new()));
        let use_one = |free: &FreeList, notes: &[Note]| {
            if let Some(index) = free.take() {
                notes[index as usize].write(index);
                free.give(index);
            }
        };
        let others = [(); 2].map(|()| {
            let (free, notes) = (Arc::clone(&free), Arc::clone(&notes));
            thread::spawn(move || {
                use_one(&free, &*notes);
                use_one(&free, &*notes);
            })
        });
        let mut some = [0; 2];
        let taken = free.take_some(&mut some);
        some[..taken].iter().for_each(|&index| notes[index as usize].write(index));
        free.give_all(&some[..taken]);
        others.into_iter().for_each(|other| other.join().unwrap());
        let mut all = [0; 4];
        assert_eq!(free.take_some(&mut all), 3);
        all[..3].sort_unstable();
        assert_eq!(all[..3], [0, 1, 2]);
    });
}

/// A look-up races the last handle and the next occupant: it finds the value, whole, or nothing.
#[test]
fn get_against_the_last_drop() {
    model("slab, a look-up against drop and reuse", 3, || {
        let (mint, slab) = (Mint::new(), Slab::<Token>::new(1));
        let shared = slab.insert(mint.token(1)).expect("a place").share();
        let reference = shared.reference();
        let other = {
            let slab = slab.clone();
            thread::spawn(move || slab.get(reference).map(|shared| shared.number))
        };
        drop(shared);
        // The place may be in the other's hands still.
        let next = slab.insert(mint.token(2)).map(|handle| handle.share());
        assert!([None, Some(1)].contains(&other.join().unwrap()));
        drop(next);
        assert_eq!((slab.len(), mint.alive()), (0, 0));
    });
}

/// Looked up as soon as it is shared: what the maker wrote is there.
#[test]
fn get_against_share() {
    model("slab, a look-up against share", 3, || {
        let slab = Slab::new(1);
        let other = {
            let slab = slab.clone();
            thread::spawn(move || slab.get(BlobRef { index: 0, generation: 0 }).map(|shared| *shared))
        };
        let shared = slab.insert(7).expect("a place").share();
        assert!([None, Some(7)].contains(&other.join().unwrap()));
        assert_eq!(*shared, 7);
    });
}

/// Three handles, counted before the first goes out, dropped by three threads.
#[test]
fn the_last_of_three_drops() {
    model("slab, three shared handles", 2, || {
        let (mint, slab) = (Mint::new(), Slab::new(1));
        let mut shares = slab.insert(mint.token(1)).expect("a place").share_among(3);
        let others = [(); 2].map(|()| {
            let shared = shares.next().expect("one of three");
            thread::spawn(move || assert_eq!(shared.clone().number, 1))
        });
        let last = shares.next().expect("one of three");
        assert_eq!(last.number, 1);
        drop((last, slab));
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(mint.alive(), 0);
    });
}
