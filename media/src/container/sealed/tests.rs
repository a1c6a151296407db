use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn key() -> SealKey {
    SealKey::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap()))
}

fn header(inside: Inside) -> SealedHeader {
    SealedHeader {
        inside,
        channels: 1,
        sample_rate: 8000,
        recording: 7,
    }
}

/// A file with these pieces, each of which is 50 ms.
fn sealed(inside: Inside, pieces: &[&[u8]], last: Last) -> Vec<u8> {
    let mut sealer = Sealer::new(&key(), header(inside));
    let mut file = sealer.header().to_vec();
    for (n, piece) in pieces.iter().enumerate() {
        sealer.seal(piece, 400 * (n as u64 + 1), Last::No, &mut file);
    }
    if last == Last::Yes {
        sealer.seal(&[], 400 * pieces.len() as u64, Last::Yes, &mut file);
    }
    file
}

/// All that is inside from a byte on, or why not.
fn opened(file: &[u8], from: u64) -> Result<Vec<u8>, SealedError> {
    let mut reader = SealedReader::open(Cursor::new(file), &key())?;
    reader.seek_to(from);
    let mut inside = Vec::new();
    loop {
        let piece = reader.next(1000)?;
        if piece.is_empty() {
            return Ok(inside);
        }
        inside.extend(piece);
    }
}

const MP3: Inside = Inside::Audio(AudioFormat::Mp3);

#[test]
fn what_was_sealed_is_read_from_any_byte_on() {
    let pieces: Vec<Vec<u8>> = (1..20u8).map(|n| vec![n; usize::from(n) * 7]).collect();
    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
    let whole = pieces.concat();
    let file = sealed(MP3, &pieces, Last::Yes);
    for from in 0..=whole.len() {
        assert_eq!(opened(&file, from as u64).unwrap(), whole[from..]);
    }
    let index = Index::read(&mut Cursor::new(&file)).unwrap();
    assert_eq!(index.audio_len(), whole.len() as u64);
    assert_eq!(index.milliseconds(), 950);
    assert!(index.is_complete());
    assert!(!file.windows(8).any(|bytes| bytes == [19; 8]), "in clear");
}

#[test]
fn samples_are_read_as_a_wav_file() {
    let file = sealed(
        Inside::Audio(AudioFormat::Wav),
        &[&[1; 800], &[2; 800]],
        Last::Yes,
    );
    let wav = opened(&file, 0).unwrap();
    let mut reader = hound::WavReader::new(Cursor::new(&wav)).unwrap();
    assert_eq!(reader.samples::<i16>().count(), 800);
    for from in [1, 43, 44, 45, 900, 1643] {
        assert_eq!(opened(&file, from as u64).unwrap(), wav[from..], "{from}");
    }
}

#[test]
fn a_file_that_was_cut_off_is_read_to_its_last_whole_chunk() {
    let pieces: [&[u8]; 3] = [&[1; 100], &[2; 100], &[3; 100]];
    let file = sealed(MP3, &pieces, Last::Yes);
    let chunk = CHUNK_HEADER_LEN + 100 + TAG_LEN;
    for cut in HEADER_LEN..file.len() {
        let whole = ((cut - HEADER_LEN) / chunk).min(3);
        let cut = &file[..cut];
        let index = Index::read(&mut Cursor::new(cut)).unwrap();
        assert!(!index.is_complete());
        assert_eq!(index.end(), (HEADER_LEN + whole * chunk) as u64);
        assert_eq!(index.milliseconds(), whole as u64 * 50);
        assert_eq!(opened(cut, 0).unwrap(), pieces[..whole].concat());
    }
}

#[test]
fn nothing_can_be_changed_moved_or_left_out() {
    let file = sealed(MP3, &[&[1; 100], &[2; 100], &[3; 100]], Last::Yes);
    let good = opened(&file, 0).unwrap();
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        // A changed length can make the rest look cut off; what is read is never something else.
        if let Ok(read) = opened(&changed, 0) {
            let index = Index::read(&mut Cursor::new(&changed)).unwrap();
            assert!(good.starts_with(&read) && !index.is_complete(), "byte {at}");
        }
    }
    let chunk = CHUNK_HEADER_LEN + 100 + TAG_LEN;
    let part = |n: usize| &file[HEADER_LEN + n * chunk..HEADER_LEN + (n + 1) * chunk];
    let head = &file[..HEADER_LEN];
    for order in [[1, 0, 2], [0, 0, 2], [0, 2, 1]] {
        let forged = [head, part(order[0]), part(order[1]), part(order[2])].concat();
        assert!(opened(&forged, 0).is_err(), "{order:?}");
    }
    let other = SealedReader::open(Cursor::new(&file), &SealKey::random());
    assert!(matches!(other, Err(SealedError::Forged(3))));
    let cut_off = &file[..HEADER_LEN + chunk];
    let other = SealedReader::open(Cursor::new(cut_off), &SealKey::random());
    assert!(matches!(
        other.unwrap().next(100),
        Err(SealedError::Forged(0))
    ));
}

#[test]
fn a_file_that_was_cut_off_cannot_be_given_an_end() {
    let file = sealed(MP3, &[&[1; 100], &[2; 100], &[3; 100]], Last::Yes);
    let whole = HEADER_LEN + 2 * (CHUNK_HEADER_LEN + 100 + TAG_LEN);
    let header = ChunkHeader {
        length: 0,
        last: Last::Yes,
        position: 800,
    };
    let mut forged = [&file[..whole], &header.to_bytes()].concat();
    forged.extend([7; TAG_LEN]);
    let index = Index::read(&mut Cursor::new(&forged)).unwrap();
    assert!(index.is_complete(), "so it says");
    let opened = SealedReader::open(Cursor::new(&forged), &key());
    assert!(matches!(opened, Err(SealedError::Forged(2))));
    // Nor does the end of the whole file fit.
    let end = file.len() - CHUNK_HEADER_LEN - TAG_LEN;
    let forged = [&file[..whole], &file[end..]].concat();
    let opened = SealedReader::open(Cursor::new(&forged), &key());
    assert!(matches!(opened, Err(SealedError::Forged(2))));
}

#[test]
fn the_format_is_what_the_documentation_says() {
    let file = sealed(MP3, &[b"audio"], Last::Yes);
    let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
    // Worked out anew by another implementation; it stands in docs/recordings.md.
    let expected = [
        "4f46485345414c000102010040 1f0000 07000000000000000000000000000000",
        "05000000 00000000 9001000000000000",
        "871b8f0995 bdc37ddac27d0d6e232bdadfb0603dd3",
        "00000000 01000000 9001000000000000",
        "7547139ac38ba9ee8d921f6f294ea86f",
    ];
    assert_eq!(hex, expected.concat().replace(' ', ""));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        crate::fuzz::sealed_recording(&bytes);
        let mut file = header(MP3).to_bytes().to_vec();
        file.extend(bytes);
        crate::fuzz::sealed_recording(&file);
    }
}
