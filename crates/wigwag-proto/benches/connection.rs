//! Micro-benchmarks of a connection's turn: a read with messages in it, an answer to each, one write.
//!
//! `cargo bench -p wigwag-proto --bench connection`; the figure of `turn/16x16B` divided by 16 is the cost of a message.

use std::{hint::black_box, sync::Arc, time::Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use wigwag_proto::{Config, Connection, Context, Event, Input, Message, Role, frame::Header, frame::Opcode, mask};

criterion_group!(connection, turns, fan_out);
criterion_main!(connection);

fn turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("turn");
    for (name, frames, payload_bytes) in
        [("1x16B", 1, 16), ("16x16B", 16, 16), ("16x128B", 16, 128), ("1x16KiB", 1, 16 << 10)]
    {
        group.throughput(Throughput::Elements(frames as u64));
        let read = masked_text(payload_bytes).repeat(frames);
        let mut endpoint = Endpoint::new();
        group.bench_function(name, |bencher| {
            // A fresh copy each time, because unmasking happens in place.
            bencher.iter_batched_ref(|| read.clone(), |read| endpoint.answer(read), BatchSize::LargeInput);
        });
    }
    group.finish();
}

/// One prepared message to a connection that is written at once.
fn fan_out(criterion: &mut Criterion) {
    let prepared = wigwag_proto::Prepared::new(Message::Text(&"x".repeat(128)));
    let mut endpoint = Endpoint::new();
    criterion.bench_function("prepared/128B", |bencher| {
        bencher.iter(|| {
            let _ = endpoint.connection.send_prepared(black_box(&prepared), &mut endpoint.context);
            endpoint.write()
        });
    });
}

struct Endpoint {
    connection: Connection,
    context: Context,
}

impl Endpoint {
    fn new() -> Self {
        let connection = Connection::new(Role::Server, Arc::new(Config::default()), None);
        Self { connection, context: Context::new(Instant::now(), |keys| keys.fill([1, 2, 3, 4])) }
    }

    fn answer(&mut self, read: &mut [u8]) -> usize {
        let mut input = Input::new(black_box(read));
        while let Some(event) = self.connection.handle_bytes(&mut input, &mut self.context) {
            let Event::Text(text) = &event else { unreachable!("the read is all text: {event:?}") };
            let _ = self.connection.send(Message::Text(text), &mut self.context);
            self.context.recycle_event(event);
        }
        self.write()
    }

    fn write(&mut self) -> usize {
        let Some(transmit) = self.connection.poll_transmit() else { return 0 };
        let count = black_box(transmit.single()).map_or(0, <[u8]>::len);
        self.connection.handle_transmitted(count, &mut self.context);
        count
    }
}

fn masked_text(payload_bytes: usize) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = Vec::new();
    Header { fin: true, rsv: 0, opcode: Opcode::Text, mask: Some(key), payload_bytes: payload_bytes as u64 }
        .encode(&mut frame);
    let payload_at = frame.len();
    frame.resize(payload_at + payload_bytes, b'x');
    mask::apply(&mut frame[payload_at..], key, 0);
    frame
}
