use std::time::Duration;

use super::*;
use crate::codec::Law;
use crate::dsp::tone::Tone;

fn bank() -> SoundBank {
    let mut bank = SoundBank::new();
    bank.add_pcm("two", &[1000; 320]);
    bank.add_pcm("empty", &[]);
    bank.add_tone(ToneId::new("ring"), &Tone::continuous(&[425.0]));
    bank
}

fn player(items: &[PlayItem], repeat: bool) -> Result<Player, PlaylistError> {
    let playlist = Playlist {
        items: items.to_vec(),
        barge_in: false,
        repeat,
    };
    Player::new(PlayId(1), &playlist, &bank())
}

fn first_bytes(player: &mut Player, limit: usize) -> Vec<u8> {
    let mut payload = [0; FRAME_SAMPLES];
    let mut bytes = Vec::new();
    while bytes.len() < limit
        && player.next_frame(Coding::Pcmu, &mut payload) == Made::Payload(FRAME_SAMPLES)
    {
        bytes.push(payload[0]);
    }
    bytes
}

#[test]
fn items_come_in_order_and_then_it_is_finished() {
    let items = [
        PlayItem::Sound("empty".into()),
        PlayItem::Sound("two".into()),
        PlayItem::Silence(Duration::from_millis(21)),
    ];
    let mut player = player(&items, false).unwrap();
    let loud = Law::Mu.encode(1000);
    assert!(!player.is_finished());
    assert_eq!(first_bytes(&mut player, 9), [loud, loud, 0xFF, 0xFF]);
    assert!(player.is_finished());
}

#[test]
fn a_repeating_playlist_starts_again() {
    let mut player = player(&[PlayItem::Sound("two".into())], true).unwrap();
    assert_eq!(first_bytes(&mut player, 7).len(), 7);
    assert!(!player.is_finished());
}

#[test]
fn what_cannot_be_played_is_refused() {
    let unknown = player(&[PlayItem::Sound("nobody".into())], false);
    assert_eq!(
        unknown.unwrap_err(),
        PlaylistError::UnknownSound("nobody".into())
    );
    let endless = player(&[PlayItem::Sound("empty".into())], true);
    assert_eq!(endless.unwrap_err(), PlaylistError::EndlessNothing);
    assert!(player(&[], false).unwrap().is_finished());
}

#[test]
fn everybody_hears_the_same_moment_of_the_music() {
    let mut bank = bank();
    let mut pcm = vec![0; 160];
    pcm.extend([2000; 160]);
    bank.set_music_pcm("default", &pcm);
    let music = Background::find(&Source::HoldMusic("default".into()), &bank).unwrap();
    let mut payload = [0; FRAME_SAMPLES];
    for heard in [0, 7] {
        let made = music.frame(Coding::Pcma, heard, 101, &mut payload);
        assert_eq!(made, Made::Payload(FRAME_SAMPLES));
        assert_eq!(payload[0], Law::A.encode(2000));
    }
    assert!(Background::find(&Source::HoldMusic("none".into()), &bank).is_none());
}

fn steps() -> (SoundBank, Playlist) {
    let mut bank = SoundBank::new();
    for step in 1..=3i16 {
        bank.add_pcm(&step.to_string(), &[step * 1000; 160]);
    }
    let items = ["1", "2", "3"].map(|id| PlayItem::Sound(id.into()));
    let playlist = Playlist {
        items: items.to_vec(),
        barge_in: false,
        repeat: false,
    };
    (bank, playlist)
}

/// The steps heard, 0 for silence, until the end.
fn heard(player: &mut Player, limit: usize) -> Vec<usize> {
    let mut payload = [0; FRAME_SAMPLES];
    let mut steps = Vec::new();
    while steps.len() < limit && player.next_frame(Coding::Pcma, &mut payload) != Made::Nothing {
        let step = |step: &i16| Law::A.encode(step * 1000) == payload[80];
        steps.push((0..=9i16).position(|n| step(&n)).unwrap());
    }
    steps
}

#[test]
fn a_playlist_is_played_as_often_as_it_is_told() {
    let (bank, playlist) = steps();
    for (rounds, frames) in [(0, 3), (1, 3), (3, 9)] {
        let options = PlayOptions {
            rounds,
            ..PlayOptions::default()
        };
        let mut player = Player::with(PlayId(1), &playlist, &options, &bank).unwrap();
        let all = heard(&mut player, 20);
        assert_eq!(all, [1, 2, 3].repeat(frames / 3));
        assert!(player.is_finished());
    }
}

#[test]
fn it_can_begin_later_pause_and_be_sought_through() {
    let (bank, playlist) = steps();
    let options = PlayOptions {
        start: Duration::from_millis(25),
        rounds: 2,
        ..PlayOptions::default()
    };
    let mut player = Player::with(PlayId(1), &playlist, &options, &bank).unwrap();
    assert_eq!(heard(&mut player, 1), [2]);
    player.control(PlayControl::Pause);
    assert_eq!(heard(&mut player, 3), [0, 0, 0]);
    assert!(!player.is_finished());
    player.control(PlayControl::Resume);
    assert_eq!(heard(&mut player, 2), [3, 1]);
    player.control(PlayControl::Seek(Duration::ZERO));
    assert_eq!(heard(&mut player, 9), [1, 2, 3]);
    player.control(PlayControl::Seek(Duration::from_hours(9)));
    assert!(player.is_finished() && heard(&mut player, 1).is_empty());
}

#[test]
fn an_empty_playlist_ends_however_often_it_is_to_be_played() {
    let (bank, mut playlist) = steps();
    playlist.items.clear();
    let options = PlayOptions {
        rounds: u32::MAX,
        ..PlayOptions::default()
    };
    let mut player = Player::with(PlayId(1), &playlist, &options, &bank).unwrap();
    assert_eq!(
        player.next_frame(Coding::Pcmu, &mut [0; 160]),
        Made::Nothing
    );
    assert!(player.is_finished());
}

#[test]
fn a_gain_changes_the_level_by_so_many_decibels() {
    let (bank, playlist) = steps();
    let options = PlayOptions {
        gain_db: -6.0206,
        ..PlayOptions::default()
    };
    let mut player = Player::with(PlayId(1), &playlist, &options, &bank).unwrap();
    let mut payload = [0; 2000];
    let wide = Coding::L16(Rate::Wide);
    assert_eq!(player.next_frame(wide, &mut payload), Made::Payload(640));
    assert_eq!(i16::from_be_bytes([payload[320], payload[321]]), 500);
    player.next_frame(Coding::Pcmu, &mut payload);
    let sample = Law::Mu.decode(payload[80]);
    assert!((950..1050).contains(&sample), "{sample}");
    player.control(PlayControl::Gain(0.0));
    let mut pcm = [0; 320];
    assert!(player.next_pcm(Rate::Wide, &mut pcm) && pcm[160] == 3000);
    assert!(!player.next_pcm(Rate::Wide, &mut pcm));
}

#[test]
fn a_sound_that_is_never_encoded_is_left_out_in_the_end() {
    let (bank, playlist) = steps();
    let mut player = Player::new(PlayId(1), &playlist, &bank).unwrap();
    let mut payload = [0; 2000];
    let made = std::iter::repeat_with(|| player.next_frame(Coding::Opus, &mut payload));
    let waiting = made
        .take(1000)
        .take_while(|made| *made == Made::NotYet)
        .count();
    assert!((100..1000).contains(&waiting), "{waiting}");
}

#[test]
fn a_long_sound_that_is_never_encoded_is_waited_for_once() {
    let mut bank = SoundBank::new();
    bank.add_pcm("long", &[1000; 250 * 160]);
    let playlist = Playlist {
        items: vec![PlayItem::Sound("long".into())],
        barge_in: false,
        repeat: false,
    };
    let mut player = Player::new(PlayId(1), &playlist, &bank).unwrap();
    let mut payload = [0; 2000];
    let made = std::iter::repeat_with(|| player.next_frame(Coding::Opus, &mut payload));
    let waiting = made.take(1000).take_while(|made| *made == Made::NotYet);
    assert_eq!(waiting.count(), usize::from(PATIENCE) + 1);
}
