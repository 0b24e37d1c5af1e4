//! Sounds nobody can mistake for each other, and what another decoder makes of them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test binary uses its own part"
)]

use mingluo_bridge::message::{Clip, Codec};
use sha2::{Digest, Sha256};
use std::io::Cursor;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

/// Samples of a block of 256 bytes.
const BLOCK_SAMPLES: u32 = 505;

/// Numbers that look random and repeat with their seed (xorshift64*).
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }
    pub fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// IMA ADPCM in WAVE with so many samples of noise, as the gateway lays it out.
pub fn noise(seed: u64, samples: u32) -> Vec<u8> {
    let mut random = Noise::new(seed);
    let mut data = Vec::new();
    for _ in 0..samples.div_ceil(BLOCK_SAMPLES) {
        data.extend([random.byte(), random.byte(), random.byte() % 60, 0]);
        data.extend((4..256).map(|_| random.byte()));
    }
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let mut file = b"RIFF".to_vec();
    file.extend((52 + u32::try_from(data.len()).unwrap()).to_le_bytes());
    file.extend(
        b"WAVEfmt \x14\0\0\0\x11\0\x01\0\x40\x1f\0\0\xd7\x0f\0\0\0\x01\x04\0\x02\0\xf9\x01",
    );
    file.extend(b"fact\x04\0\0\0");
    file.extend(samples.to_le_bytes());
    file.extend(b"data");
    file.extend(length(&data));
    file.extend(data);
    file
}

/// What symphonia decodes, without the filling of the last block.
pub fn decoded(file: &[u8], samples: u32) -> Vec<i16> {
    let source = MediaSourceStream::new(
        Box::new(Cursor::new(file.to_vec())),
        MediaSourceStreamOptions::default(),
    );
    let mut reader = symphonia::default::get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .unwrap();
    let track = reader.default_track(TrackType::Audio).unwrap();
    let parameters = track.codec_params.as_ref().and_then(|all| all.audio()).unwrap();
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .unwrap();
    let (mut all, mut piece) = (Vec::new(), Vec::<i16>::new());
    while let Some(packet) = reader.next_packet().unwrap() {
        decoder.decode(&packet).unwrap().copy_to_vec_interleaved(&mut piece);
        all.append(&mut piece);
    }
    all.truncate(usize::try_from(samples).unwrap());
    all
}

pub fn clip_of(file: &[u8], codec: Codec) -> Clip {
    let clip_bytes = u32::try_from(file.len()).unwrap();
    Clip { codec, sha256: Sha256::digest(file).into(), clip_bytes, duration_ms: 1_000 }
}
