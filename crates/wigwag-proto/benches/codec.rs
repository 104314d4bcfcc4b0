//! Micro-benchmarks of what touches every payload byte: masking, UTF-8 validation, compression.
//!
//! `cargo bench -p wigwag-proto --bench codec -- mask` runs one group.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wigwag_proto::deflate::{Deflater, Inflater};
use wigwag_proto::{mask, utf8::Utf8Validator};

criterion_group!(codec, masking, utf8, compression);
criterion_main!(codec);

fn masking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for (name, size) in [("16B", 16), ("20B", 20), ("128B", 128), ("16KiB", 16 << 10), ("1MiB", 1 << 20)] {
        group.throughput(Throughput::Bytes(size as u64));
        let mut payload = vec![0x55; size];
        for offset in 0..4 {
            group.bench_function(BenchmarkId::new(name, offset), |bencher| {
                bencher.iter(|| mask::apply(black_box(&mut payload), black_box([1, 2, 3, 4]), black_box(offset)));
            });
        }
    }
}

fn utf8(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    for (size_name, size) in [("16B", 16), ("64B", 64), ("128B", 128), ("16KiB", 16 << 10)] {
        for (name, pattern) in [("ascii", "plain text 12345 "), ("mixed", "naïve κόσμε 日本語 🏴 text ")] {
            let text = pattern.repeat(size / pattern.len() + 1);
            let text = &text.as_bytes()[..text.floor_char_boundary(size)];
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(BenchmarkId::new(name, size_name), |bencher| {
                bencher.iter(|| {
                    let mut validator = Utf8Validator::default();
                    validator.push(black_box(text)).and_then(|()| validator.finish())
                });
            });
        }
    }
}

fn compression(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deflate");
    for (name, size) in [("128B", 128), ("1KiB", 1 << 10), ("64KiB", 64 << 10)] {
        let text = json(size);
        group.throughput(Throughput::Bytes(size as u64));
        for (window_bits, memory_level, level) in [(15, 8, 6), (15, 8, 1), (12, 5, 1), (10, 3, 1)] {
            let parameters = format!("{name}/bits{window_bits}/memory{memory_level}/level{level}");
            let mut deflater = Deflater::new(window_bits, memory_level, level);
            let mut out = Vec::new();
            group.bench_function(BenchmarkId::new("compress_and_reset", &parameters), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    deflater.compress(black_box(&text), &mut out);
                    deflater.reset();
                });
            });
            println!("{parameters}: {size} bytes become {}", out.len());
        }

        let mut compressed = Vec::new();
        Deflater::new(15, 8, 6).compress(&text, &mut compressed);
        let mut inflater = Inflater::new(15);
        let mut out = Vec::new();
        group.bench_function(BenchmarkId::new("inflate_and_reset", name), |bencher| {
            bencher.iter(|| {
                out.clear();
                inflater.reset();
                inflater.inflate(black_box(&compressed), 1 << 20, &mut out)
            });
        });
    }
    drop(group);
    criterion.bench_function("deflate/new_compressor", |bencher| bencher.iter(|| Deflater::new(15, 8, 6)));
    criterion.bench_function("deflate/new_decompressor", |bencher| bencher.iter(|| Inflater::new(15)));
}

/// What a service pushes: objects alike in shape and different in value.
fn json(size: usize) -> Vec<u8> {
    let lines = (0_u64..).map(|id| {
        let price = id * 7919 % 100_003;
        format!("{{\"channel\":\"room:{}\",\"id\":{id},\"user\":\"user{}\",\"price\":{price}}},", id % 17, price % 97)
    });
    lines.flat_map(String::into_bytes).take(size).collect()
}
