//! The keys that orders, receipts and reports are sealed with.
//!
//! One Ed25519 key signs orders, or an SM2 key in its place; the Ed25519 key signs the record in any
//! case. One master key per gateway gives every terminal its own key for reports and receipts and
//! its own broker password, so that no table of secrets exists.

use crate::model::{BroadcastId, TerminalId};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit, Mac};
use mingluo_bridge::frame::{self, FrameError, Sm2Key};
use mingluo_bridge::gateway_key::GatewayKey;
use mingluo_bridge::message::{Order, Receipt, ReceiptItem, Report, Status};
use std::sync::Arc;

/// Keys of one gateway.
pub struct KeyRing {
    signing: SigningKey,
    /// Signs orders in place of the other.
    sm2: Option<Sm2Key>,
    key_id: u32,
    master: [u8; 32],
}

impl core::fmt::Debug for KeyRing {
    /// Secrets never reach a log.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyRing {{ key_id: {} }}", self.key_id)
    }
}

impl KeyRing {
    /// From the signing key's seed and the terminals' master key, 32 bytes each.
    #[must_use]
    pub fn new(seed: &[u8; 32], master: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let key_id = key_id(&GatewayKey::Ed25519(signing.verifying_key().to_bytes()));
        Self { signing, sm2: None, key_id, master }
    }

    /// The same, with orders signed by this SM2 key.
    #[must_use]
    pub fn with_sm2(self, key: Sm2Key) -> Self {
        let key_id = key_id(&key.public());
        Self { sm2: Some(key), key_id, ..self }
    }

    /// The public key terminals verify orders with.
    #[must_use]
    pub fn gateway_key(&self) -> GatewayKey {
        match &self.sm2 {
            Some(key) => key.public(),
            None => GatewayKey::Ed25519(self.public_key()),
        }
    }

    /// The Ed25519 public key, with which the record is signed.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// The number of the key for orders on the wire: first four bytes of its digest.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// The key of one terminal for its reports and receipts.
    #[must_use]
    pub fn terminal_key(&self, terminal: TerminalId) -> [u8; 32] {
        frame::terminal_key(&self.master, terminal.number())
    }

    /// The broker password of one terminal.
    #[must_use]
    pub fn terminal_password(&self, terminal: TerminalId) -> String {
        frame::terminal_password(&self.master, terminal.number()).as_str().to_owned()
    }

    /// The secret from which one-time links of calls are made.
    #[must_use]
    pub fn call_key(&self) -> Option<[u8; 32]> {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.master).ok()?;
        mac.update(b"mingluo/v1/call-key\0");
        Some(mac.finalize().into_bytes().into())
    }

    /// Signs an order.
    ///
    /// # Errors
    /// When it does not fit a frame.
    pub fn seal_order(&self, order: &Order) -> Result<Arc<[u8]>, FrameError> {
        let mut out = [0_u8; frame::FRAME_BYTES_MAX];
        let used = match &self.sm2 {
            None => {
                let signer = frame::Ed25519Signer::new(self.key_id, &self.signing);
                frame::seal(frame::Kind::Order, order, &signer, &mut out)?
            }
            Some(key) => {
                let signer = frame::Sm2Signer::new(self.key_id, key);
                frame::seal(frame::Kind::Order, order, &signer, &mut out)?
            }
        };
        Ok(out.get(..used).unwrap_or_default().into())
    }

    /// Seals a receipt with the terminal's own key.
    ///
    /// # Errors
    /// When it does not fit a frame.
    pub fn seal_receipt(
        &self,
        terminal: TerminalId,
        broadcast: BroadcastId,
        sequence: u32,
    ) -> Result<Arc<[u8]>, FrameError> {
        let item = ReceiptItem { terminal: terminal.number(), broadcast: broadcast.0, sequence };
        let receipt = Receipt { items: core::iter::once(item).collect(), issued_at_ms: 0 };
        let key = self.terminal_key(terminal);
        let mut out = [0_u8; frame::FRAME_BYTES_MAX];
        let signer = frame::HmacKey::new(self.key_id, &key);
        let used = frame::seal(frame::Kind::Receipt, &receipt, &signer, &mut out)?;
        Ok(out.get(..used).unwrap_or_default().into())
    }

    /// Opens a report that came on `terminal`'s own topic.
    ///
    /// # Errors
    /// When the frame is damaged or not sealed with that terminal's key.
    pub fn open_report(&self, terminal: TerminalId, bytes: &[u8]) -> Result<Report, FrameError> {
        let key = self.terminal_key(terminal);
        frame::open(frame::Kind::Acknowledgement, bytes, &frame::HmacKey::new(self.key_id, &key))
    }

    /// Opens a status that came on `terminal`'s own topic.
    ///
    /// # Errors
    /// As [`Self::open_report`].
    pub fn open_status(&self, terminal: TerminalId, bytes: &[u8]) -> Result<Status, FrameError> {
        let key = self.terminal_key(terminal);
        frame::open(frame::Kind::Status, bytes, &frame::HmacKey::new(self.key_id, &key))
    }
}

/// Number of a public key on the wire.
#[must_use]
pub fn key_id(key: &GatewayKey) -> u32 {
    let digest = match key {
        GatewayKey::Ed25519(key) => crate::model::Sha256::of(key).0,
        GatewayKey::Sm2 { x, y } => crate::model::Sha256::of(&[*x, *y].concat()).0,
    };
    let [a, b, c, d, ..] = digest;
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What makers of other terminals read of the number of a key is what we send.
    #[test]
    fn the_number_of_a_key_is_as_the_protocol_says() {
        let document = include_str!("../../firmware-bridge/PROTOCOL.md");
        let key = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
        let public = crate::model::Sha256::parse(key).unwrap().0;
        let number = key_id(&GatewayKey::Ed25519(public)).to_le_bytes();
        let written: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, "fe812c12");
        assert!(document.contains(key) && document.contains(&format!("`{written}`")));
    }
}
