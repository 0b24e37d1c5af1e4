//! The gateway's public key for orders, of whichever algorithm, and what checks with it. A terminal
//! holds one such key and takes no frame of another algorithm: nobody can talk it into a weaker one.

use crate::frame::{FrameError, Verifier};
use serde::{Deserialize, Serialize};

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GatewayKey {
    /// Ed25519 (RFC 8032).
    Ed25519([u8; 32]),
    /// SM2 (GB/T 32918): coordinates of the point, high byte first.
    Sm2 {
        /// First coordinate.
        x: [u8; 32],
        /// Second coordinate.
        y: [u8; 32],
    },
}

impl GatewayKey {
    /// What checks orders with it; `None` when it is no key, or of an algorithm that is not built in.
    #[must_use]
    pub fn verifier(&self, key_id: u32) -> Option<GatewayVerifier> {
        match self {
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => {
                crate::frame::Ed25519Verifier::new(key_id, key).map(GatewayVerifier::Ed25519)
            }
            #[cfg(not(feature = "ed25519"))]
            Self::Ed25519(_) => None,
            #[cfg(feature = "sm2")]
            Self::Sm2 { x, y } => {
                crate::frame::Sm2Verifier::new(key_id, x, y).map(GatewayVerifier::Sm2)
            }
            #[cfg(not(feature = "sm2"))]
            Self::Sm2 { .. } => None,
        }
    }
}

/// Checks orders of one gateway.
#[derive(Debug, Clone)]
pub enum GatewayVerifier {
    /// With Ed25519, and nothing else.
    #[cfg(feature = "ed25519")]
    Ed25519(crate::frame::Ed25519Verifier),
    /// With SM2, and nothing else.
    #[cfg(feature = "sm2")]
    Sm2(crate::frame::Sm2Verifier),
}

#[cfg(feature = "ed25519")]
impl From<crate::frame::Ed25519Verifier> for GatewayVerifier {
    fn from(verifier: crate::frame::Ed25519Verifier) -> Self {
        Self::Ed25519(verifier)
    }
}

impl Verifier for GatewayVerifier {
    fn verify(
        &self,
        algorithm: u8,
        key_id: u32,
        domain: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), FrameError> {
        // Without any algorithm there is no such value.
        match *self {
            #[cfg(feature = "ed25519")]
            Self::Ed25519(ref own) => own.verify(algorithm, key_id, domain, message, signature),
            #[cfg(feature = "sm2")]
            Self::Sm2(ref own) => own.verify(algorithm, key_id, domain, message, signature),
        }
    }
}
