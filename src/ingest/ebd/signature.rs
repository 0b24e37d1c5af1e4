//! Signatures and certificates of GD/J 081-2018: their form. Whether one is true is checked where the
//! keys are.

use super::codes::is_digits;
use crate::ingest::fields::{Fields, Place};
use crate::ingest::notes::{Notes, quoted};
use crate::ingest::time::Zone;
use crate::ingest::{encoding, xml};
use crate::model::UtcMs;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a signature block: time 4, serial number of the certificate 6, r and s 64.
const BLOCK_BYTES: usize = 74;
/// Bytes of a certificate.
pub const CERTIFICATE_BYTES: usize = 143;

/// A signature as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Package that it says it belongs to.
    pub related: Option<String>,
    /// Seconds since 1970, or a counter of the cipher device: both occur.
    pub time: u32,
    /// Serial number of the certificate.
    pub certificate: [u8; 6],
    /// r and s.
    pub value: [u8; 64],
}

impl Signature {
    /// The 74 bytes as text.
    #[must_use]
    pub fn block(&self) -> String {
        let block = [&self.time.to_be_bytes()[..], &self.certificate, &self.value].concat();
        STANDARD.encode(block)
    }
}

/// Reads a signature file; `None` when it is none, with faults noted.
pub(super) fn read(bytes: &[u8], notes: &mut Notes) -> Option<Signature> {
    let text = encoding::decode(bytes, None, notes)?;
    let root = xml::tree(text.trim_start_matches('\u{FEFF}'), notes)?;
    if root.name != "Signature" {
        let what = format!("expected the element `Signature`, got {}", quoted(&root.name));
        notes.fault(root.at(), "Signature", what);
        return None;
    }
    let mut fields = Fields { notes, zone: Zone::Beijing };
    let place = Place { node: &root, path: "Signature" };
    let related = ["RelatedEBD", "RefEBD"].iter().find_map(|name| {
        let node = root.first(name)?;
        let inner = node.first("EBDID").unwrap_or(node);
        Some(inner.text.trim().to_owned()).filter(|text| is_digits(text))
    });
    let told = certificate_told(&mut fields, place);
    let Some(value) = fields.decisive(place, "SignatureValue") else {
        fields.absent(place, "SignatureValue", "a signature");
        return None;
    };
    let signature = block(&value, related);
    if signature.is_none() {
        let expected = format!("expected base64 of {BLOCK_BYTES} bytes (time, certificate, r, s)");
        let what = format!("{expected}, got {} characters", value.len());
        fields.notes.fault(place.line("SignatureValue"), "Signature/SignatureValue", what);
    }
    let signature = signature?;
    // 081 says 12 digits; its own sample has 16, zeros before them.
    if let Some(told) = told.filter(|told| !told.ends_with(&hex(&signature.certificate))) {
        let inside = hex(&signature.certificate);
        let what = format!("the certificate {told} stands beside the signature, {inside} in it");
        fields.notes.oddity(None, "Signature/CertSN", what);
    }
    Some(signature)
}

/// The serial number told beside the signature, in either layout, small letters.
fn certificate_told(fields: &mut Fields<'_>, place: Place<'_>) -> Option<String> {
    let plain = fields.text(place, "CertSN");
    let nested = || {
        let node = place.node.first("SignatureCert")?;
        fields.text(Place { node, path: "Signature/SignatureCert" }, "CertSN")
    };
    plain.or_else(nested).map(|text| text.to_ascii_lowercase())
}

fn block(text: &str, related: Option<String>) -> Option<Signature> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(compact).ok()?;
    let bytes: [u8; BLOCK_BYTES] = bytes.try_into().ok()?;
    let (time, rest) = bytes.split_first_chunk::<4>()?;
    let (certificate, value) = rest.split_first_chunk::<6>()?;
    Some(Signature {
        related,
        time: u32::from_be_bytes(*time),
        certificate: *certificate,
        value: value.try_into().ok()?,
    })
}

/// A certificate of 143 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Serial number of the issuer.
    pub issuer: [u8; 6],
    /// Its own.
    pub serial: [u8; 6],
    /// Last month in which it is valid: year and month.
    pub valid_until: (i16, i8),
    /// The public key.
    pub x: [u8; 32],
    /// The public key.
    pub y: [u8; 32],
    /// The issuer's signature.
    pub signature: [u8; 64],
}

impl Certificate {
    /// Reads the bytes.
    ///
    /// # Errors
    /// What was expected and got.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let wrong = || {
            let got = bytes.len();
            format!("expected a certificate of {CERTIFICATE_BYTES} bytes, got {got}")
        };
        let (version, rest) = bytes.split_first().ok_or_else(wrong)?;
        if bytes.len() != CERTIFICATE_BYTES {
            return Err(wrong());
        }
        if *version != 0 {
            return Err(format!("expected a certificate of version 0, got {version}"));
        }
        let (issuer, rest) = rest.split_first_chunk::<6>().ok_or_else(wrong)?;
        let (serial, rest) = rest.split_first_chunk::<6>().ok_or_else(wrong)?;
        let (validity, rest) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
        let (x, rest) = rest.split_first_chunk::<32>().ok_or_else(wrong)?;
        let (y, rest) = rest.split_first_chunk::<32>().ok_or_else(wrong)?;
        let signature = rest.try_into().map_err(|_| wrong())?;
        let [year, month] = *validity;
        if !(1..=12).contains(&month) {
            return Err(format!("expected a month from 1 to 12, got {month}"));
        }
        let valid_until = (2000 + i16::from(year), i8::try_from(month).unwrap_or(12));
        Ok(Self { issuer: *issuer, serial: *serial, valid_until, x: *x, y: *y, signature })
    }

    /// The bytes that the issuer signs.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        let (year, month) = self.valid_until;
        let narrow = |number: i16| u8::try_from(number).unwrap_or(0);
        let validity = [narrow(year.saturating_sub(2000)), narrow(i16::from(month))];
        [&[0][..], &self.issuer, &self.serial, &validity, &self.x, &self.y].concat()
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Its serial number, 12 hexadecimal digits.
    #[must_use]
    pub fn name(&self) -> String {
        hex(&self.serial)
    }

    /// First moment at which it is no longer valid: the month after its last, Beijing time.
    #[must_use]
    pub fn ends(&self) -> UtcMs {
        let (year, month) = self.valid_until;
        let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let first = jiff::civil::Date::new(year, month, 1).map(|date| date.at(0, 0, 0, 0));
        let moment = first.and_then(|civil| jiff::tz::Offset::constant(8).to_timestamp(civil));
        UtcMs(moment.map_or(0, |moment| moment.as_millisecond()))
    }
}

/// Small hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits; white space between them is left out.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |[high, low]: &[u32; 2]| u8::try_from(high * 16 + low).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a certificate that its issuer signs.
    const SIGNED_BYTES: usize = 79;
    const NEW: &str = "<Signature><Version>1</Version><RelatedEBD><EBDID>10123</EBDID></RelatedEBD>\
        <CertSN>0000000000AB</CertSN><SignatureAlgorithm>SM2-SM3</SignatureAlgorithm>\
        <SignatureValue>VALUE</SignatureValue></Signature>";
    const OLD: &str = "<Signature><Version>1.0</Version><RefEBD>10123</RefEBD><SignatureCert>\
        <CertType>01</CertType><IssuerID>1</IssuerID><CertSN>00000000000000AB</CertSN>\
        </SignatureCert><SignatureTime>5CC55D32</SignatureTime><DigestAlgorithm>SM3\
        </DigestAlgorithm><SignatureAlgorithm>SM2</SignatureAlgorithm>\
        <SignatureValue>VALUE</SignatureValue></Signature>";

    #[test]
    fn both_layouts_are_read() {
        let made = Signature {
            related: Some("10123".into()),
            time: 0x5CC5_5D32,
            certificate: [0, 0, 0, 0, 0, 0xAB],
            value: [7; 64],
        };
        for layout in [NEW, OLD] {
            let mut notes = Notes::default();
            let text = layout.replace("VALUE", &made.block());
            assert_eq!(read(text.as_bytes(), &mut notes), Some(made.clone()), "{notes:?}");
            assert!(notes.into_oddities().is_empty());
        }
        for wrong in ["", "AAAA", "!!", &made.block()[4..]] {
            let mut notes = Notes::default();
            assert_eq!(read(NEW.replace("VALUE", wrong).as_bytes(), &mut notes), None);
            assert!(notes.has_faults(), "{wrong}");
        }
    }

    #[test]
    fn certificates_are_read_as_they_are_written() {
        let made = Certificate {
            issuer: [0, 0, 0, 0, 0, 1],
            serial: [1, 2, 3, 4, 5, 6],
            valid_until: (2027, 12),
            x: [8; 32],
            y: [9; 32],
            signature: [5; 64],
        };
        let bytes = made.bytes();
        assert_eq!((bytes.len(), made.signed().len()), (CERTIFICATE_BYTES, SIGNED_BYTES));
        assert_eq!(Certificate::read(&bytes), Ok(made.clone()));
        assert_eq!(made.ends(), UtcMs(1_830_268_800_000));
        assert_eq!(unhex(&hex(&bytes)), Some(bytes.clone()));
        assert!(Certificate::read(&bytes[1..]).is_err() && unhex("abc").is_none());
        let mut month = bytes;
        month[14] = 13;
        assert!(Certificate::read(&month).unwrap_err().contains("month"));
    }
}
