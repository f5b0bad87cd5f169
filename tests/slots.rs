//! Slots: records that are replaced while they are read, values that the last reader takes.

use ringway::slot::{OnceSlot, TwoCopy};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[test]
fn the_last_record_is_read() {
    let slot = TwoCopy::new([0, 0]);
    for n in 1..5 {
        assert!(slot.try_write([n, !n]));
        assert_eq!((slot.read(), slot.read_counted().1, slot.commits()), ([n, !n], n, n));
    }
    assert_eq!(TwoCopy::<[u64; 3]>::default().read(), [0; 3]);
    assert_eq!(size_of::<TwoCopy<[u64; 3]>>(), 7 * 8);
}

#[test]
fn records_are_whole_and_in_order_beside_writers() {
    let slot = TwoCopy::new([0; 8]);
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let (record, commits) = slot.read_counted();
                    assert_eq!(record, [record[0]; 8]);
                    assert!(commits >= last, "from {last} back to {commits}");
                    last = commits;
                }
            })
        });
        let writers = [1, 2].map(|writer: u64| {
            let (slot, written) = (&slot, &written);
            scope.spawn(move || {
                for n in 0..100_000 {
                    written.fetch_add(u64::from(slot.try_write([n << 2 | writer; 8])), Ordering::Relaxed);
                }
            })
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(slot.commits(), written.load(Ordering::Relaxed));
}

#[test]
fn a_value_goes_to_its_last_reader() {
    let alive = Arc::new(());
    let slot = OnceSlot::new(3);
    for _ in 0..3 {
        assert!(slot.read().is_none() && !slot.is_set());
        slot.set(Arc::clone(&alive)).unwrap();
        assert!(slot.set(Arc::clone(&alive)).is_err());
        let readings = [(); 3].map(|()| slot.read().unwrap());
        assert!(slot.read().is_none());
        let [one, two, three] = readings;
        assert!(one.take().is_none());
        drop(two);
        assert_eq!((slot.is_set(), slot.reset()), (true, false));
        drop(three.take().unwrap());
        assert_eq!(Arc::strong_count(&alive), 1);
        assert!(slot.set(Arc::clone(&alive)).is_err(), "spent");
        assert!(slot.reset() && !slot.reset());
    }
}

#[test]
fn what_nobody_took_is_dropped_once() {
    let alive = Arc::new(());
    // Set and not read; read and forgotten; read by the last, which drops it.
    let [unread, forgotten, dropped] = [(); 3].map(|()| OnceSlot::new(1));
    for slot in [&unread, &forgotten, &dropped] {
        slot.set(Arc::clone(&alive)).unwrap();
    }
    std::mem::forget(forgotten.read());
    drop(dropped.read());
    assert_eq!(Arc::strong_count(&alive), 3);
    drop((unread, forgotten, dropped));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
#[should_panic = "readers"]
fn a_slot_has_readers() {
    drop(OnceSlot::<u8>::new(0));
}
