//! What the facade's recorders are told.
#![cfg(feature = "metrics-facade")]

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use ringway::metrics::{FacadeExporter, Registry};
use std::sync::{Arc, Mutex};

type Told = Arc<Mutex<Vec<(String, String)>>>;

/// Writes down what it is told.
#[derive(Default)]
struct Written(Told);

struct Cell(Key, Told);

impl Cell {
    fn tell(&self, what: String) {
        let labels: Vec<_> = self.0.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        self.1.lock().unwrap().push((format!("{} {}", self.0.name(), labels.join(",")), what));
    }
}

impl metrics::CounterFn for Cell {
    fn increment(&self, n: u64) {
        self.tell(format!("+{n}"));
    }

    fn absolute(&self, _: u64) {
        unreachable!()
    }
}

impl metrics::GaugeFn for Cell {
    fn increment(&self, _: f64) {
        unreachable!()
    }

    fn decrement(&self, _: f64) {
        unreachable!()
    }

    fn set(&self, level: f64) {
        self.tell(format!("={level}"));
    }
}

impl metrics::HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.tell(format!("~{value}"));
    }
}

impl Written {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        Arc::new(Cell(key.clone(), Arc::clone(&self.0)))
    }
}

impl Recorder for Written {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.cell(key).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.cell(key).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.cell(key).into()
    }
}

#[test]
fn e15_the_facade_is_told_every_sample() {
    let (registry, recorder) = (Registry::builder().build(), Written::default());
    registry.export(Box::new(FacadeExporter::new()));
    registry.counter("sent", &[("kind", "late"), ("to", "x")]).unwrap().add(3);
    registry.gauge("level", &[]).unwrap().set(-2);
    registry.rate("share", &[]).unwrap().set(12.5).unwrap();
    registry.histogram("wait_ms", &[]).unwrap().record(2_500_000);
    registry.histogram("wait_ns", &[]).unwrap().record(7);
    let report = metrics::with_local_recorder(&recorder, || registry.flush());
    assert_eq!((report.written, report.failed), (5, 0));
    let expected = [
        ("sent kind=late,to=x", "+3"),
        ("level ", "=-2"),
        ("share ", "=12.5"),
        ("wait_ms ", "~2.5"),
        ("wait_ns ", "~7"),
    ];
    let told = recorder.0.lock().unwrap();
    assert!(told.iter().map(|(key, what)| (&**key, &**what)).eq(expected), "{told:?}");
}
