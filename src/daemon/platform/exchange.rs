//! One party of the exchange between platforms: it makes signed packages, posts them, and reads the
//! receipts. The gateway is one, the simulated upper platform another.

use super::trust::Trust;
use crate::clock;
use crate::ingest::ebd::{
    Body, Envelope, PACKAGE_BYTES_MAX, Package, Profile, body_with, data_name, ebd_id,
    package_name, read, signature_name, signature_xml, tar, xml,
};
use crate::model::{EbdKind, PackageSignature, ResultCode, UtcMs};
use anyhow::{Context, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of packages in one millisecond; those that stand on record end with 000.
const NUMBERS_PER_MS: u64 = 1_000;

/// Content type of packages (083 §5.2).
pub const PACKAGE_TYPE: &str = "application/x-tar";

/// One party.
#[derive(Debug, Clone)]
pub struct Party {
    /// The generation that is spoken.
    pub profile: Profile,
    /// Its code.
    pub code: String,
    /// The code of the other.
    pub peer: String,
    /// Its key, and whom it believes.
    pub trust: Arc<Trust>,
    /// Whether receipts without a signature are believed.
    pub allow_unsigned: bool,
    /// The last number of a package that does not stand on record.
    pub last_number: Arc<AtomicU64>,
}

/// What a package is to say.
#[derive(Debug, Clone)]
pub struct Saying {
    /// Its type.
    pub kind: EbdKind,
    /// Its number, for what stands on record; `None` = the next.
    pub number: Option<u64>,
    /// The package that it answers.
    pub related: Option<String>,
    /// What it says.
    pub body: Body,
}

impl Saying {
    /// One that answers nothing and takes the next number.
    #[must_use]
    pub fn new(kind: EbdKind, body: Body) -> Self {
        Self { kind, number: None, related: None, body }
    }

    /// The same as an answer.
    #[must_use]
    pub fn answering(self, related: Option<String>) -> Self {
        Self { related, ..self }
    }
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The code.
    pub code: ResultCode,
    /// In words.
    pub desc: String,
}

/// Why a package is not known to have been taken: worth another try, under the same name.
#[derive(Debug, thiserror::Error)]
pub enum PostFault {
    /// Nobody answered.
    #[error("{0:#}")]
    Unreached(anyhow::Error),
    /// Somebody answered, and it was no receipt of it.
    #[error("{0:#}")]
    NoReceipt(anyhow::Error),
}

impl Party {
    /// Number on the wire of something that stands on record under `sequence`.
    #[must_use]
    pub fn recorded_number(sequence: u64) -> u64 {
        sequence.saturating_mul(NUMBERS_PER_MS)
    }

    /// `EBDID` of something that the platform of this code has on record under `sequence`.
    #[must_use]
    pub fn recorded_id(code: &str, sequence: u64) -> String {
        ebd_id(code, Self::recorded_number(sequence))
    }

    fn next_number(&self, now: UtcMs) -> u64 {
        let least = u64::try_from(now.0).unwrap_or(0).saturating_mul(NUMBERS_PER_MS) + 1;
        let next = |last: u64| {
            let next = last.saturating_add(1).max(least);
            if next.is_multiple_of(NUMBERS_PER_MS) { next + 1 } else { next }
        };
        let order = Ordering::Relaxed;
        let before = self.last_number.fetch_update(order, order, |last| Some(next(last)));
        next(before.unwrap_or(least))
    }

    /// A signed package with these programme files: its name and its bytes.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn package(
        &self,
        saying: Saying,
        programmes: &[(String, Vec<u8>)],
    ) -> anyhow::Result<(String, Vec<u8>)> {
        let now = clock::now_utc();
        let number = if saying.kind == EbdKind::ConnectionCheck {
            0
        } else {
            saying.number.unwrap_or_else(|| self.next_number(now))
        };
        let id = ebd_id(&self.code, number);
        let envelope = Envelope {
            id: id.clone(),
            kind: saying.kind,
            source: self.code.clone(),
            dest: Some(self.peer.clone()),
            sent: now,
            related: saying.related,
        };
        let data = xml(self.profile, &envelope, &saying.body);
        let signature = self.trust.sign(data.as_bytes(), now)?;
        let signed = signature_xml(self.profile, &id, &signature);
        let mut files = vec![(data_name(&id), data.as_bytes())];
        files.extend(programmes.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())));
        files.push((signature_name(&id), signed.as_bytes()));
        Ok((id, tar(&files, now.as_s())))
    }

    /// Posts a package and reads its receipt.
    ///
    /// # Errors
    /// When it did not arrive, or what came back is no receipt of it: worth another try.
    pub async fn post(
        &self,
        client: &reqwest::Client,
        url: &str,
        id: &str,
        package: &[u8],
    ) -> Result<Receipt, PostFault> {
        let (content_type, body) = body_with(&package_name(id), package);
        let sent = client.post(url).header("content-type", content_type).body(body).send().await;
        let sent = sent.with_context(|| format!("posting to {url}"));
        let answer = sent.map_err(PostFault::Unreached)?;
        let bytes = answered(answer, url).await?;
        self.receipt(&bytes, id).map_err(PostFault::NoReceipt)
    }

    fn receipt(&self, bytes: &[u8], id: &str) -> anyhow::Result<Receipt> {
        let package = read(bytes).map_err(|unread| {
            let first = unread.rejection.faults.first().map(|fault| fault.what.clone());
            anyhow::anyhow!("the receipt can't be read: {}", first.unwrap_or_default())
        })?;
        self.believe(&package, id.starts_with("01"))?;
        let answers = package.envelope.related.as_deref();
        if answers.is_some_and(|answers| answers != id) {
            bail!("the receipt is of {}", answers.unwrap_or_default());
        }
        let Body::Result { code, desc } = package.body else {
            bail!("expected a receipt, got {}", package.envelope.kind.name());
        };
        Ok(Receipt { code, desc })
    }

    /// A receipt of somebody else would make us forget what was never delivered.
    fn believe(&self, package: &Package, heartbeat: bool) -> anyhow::Result<()> {
        match self.trust.check(package, clock::now_utc()) {
            PackageSignature::Verified { .. } => Ok(()),
            PackageSignature::Unsigned if heartbeat || self.allow_unsigned => Ok(()),
            PackageSignature::Unsigned => bail!("the receipt has no signature"),
            PackageSignature::Bad { why } => bail!("the receipt is badly signed: {why}"),
        }
    }
}

/// The bytes of an answer, within the limit of a package.
async fn answered(mut answer: reqwest::Response, url: &str) -> Result<Vec<u8>, PostFault> {
    let no = |why: String| PostFault::NoReceipt(anyhow::anyhow!(why));
    if !answer.status().is_success() {
        return Err(no(format!("{url} answered {}", answer.status())));
    }
    let mut bytes = Vec::new();
    let broke = |fault: reqwest::Error| PostFault::Unreached(fault.into());
    while let Some(piece) = answer.chunk().await.map_err(broke)? {
        if bytes.len() + piece.len() > PACKAGE_BYTES_MAX {
            return Err(no(format!("{url} answered more than {PACKAGE_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
