//! Router and SRTP together, without sockets: every packet is copied into a send arena and sealed there with its receiver's key,
//! per packet sent. Warm, with nothing between two bursts, and cold, as a camera's bursts find a node every 33 ms.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use medianode_benches::{PROFILES, Room, master_key};
use medianode_sfu::{Outgoing, Sink, TransportKey};
use medianode_webrtc::params::SrtpProfile;
use medianode_webrtc::srtp::{MAX_RTP_OVERHEAD, TxSrtp};

const CONSUMERS: [u32; 3] = [1, 10, 100];
/// As the engine's send arena: what one round may hold before it goes to the kernel.
const ARENA_BYTES: usize = 64 << 10;
/// More than a core's own caches hold.
const OTHER_BYTES: usize = 16 << 20;
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
    fn expect(&mut self, to: &[TransportKey]) {
        let keys = || to.iter().filter_map(|key| self.keys.get(key.0 as usize));
        keys().for_each(medianode_sfu::prefetch);
        keys().for_each(TxSrtp::prefetch_rtp);
    }

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

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// One room of `consumers`; `between` runs before each burst and is not measured.
fn measure(
    group: &mut Group<'_>,
    mut room: Room,
    profile: SrtpProfile,
    consumers: u32,
    mut between: impl FnMut(),
) {
    let mut arena = Arena::new(profile, consumers);
    let (mut bursts, packets) = (0, room.packets_per_burst());
    group.throughput(Throughput::Elements(packets));
    group.bench_function(BenchmarkId::from_parameter(consumers), |bencher| {
        bencher.iter_custom(|iterations| {
            bursts += iterations;
            let burst = |_| {
                between();
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

fn bench(criterion: &mut Criterion, kind: &str, room: fn(u32) -> Room) {
    for (name, profile) in PROFILES {
        let mut group = criterion.benchmark_group(format!("fanout/{kind}_{name}/per_packet"));
        for consumers in CONSUMERS {
            measure(&mut group, room(consumers), profile, consumers, || {});
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

fn cold(criterion: &mut Criterion) {
    let mut other = vec![0u8; OTHER_BYTES];
    let mut work = || {
        for byte in other.iter_mut().step_by(64) {
            *byte = byte.wrapping_add(1);
        }
        black_box(&other);
    };
    let rooms = [
        ("video", 100, Room::camera(100)),
        ("audio", 200, Room::microphone(200)),
    ];
    for (kind, consumers, room) in rooms {
        let name = format!("fanout/{kind}_cold_aes256_gcm/per_packet");
        let mut group = criterion.benchmark_group(name);
        let profile = SrtpProfile::AeadAes256Gcm;
        measure(&mut group, room, profile, consumers, &mut work);
        group.finish();
    }
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = benches; config = quick(); targets = video, audio, cold }
criterion_main!(benches);
