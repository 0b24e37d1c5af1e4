//! SM2 signatures over SM3 digests (GB/T 32918.2, curve of GB/T 32918.5), for networks that must use
//! national algorithms. The nonce is derived from key and text (RFC 6979 over SM3), so that the same
//! order has the same bytes every time.

use super::{Algorithm, FrameError, Signer, Verifier, put};
use crate::gateway_key::GatewayKey;
use ::sm2::dsa::signature::{MultipartSigner as _, MultipartVerifier as _};
use ::sm2::dsa::{Signature, SigningKey, VerifyingKey};

/// The signer's name in the digest, where none was agreed (GM/T 0009, section 10).
pub const SM2_USER_ID: &str = "1234567812345678";
/// First byte of an uncompressed point (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A private key.
#[derive(Clone)]
pub struct Sm2Key(SigningKey);

impl Sm2Key {
    /// From a number of 32 bytes, high byte first; `None` when it is not between 1 and n - 2.
    #[must_use]
    pub fn from_bytes(number: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_slice(SM2_USER_ID, number).ok()?;
        // With n - 1, which no signature can be made with, this fails.
        let _signature: Signature = key.try_multipart_sign(&[]).ok()?;
        Some(Self(key))
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> GatewayKey {
        let point = self.0.verifying_key().as_affine();
        let (mut x, mut y) = ([0; 32], [0; 32]);
        let point = ::sm2::elliptic_curve::sec1::ToSec1Point::to_sec1_point(point, false);
        let halves = point.as_bytes().get(1..).and_then(|both| both.split_at_checked(32));
        if let Some((first, second)) = halves {
            // A private key has no other point than one with two coordinates of 32 bytes.
            let _whole = put(&mut x, Some(first)) && put(&mut y, Some(second));
        }
        GatewayKey::Sm2 { x, y }
    }
}

/// Signs with SM2.
pub struct Sm2Signer<'a> {
    key_id: u32,
    key: &'a Sm2Key,
}

impl<'a> Sm2Signer<'a> {
    /// A signer with the key of that number.
    #[must_use]
    pub fn new(key_id: u32, key: &'a Sm2Key) -> Self {
        Self { key_id, key }
    }
}

impl Signer for Sm2Signer<'_> {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Sm2Sm3
    }
    fn key_id(&self) -> u32 {
        self.key_id
    }
    fn sign(&self, domain: &[u8], message: &[u8], out: &mut [u8]) -> bool {
        let signature: Option<Signature> = self.key.0.try_multipart_sign(&[domain, message]).ok();
        let signature = signature.map(|signature| signature.to_bytes());
        put(out, signature.as_deref())
    }
}

/// Checks SM2 signatures of one key.
#[derive(Debug, Clone)]
pub struct Sm2Verifier {
    key_id: u32,
    key: VerifyingKey,
}

impl Sm2Verifier {
    /// A verifier; `None` when there is no such point on the curve.
    #[must_use]
    pub fn new(key_id: u32, x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let mut point = [UNCOMPRESSED; 65];
        let (first, second) = point.get_mut(1..)?.split_at_mut_checked(32)?;
        (put(first, Some(x)) && put(second, Some(y))).then_some(())?;
        Some(Self { key_id, key: VerifyingKey::from_sec1_bytes(SM2_USER_ID, &point).ok()? })
    }
}

impl Verifier for Sm2Verifier {
    fn verify(
        &self,
        algorithm: u8,
        key_id: u32,
        domain: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), FrameError> {
        if algorithm != Algorithm::Sm2Sm3.byte() {
            return Err(FrameError::Algorithm(algorithm));
        }
        if key_id != self.key_id {
            return Err(FrameError::Key(key_id));
        }
        let signature = Signature::from_slice(signature).map_err(|_| FrameError::Signature)?;
        let checked = self.key.multipart_verify(&[domain, message], &signature);
        checked.map_err(|_| FrameError::Signature)
    }
}
