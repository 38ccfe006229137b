//! The parts of rewriting, per packet: the look into a packet, sequence numbers, VP8 descriptors, timestamps, headers.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use medianode_benches::{Camera, PACKETS_PER_FRAME};
use medianode_sfu::codec::Vp8Descriptor;
use medianode_sfu::rewrite::{SequenceMap, TimestampMap, Vp8Rewriter};
use medianode_sfu::rtp::{Header, HeaderWriter, RtpView};

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rewrite/parse/per_packet");
    group.throughput(Throughput::Elements(1));
    let packet = Camera::new().frame(false)[0].clone();
    group.bench_function("rtp_view", |bencher| {
        bencher.iter(|| RtpView::parse(black_box(&packet)));
    });
    let view = RtpView::parse(&packet).expect("invariant: the camera sends RTP");
    group.bench_function("third_extension", |bencher| {
        bencher.iter(|| black_box(&view).extension(4));
    });
    group.bench_function("vp8_descriptor", |bencher| {
        bencher.iter(|| Vp8Descriptor::parse(black_box(view.payload())));
    });
    group.finish();
}

fn numbers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rewrite/numbers/per_packet");
    group.throughput(Throughput::Elements(1));
    let (mut map, mut input) = (SequenceMap::new(100), 0);
    group.bench_function("sequence_in_order", |bencher| {
        bencher.iter(|| {
            input += 1;
            map.accept(black_box(input))
        });
    });
    // Every second packet is left out, as with temporal layers; the one before last comes again.
    let (mut map, mut input) = (SequenceMap::new(100), 0);
    group.bench_function("sequence_left_out_and_late", |bencher| {
        bencher.iter(|| {
            input += 2;
            map.drop(black_box(input));
            map.accept(black_box(input + 1));
            map.accept(black_box(input - 1))
        });
    });
    let (mut map, mut timestamp, mut now_us) = (TimestampMap::new(90_000, 7), 0u32, 0);
    group.bench_function("timestamp", |bencher| {
        bencher.iter(|| {
            timestamp = timestamp.wrapping_add(333);
            now_us += 3_700;
            map.map(black_box(timestamp), now_us)
        });
    });
    group.finish();
}

fn vp8(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rewrite/vp8/per_packet");
    group.throughput(Throughput::Elements(1));
    let packet = Camera::new().frame(false)[0].clone();
    let view = RtpView::parse(&packet).expect("invariant: the camera sends RTP");
    let mut descriptor =
        Vp8Descriptor::parse(view.payload()).expect("invariant: the camera sends VP8");
    let (mut rewriter, mut count) = (Vp8Rewriter::default(), 0);
    group.bench_function("rewrite", |bencher| {
        bencher.iter(|| {
            count += 1;
            if count % PACKETS_PER_FRAME == 0
                && let Some(id) = &mut descriptor.picture_id
            {
                id.value = (id.value + 1) & 0x7FFF;
            }
            rewriter.rewrite(black_box(&descriptor))
        });
    });
    group.finish();
}

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rewrite/header/per_packet");
    group.throughput(Throughput::Elements(1));
    let mut buffer = [0; 512];
    let mut header = Header {
        payload_type: 120,
        ssrc: 0x2000_0002,
        ..Header::default()
    };
    group.bench_function("three_extensions", |bencher| {
        bencher.iter(|| {
            header.sequence_number = header.sequence_number.wrapping_add(1);
            HeaderWriter::new(&mut buffer, black_box(&header))
                .extension(1, b"0")
                .extension(2, &header.sequence_number.to_be_bytes())
                .extension(5, &[1, 2, 3])
                .finish()
        });
    });
    // A dependency descriptor of 20 bytes forces the two-byte form.
    group.bench_function("with_long_descriptor", |bencher| {
        bencher.iter(|| {
            header.sequence_number = header.sequence_number.wrapping_add(1);
            HeaderWriter::new(&mut buffer, black_box(&header))
                .extension(1, b"0")
                .extension(2, &header.sequence_number.to_be_bytes())
                .extension(5, &[1, 2, 3])
                .extension(8, black_box(&[7; 20]))
                .finish()
        });
    });
    group.finish();
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = benches; config = quick(); targets = parse, numbers, vp8, headers }
criterion_main!(benches);
