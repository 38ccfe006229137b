mod room;
use medianode_sfu::params::MediaKind;
use medianode_sfu::*;
use room::*;
struct Null(u64, Vec<u8>);
impl Sink for Null { fn send(&mut self, _: TransportKey, p: Outgoing<'_>) -> usize { self.0 += 1; self.1.clear(); self.1.extend_from_slice(p.header); self.1.extend_from_slice(p.prefix); self.1.len()+p.payload.len() } }
#[test]
fn cost() {
    let mut room = Room::new();
    let publisher = room.transport(1);
    let producer = room.produce(publisher, 1, MediaKind::Video, &camera_parameters(&[1000]));
    for n in 0..100 { let t = room.transport(10+n); room.consume(t, n, MediaKind::Video, &viewer_parameters(5000), Some(producer)); }
    let mut e = Encoder::new(1000, 2_500_000);
    let mut sink = Null(0, vec![]);
    let mut flush = std::time::Duration::ZERO; let mut ing = flush; let mut tick = flush; let mut inp = 0u64;
    for n in 0..3000 {
        let packets = e.frame(n == 0);
        let t = std::time::Instant::now();
        for p in &packets { room.rtp(publisher, p); inp += 1; }
        ing += t.elapsed(); let t = std::time::Instant::now();
        room.router.flush(room.now(), &mut sink);
        flush += t.elapsed(); let t = std::time::Instant::now();
        room.now_us += 33_000;
        room.router.handle_timeout(room.now());
        room.router.flush(room.now(), &mut sink);
        while room.router.poll_feedback().is_some() {}
        tick += t.elapsed();
    }
    println!("sent {} flush {} ns/packet, ingest {} ns/packet, tick {} ns per leg and 33 ms", sink.0, flush.as_nanos() as u64 / sink.0, ing.as_nanos() as u64 / inp, tick.as_nanos() as u64 / 3000 / 100);
}
