//! The router alone: from `handle_rtp` through `flush` into a sink that counts, per packet sent. And what receivers' reports cost,
//! per packet that they speak of.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use medianode_benches::Room;
use medianode_sfu::{Outgoing, Sink, TransportKey};

const CONSUMERS: [u32; 3] = [1, 10, 100];

/// Takes everything and looks at nothing but lengths.
#[derive(Default)]
struct Count {
    packets: u64,
}

impl Sink for Count {
    #[inline]
    fn send(&mut self, _to: TransportKey, packet: Outgoing<'_>) -> usize {
        self.packets += 1;
        black_box(&packet);
        packet.header.len() + packet.prefix.len() + packet.payload.len() + 16
    }
}

fn bench(criterion: &mut Criterion, kind: &str, room: fn(u32) -> Room) {
    let mut group = criterion.benchmark_group(format!("forward/{kind}/per_packet"));
    for consumers in CONSUMERS {
        let (mut room, mut sink) = (room(consumers), Count::default());
        let (mut bursts, packets) = (0, room.packets_per_burst());
        group.throughput(Throughput::Elements(packets));
        group.bench_function(BenchmarkId::from_parameter(consumers), |bencher| {
            bencher.iter_custom(|iterations| {
                bursts += iterations;
                let burst = |_| {
                    let took = room.measure(&mut sink);
                    room.rest();
                    took
                };
                (0..iterations).map(burst).sum()
            });
        });
        assert_eq!(
            sink.packets,
            bursts * packets,
            "every packet reaches every consumer"
        );
    }
    group.finish();
}

fn video(criterion: &mut Criterion) {
    bench(criterion, "video", Room::camera);
}

fn audio(criterion: &mut Criterion) {
    bench(criterion, "audio", Room::microphone);
}

fn conference(criterion: &mut Criterion) {
    bench(criterion, "conference", Room::conference);
}

fn reports(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forward/transport_cc_report/per_packet");
    let (mut room, mut sink) = (Room::camera(100), Count::default());
    group.throughput(Throughput::Elements(room.packets_per_report()));
    group.bench_function(BenchmarkId::from_parameter(100), |bencher| {
        bencher.iter_custom(|iterations| {
            let round = |_| {
                room.measure(&mut sink);
                let first = room.rest();
                room.measure(&mut sink);
                first + room.rest()
            };
            (0..iterations).map(round).sum()
        });
    });
    group.finish();
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
}

criterion_group! { name = benches; config = quick(); targets = video, audio, conference, reports }
criterion_main!(benches);
