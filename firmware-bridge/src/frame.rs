//! The sealed frame that every link carries.
//!
//! ```text
//! 0        1     2          3..7          7..n-s             n-s..n
//! version  kind  algorithm  key id (LE)   body (postcard)    signature, s bytes
//! ```
//! Signed are the ASCII domain `mingluo/v1/<kind>\0` and then all bytes before the signature.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use heapless::String;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

#[cfg(feature = "sm2")]
mod sm2;
#[cfg(feature = "sm2")]
pub use sm2::{SM2_USER_ID, Sm2Key, Sm2Signer, Sm2Verifier};

/// Longest frame in bytes.
pub const FRAME_BYTES_MAX: usize = 1024;
/// The version this crate writes and reads.
pub const VERSION: u8 = 1;
/// Bytes before the body.
const HEAD_BYTES: usize = 7;
/// Longest domain text.
const DOMAIN_BYTES_MAX: usize = 32;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Gateway to terminal: an order.
    Order,
    /// Terminal to gateway: a report.
    Acknowledgement,
    /// Gateway to terminal: a report is on record.
    Receipt,
    /// Terminal to gateway: its state.
    Status,
}

impl Kind {
    /// Its byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Order => 1,
            Self::Acknowledgement => 2,
            Self::Receipt => 3,
            Self::Status => 4,
        }
    }

    /// Its signing domain.
    #[must_use]
    pub fn domain(self) -> &'static [u8] {
        match self {
            Self::Order => b"mingluo/v1/order\0",
            Self::Acknowledgement => b"mingluo/v1/acknowledgement\0",
            Self::Receipt => b"mingluo/v1/receipt\0",
            Self::Status => b"mingluo/v1/status\0",
        }
    }
}

/// How a frame is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032), 64 bytes.
    Ed25519,
    /// SM2 with SM3 (GB/T 32918, GB/T 32905), 64 bytes.
    Sm2Sm3,
    /// HMAC-SHA-256 (RFC 2104), 32 bytes.
    HmacSha256,
}

impl Algorithm {
    /// Its number on the wire.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Sm2Sm3 => 2,
            Self::HmacSha256 => 3,
        }
    }

    fn signature_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::Sm2Sm3 => 64,
            Self::HmacSha256 => 32,
        }
    }
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Shorter than the shortest frame, or longer than [`FRAME_BYTES_MAX`].
    Length(usize),
    /// Another version.
    Version(u8),
    /// Another kind than expected, or none at all.
    Kind(u8),
    /// An algorithm this verifier doesn't take.
    Algorithm(u8),
    /// A key this verifier doesn't have.
    Key(u32),
    /// The signature doesn't fit.
    Signature,
    /// The body can't be read, or bytes follow it.
    Body,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length(got) => write!(f, "expected 40 to {FRAME_BYTES_MAX} bytes, got {got}"),
            Self::Version(got) => write!(f, "expected frame version {VERSION}, got {got}"),
            Self::Kind(got) => write!(f, "unexpected frame kind {got}"),
            Self::Algorithm(got) => write!(f, "signature algorithm {got} is not accepted here"),
            Self::Key(got) => write!(f, "unknown key {got:08x}"),
            Self::Signature => f.write_str("the signature does not fit"),
            Self::Body => f.write_str("the body can't be read"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for FrameError {}

/// Makes signatures.
pub trait Signer {
    /// With which algorithm.
    fn algorithm(&self) -> Algorithm;
    /// With which key.
    fn key_id(&self) -> u32;
    /// Signs `domain ‖ message` into `out`, which is as long as the algorithm's signature; false when
    /// no signature came about.
    #[must_use]
    fn sign(&self, domain: &[u8], message: &[u8], out: &mut [u8]) -> bool;
}

/// Checks signatures.
pub trait Verifier {
    /// Checks `signature` over `domain ‖ message`.
    ///
    /// # Errors
    /// `Algorithm`, `Key` or `Signature`.
    fn verify(
        &self,
        algorithm: u8,
        key_id: u32,
        domain: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), FrameError>;
}

/// Seals `body` into `out`; gives the used length.
///
/// # Errors
/// `Body` when the body does not fit, `Signature` when none could be made.
pub fn seal<T: Serialize>(
    kind: Kind,
    body: &T,
    signer: &impl Signer,
    out: &mut [u8],
) -> Result<usize, FrameError> {
    let signature_bytes = signer.algorithm().signature_bytes();
    let room = out.len().min(FRAME_BYTES_MAX);
    let (head, rest) = out.split_at_mut_checked(HEAD_BYTES).ok_or(FrameError::Length(room))?;
    let room = room.checked_sub(HEAD_BYTES + signature_bytes).ok_or(FrameError::Body)?;
    let space = rest.get_mut(..room).ok_or(FrameError::Body)?;
    let body_bytes = postcard::to_slice(body, space).map_err(|_| FrameError::Body)?.len();
    let [a, b, c, d] = signer.key_id().to_le_bytes();
    head.copy_from_slice(&[VERSION, kind.byte(), signer.algorithm().byte(), a, b, c, d]);
    let (message, tail) =
        out.split_at_mut_checked(HEAD_BYTES + body_bytes).ok_or(FrameError::Body)?;
    let signature = tail.get_mut(..signature_bytes).ok_or(FrameError::Body)?;
    let signed = signer.sign(kind.domain(), message, signature);
    signed.then_some(HEAD_BYTES + body_bytes + signature_bytes).ok_or(FrameError::Signature)
}

/// The readable head of a frame. Nothing in it is proven: good for choosing a key, no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it says it carries.
    pub kind: Kind,
    /// Its algorithm byte.
    pub algorithm: u8,
    /// Its key id.
    pub key_id: u32,
}

/// Reads the head of a frame without checking its signature.
///
/// # Errors
/// `Length`, `Version` or `Kind`.
pub fn peek(bytes: &[u8]) -> Result<Head, FrameError> {
    let [version, kind, algorithm, a, b, c, d, ..] = *bytes else {
        return Err(FrameError::Length(bytes.len()));
    };
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let kind = [Kind::Order, Kind::Acknowledgement, Kind::Receipt, Kind::Status]
        .into_iter()
        .find(|candidate| candidate.byte() == kind)
        .ok_or(FrameError::Kind(kind))?;
    Ok(Head { kind, algorithm, key_id: u32::from_le_bytes([a, b, c, d]) })
}

/// Checks a frame of `kind` and reads its body. The signature is checked before the body is read.
///
/// # Errors
/// Any [`FrameError`].
pub fn open<T: DeserializeOwned>(
    kind: Kind,
    bytes: &[u8],
    verifier: &impl Verifier,
) -> Result<T, FrameError> {
    let length = FrameError::Length(bytes.len());
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(length);
    }
    let [version, got_kind, algorithm, a, b, c, d, ..] = *bytes else { return Err(length) };
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    if got_kind != kind.byte() {
        return Err(FrameError::Kind(got_kind));
    }
    let signature_bytes = match algorithm {
        1 | 2 => 64,
        3 => 32,
        other => return Err(FrameError::Algorithm(other)),
    };
    let split = bytes.len().checked_sub(signature_bytes).filter(|at| *at >= HEAD_BYTES);
    let (message, signature) = split.and_then(|at| bytes.split_at_checked(at)).ok_or(length)?;
    let key_id = u32::from_le_bytes([a, b, c, d]);
    verifier.verify(algorithm, key_id, kind.domain(), message, signature)?;
    let body = message.get(HEAD_BYTES..).ok_or(length)?;
    match postcard::take_from_bytes::<T>(body) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(FrameError::Body),
    }
}

/// Puts domain and message side by side for Ed25519, which takes one slice.
fn with_domain<T>(domain: &[u8], message: &[u8], use_it: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let mut joined = [0_u8; DOMAIN_BYTES_MAX + FRAME_BYTES_MAX];
    let all = joined.get_mut(..domain.len() + message.len())?;
    let (front, back) = all.split_at_mut_checked(domain.len())?;
    front.copy_from_slice(domain);
    back.copy_from_slice(message);
    Some(use_it(all))
}

/// Puts a signature of the right length where it belongs.
fn put(out: &mut [u8], signature: Option<&[u8]>) -> bool {
    match signature {
        Some(signature) if signature.len() == out.len() => {
            out.copy_from_slice(signature);
            true
        }
        Some(_) | None => false,
    }
}

/// Signs with Ed25519.
pub struct Ed25519Signer<'a> {
    key_id: u32,
    key: &'a SigningKey,
}

impl<'a> Ed25519Signer<'a> {
    /// A signer with the key of that number.
    #[must_use]
    pub fn new(key_id: u32, key: &'a SigningKey) -> Self {
        Self { key_id, key }
    }
}

impl Signer for Ed25519Signer<'_> {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519
    }
    fn key_id(&self) -> u32 {
        self.key_id
    }
    fn sign(&self, domain: &[u8], message: &[u8], out: &mut [u8]) -> bool {
        let signature = with_domain(domain, message, |all| self.key.sign(all).to_bytes());
        put(out, signature.as_ref().map(<[u8; 64]>::as_slice))
    }
}

/// Checks Ed25519 signatures of one key.
#[derive(Debug, Clone)]
pub struct Ed25519Verifier {
    key_id: u32,
    key: VerifyingKey,
}

impl Ed25519Verifier {
    /// A verifier; `None` when the bytes are no public key.
    #[must_use]
    pub fn new(key_id: u32, public_key: &[u8; 32]) -> Option<Self> {
        Some(Self { key_id, key: VerifyingKey::from_bytes(public_key).ok()? })
    }
}

impl Verifier for Ed25519Verifier {
    fn verify(
        &self,
        algorithm: u8,
        key_id: u32,
        domain: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), FrameError> {
        if algorithm != Algorithm::Ed25519.byte() {
            return Err(FrameError::Algorithm(algorithm));
        }
        if key_id != self.key_id {
            return Err(FrameError::Key(key_id));
        }
        let signature = Signature::from_slice(signature).map_err(|_| FrameError::Signature)?;
        let checked =
            with_domain(domain, message, |all| self.key.verify_strict(all, &signature).is_ok());
        if checked == Some(true) { Ok(()) } else { Err(FrameError::Signature) }
    }
}

/// Signs and checks with HMAC-SHA-256: reports and receipts of one terminal.
#[derive(Clone)]
pub struct HmacKey<'a> {
    key_id: u32,
    key: &'a [u8; 32],
}

impl<'a> HmacKey<'a> {
    /// A key with its number.
    #[must_use]
    pub fn new(key_id: u32, key: &'a [u8; 32]) -> Self {
        Self { key_id, key }
    }
}

fn hmac(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(key).ok()
}

impl Signer for HmacKey<'_> {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HmacSha256
    }
    fn key_id(&self) -> u32 {
        self.key_id
    }
    fn sign(&self, domain: &[u8], message: &[u8], out: &mut [u8]) -> bool {
        let Some(mut mac) = hmac(self.key) else { return false };
        mac.update(domain);
        mac.update(message);
        put(out, Some(&mac.finalize().into_bytes()))
    }
}

impl Verifier for HmacKey<'_> {
    fn verify(
        &self,
        algorithm: u8,
        key_id: u32,
        domain: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), FrameError> {
        if algorithm != Algorithm::HmacSha256.byte() {
            return Err(FrameError::Algorithm(algorithm));
        }
        if key_id != self.key_id {
            return Err(FrameError::Key(key_id));
        }
        let mut mac = hmac(self.key).ok_or(FrameError::Signature)?;
        mac.update(domain);
        mac.update(message);
        mac.verify_slice(signature).map_err(|_| FrameError::Signature)
    }
}

/// The key of one terminal for reports and receipts, derived from the gateway's master key.
#[must_use]
pub fn terminal_key(master: &[u8; 32], terminal: u64) -> [u8; 32] {
    derive(master, b"mingluo/v1/terminal-key\0", terminal)
}

/// The broker password of one terminal, 64 hexadecimal digits.
#[must_use]
pub fn terminal_password(master: &[u8; 32], terminal: u64) -> String<64> {
    let mut text = String::new();
    for byte in derive(master, b"mingluo/v1/terminal-password\0", terminal) {
        for nibble in [byte >> 4, byte & 15] {
            let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            // 64 digits fit 64 bytes.
            let _fits = text.push(digit);
        }
    }
    text
}

fn derive(master: &[u8; 32], label: &[u8], terminal: u64) -> [u8; 32] {
    let mut out = [0_u8; 32];
    if let Some(mut mac) = hmac(master) {
        mac.update(label);
        mac.update(&terminal.to_le_bytes());
        out = mac.finalize().into_bytes().into();
    }
    out
}
