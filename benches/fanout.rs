//! Router and SRTP together, without sockets: every packet is copied into a send arena and sealed there with its receiver's key,
//! per packet sent.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use medianode_benches::{PROFILES, Room, master_key};
use medianode_sfu::{Outgoing, Sink, TransportKey};
use medianode_webrtc::params::SrtpProfile;
use medianode_webrtc::srtp::{MAX_RTP_OVERHEAD, TxSrtp};

const CONSUMERS: [u32; 3] = [1, 10, 100];
/// As the engine's send arena: what one round may hold before it goes to the kernel.
const ARENA_BYTES: usize = 384 << 10;
const MAX_DATAGRAM: usize = 2048;

/// Builds datagrams back to back and begins again when the arena is full, where the engine would send.
struct Arena {
    bytes: Box<[u8]>,
    used: usize,
    keys: Vec<TxSrtp>,
    packets: u64,
}

impl Arena {
    fn new(profile: SrtpProfile, transports: u32) -> Self {
        let key = |number| TxSrtp::new(profile, &master_key(profile, number));
        Self {
            bytes: vec![0; ARENA_BYTES + MAX_DATAGRAM].into_boxed_slice(),
            used: 0,
            keys: (0..=transports).filter_map(key).collect(),
            packets: 0,
        }
    }
}

impl Sink for Arena {
    #[inline]
    fn send(&mut self, to: TransportKey, packet: Outgoing<'_>) -> usize {
        let room = &mut self.bytes[self.used..self.used + MAX_DATAGRAM];
        let len = packet.header.len() + packet.prefix.len() + packet.payload.len();
        if len + MAX_RTP_OVERHEAD > room.len() {
            return 0;
        }
        let (header, rest) = room.split_at_mut(packet.header.len());
        let (prefix, rest) = rest.split_at_mut(packet.prefix.len());
        header.copy_from_slice(packet.header);
        prefix.copy_from_slice(packet.prefix);
        rest[..packet.payload.len()].copy_from_slice(packet.payload);
        let sealed = self.keys[to.0 as usize]
            .protect_rtp(room, len, packet.index)
            .unwrap_or(0);
        self.packets += u64::from(sealed > 0);
        self.used += sealed;
        if self.used >= ARENA_BYTES {
            black_box(&self.bytes[..self.used]);
            self.used = 0;
        }
        sealed
    }
}

fn bench(criterion: &mut Criterion, kind: &str, room: fn(u32) -> Room) {
    for (name, profile) in PROFILES {
        let mut group = criterion.benchmark_group(format!("fanout/{kind}_{name}/per_packet"));
        for consumers in CONSUMERS {
            let (mut room, mut arena) = (room(consumers), Arena::new(profile, consumers));
            let (mut bursts, packets) = (0, room.packets_per_burst());
            group.throughput(Throughput::Elements(packets));
            group.bench_function(BenchmarkId::from_parameter(consumers), |bencher| {
                bencher.iter_custom(|iterations| {
                    bursts += iterations;
                    let burst = |_| {
                        let took = room.measure(&mut arena);
                        room.rest();
                        took
                    };
                    (0..iterations).map(burst).sum()
                });
            });
            assert_eq!(
                arena.packets,
                bursts * packets,
                "every packet is sealed for every consumer"
            );
        }
        group.finish();
    }
}

fn video(criterion: &mut Criterion) {
    bench(criterion, "video", Room::camera);
}

fn audio(criterion: &mut Criterion) {
    bench(criterion, "audio", Room::microphone);
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = benches; config = quick(); targets = video, audio }
criterion_main!(benches);
