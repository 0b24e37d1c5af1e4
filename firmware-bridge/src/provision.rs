//! What a terminal is told once, at the workbench: who it is, and whom it believes. Kept in its
//! persistent memory apart from the replay window; written by the installer, only read in the field.

use crate::gateway_key::GatewayKey;
use crate::station::LineProfile;
use crate::terminal::Profile;
use crc::{CRC_32_ISO_HDLC, Crc};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Bytes of the whole record.
pub const PROVISION_BYTES: usize = 256;
const MAGIC: [u8; 4] = *b"MLG1";
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A speech chip behind the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpeechChip {
    /// SYN6288.
    Syn6288,
    /// SYN6658.
    Syn6658,
    /// XFS5152CE.
    Xfs5152ce,
}

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provision {
    /// Name, 15 digits.
    pub terminal: u64,
    /// Address on the line, 1 to 247.
    pub address: u8,
    /// Areas it stands in.
    pub areas: Vec<u64, 8>,
    /// Number of the gateway's key.
    pub key_id: u32,
    /// The terminal's own key.
    pub key: [u8; 32],
    /// The gateway's public key, Ed25519. Not used, and zeros, where there is an `sm2_key`.
    pub gateway_key: [u8; 32],
    /// Own volume, percent.
    pub volume_percent: u8,
    /// Whether it takes part in armed drills.
    pub drills: bool,
    /// Speech chip, if there is one.
    pub speech: Option<SpeechChip>,
    /// The gateway's public key, SM2: x and y. With it orders of any other algorithm are refused. A
    /// record from before it ends in zeros, which read as none.
    pub sm2_key: Option<([u8; 32], [u8; 32])>,
}

impl Provision {
    /// As bytes for the memory: magic, postcard, zeros, CRC-32.
    #[must_use]
    pub fn encode(&self) -> Option<[u8; PROVISION_BYTES]> {
        let mut out = [0_u8; PROVISION_BYTES];
        let (all, crc) = out.split_last_chunk_mut::<4>()?;
        let (magic, body) = all.split_first_chunk_mut::<4>()?;
        *magic = MAGIC;
        postcard::to_slice(self, body).ok()?;
        *crc = CRC.checksum(all).to_le_bytes();
        Some(out)
    }

    /// Reads it back; `None` when it is damaged, was never written, or its address is none.
    #[must_use]
    pub fn decode(bytes: &[u8; PROVISION_BYTES]) -> Option<Self> {
        let (all, crc) = bytes.split_last_chunk::<4>()?;
        if CRC.checksum(all).to_le_bytes() != *crc {
            return None;
        }
        let body = all.strip_prefix(&MAGIC)?;
        let (read, _zeros) = postcard::take_from_bytes::<Self>(body).ok()?;
        (1..=crate::line::ADDRESS_MAX).contains(&read.address).then_some(read)
    }

    /// Who it is for the terminal core, with the codecs the board can play.
    #[must_use]
    pub fn profile(&self, codecs: u8) -> Profile {
        Profile {
            id: self.terminal,
            areas: self.areas.clone(),
            codecs,
            volume_percent: self.volume_percent.min(100),
            drills: self.drills,
        }
    }

    /// Whose orders it takes.
    #[must_use]
    pub fn believes(&self) -> GatewayKey {
        match self.sm2_key {
            Some((x, y)) => GatewayKey::Sm2 { x, y },
            None => GatewayKey::Ed25519(self.gateway_key),
        }
    }

    /// Who it is on the line; `None` when the gateway's key is none, or one that this firmware was
    /// not built to check.
    #[must_use]
    pub fn line(&self, software: &str) -> Option<LineProfile> {
        let verifier = self.believes().verifier(self.key_id)?;
        let software = crate::Text::try_from(software).ok()?;
        let (address, key_id, key) = (self.address, self.key_id, self.key);
        Some(LineProfile { address, key_id, key, verifier, software })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_damage_is_seen() {
        let record = Provision {
            terminal: 430_621_100_001_001,
            address: 7,
            areas: [430_621_100_001; 8].into_iter().collect(),
            key_id: u32::MAX,
            key: [5; 32],
            gateway_key: [9; 32],
            volume_percent: 80,
            drills: true,
            speech: Some(SpeechChip::Xfs5152ce),
            sm2_key: Some(([7; 32], [8; 32])),
        };
        let bytes = record.encode().expect("the largest record fits");
        assert_eq!(Provision::decode(&bytes), Some(record.clone()));
        for at in 0..PROVISION_BYTES {
            let mut bad = bytes;
            bad[at] ^= 4;
            assert_eq!(Provision::decode(&bad), None, "byte {at}");
        }
        assert_eq!(Provision::decode(&[0xFF; PROVISION_BYTES]), None, "empty EEPROM");
        assert_eq!(Provision::decode(&[0; PROVISION_BYTES]), None, "zeros");
        let nobody = Provision { address: 0, ..record }.encode().unwrap();
        assert_eq!(Provision::decode(&nobody), None, "address 0 is the gateway");
    }
    /// What a version without `sm2_key` wrote.
    #[derive(Serialize)]
    struct Before<'a> {
        terminal: u64,
        address: u8,
        areas: &'a Vec<u64, 8>,
        key_id: u32,
        key: [u8; 32],
        gateway_key: [u8; 32],
        volume_percent: u8,
        drills: bool,
        speech: Option<SpeechChip>,
    }

    #[test]
    fn a_record_from_before_sm2_reads_as_it_was_meant() {
        let now = Provision {
            terminal: 430_621_100_001_001,
            address: 7,
            areas: [430_621_100_001].into_iter().collect(),
            key_id: 3,
            key: [5; 32],
            gateway_key: [9; 32],
            volume_percent: 80,
            drills: false,
            speech: None,
            sm2_key: None,
        };
        let before = Before {
            terminal: now.terminal,
            address: now.address,
            areas: &now.areas,
            key_id: now.key_id,
            key: now.key,
            gateway_key: now.gateway_key,
            volume_percent: now.volume_percent,
            drills: now.drills,
            speech: now.speech,
        };
        let mut bytes = [0_u8; PROVISION_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        postcard::to_slice(&before, &mut bytes[4..252]).unwrap();
        let crc = CRC.checksum(&bytes[..252]).to_le_bytes();
        bytes[252..].copy_from_slice(&crc);
        assert_eq!(Provision::decode(&bytes), Some(now.clone()));
        assert_eq!(now.encode(), Some(bytes), "and is written as before");
        assert_eq!(now.believes(), GatewayKey::Ed25519([9; 32]));
    }
}
