//! Keys whose signatures count: RSA and P-256, from a certificate or a bare public key.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Object identifiers of the key kinds (RFC 3279, RFC 5480).
const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";

/// How a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    /// Only for old senders: SHA-1 no longer keeps forgers out.
    RsaSha1,
    EcdsaSha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
}

/// A key whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    kind: Kind,
    bits: Vec<u8>,
    name: String,
}

impl VerifyingKey {
    /// Reads a certificate or a public key in PEM.
    ///
    /// # Errors
    /// What was expected and got.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let none = "expected a certificate or public key in PEM, found none";
        let (_, found) = parse_x509_pem(pem).map_err(|_| none)?;
        match found.label.as_str() {
            "CERTIFICATE" => Self::from_certificate(&found.contents),
            "PUBLIC KEY" => {
                let (_, key) = SubjectPublicKeyInfo::from_der(&found.contents)
                    .map_err(|fault| format!("expected a public key, got {fault}"))?;
                Self::from_info(&key, "public key")
            }
            other => Err(format!("expected a certificate or public key in PEM, got `{other}`")),
        }
    }

    /// Reads a certificate, DER.
    pub(super) fn from_certificate(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) = parse_x509_certificate(der)
            .map_err(|fault| format!("expected a certificate, got {fault}"))?;
        Self::from_info(certificate.public_key(), &certificate.subject().to_string())
    }

    fn from_info(key: &SubjectPublicKeyInfo<'_>, name: &str) -> Result<Self, String> {
        let kind = key.algorithm.algorithm.to_id_string();
        let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let curve = curve.map(|oid| oid.to_id_string());
        let kind = match (kind.as_str(), curve.as_deref()) {
            (RSA, _) => Kind::Rsa,
            (EC, Some(P256)) => Kind::P256,
            (other, _) => return Err(format!("expected an RSA or P-256 key, got kind {other}")),
        };
        Ok(Self { kind, bits: key.subject_public_key.data.to_vec(), name: name.to_owned() })
    }

    /// Whose it is, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `signature` over `message` is this key's.
    pub(super) fn signed(&self, method: Method, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match (self.kind, method) {
            (Kind::Rsa, Method::RsaSha256) => &RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, Method::RsaSha384) => &RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, Method::RsaSha512) => &RSA_PKCS1_2048_8192_SHA512,
            (Kind::Rsa, Method::RsaSha1) => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Kind::P256, Method::EcdsaSha256) => &ECDSA_P256_SHA256_FIXED,
            (Kind::Rsa, Method::EcdsaSha256)
            | (
                Kind::P256,
                Method::RsaSha256 | Method::RsaSha384 | Method::RsaSha512 | Method::RsaSha1,
            ) => return false,
        };
        UnparsedPublicKey::new(algorithm, &self.bits).verify(message, signature).is_ok()
    }
}
