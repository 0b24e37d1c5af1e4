//! The signature inside a CAP 1.2 alert (XML-DSig, enveloped). What counts is only this: the signature is
//! a child of the alert that was read, speaks of that whole document, and was made by a key the county
//! trusts. Everything else about it is not believed: no key that it brings, no other part it points at.

mod canonical;
mod key;

pub use key::VerifyingKey;

use super::encoding;
use super::notes::Notes;
use crate::model::{Fault, Reason, Rejection};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use canonical::{Document, Element, Form, Item};
use key::Method;
use std::collections::BTreeSet;

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Version 1.1 differs in `xml:id` and `xml:base` alone; with them it is found not to fit.
const INCLUSIVE: [&str; 2] =
    ["http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11"];
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// Behind a form that keeps comments. What speaks of a whole document has none of its comments in it, and
/// we keep none: a comment elsewhere is found not to fit.
const WITH_COMMENTS: &str = "WithComments";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";
const METHODS: [(&str, Method); 5] = [
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", Method::RsaSha384),
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", Method::RsaSha512),
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", Method::RsaSha256),
    ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", Method::RsaSha1),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", Method::EcdsaSha256),
];
/// Transforms of one reference.
const TRANSFORMS_MAX: usize = 4;

/// What a signature says about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureState {
    /// There is none.
    None,
    /// A trusted key signed exactly this.
    Valid {
        /// Whose key.
        by: String,
        /// Whether SHA-1 was used, which no longer keeps forgers out.
        legacy: bool,
    },
    /// Whole, but by a key that nobody here trusts.
    UnknownKey,
    /// It does not fit, or says something that is not taken.
    Invalid(String),
}

impl SignatureState {
    /// What is kept with the alert; `None` = there is nothing to say.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let (code, text) = match self {
            Self::None => return None,
            Self::Valid { by, legacy: false } => ("signature_valid", format!("数字签名有效：{by}")),
            Self::Valid { by, legacy: true } => {
                ("signature_valid_legacy", format!("数字签名有效，但使用已不安全的 SHA-1：{by}"))
            }
            Self::UnknownKey => {
                ("signature_unknown_key", "数字签名完整，但签名者不在信任名单".into())
            }
            Self::Invalid(why) => ("signature_invalid", format!("数字签名无效：{why}")),
        };
        Some(Reason { code: code.into(), text })
    }

    /// The rejection where a valid signature is asked for; `None` = it is valid.
    #[must_use]
    pub fn refused(&self) -> Option<Rejection> {
        let got = match self {
            Self::Valid { .. } => return None,
            Self::None => "none".to_owned(),
            Self::UnknownKey => "one of a key that is not trusted here".to_owned(),
            Self::Invalid(why) => format!("one that is not valid: {why}"),
        };
        let what = format!("expected a valid signature of this source, got {got}");
        let fault = Fault { line: None, element: "alert/Signature".into(), what };
        Some(Rejection { faults: vec![fault], too_large: false })
    }
}

/// Checks the signature in the bytes of an alert, against keys that are trusted.
#[must_use]
pub fn signature(bytes: &[u8], hint: Option<&str>, keys: &[VerifyingKey]) -> SignatureState {
    let mut notes = Notes::default();
    let Some(text) = encoding::decode(bytes, hint, &mut notes) else { return SignatureState::None };
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    if !text.starts_with('<') || !text.contains("Signature") {
        return SignatureState::None;
    }
    let document = match canonical::document(text) {
        Ok(document) => document,
        Err(why) => return SignatureState::Invalid(why),
    };
    match check(&document, keys) {
        Ok(state) => state,
        Err(why) => SignatureState::Invalid(why),
    }
}

fn is_dsig(element: &Element, name: &str) -> bool {
    element.namespace == DSIG && element.local() == name
}

fn n_signatures(element: &Element) -> usize {
    let below: usize = element.elements().map(n_signatures).sum();
    below + usize::from(is_dsig(element, "Signature"))
}

/// The one child of that name.
fn only<'a>(parent: &'a Element, name: &str) -> Result<&'a Element, String> {
    let mut found = parent.elements().filter(|child| is_dsig(child, name));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(format!("expected `{name}` in it, got none")),
        (Some(_), Some(_)) => Err(format!("expected one `{name}` in it, got several")),
    }
}

fn check(document: &Document, keys: &[VerifyingKey]) -> Result<SignatureState, String> {
    let root = &document.root;
    match n_signatures(root) {
        0 => return Ok(SignatureState::None),
        1 => {}
        several => return Err(format!("expected one signature, got {several}")),
    }
    if root.local() != "alert" {
        return Err(format!("expected an alert as root element, got `{}`", root.name));
    }
    let place = root
        .items
        .iter()
        .position(|item| matches!(item, Item::Element(child) if is_dsig(child, "Signature")));
    let place = place.ok_or("expected it as a child of the alert, got it deeper inside")?;
    let Some(Item::Element(signature)) = root.items.get(place) else {
        return Err("expected an element".into());
    };
    let signed_info = only(signature, "SignedInfo")?;
    let legacy_digest = digest_fits(document, only(signed_info, "Reference")?, place)?;
    let form = form(only(signed_info, "CanonicalizationMethod")?)?;
    let method = only(signed_info, "SignatureMethod")?.attribute("Algorithm").unwrap_or_default();
    let method = METHODS.iter().find(|(name, _)| *name == method).map(|(_, method)| *method);
    let method =
        method.ok_or("expected RSA with SHA-2 or ECDSA with SHA-256 as signature method")?;
    let message = document.inner_canonical(&form, &[signature, signed_info]);
    let value = decoded(only(signature, "SignatureValue")?)?;
    let signed_by = |key: &VerifyingKey| key.signed(method, message.as_bytes(), &value);
    if let Some(key) = keys.iter().find(|key| signed_by(key)) {
        let legacy = legacy_digest || method == Method::RsaSha1;
        return Ok(SignatureState::Valid { by: key.name().to_owned(), legacy });
    }
    // What it brings itself can't make it trusted; it only tells damage from a stranger.
    match brought(signature) {
        Some(key) if !signed_by(&key) => {
            Err("the signed text was changed, or the key is another".into())
        }
        Some(_) | None => Ok(SignatureState::UnknownKey),
    }
}

/// The key of the certificate that a signature carries.
fn brought(signature: &Element) -> Option<VerifyingKey> {
    let data = only(only(signature, "KeyInfo").ok()?, "X509Data").ok()?;
    let certificate = data.elements().find(|child| is_dsig(child, "X509Certificate"))?;
    VerifyingKey::from_certificate(&decoded(certificate).ok()?).ok()
}

/// Checks the digest of the one reference, which must mean this whole alert; true = by SHA-1.
fn digest_fits(document: &Document, reference: &Element, place: usize) -> Result<bool, String> {
    let uri = reference.attribute("URI").unwrap_or("-");
    let own_id = ["Id", "ID", "id"].iter().find_map(|name| document.root.attribute(name));
    let whole = uri.is_empty();
    let by_id = uri.strip_prefix('#').filter(|id| !id.is_empty());
    if !whole && by_id.is_none_or(|id| own_id != Some(id)) {
        return Err("it speaks of something else than this alert".into());
    }
    let mut wanted = Form::Inclusive;
    let mut enveloped = false;
    let transforms = only(reference, "Transforms")?;
    for (at, transform) in transforms.elements().enumerate() {
        if at >= TRANSFORMS_MAX || !is_dsig(transform, "Transform") {
            return Err(format!("expected at most {TRANSFORMS_MAX} transforms"));
        }
        if transform.attribute("Algorithm") == Some(ENVELOPED) {
            enveloped = true;
        } else {
            wanted = form(transform)?;
        }
    }
    if !enveloped {
        return Err("expected the transform `enveloped-signature`, got none".into());
    }
    let text = if whole {
        document.canonical(&wanted, Some(place))
    } else {
        document.root_canonical(&wanted, Some(place))
    };
    let algorithm = only(reference, "DigestMethod")?.attribute("Algorithm").unwrap_or_default();
    let (kind, legacy) = match algorithm {
        SHA256 => (&digest::SHA256, false),
        SHA384 => (&digest::SHA384, false),
        SHA512 => (&digest::SHA512, false),
        SHA1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, true),
        _ => return Err("expected SHA-2 as digest method".into()),
    };
    let told = decoded(only(reference, "DigestValue")?)?;
    if digest::digest(kind, text.as_bytes()).as_ref() != told.as_slice() {
        return Err("the alert was changed after it was signed".into());
    }
    Ok(legacy)
}

/// Which canonical form an element names.
fn form(element: &Element) -> Result<Form, String> {
    let told = element.attribute("Algorithm").unwrap_or("nameless");
    let plain = told.strip_suffix(WITH_COMMENTS).unwrap_or(told);
    match plain.strip_suffix('#').unwrap_or(plain) {
        inclusive if INCLUSIVE.contains(&inclusive) => Ok(Form::Inclusive),
        _ if plain == EXCLUSIVE => {
            let mut prefixes = BTreeSet::new();
            for list in element.elements() {
                let listed = list.attribute("PrefixList").unwrap_or_default();
                let prefix = |name: &str| if name == "#default" { "" } else { name }.to_owned();
                prefixes.extend(listed.split_whitespace().map(prefix));
            }
            Ok(Form::Exclusive(prefixes))
        }
        _ => Err(format!("a transform that is not taken: {told}")),
    }
}

fn decoded(element: &Element) -> Result<Vec<u8>, String> {
    let text: String = element.text().split_whitespace().collect();
    STANDARD.decode(text).map_err(|_| format!("expected base64 in `{}`", element.name))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
