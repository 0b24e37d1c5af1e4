//! Packages of emergency-broadcast platforms (GD/J 080 to 083-2018 and the drafts before them): TAR with
//! XML, its signature and programme files, read with every fault listed, written strictly.
//!
//! ```text
//! POST body ─multipart─▶ TAR ─tar─▶ files ─body─▶ Envelope + Body ─ebm─▶ Alert
//! ```

mod body;
mod codes;
mod ebm;
mod message;
mod multipart;
mod signature;
mod tar;
#[cfg(test)]
mod tests;
mod write;

pub use codes::{
    Profile, data_name, ebd_id, ebm_platform, is_ebd_id, package_name, signature_name,
};
pub use ebm::RECORDING_URI;
pub use message::{
    Auxiliary, Basic, Body, Content, Coverage, Ebm, Envelope, LogItem, OmdRequest, Params,
    ResBrdItem, ResourceRecord, StateResponse,
};
pub use multipart::{body_with, file_of};
pub use signature::{CERTIFICATE_BYTES, Certificate, Signature, hex, unhex};
pub use tar::{PACKAGE_BYTES_MAX, tar};
pub use write::{local_time, signature_xml, xml};

use super::fields::Fields;
use super::notes::{Notes, quoted};
use super::time::Zone;
use super::xml::Node;
use crate::model::{Alert, Fault, Rejection, ResultCode};
use codes::{FileKind, file_kind};

/// Where sound stands in a message.
const AUXILIARY: &str = "EBD/EBM/MsgContent/Auxiliary";
/// Bytes at which the mark of a TAR stands.
const TAR_MARK_AT: usize = 257;

/// A readable package.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Its head.
    pub envelope: Envelope,
    /// What it says.
    pub body: Body,
    /// The alert that an `EBM` is.
    pub alert: Option<Box<Alert>>,
    /// The signed bytes: the whole EBDB file.
    pub signed: Vec<u8>,
    /// The signature, when there is one.
    pub signature: Option<Signature>,
    /// Sound that comes along, the first of the first content.
    pub sound: Option<Sound>,
    /// Sound that it names by an address instead.
    pub linked: Option<LinkedSound>,
    /// What is left out of what would be heard or read; the sender is told.
    pub left_out: Vec<LeftOut>,
    /// What was untidy but clear.
    pub oddities: Vec<Fault>,
}

/// What a message holds and is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// `AuxiliaryType` 61: a stream, which has no end and no digest.
    Stream,
    /// `EBDI_…`: the information behind the message, which has words of its own.
    Information,
    /// Sounds after the first.
    MoreSounds,
}

/// Sound at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedSound {
    /// The address, `http` or `https`.
    pub url: String,
    /// `Size`, bytes, when told.
    pub size: Option<u64>,
    /// Its SM3 digest in the signed part, when told.
    pub digest: Option<String>,
}

/// Sound of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Its file name.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Whether the signed part has its digest, and it is right.
    pub vouched: bool,
}

impl LinkedSound {
    /// What came from there as the sound of the message.
    ///
    /// # Errors
    /// When its digest or, without one, its size is not what the signed part says.
    pub fn sound(&self, bytes: Vec<u8>) -> Result<Sound, String> {
        let digest = sm3_of(&bytes);
        if let Some(told) = self.digest.as_ref().filter(|told| **told != digest) {
            return Err(format!("expected the SM3 digest {}, got {digest}", quoted(told)));
        }
        let n_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let other_size = self.size.filter(|size| *size != n_bytes && self.digest.is_none());
        if let Some(size) = other_size {
            return Err(format!("expected {size} bytes, got {n_bytes}"));
        }
        let name = self.url.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Sound { name, bytes, vouched: self.digest.is_some() })
    }
}

/// A package that can't be used, with the code of its receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Every fault.
    pub rejection: Rejection,
    /// What to answer.
    pub code: ResultCode,
    /// Its `EBDID`, when that could be read.
    pub id: Option<String>,
}

/// Whether these bytes are a TAR, or the multipart body of one.
#[must_use]
pub fn is_package(bytes: &[u8]) -> bool {
    let (_, file) = file_of(bytes);
    file.get(TAR_MARK_AT..TAR_MARK_AT + 5) == Some(b"ustar")
}

/// Reads a package: the body of a POST, or the TAR itself.
///
/// # Errors
/// [`Unread`] with every fault.
pub fn read(bytes: &[u8]) -> Result<Package, Box<Unread>> {
    let mut notes = Notes::default();
    let mut id = None;
    let package = package(bytes, &mut notes, &mut id);
    match package {
        Some(mut package) if !notes.has_faults() => {
            package.oddities = notes.into_oddities();
            if let Some(alert) = &mut package.alert {
                alert.oddities.clone_from(&package.oddities);
            }
            Ok(package)
        }
        _ => {
            let rejection = notes.into_rejection();
            let code = code_of(&rejection);
            Err(Box::new(Unread { rejection, code, id }))
        }
    }
}

/// 3 when nothing but absent elements is at fault, else 2; 5 for what is too large.
fn code_of(rejection: &Rejection) -> ResultCode {
    let absent =
        |fault: &Fault| ["is missing", "is empty"].iter().any(|end| fault.what.ends_with(end));
    if rejection.too_large {
        ResultCode::Other
    } else if rejection.faults.iter().all(absent) {
        ResultCode::Missing
    } else {
        ResultCode::ParseFailed
    }
}

/// The alert of a package that came by another way than the platform's own (a folder, a person): its
/// signature was not checked, and its sound stays out.
pub(super) fn unchecked_alert(bytes: &[u8], notes: &mut Notes) -> Option<Alert> {
    let package = package(bytes, notes, &mut None)?;
    let Some(alert) = package.alert else {
        let what = format!("expected an EBM, got {}", package.envelope.kind.name());
        notes.fault(None, "EBD/EBDType", what);
        return None;
    };
    let what = "not received from the platform itself: signature not checked, sound not used";
    notes.oddity(None, "EBD", what);
    Some(*alert)
}

fn package(bytes: &[u8], notes: &mut Notes, id: &mut Option<String>) -> Option<Package> {
    let (name, file) = file_of(bytes);
    let files = tar::members(file, notes);
    let of_kind = |kind| files.iter().filter(move |(name, _)| file_kind(name) == kind);
    let n_data = of_kind(FileKind::Data).count();
    if n_data != 1 {
        let expected = "expected one file EBDB_<EBDID>.xml";
        match n_data {
            0 => notes.missing("EBDB", "a file EBDB_<EBDID>.xml"),
            n => notes.fault(None, "EBDB", format!("{expected}, got {n}")),
        }
        return None;
    }
    let (data_name, data) = of_kind(FileKind::Data).next()?;
    for (name, _) in of_kind(FileKind::Unknown) {
        notes.oddity(None, name, "a file that packages do not have; left alone");
    }
    let text = super::encoding::decode(data.bytes, None, notes)?;
    let root = super::xml::tree(text.trim_start_matches('\u{FEFF}'), notes)?;
    let envelope = envelope(&root, data_name, name.as_deref(), notes)?;
    *id = Some(envelope.id.clone());
    let signature = match of_kind(FileKind::DataSignature).next() {
        Some((_, signature)) => Some(signature::read(signature.bytes, notes)?),
        None => None,
    };
    let mut fields = Fields { notes, zone: Zone::Beijing };
    let body = body::body(&mut fields, &root, envelope.kind)?;
    let mut left_out = Vec::new();
    let (alert, (sound, linked)) = match &body {
        Body::Ebm(ebm) => {
            if of_kind(FileKind::Information).next().is_some() {
                let what =
                    "the information file is kept and not used; the message has its own words";
                notes.oddity(None, "EBDI", what);
                left_out.push(LeftOut::Information);
            }
            let alert = ebm::alert(ebm, envelope.sent, notes)?;
            let named = |name: &str| {
                let found = files.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, member)| member.bytes)
            };
            (Some(Box::new(alert)), sound(ebm, named, notes, &mut left_out))
        }
        Body::StateRequest { .. }
        | Body::State(_)
        | Body::Request(_)
        | Body::Records(..)
        | Body::Log(..)
        | Body::Check { .. }
        | Body::Result { .. } => (None, (None, None)),
    };
    let signed = data.bytes.to_vec();
    let oddities = Vec::new();
    Some(Package { envelope, body, alert, signed, signature, sound, linked, left_out, oddities })
}

fn envelope(
    root: &Node,
    data_name: &str,
    package_name: Option<&str>,
    notes: &mut Notes,
) -> Option<Envelope> {
    if root.name != "EBD" {
        let what = format!("expected the element `EBD`, got {}", quoted(&root.name));
        notes.fault(root.at(), "EBD", what);
        return None;
    }
    let mut fields = Fields { notes, zone: Zone::Beijing };
    let envelope = body::envelope(&mut fields, root)?;
    for name in [Some(data_name), package_name].into_iter().flatten() {
        if !name.contains(&envelope.id) {
            let what = format!("{} has another number than the EBDID in it", quoted(name));
            notes.oddity(None, "EBD/EBDID", what);
        }
    }
    Some(envelope)
}

/// The first sound of the first content that has one, in a file of the package or at an address: its file,
/// its size and its digest agree, or it is a fault; the words alone must not pass for what should be heard.
fn sound<'a>(
    ebm: &Ebm,
    file: impl Fn(&str) -> Option<&'a [u8]>,
    notes: &mut Notes,
    left_out: &mut Vec<LeftOut>,
) -> (Option<Sound>, Option<LinkedSound>) {
    let all = || ebm.contents.iter().flat_map(|content| &content.auxiliaries);
    if all().any(|auxiliary| auxiliary.kind == 61) {
        notes.oddity(None, AUXILIARY, "a stream is not played; the words are spoken instead");
        left_out.push(LeftOut::Stream);
    }
    let mut sounds = all().filter(|auxiliary| auxiliary.is_sound());
    let Some(auxiliary) = sounds.next() else { return (None, None) };
    if sounds.next().is_some() {
        notes.oddity(None, AUXILIARY, "more than one sound; the first is played");
        left_out.push(LeftOut::MoreSounds);
    }
    let bare = auxiliary.desc.rsplit(['/', '\\']).next().unwrap_or_default();
    let lower = auxiliary.desc.to_ascii_lowercase();
    match file(bare) {
        Some(bytes) => (vouched(auxiliary, bare, bytes, notes), None),
        None if ["http://", "https://"].iter().any(|scheme| lower.starts_with(scheme)) => {
            let (url, size) = (auxiliary.desc.clone(), auxiliary.size);
            (None, Some(LinkedSound { url, size, digest: auxiliary.digest.clone() }))
        }
        None if lower.contains("://") => {
            let what = format!("{} is no file that can be fetched", quoted(&auxiliary.desc));
            notes.oddity(None, AUXILIARY, what);
            left_out.push(LeftOut::Stream);
            (None, None)
        }
        None => {
            notes.missing(AUXILIARY, &format!("the file {}", quoted(&auxiliary.desc)));
            (None, None)
        }
    }
}

/// The sound of a file, when the signed part and it agree.
fn vouched(auxiliary: &Auxiliary, bare: &str, bytes: &[u8], notes: &mut Notes) -> Option<Sound> {
    let digest = sm3_of(bytes);
    if let Some(told) = auxiliary.digest.as_ref().filter(|told| **told != digest) {
        let what = format!("expected the SM3 digest {}, got {digest}", quoted(told));
        notes.fault(None, AUXILIARY, what);
        return None;
    }
    let vouched = auxiliary.digest.is_some();
    let n_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if let Some(size) = auxiliary.size.filter(|size| *size != n_bytes) {
        let what = format!("expected {size} bytes in {}, got {n_bytes}", quoted(bare));
        // With the right digest it is the right file, in whatever unit its size was written.
        if vouched {
            notes.oddity(None, AUXILIARY, what);
        } else {
            notes.fault(None, AUXILIARY, what);
            return None;
        }
    }
    if !vouched {
        notes.oddity(
            None,
            AUXILIARY,
            "the sound has no digest, so that no signature vouches for it",
        );
    }
    Some(Sound { name: bare.to_owned(), bytes: bytes.to_vec(), vouched })
}

/// SM3 digest (GB/T 32905), small hexadecimal digits.
#[must_use]
pub fn sm3_of(bytes: &[u8]) -> String {
    use sm3::Digest;
    hex(&sm3::Sm3::digest(bytes))
}
