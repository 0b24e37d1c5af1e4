//! Good, damaged, silent, endless and strange recordings.

use super::*;
use crate::model::Codec;
use crate::render::encode::encode;
use crate::render::samples::{narrow, to_i16};

fn tone(ms: u32) -> Samples {
    let mono = (0..ms * 16).map(|n| narrow((f64::from(n) * 0.2).sin() * 0.4));
    Samples { rate_hz: MIX_RATE_HZ, mono: mono.collect() }
}

/// Best match of `b` in `a` over small shifts, 0 to 1.
fn likeness(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(p, q)| f64::from(p * q)).sum::<f64>();
    let mid = &b[4_000..12_000];
    (3_000..5_500_usize)
        .filter_map(|at| a.get(at..at + mid.len()))
        .map(|part| dot(part, mid) / (dot(part, part) * dot(mid, mid)).sqrt())
        .fold(0.0, f64::max)
}

fn check(codec: Codec, least: f64) {
    let sound = tone(1_230);
    let bytes = encode(&sound, codec).expect("encodes");
    let back = decode(&bytes).unwrap_or_else(|e| panic!("{codec:?}: {e}"));
    assert_eq!(back.rate_hz, MIX_RATE_HZ);
    let like = likeness(&back.mono, &sound.mono);
    assert!(like > least, "{codec:?}: {like}");
    let extra_ms = match codec {
        // Its frames don't say where padding begins.
        Codec::Mp3 => 160,
        // The decoder fills the last block up.
        Codec::Adpcm => 64,
        Codec::Opus | Codec::Wav | Codec::Text | Codec::Phrases => 1,
    };
    assert!(back.duration_ms().abs_diff(1_230) <= extra_ms, "{codec:?}: {} ms", back.duration_ms());
    assert_eq!(
        bytes,
        encode(&sound, codec).expect("encodes"),
        "the same sound gives the same bytes"
    );
    // Cut anywhere, it is refused or shorter, and never a panic.
    for part in 1..40 {
        drop(decode(&bytes[..bytes.len() * part / 40]));
    }
    let mut noisy = bytes;
    for (n, byte) in noisy.iter_mut().enumerate().skip(60) {
        *byte ^= u8::try_from(n * 31 % 251).unwrap_or(0);
    }
    drop(decode(&noisy));
}

#[test]
fn what_we_encode_we_decode() {
    check(Codec::Wav, 0.999);
    check(Codec::Adpcm, 0.98);
    check(Codec::Mp3, 0.95);
    check(Codec::Opus, 0.9);
}

fn wav(rate_hz: u32, samples: &[f32]) -> Vec<u8> {
    encode(&Samples { rate_hz, mono: samples.to_vec() }, Codec::Wav).expect("encodes")
}

#[test]
fn useless_recordings_are_refused_with_the_reason() {
    assert_eq!(decode(b""), Err(RecordingFault::Empty("no bytes")));
    assert!(matches!(decode(b"not audio at all, only words"), Err(RecordingFault::Format(_))));
    assert_eq!(decode(&wav(16_000, &[0.0; 16_000])), Err(RecordingFault::Silent));
    assert_eq!(decode(&wav(16_000, &[0.5; 800])), Err(RecordingFault::TooShort(50)));
    assert!(matches!(decode(&vec![0; RECORDING_BYTES_MAX + 1]), Err(RecordingFault::TooLarge(_))));
    assert!(matches!(
        decode(b"OggS\0\x02aaaaaaaaaaaaaaaaaaaa\x01\x13OpusHead"),
        Err(RecordingFault::NoEnd)
    ));
    let long = Samples { rate_hz: 16_000, mono: vec![0.3; 16_000 * 601] };
    let quiet = Samples { rate_hz: 16_000, mono: vec![0.000_9; 16_000] };
    assert_eq!(checked(&quiet), Err(RecordingFault::Silent));
    assert_eq!(checked(&long), Err(RecordingFault::TooLong));
    let strange = Samples { rate_hz: 16_000, mono: vec![f32::NAN; 16_000] };
    assert_eq!(checked(&strange), Err(RecordingFault::NotFinite));
}

#[test]
fn channels_are_averaged_and_growth_is_stopped() {
    let mut collector = Collector::new(16_000, None, 1).expect("usual rate");
    collector.add(&[9.0, 9.0, 1.0, 0.0, 0.5, 0.5], 2, usize::MAX).expect("short");
    collector.frames_max = 3;
    assert_eq!(collector.add(&[0.0, 0.0, 0.0], 1, usize::MAX), Err(RecordingFault::TooLong));
    assert_eq!(collector.add(&[0.0; 9], 9, usize::MAX), Err(RecordingFault::Channels(9)));
    assert_eq!(collector.taken, 5);
    let mono = collector.finish(None).expect("sound").mono;
    assert_eq!(mono.get(..2), Some([0.5, 0.5].as_slice()));
    for rate_hz in [0, 7_999, 192_001] {
        let refused = Collector::new(rate_hz, Some(16_000), 0).err();
        assert_eq!(refused, Some(RecordingFault::RateRange(rate_hz)));
    }
    let mut short = Collector::new(16_000, None, 0).expect("usual rate");
    short.add(&[0.5; 16_000], 1, usize::MAX).expect("short");
    let broken = RecordingFault::BrokenOff { expected_ms: 2_000, got_ms: 1_000 };
    assert_eq!(short.finish(Some(32_000)), Err(broken));
}

#[test]
fn formats_of_telephones_and_computers() {
    // Made by ffmpeg from a 440 Hz sine of one second, 44.1 kHz stereo; see audio-samples/README.md.
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/golden");
    for file in
        ["sine.flac", "sine.mp3", "sine.m4a", "sine-vorbis.ogg", "sine-opus.ogg", "sine.wav"]
    {
        let bytes = std::fs::read(dir.join(file)).expect(file);
        let sound = decode(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!((950..1_150).contains(&sound.duration_ms()), "{file}: {} ms", sound.duration_ms());
        let crossings =
            sound.mono[2_000..14_000].windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        assert!((325..=335).contains(&crossings), "{file}: {crossings} periods in 750 ms");
    }
}

/// A wav file of interleaved 16-bit samples with any head.
fn wav_of(rate_hz: u32, channels: u16, frames: u32, claimed_bytes: Option<u32>) -> Vec<u8> {
    let data: Vec<u8> = (0..frames)
        .flat_map(|n| {
            let value = to_i16(narrow((f64::from(n) / f64::from(rate_hz) * 2_764.6).sin() * 0.4));
            (0..channels).flat_map(move |_| value.to_le_bytes())
        })
        .collect();
    let length = u32::try_from(data.len()).unwrap();
    let block = channels * 2;
    let mut out = b"RIFF".to_vec();
    out.extend(
        claimed_bytes.map_or(length + 36, |claimed| claimed.saturating_add(36)).to_le_bytes(),
    );
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    out.extend(channels.to_le_bytes());
    out.extend(rate_hz.to_le_bytes());
    out.extend((rate_hz * u32::from(block)).to_le_bytes());
    out.extend(block.to_le_bytes());
    out.extend(b"\x10\0data");
    out.extend(claimed_bytes.unwrap_or(length).to_le_bytes());
    out.extend(data);
    out
}

#[test]
fn any_rate_and_up_to_eight_channels() {
    for (rate_hz, channels) in
        [(8_000, 1), (11_025, 2), (22_050, 1), (44_100, 6), (96_000, 2), (192_000, 8), (44_099, 1)]
    {
        let sound = decode(&wav_of(rate_hz, channels, rate_hz / 2, None)).expect("usual");
        assert!(sound.duration_ms().abs_diff(500) <= 1, "{rate_hz}: {} ms", sound.duration_ms());
        let peak = sound.mono.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!((peak - 0.4).abs() < 0.02, "{rate_hz} hz, {channels} channels: {peak}");
    }
    assert_eq!(decode(&wav_of(4_000, 1, 4_000, None)), Err(RecordingFault::RateRange(4_000)));
    assert_eq!(decode(&wav_of(384_000, 1, 384_000, None)), Err(RecordingFault::RateRange(384_000)));
    assert!(decode(&wav_of(16_000, 12, 16_000, None)).is_err());
}

#[test]
fn heads_that_claim_too_much_are_refused_and_open_ends_are_read() {
    let hours = decode(&wav_of(16_000, 1, 16_000, Some(1_000_000_000)));
    assert!(matches!(hours, Err(RecordingFault::BrokenOff { got_ms: 1_000, .. })), "{hours:?}");
    let half = decode(&wav_of(16_000, 1, 16_000, Some(64_000)));
    assert!(matches!(half, Err(RecordingFault::BrokenOff { .. })), "{half:?}");
    for open in [u32::MAX, u32::MAX - 36, 0x7fff_ffff, 0x7fff_f000] {
        let sound = decode(&wav_of(16_000, 1, 16_000, Some(open)));
        assert_eq!(sound.map(|sound| sound.duration_ms()), Ok(1_000), "{open:x}");
    }
}

#[test]
fn cut_off_files_of_every_format_are_refused() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/golden");
    for file in
        ["sine.flac", "sine.mp3", "sine.m4a", "sine-vorbis.ogg", "sine-opus.ogg", "sine.wav"]
    {
        let bytes = std::fs::read(dir.join(file)).expect(file);
        let cut = decode(&bytes[..bytes.len() * 6 / 10]);
        let told = cut.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains("expected"), "{file}: {cut:?}");
    }
}

#[test]
fn protected_files_are_named_so() {
    let mut bytes = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42".to_vec();
    bytes.extend(b"\0\0\0\x40moov....stsd....drms................sinf....frmamp4aschm");
    assert_eq!(decode(&bytes), Err(RecordingFault::Protected));
    let audible = b"\0\0\0\x14ftypaax \0\0\0\x01aax ".repeat(4);
    assert_eq!(decode(&audible), Err(RecordingFault::Protected));
    let open = std::fs::read(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/golden/sine.m4a"),
    );
    assert!(!suspicion::is_protected(&open.expect("committed")));
}

/// Six channels in four streams, as surround encoders write them.
#[test]
fn opus_of_many_channels_is_mixed_down() {
    use ogg::writing::{PacketWriteEndInfo, PacketWriter};
    use ropus::opus::encoder::OPUS_APPLICATION_AUDIO;
    use ropus::opus::multistream::OpusMSEncoder;
    let (mut encoder, streams, coupled, mapping) =
        OpusMSEncoder::new_surround(48_000, 6, 1, OPUS_APPLICATION_AUDIO).expect("six channels");
    let mut head = b"OpusHead\x01\x06\0\0\x80\xbb\0\0\0\0\x01".to_vec();
    head.extend([u8::try_from(streams).unwrap(), u8::try_from(coupled).unwrap()]);
    head.extend(&mapping[..6]);
    let mut writer = PacketWriter::new(Vec::new());
    let mut put = |packet: Vec<u8>, end, at| writer.write_packet(packet, 5, end, at).unwrap();
    put(head, PacketWriteEndInfo::EndPage, 0);
    put(b"OpusTags\0\0\0\0\0\0\0\0".to_vec(), PacketWriteEndInfo::EndPage, 0);
    for n in 0..50_u32 {
        let pcm: Vec<i16> = (0..960)
            .flat_map(|at| {
                let t = f64::from(n * 960 + at) / 48_000.0;
                [to_i16(narrow((t * 2_764.6).sin() * 0.4)); 6]
            })
            .collect();
        let mut packet = vec![0; 4_000];
        let length = encoder.encode(&pcm, 960, &mut packet, 4_000).expect("encodes");
        packet.truncate(usize::try_from(length).unwrap());
        let end =
            if n == 49 { PacketWriteEndInfo::EndStream } else { PacketWriteEndInfo::NormalPacket };
        put(packet, end, u64::from(n + 1) * 960);
    }
    let sound = decode(&writer.into_inner()).expect("decodes");
    assert_eq!(sound.duration_ms(), 1_000);
    let peak = sound.mono[4_000..].iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    assert!((0.25..0.6).contains(&peak), "{peak}");
}

/// Recorded from a browser's microphone: segment and clusters may have an open length.
#[test]
fn opus_in_webm_is_read_whole_or_refused() {
    let open = include_bytes!("../../tests/fixtures/recording/tone-open.webm");
    let closed = include_bytes!("../../tests/fixtures/recording/tone.webm");
    for bytes in [&open[..], &closed[..]] {
        assert_eq!(extension(bytes), Some("webm"));
        let sound = decode(bytes).unwrap_or_else(|fault| panic!("{fault}"));
        // The last packet is padded to its end.
        assert!(sound.duration_ms().abs_diff(1_500) <= 25, "{} ms", sound.duration_ms());
        // 440 Hz cross zero 880 times a second; the edges of the sound are left out.
        let middle = &sound.mono[4_000..20_000];
        let crossings = middle.windows(2).filter(|two| (two[0] < 0.0) != (two[1] < 0.0)).count();
        assert!(crossings.abs_diff(880) <= 4, "{crossings} crossings a second");
    }
    let at_end = open.len() - 10;
    assert_eq!(decode(&open[..at_end]).unwrap_err(), RecordingFault::NoEnd, "cut in a block");
    assert_eq!(decode(&closed[..3_000]).unwrap_err(), RecordingFault::NoEnd);
    let mut other = closed.to_vec();
    let codec = other.windows(6).position(|six| six == b"A_OPUS").unwrap();
    other[codec..codec + 6].copy_from_slice(b"A_PCM1");
    assert!(decode(&other).unwrap_err().to_string().contains("A_PCM1"));
    assert!(matches!(
        decode(&closed[..40]),
        Err(RecordingFault::Format(_) | RecordingFault::NoEnd)
    ));
}

#[test]
fn a_hole_in_the_middle_is_damage() {
    let whole = encode(&tone(4_000), Codec::Opus).expect("encodes");
    assert!(decode(&whole).is_ok());
    let pages: Vec<usize> = whole
        .windows(4)
        .enumerate()
        .filter(|(_, four)| *four == b"OggS")
        .map(|(at, _)| at)
        .collect();
    let [.., from, to, _] = pages.as_slice() else { panic!("{pages:?}") };
    let hole = Err(RecordingFault::Damaged("a hole in the middle".to_owned()));
    let mut blank = whole.clone();
    blank[*from..*to].fill(0);
    assert_eq!(decode(&blank), hole);
    let mut without = whole;
    without.drain(*from..*to);
    assert_eq!(decode(&without), hole);
}

#[test]
fn a_head_that_was_never_finished_is_no_loss() {
    let whole = wav(16_000, &tone(1_000).mono);
    let mut open = whole.clone();
    open[4..8].fill(0);
    let data = open.windows(4).position(|four| four == b"data").expect("a chunk of sound") + 4;
    open[data..data + 4].fill(0);
    let (open, whole) = (decode(&open).expect("sound"), decode(&whole).expect("sound"));
    assert!(open == whole, "{} and {} ms", open.duration_ms(), whole.duration_ms());
}

#[test]
fn people_read_what_their_file_is() {
    for (bytes, expect) in [
        (&b"\x30\x26\xb2\x75\x8e\x66\xcf\x11 and so on"[..], "a WMA or WMV file"),
        (b"#!AMR\n\x3c\x08\x0b", "an AMR recording"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0 ... alac ...", "Apple Lossless (ALAC) sound"),
        (b"PK\x03\x04\x14\0\0\0", "a ZIP archive"),
        (b"<html><body>Not found</body></html>", "a text"),
        (b"plain words", "a text"),
        (&[0x99; 40], "a file of a kind we don't know"),
    ] {
        let fault = decode(bytes).expect_err("no sound").to_string();
        assert!(fault.contains(expect) && fault.ends_with("convert it"), "{fault}");
    }
    let mut head = wav(16_000, &tone(1_000).mono);
    head[20..24].fill(0xee);
    let fault = decode(&head).expect_err("no sound").to_string();
    assert!(fault.contains("wav with sound of a kind we don't read"), "{fault}");
}
