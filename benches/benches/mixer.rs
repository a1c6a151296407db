//! A frame of a conference: all talking, few talking, and who only listens.

use std::hint::black_box;

use criterion::{Criterion, Throughput};

use offhook_media::dsp::tone::sine;
use offhook_media::graph::mixer::{MemberKey, MemberSettings, Mix, Mixer, MixerSettings};
use offhook_media::time::Rate;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for rate in Rate::ALL {
        let name = |what: &str| format!("mixer/{} kHz, {what}", rate.hertz() / 1000);
        conference(&mut criterion, &name("100 all talking"), rate, 100, 100);
        conference(&mut criterion, &name("500 with 5 talkers"), rate, 500, 5);
        conference(&mut criterion, &name("500 silent"), rate, 500, 0);
        conference(&mut criterion, &name("3 all talking"), rate, 3, 3);
    }
    criterion.final_summary();
}

/// One frame: everybody's input handed in, mixed, everybody's output looked at.
fn conference(criterion: &mut Criterion, name: &str, rate: Rate, members: usize, talkers: usize) {
    let mut mixer = Mixer::new(MixerSettings::at(rate));
    let keys: Vec<MemberKey> = (0..members)
        .filter_map(|_| mixer.join(MemberSettings::default()).ok())
        .collect();
    let voices: Vec<Vec<i16>> = (0..talkers)
        .map(|n| sine(300.0 + 10.0 * n as f64, rate.frame_samples(), 6000.0))
        .collect();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(members as u64));
    group.bench_function("frame", |bencher| {
        bencher.iter(|| {
            for (key, voice) in keys.iter().zip(&voices) {
                mixer.take(*key, |pcm| {
                    pcm.copy_from_slice(voice);
                    true
                });
            }
            mixer.run();
            let own = keys.iter().filter(|key| match mixer.heard_by(**key) {
                Mix::Own(pcm) => {
                    black_box(pcm);
                    true
                }
                Mix::Shared(_) | Mix::Silence => false,
            });
            let own = own.count();
            while mixer.poll_event().is_some() {}
            own
        });
    });
    group.finish();
}
