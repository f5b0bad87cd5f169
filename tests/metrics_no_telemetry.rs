//! Built without telemetry, nothing is asked for and nothing is written.
#![cfg(feature = "no-telemetry")]

use ringway::ids::SymId;
use ringway::metrics::telemetry::{EventKind, EventMask, Record, Telemetry};

#[test]
fn a11_without_telemetry_nothing_is_written() {
    let telemetry = Telemetry::new();
    let attached = telemetry.attach(EventMask::ALL, |event| panic!("{event:?}")).unwrap();
    telemetry.emit(Record::DepTimeout { dep: 1 });
    drop(telemetry.span(SymId::new(1)));
    assert!(!EventKind::ALL.iter().any(|kind| telemetry.wants(*kind)));
    assert_eq!((telemetry.drain(256), telemetry.lost(), telemetry.faults()), (0, 0, 0));
    drop(attached);
}
