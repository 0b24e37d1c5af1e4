//! Our key towards the upper platform, and the certificates that we trust (GD/J 081-2018, SM2 with SM3
//! over the whole EBDB file).

use crate::config::PlatformSettings;
use crate::ingest::ebd::{CERTIFICATE_BYTES, Certificate, Package, Signature, hex, unhex};
use crate::model::{PackageSignature, UtcMs};
use crate::secrets;
use anyhow::{Context, ensure};
use mingluo_bridge::frame::{Algorithm, Signer, Sm2Key, Sm2Signer, Sm2Verifier, Verifier};
use mingluo_bridge::gateway_key::GatewayKey;
use std::path::Path;

/// Certificates of one file.
const CERTIFICATES_MAX: usize = 100;

/// Signs as one platform and believes others.
pub struct Trust {
    key: Sm2Key,
    own: Certificate,
    trusted: Vec<Certificate>,
}

impl core::fmt::Debug for Trust {
    /// The key never reaches a log.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Trust {{ own: {}, trusted: {} }}", self.own.name(), self.trusted.len())
    }
}

impl Trust {
    /// Of a key with its certificate, and certificates that are believed.
    ///
    /// # Errors
    /// When key and certificate do not belong together.
    pub fn new(key: Sm2Key, own: Certificate, trusted: Vec<Certificate>) -> anyhow::Result<Self> {
        let ours = key.public() == GatewayKey::Sm2 { x: own.x, y: own.y };
        ensure!(ours, "the certificate {} is not that of the key", own.name());
        for certificate in &trusted {
            let name = certificate.name();
            let key = Sm2Verifier::new(0, &certificate.x, &certificate.y);
            let _key =
                key.with_context(|| format!("the key of certificate {name} is no SM2 key"))?;
            // Where its issuer is known too, its word must hold.
            let issuer = trusted.iter().find(|issuer| issuer.serial == certificate.issuer);
            if let Some(issuer) = issuer {
                let good = verifies(issuer, &certificate.signed(), &certificate.signature);
                ensure!(good, "certificate {name} is not signed by {}", issuer.name());
            }
        }
        Ok(Self { key, own, trusted })
    }

    /// From the files of the configuration.
    ///
    /// # Errors
    /// File and reason.
    pub fn read(settings: &PlatformSettings) -> anyhow::Result<Self> {
        let key = secrets::read_sm2_key(&settings.sm2_key_file)
            .context("platform.sm2_key_file; `mingluo platform keys` makes key and certificate")?;
        let own = certificates(&settings.certificate_file).context("platform.certificate_file")?;
        let own = own.into_iter().next().context("platform.certificate_file holds none")?;
        let trusted = match &settings.trusted_file {
            Some(file) => certificates(file).context("platform.trusted_file")?,
            None => Vec::new(),
        };
        Self::new(key, own, trusted)
    }

    /// Signs `bytes`.
    ///
    /// # Errors
    /// When no signature came about, which a new try would not change.
    pub fn sign(&self, bytes: &[u8], now: UtcMs) -> anyhow::Result<Signature> {
        let mut value = [0; 64];
        ensure!(Sm2Signer::new(0, &self.key).sign(&[], bytes, &mut value), "no SM2 signature");
        let time = u32::try_from(now.as_s()).unwrap_or(u32::MAX);
        Ok(Signature { related: None, time, certificate: self.own.serial, value })
    }

    /// What the signature of a package is worth now.
    #[must_use]
    pub fn check(&self, package: &Package, now: UtcMs) -> PackageSignature {
        let Some(signature) = &package.signature else { return PackageSignature::Unsigned };
        let bad = |why: String| PackageSignature::Bad { why };
        let name = hex(&signature.certificate);
        if signature.value.iter().all(|byte| *byte == 0) {
            return bad("签名值全为零".into());
        }
        if signature.related.as_ref().is_some_and(|related| *related != package.envelope.id) {
            return bad("签名文件属于另一个数据包".into());
        }
        let mut known = self.trusted.iter().filter(|known| known.serial == signature.certificate);
        let Some(certificate) = known.next() else {
            return bad(format!("证书 {name} 不受信任"));
        };
        if now >= certificate.ends() {
            return bad(format!("证书 {name} 已过期"));
        }
        if verifies(certificate, &package.signed, &signature.value) {
            PackageSignature::Verified { certificate: name }
        } else {
            bad(format!("与证书 {name} 不符"))
        }
    }

    /// The ends of all certificates, with their serial numbers, ours first.
    pub fn ends(&self) -> impl Iterator<Item = (String, UtcMs)> + '_ {
        core::iter::once(&self.own).chain(&self.trusted).map(|one| (one.name(), one.ends()))
    }
}

fn verifies(certificate: &Certificate, bytes: &[u8], signature: &[u8; 64]) -> bool {
    let verifier = Sm2Verifier::new(0, &certificate.x, &certificate.y);
    verifier.is_some_and(|verifier| {
        verifier.verify(Algorithm::Sm2Sm3.byte(), 0, &[], bytes, signature).is_ok()
    })
}

/// A certificate that its own key signs, for a rehearsal.
///
/// # Errors
/// When no signature came about.
pub fn self_signed(
    key: &Sm2Key,
    serial: [u8; 6],
    valid_until: (i16, i8),
) -> anyhow::Result<Certificate> {
    let GatewayKey::Sm2 { x, y } = key.public() else { anyhow::bail!("no SM2 key") };
    let mut made = Certificate { issuer: serial, serial, valid_until, x, y, signature: [0; 64] };
    let signed = made.signed();
    let done = Sm2Signer::new(0, key).sign(&[], &signed, &mut made.signature);
    ensure!(done, "no SM2 signature");
    Ok(made)
}

/// Reads certificates: 143 bytes each, or lines of hexadecimal digits; `#` begins a comment.
///
/// # Errors
/// File, line and what was expected.
pub fn certificates(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let wrong = |place: String| move |what: String| anyhow::anyhow!("{place}: {what}");
    let mut found = Vec::new();
    if bytes.first() == Some(&0) {
        for piece in bytes.chunks(CERTIFICATE_BYTES) {
            found.push(Certificate::read(piece).map_err(wrong(file.display().to_string()))?);
        }
    } else {
        let text = String::from_utf8(bytes).with_context(|| {
            format!("{}: expected hexadecimal digits or certificates", file.display())
        })?;
        for (number, line) in text.lines().enumerate() {
            let digits = line.split('#').next().unwrap_or_default().trim();
            if digits.is_empty() {
                continue;
            }
            let place = format!("{}:{}", file.display(), number + 1);
            let bytes = unhex(digits).with_context(|| {
                format!("{place}: expected {} hexadecimal digits", CERTIFICATE_BYTES * 2)
            })?;
            found.push(Certificate::read(&bytes).map_err(wrong(place))?);
        }
    }
    ensure!(!found.is_empty(), "{}: expected a certificate, found none", file.display());
    ensure!(found.len() <= CERTIFICATES_MAX, "at most {CERTIFICATES_MAX} certificates");
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::ebd::{
        Body, Envelope, Profile, data_name, ebd_id, read, signature_name, signature_xml, tar, xml,
    };
    use crate::model::EbdKind;

    const AT: UtcMs = UtcMs(1_791_000_000_000);
    const UPPER: &str = "23400000000000101010101";

    fn key(byte: u8) -> Sm2Key {
        Sm2Key::from_bytes(&[byte; 32]).unwrap()
    }

    fn trust(byte: u8, believed: &[u8]) -> Trust {
        let certificate = |byte: u8| self_signed(&key(byte), [byte; 6], (2027, 1)).unwrap();
        let trusted = believed.iter().map(|byte| certificate(*byte)).collect();
        Trust::new(key(byte), certificate(byte), trusted).unwrap()
    }

    /// A signed heartbeat, changed by `change` after it was signed.
    fn package(signer: &Trust, profile: Profile, change: fn(&mut String, &mut String)) -> Package {
        let envelope = Envelope {
            id: ebd_id(UPPER, 0),
            kind: EbdKind::ConnectionCheck,
            source: UPPER.into(),
            dest: None,
            sent: AT,
            related: None,
        };
        let mut data = xml(profile, &envelope, &Body::Check { at: AT });
        let signature = signer.sign(data.as_bytes(), AT).unwrap();
        let mut signed = signature_xml(profile, &envelope.id, &signature);
        change(&mut data, &mut signed);
        let files = [
            (data_name(&envelope.id), data.as_bytes()),
            (signature_name(&envelope.id), signed.as_bytes()),
        ];
        read(&tar(&files, 0)).unwrap()
    }

    #[test]
    fn only_the_word_of_a_trusted_certificate_counts() {
        let good = trust(5, &[7, 8]);
        let same = |_: &mut String, _: &mut String| {};
        let verdict = |by: u8, change: fn(&mut String, &mut String), now| {
            good.check(&package(&trust(by, &[]), Profile::Y2018, change), now)
        };
        let verified = PackageSignature::Verified { certificate: "070707070707".into() };
        assert_eq!(verdict(7, same, AT), verified);
        let old = good.check(&package(&trust(7, &[]), Profile::Y2016, same), AT);
        assert_eq!(old, verified);
        let bad = |verdict: PackageSignature, word: &str| match verdict {
            PackageSignature::Bad { why } => assert!(why.contains(word), "{word}: {why}"),
            PackageSignature::Verified { .. } | PackageSignature::Unsigned => panic!("{word}"),
        };
        bad(verdict(9, same, AT), "不受信任");
        bad(verdict(7, |data, _| data.push(' '), AT), "不符");
        bad(
            verdict(7, |data, _| *data = data.replace("EBDVersion>1<", "EBDVersion>2<"), AT),
            "不符",
        );
        bad(verdict(7, same, AT.plus_s(400 * 86_400)), "已过期");
        let other = |_: &mut String, text: &mut String| {
            *text = text.replace("<EBDID>01", "<EBDID>10");
        };
        bad(verdict(7, other, AT), "另一个");
        let zero = |_: &mut String, text: &mut String| {
            let (head, rest) = text.split_once("<SignatureValue>").unwrap();
            let (_, tail) = rest.split_once("</SignatureValue>").unwrap();
            let zeros =
                Signature { related: None, time: 0, certificate: [7; 6], value: [0; 64] }.block();
            *text = format!("{head}<SignatureValue>{zeros}</SignatureValue>{tail}");
        };
        bad(verdict(7, zero, AT), "全为零");
    }

    #[test]
    fn key_and_certificate_must_belong_together_and_issuers_must_have_signed() {
        let certificate = |byte: u8| self_signed(&key(byte), [byte; 6], (2027, 1)).unwrap();
        assert!(Trust::new(key(1), certificate(2), Vec::new()).is_err());
        let forged = Certificate { issuer: [3; 6], ..certificate(4) };
        let fault = Trust::new(key(1), certificate(1), vec![certificate(3), forged]).unwrap_err();
        assert!(fault.to_string().contains("not signed"), "{fault}");
    }
}
