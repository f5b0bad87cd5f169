//! Slots: a record that is replaced while it is read, a value that its last reader takes.

use loom_tests::{Arc, Mint, Note, Token, model, thread};
use ringway::slot::{OnceSlot, TwoCopy};

fn whole([n, not_n]: [u64; 2]) -> u64 {
    assert_eq!(n, !not_n, "torn");
    n
}

fn slot(n: u64) -> Arc<TwoCopy<[u64; 2]>> {
    Arc::new(TwoCopy::new([n, !n]))
}

/// The third replacement comes round to the copy of the first.
#[test]
fn write_against_read() {
    model("two-copy, three replacements against two reads", 3, || {
        let slot = slot(0);
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || (1..=3).for_each(|n| assert!(slot.try_write([n, !n]))))
        };
        let (first, counted) = slot.read_counted();
        let second = whole(slot.read());
        assert!(counted == whole(first) && counted <= second);
        writer.join().unwrap();
        assert_eq!((slot.read(), slot.commits()), ([3, !3], 3));
    });
}

/// One of two writers may be refused; what is there is always one's, and whole.
#[test]
fn two_writers() {
    model("two-copy, two writers and a reader", 2, || {
        let slot = slot(0);
        let writers = [10, 20].map(|from| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || (from..from + 2).filter(|&n| slot.try_write([n, !n])).count() as u64)
        });
        assert!([0, 10, 11, 20, 21].contains(&whole(slot.read())));
        let written: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        assert!(written >= 2);
        assert_eq!(slot.commits(), written);
        assert_ne!(whole(slot.read()), 0);
    });
}

/// What the writer did before is visible to who reads its record.
#[test]
fn a_record_carries_what_came_before() {
    model("two-copy, a note beside the record", 3, || {
        let (slot, note) = (slot(0), Arc::new(Note::new()));
        let writer = {
            let (slot, note) = (Arc::clone(&slot), Arc::clone(&note));
            thread::spawn(move || {
                note.write(7);
                (1..=2).for_each(|n| assert!(slot.try_write([n, !n])));
            })
        };
        if whole(slot.read()) > 0 {
            assert_eq!(note.read(), 7);
        }
        writer.join().unwrap();
    });
}

/// Two readers, of which the one that ends last takes the value; the next value is written as soon as it is gone.
#[test]
fn the_last_reader_takes() {
    model("once slot, two readers, and the next value", 3, || {
        let (mint, slot) = (Mint::new(), Arc::new(OnceSlot::<Token>::new(2)));
        let other = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let reading = loop {
                    match slot.read() {
                        Some(reading) => break reading,
                        None => thread::yield_now(),
                    }
                };
                assert_eq!(reading.number, 0);
                usize::from(reading.take().is_some())
            })
        };
        assert!(slot.set(mint.token(0)).is_ok());
        let reading = slot.read().expect("one of two");
        assert_eq!(reading.number, 0);
        let mut taken = usize::from(reading.take().is_some());
        while !slot.reset() {
            thread::yield_now();
        }
        assert!(slot.set(mint.token(1)).is_ok());
        taken += other.join().unwrap();
        assert_eq!((taken, mint.alive()), (1, 1));
        let last = [(); 2].map(|()| slot.read().expect("two of two"));
        assert_eq!(last.into_iter().filter_map(|reading| reading.take()).count(), 1);
        assert_eq!(mint.alive(), 0);
    });
}
