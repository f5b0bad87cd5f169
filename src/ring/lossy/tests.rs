//! What only a sender stopped half-way brings about.

use super::*;

type Ring = LossyRing<[u64; 2]>;

const STARTS: [u64; 4] = [0, (1 << 32) - 8, (1 << 63) - 8, u64::MAX - 7];

fn stall(ring: &Ring) -> u64 {
    let position = ring.claim(1).expect("open");
    assert!(ring.take(&ring.slot(position), position));
    position
}

fn send(ring: &Ring, n: u64) {
    let position = ring.claim(1).expect("open");
    ring.write(position, &[n, n]);
}

/// Reads everything from `position` on: what there was, and how many positions were lost.
fn read_all(ring: &Ring, position: &mut u64) -> (Vec<u64>, u64) {
    let (mut found, mut lost) = (Vec::new(), 0);
    loop {
        match ring.read(*position) {
            Read::Message([a, b]) => {
                assert_eq!(a, b);
                found.push(a);
                *position = position.wrapping_add(1);
            }
            Read::Lost(n) => {
                lost += n;
                *position = position.wrapping_add(n);
            }
            Read::NotYet => return (found, lost),
        }
    }
}

#[test]
fn a_sender_stopped_inside_its_slot_costs_the_others_one_message_a_lap() {
    for start in STARTS {
        let ring = Ring::new(4, start).unwrap();
        let mut reader = start;
        let stalled = stall(&ring);
        (1..4).for_each(|n| send(&ring, n));
        // The first message is being written: what follows is behind it.
        assert_eq!(read_all(&ring, &mut reader), (vec![], 0));
        send(&ring, 4);
        assert_eq!(ring.dropped(), 1);
        // A lap later it is past; the message that found its slot taken is lost as well, and no other.
        assert_eq!(read_all(&ring, &mut reader), (vec![1, 2, 3], 2));
        (5..8).for_each(|n| send(&ring, n));
        assert_eq!(read_all(&ring, &mut reader), (vec![5, 6, 7], 0));
        Ring::finish(&ring.slot(stalled), stalled, &[0, 0]);
        assert_eq!(read_all(&ring, &mut reader), (vec![], 0));
        // The slot serves again.
        (8..12).for_each(|n| send(&ring, n));
        assert_eq!(read_all(&ring, &mut reader), (vec![8, 9, 10, 11], 0));
        assert_eq!((ring.dropped(), ring.sent()), (1, 12));
    }
}

#[test]
fn a_sender_stopped_before_its_slot_is_overtaken() {
    for start in STARTS {
        let ring = Ring::new(2, start).unwrap();
        let mut reader = start;
        let late = ring.claim(1).unwrap();
        send(&ring, 1);
        assert_eq!(read_all(&ring, &mut reader), (vec![], 0));
        send(&ring, 2);
        assert_eq!(read_all(&ring, &mut reader), (vec![1, 2], 1));
        ring.write(late, &[0, 0]);
        assert_eq!(ring.dropped(), 1);
        assert_eq!(read_all(&ring, &mut reader), (vec![], 0));
        assert_eq!(ring.read(late), Read::Lost(1));
    }
}

#[test]
fn marks_only_grow() {
    for start in STARTS {
        let ring = Ring::new(1, start).unwrap();
        let stalled = stall(&ring);
        let early = ring.claim(1).unwrap();
        let late = ring.claim(1).unwrap();
        ring.write(late, &[2, 2]);
        ring.write(early, &[1, 1]);
        assert_eq!(ring.dropped(), 2);
        let mut reader = start;
        assert_eq!(read_all(&ring, &mut reader), (vec![], 3));
        assert_eq!(ahead(reader, late), 1);
        Ring::finish(&ring.slot(stalled), stalled, &[0, 0]);
        assert_eq!(ring.read(reader), Read::NotYet);
        send(&ring, 3);
        assert_eq!(read_all(&ring, &mut reader), (vec![3], 0));
    }
}

#[test]
fn a_claim_that_met_the_seal_moves_no_end() {
    for start in STARTS {
        let ring = Ring::new(2, start).unwrap();
        (0..3).for_each(|n| send(&ring, n));
        let pending = ring.claim(1).unwrap();
        assert!(ring.close() && !ring.close());
        assert!(ring.claim(5).is_none() && ring.claim(5).is_none());
        assert_eq!(ring.sent(), 4);
        let mut reader = start;
        // What was claimed before the seal can still be written, and is waited for.
        assert_eq!(read_all(&ring, &mut reader), (vec![2], 2));
        assert!(!ring.has_ended(reader));
        ring.write(pending, &[3, 3]);
        assert_eq!(read_all(&ring, &mut reader), (vec![3], 0));
        assert!(ring.has_ended(reader));
    }
}
