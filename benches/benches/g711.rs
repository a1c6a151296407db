//! G.711 and mixing, per frame of 20 ms.

use std::hint::black_box;

use criterion::Criterion;

use offhook_media::codec::Law;
use offhook_media::dsp::fax::FaxDetector;
use offhook_media::dsp::{goertzel::Goertzel, mix, tone::sine};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    codecs(&mut criterion);
    mixing(&mut criterion);
    criterion.final_summary();
}

fn codecs(criterion: &mut Criterion) {
    let mut pcm = sine(440.0, 160, 8000.0);
    let mut payload = [0; 160];
    for law in [Law::Mu, Law::A] {
        criterion.bench_function(&format!("g711/encode {law:?}"), |bencher| {
            bencher.iter(|| law.encode_frame(black_box(&pcm), &mut payload));
        });
        criterion.bench_function(&format!("g711/decode {law:?}"), |bencher| {
            bencher.iter(|| law.decode_frame(black_box(&payload), &mut pcm));
        });
    }
    criterion.bench_function("g711/transcode", |bencher| {
        bencher.iter(|| Law::Mu.transcode(Law::A, black_box(&mut payload)));
    });
    let mut fax = FaxDetector::default();
    criterion.bench_function("tone/fax", |bencher| {
        bencher.iter(|| fax.push(black_box(&pcm)));
    });
    let detector = Goertzel::new(440.0);
    criterion.bench_function("tone/goertzel", |bencher| {
        bencher.iter(|| detector.power(black_box(&pcm)));
    });
}

fn mixing(criterion: &mut Criterion) {
    let voice = sine(440.0, 160, 8000.0);
    let mut sum = [0; 160];
    let mut heard = [0; 160];
    criterion.bench_function("mix/add", |bencher| {
        bencher.iter(|| {
            sum.fill(0);
            mix::add(black_box(&mut sum), black_box(&voice));
        });
    });
    criterion.bench_function("mix/minus self", |bencher| {
        bencher.iter(|| mix::minus_self(black_box(&sum), black_box(&voice), &mut heard));
    });
    criterion.bench_function("mix/energy", |bencher| {
        bencher.iter(|| mix::energy(black_box(&voice)));
    });
}
