//! The hot paths, one thread at a time: what a call costs while nobody contends for the ring. What goes through between
//! threads is the business of `ringway-bench throughput`.

use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use ringway::{Bus, Sink, Source, each, mpsc, spsc};
use std::hint::black_box;
use std::time::Duration;

const CAPACITY: usize = 1024;
const BATCH: u64 = 256;

fn single(bencher: &mut Bencher<'_>, (mut tx, mut rx): (impl Sink<u64>, impl Source<Item = u64>)) {
    bencher.iter(|| {
        tx.try_send(black_box(7)).expect("the ring is empty");
        rx.try_recv().expect("it was just sent")
    });
}

fn batch(bencher: &mut Bencher<'_>, (mut tx, mut rx): (impl Sink<u64>, impl Source<Item = u64>)) {
    bencher.iter(|| {
        let sent = tx.try_send_iter(&mut (0..black_box(BATCH)));
        let mut sum = 0;
        let taken = rx.drain(BATCH as usize, |n| sum += n);
        assert_eq!(sent, Ok(taken));
        sum
    });
}

fn channels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one at a time");
    group.throughput(Throughput::Elements(1));
    group.bench_function("spsc", |bencher| single(bencher, spsc::channel(CAPACITY)));
    group.bench_function("mpsc", |bencher| single(bencher, mpsc::channel(CAPACITY)));
    group.finish();
    let mut group = criterion.benchmark_group("256 at a time");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("spsc", |bencher| batch(bencher, spsc::channel(CAPACITY)));
    group.bench_function("mpsc", |bencher| batch(bencher, mpsc::channel(CAPACITY)));
    group.finish();
}

/// A worker drains meanwhile: what is measured is the publisher, and its wait when the worker is behind.
fn publish(criterion: &mut Criterion) {
    let bus = Bus::<u64>::builder().workers(1).spawn(|_| each(|n: u64| _ = black_box(n))).expect("a bus starts");
    let mut publisher = bus.publisher().expect("it is open");
    let mut group = criterion.benchmark_group("publish");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bus", |bencher| bencher.iter(|| publisher.send(black_box(1), 7)));
    group.finish();
    let report = bus.shutdown(Duration::from_secs(10));
    assert!(report.is_balanced(), "{report:?}");
}

criterion_group!(benches, channels, publish);
criterion_main!(benches);
