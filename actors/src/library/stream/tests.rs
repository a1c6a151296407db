use offhook_media::container::wav::WavHeader;
use offhook_media::engine::{EngineConfig, MusicOrder, Sound};
use tempfile::TempDir;

use super::*;

/// Seconds of a square wave, in pieces.
fn received(seconds: u16) -> tokio::sync::mpsc::Receiver<Bytes> {
    let count = u32::from(seconds) * 8000;
    let mut header = WavHeader::pcm16(1, 8000);
    header.data_bytes = count * 2;
    let samples = (0..count).map(|n| if n / 10 % 2 == 0 { 3000i16 } else { -3000 });
    let samples = samples.flat_map(i16::to_le_bytes);
    let bytes: Vec<u8> = header.to_bytes().into_iter().chain(samples).collect();
    let (sender, receiver) = tokio::sync::mpsc::channel(WAITING);
    for piece in bytes.chunks(bytes.len().div_ceil(WAITING)) {
        let piece = Bytes::copy_from_slice(piece);
        sender.try_send(piece).unwrap();
    }
    receiver
}

fn files(level: i16) -> Arc<Program> {
    let sound = Arc::new(Sound::encode(&[level; 1600]));
    Arc::new(Program::looped(&[sound], MusicOrder::Linear))
}

#[tokio::test]
async fn a_stream_that_was_taken_away_plays_nothing_over_what_replaced_it() {
    let folder = TempDir::new().unwrap();
    let config = EngineConfig {
        recordings: folder.path().to_owned(),
        shards: 1,
        ..EngineConfig::default()
    };
    let bank = crate::engine::sound_bank("de").unwrap();
    let (engine, _events) = Engine::start(config, bank, Arc::new(|| {})).unwrap();
    let old = files(500);
    let class = Arc::new(MusicClass::new("radio", Program::default()));
    class.set_program(Arc::clone(&old));
    let right = Arc::new(Mutex::new(Right::Given));
    let source = Source {
        engine: engine.clone(),
        class: Arc::clone(&class),
        live: Arc::new(Mutex::new(LiveProgram::new(Arc::clone(&old)).unwrap())),
        right: Arc::clone(&right),
        address: String::new(),
    };
    let stream = Stream {
        task: Handle::current().spawn(std::future::pending()),
        right,
    };
    let waiting = received(12);
    let decoding = tokio::task::spawn_blocking(move || source.decode(waiting));
    let mut looks = tokio::time::interval(Duration::from_millis(1));
    while Arc::ptr_eq(&class.program(), &old) {
        looks.tick().await;
    }
    drop(stream);
    let new = files(900);
    class.set_program(Arc::clone(&new));
    decoding.await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&class.program(), &new), "the old one goes on");
    engine.shutdown();
}

#[test]
fn the_log_names_the_host_of_a_stream_and_no_secret_of_its_address() {
    let address = "https://user:secret@radio.example:8443/live?token=hidden";
    assert_eq!(host(address), "radio.example");
    assert_eq!(host("user:secret"), "");
}
