//! What passed between us and the upper platform, as the record tells it: what came and what was answered,
//! what was told, how often, and what became of it. The newest are kept for people; all stand in the record.

use crate::model::{
    BrdState, EbdKind, PlatformAct, PlatformContent, PlatformEbm, PlatformPackage, ResultCode,
    Sha256, UtcMs,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Rows kept in memory; older ones are in the record only.
pub const PASSED_KEPT_MAX: usize = 1_000;
/// Rows among them of packages that nobody vouches for, so that a stranger can't crowd out the others.
const FORGED_KEPT_MAX: usize = 200;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The first ever was number 1.
    pub number: u64,
    /// When it came, or was written down to be told.
    pub at: UtcMs,
    /// What it was.
    pub what: PassedWhat,
}

impl Passed {
    fn is_forged(&self) -> bool {
        match &self.what {
            PassedWhat::Came(came) => came.code == ResultCode::Signature,
            PassedWhat::Told(_) => false,
        }
    }
}

/// Either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedWhat {
    /// From the upper platform.
    Came(Box<Came>),
    /// To the upper platform.
    Told(Box<Told>),
}

/// A package that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Came {
    /// Its head, and what became of its signature.
    pub package: PlatformPackage,
    /// Digest of its bytes.
    pub raw: Sha256,
    /// What was answered.
    pub code: ResultCode,
    /// The same in words.
    pub desc: String,
    /// The message in it.
    pub ebm: Option<PlatformEbm>,
}

/// Something that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its number, from which the name of its package is made.
    pub sequence: u64,
    /// As what.
    pub kind: EbdKind,
    /// The package that it answers.
    pub related: Option<String>,
    /// `EBMID` of the message it is about.
    pub ebm: String,
    /// How far that is.
    pub state: BrdState,
    /// The same in words.
    pub desc: String,
    /// Tries in vain, of those on record.
    pub n_tries: u32,
    /// Why the last of them was in vain.
    pub why: String,
    /// What became of it; `None` = it waits.
    pub end: Option<ToldEnd>,
}

/// How something told ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldEnd {
    /// The upper platform has it.
    Taken {
        /// When it said so.
        at: UtcMs,
        /// What it answered.
        code: ResultCode,
    },
    /// It is told no more.
    Dropped {
        /// Since when.
        at: UtcMs,
        /// Why.
        reason: String,
    },
}

/// All rows in memory, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    rows: VecDeque<Passed>,
    n_ever: u64,
}

impl Exchanged {
    /// The rows, oldest first.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Passed> {
        self.rows.iter()
    }

    /// Rows ever.
    #[must_use]
    pub fn n_ever(&self) -> u64 {
        self.n_ever
    }

    /// Tries in vain that are on record of something that waits.
    #[must_use]
    pub fn n_tries(&self, sequence: u64) -> u32 {
        let told = self.rows.iter().rev().find_map(|row| match &row.what {
            PassedWhat::Told(told) if told.sequence == sequence => Some(told.n_tries),
            PassedWhat::Told(_) | PassedWhat::Came(_) => None,
        });
        told.unwrap_or(0)
    }

    pub(super) fn apply(&mut self, at: UtcMs, act: &PlatformAct) {
        match act {
            PlatformAct::Took { package, raw, code, desc, ebm } => {
                let package = package.as_ref().clone();
                let (desc, ebm) = (desc.clone(), ebm.clone());
                let came = Came { package, raw: *raw, code: *code, desc, ebm };
                self.push(at, PassedWhat::Came(Box::new(came)));
            }
            PlatformAct::Queued { sequence, related, content } => {
                let report = content.report();
                let told = Told {
                    sequence: *sequence,
                    kind: match content.as_ref() {
                        PlatformContent::State(_) => EbdKind::EbmStateResponse,
                        PlatformContent::Log(_) => EbdKind::EbmBrdLog,
                    },
                    related: related.clone(),
                    ebm: report.ebm.clone(),
                    state: report.state,
                    desc: report.desc.clone(),
                    n_tries: 0,
                    why: String::new(),
                    end: None,
                };
                self.push(at, PassedWhat::Told(Box::new(told)));
            }
            PlatformAct::Sent { sequence, code } => {
                self.told(*sequence, |told| told.end = Some(ToldEnd::Taken { at, code: *code }));
            }
            PlatformAct::Dropped { sequence, reason } => {
                let end = ToldEnd::Dropped { at, reason: reason.clone() };
                self.told(*sequence, |told| told.end = Some(end));
            }
            PlatformAct::Answered { id, code, desc } => self.answered(id, *code, desc),
            PlatformAct::Unanswered { sequence, n_tries, why } => self.told(*sequence, |told| {
                told.n_tries = *n_tries;
                told.why.clone_from(why);
            }),
        }
    }

    fn push(&mut self, at: UtcMs, what: PassedWhat) {
        self.n_ever += 1;
        self.rows.push_back(Passed { number: self.n_ever, at, what });
        if self.rows.iter().filter(|row| row.is_forged()).count() > FORGED_KEPT_MAX
            && let Some(oldest) = self.rows.iter().position(Passed::is_forged)
        {
            self.rows.remove(oldest);
        }
        if self.rows.len() > PASSED_KEPT_MAX {
            self.rows.pop_front();
        }
    }

    fn told(&mut self, sequence: u64, change: impl FnOnce(&mut Told)) {
        let found = self.rows.iter_mut().rev().find_map(|row| match &mut row.what {
            PassedWhat::Told(told) if told.sequence == sequence => Some(told),
            PassedWhat::Told(_) | PassedWhat::Came(_) => None,
        });
        if let Some(told) = found {
            change(told);
        }
    }

    fn answered(&mut self, id: &str, code: ResultCode, desc: &str) {
        let found = self.rows.iter_mut().rev().find_map(|row| match &mut row.what {
            PassedWhat::Came(came) if came.package.id == id => Some(came),
            PassedWhat::Came(_) | PassedWhat::Told(_) => None,
        });
        if let Some(came) = found {
            came.code = code;
            desc.clone_into(&mut came.desc);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PackageSignature;

    fn came(id: usize, code: ResultCode) -> PlatformAct {
        let package = PlatformPackage {
            id: id.to_string(),
            kind: EbdKind::Ebm,
            source: String::new(),
            dest: None,
            sent: UtcMs(0),
            related: None,
            signature: PackageSignature::Unsigned,
        };
        let (package, raw, desc) = (Box::new(package), Sha256([0; 32]), String::new());
        PlatformAct::Took { package, raw, code, desc, ebm: None }
    }

    #[test]
    fn a_stranger_crowds_out_nothing_but_his_own() {
        let mut exchanged = Exchanged::default();
        exchanged.apply(UtcMs(1), &came(0, ResultCode::Good));
        for id in 1..=PASSED_KEPT_MAX {
            exchanged.apply(UtcMs(2), &came(id, ResultCode::Signature));
        }
        let numbers: Vec<u64> = exchanged.rows().map(|row| row.number).collect();
        assert_eq!((numbers.len(), numbers[0], numbers[1]), (1 + FORGED_KEPT_MAX, 1, 802));
        for id in 0..PASSED_KEPT_MAX {
            exchanged.apply(UtcMs(3), &came(id, ResultCode::Good));
        }
        let kept: Vec<u64> = exchanged.rows().map(|row| row.number).collect();
        assert_eq!((kept.len(), kept[0]), (PASSED_KEPT_MAX, 1_002), "the oldest go");
        assert_eq!(exchanged.n_ever(), 2_001);
    }
}
