//! Times and rates of the single parts, by criterion.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reenact_benches::{runs, states};
use reenact_core::digest::Digest;
use reenact_core::format::{Event, JournalWriter, write_checkpoint};
use reenact_core::state::{Fingerprint, fingerprint};
use reenact_core::trainer::{Request, StepTrace, Trainer};
use reenact_models::DigitsMlp;

fn hashing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hashing");
    let bytes: Vec<u8> = (0..16u32 << 20).map(|i| (i ^ i >> 8) as u8).collect();
    for size in [4 << 10, 256 << 10, 16 << 20] {
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("fingerprint", size), &size, |bencher, &size| {
            bencher.iter(|| fingerprint(black_box(&bytes[..size])));
        });
        group.bench_with_input(BenchmarkId::new("blake3", size), &size, |bencher, &size| {
            bencher.iter(|| blake3::hash(black_box(&bytes[..size])));
        });
    }
    group.finish();
}

fn checkpoint(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let state = states::small(1);
    let stored = states::stored(&state, &folder.path().join("a"));
    let same = states::stored(&state, &folder.path().join("b"));
    let mut group = criterion.benchmark_group("checkpoint, 9 MB");
    group.throughput(Throughput::Bytes(state.byte_len()));
    group.bench_function("root in memory", |bencher| bencher.iter(|| state.root()));
    group.bench_function("root", |bencher| bencher.iter(|| stored.root().unwrap()));
    group.bench_function("root and fingerprints", |bencher| {
        bencher.iter(|| stored.root_and_fingerprints().unwrap());
    });
    group.bench_function("load", |bencher| bencher.iter(|| stored.load(u64::MAX).unwrap()));
    group.bench_function("differences", |bencher| {
        bencher.iter(|| stored.differences(&same).unwrap());
    });
    group.bench_function("write to memory", |bencher| {
        let mut file = Vec::new();
        bencher.iter(|| {
            file.clear();
            write_checkpoint(&state, &mut file).unwrap();
        });
    });
    group.finish();
}

fn journal(criterion: &mut Criterion) {
    let prints: Vec<Fingerprint> = (0..100).map(Fingerprint).collect();
    let event = Event::Step(StepTrace {
        step: 1,
        samples: Digest::default(),
        batch: Digest::default(),
        learning_rate_bits: 1,
        loss_bits: 1,
        gradient: prints[..33].to_vec(),
        state: prints,
        launches: None,
        validation: None,
    });
    let mut journal = JournalWriter::start().0;
    criterion.bench_function("journal/frame of a step, 100 tensors", |bencher| {
        bencher.iter(|| journal.frame(black_box(&event)).unwrap());
    });
}

fn training(criterion: &mut Criterion) {
    let run = runs::Run::new(DigitsMlp, runs::spec("digits-mlp"), 1);
    let mut trainer = run.start();
    let mut group = criterion.benchmark_group("digits-mlp, one thread");
    let mut steps = (0..run.spec.steps).cycle();
    let mut next = move || steps.next().expect("a cycle has no end");
    group.bench_function("step", |bencher| {
        bencher.iter(|| trainer.step(next(), &Request::default()).unwrap())
    });
    group.bench_function("step untraced", |bencher| {
        bencher.iter(|| trainer.step(next(), &Request::loss()).unwrap());
    });
    group.bench_function("capture", |bencher| bencher.iter(|| trainer.capture(1).unwrap()));
    group.finish();
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
}

criterion_group! {
    name = parts;
    config = quick();
    targets = hashing, checkpoint, journal, training
}
criterion_main!(parts);
