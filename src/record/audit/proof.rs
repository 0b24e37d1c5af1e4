//! One terminal in one broadcast: every journal row about it, and the proof that these rows stand
//! in the chain as they were written. Read from the journal; the projection only tells where.
//!
//! A report enters the journal only after its frame was opened with the key of that one terminal
//! (`daemon::link`); the frame itself is not kept. What the journal adds is that nobody has changed
//! the report since.

use super::{BroadcastLine, Ladder};
use crate::model::{
    Acknowledgement, Address, Approval, Cancellation, Class, ClipRef, LinkKind, OrderKind, Sha256,
    Spoken, Step, UtcMs,
};
use crate::record::entry::Entry;
use crate::record::{JournalError, ReadOnly, Row, Trust, VerifyFault, genesis, row_hash};
use serde::Serialize;

/// Rows from the first to the last row of a proof and on to the next signed head that are all
/// verified; of a longer span only the rows of the proof are.
pub const SPAN_ROWS_MAX: u64 = 200_000;
/// Rows read at a time.
const READ_ROWS: usize = 2_000;
/// Faults listed.
const FAULTS_MAX: usize = 20;

/// Everything on record about one terminal in one broadcast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// The broadcast.
    pub broadcast: Option<BroadcastLine>,
    /// The ladder that the rows add up to.
    pub ladder: Ladder,
    /// The rows, in their order.
    pub rows: Vec<ProofRow>,
    /// The chain they stand in.
    pub chain: ChainProof,
}

/// One journal row of a proof.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProofRow {
    /// Its number.
    pub seq: u64,
    /// When it was recorded (our clock).
    #[serde(rename = "at_ms")]
    pub at: UtcMs,
    /// Its kind.
    pub kind: String,
    /// Its chain hash.
    pub hash: Sha256,
    /// Whether content and hash fit the row before it.
    pub fits: bool,
    /// What it says about this terminal.
    pub fact: Fact,
}

/// What a journal row says about one terminal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// It was chosen, and the broadcast was allowed.
    Targeted {
        /// Live or drill.
        class: Class,
        /// Who or what allowed it.
        approval: Approval,
        /// The response plan that matched, or `manual`.
        response_plan: String,
        /// Its title for people.
        plan_title: String,
    },
    /// The audio was ready.
    ClipReady {
        /// One per codec.
        clips: Vec<ClipRef>,
        /// Which voice spoke.
        spoken: Spoken,
    },
    /// A link took an order that meant it.
    Ordered {
        /// Play, cancel or query.
        kind: OrderKind,
        /// To itself, or to an area it is in.
        to: Address,
        /// By which link.
        link: LinkKind,
    },
    /// It reported.
    Reported {
        /// How far it got.
        step: Step,
        /// Its own clock when it verified the order.
        #[serde(rename = "received_ms")]
        received_at: Option<UtcMs>,
        /// Its own clock when sound began.
        #[serde(rename = "playing_ms")]
        playing_at: Option<UtcMs>,
        /// Its own clock at the end.
        #[serde(rename = "ended_ms")]
        ended_at: Option<UtcMs>,
        /// Complete plays so far.
        plays: u8,
        /// Whether a sensor heard it.
        heard: bool,
        /// Its own counter of reports.
        counter: u32,
        /// By which link.
        link: LinkKind,
        /// Which of the broadcast's clips it took, by its place, when it was not the first.
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<u8>,
        /// Whether the frame was opened with this terminal's key before the row was written: no
        /// other way into the record exists.
        authenticated: bool,
    },
    /// The broadcast was cancelled.
    Cancelled {
        /// By whom, why, when.
        cancellation: Cancellation,
    },
    /// An officer began to speak live.
    LiveBegun {
        /// Who.
        by: String,
        /// Whether this terminal's session was up then.
        connected: bool,
    },
    /// Nothing more was spoken.
    LiveEnded {
        /// The officer, or `gateway`.
        by: String,
        /// Why.
        reason: String,
    },
    /// Everything that was spoken, as one clip.
    LiveKept {
        /// The clip, with its digest.
        clip: ClipRef,
    },
    /// Nothing more could come.
    Ended,
    /// The row can't be read by this version, or is not what the projection took it for.
    Unreadable,
}

/// How the rows stand in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainProof {
    /// The record's last row now.
    pub head_seq: u64,
    /// Its chain hash: write it down elsewhere, and nothing before it can be changed unseen.
    pub head_hash: Sha256,
    /// First row that was verified.
    pub first_seq: u64,
    /// Last row that was verified.
    pub last_seq: u64,
    /// Rows that were verified.
    pub n_rows_checked: u64,
    /// Whether every row from the first to the last was verified, or, the span being longer than
    /// [`SPAN_ROWS_MAX`], only those of the proof. `mingluo record verify` verifies all.
    pub whole_span: bool,
    /// Whether all that was verified fits.
    pub fits: bool,
    /// What does not fit.
    pub faults: Vec<VerifyFault>,
    /// The nearest signed head at or after the last row; `None` = not signed yet.
    pub signed: Option<SignedHead>,
}

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedHead {
    /// Row it signs.
    pub seq: u64,
    /// Chain hash of that row.
    pub hash: Sha256,
    /// When it was signed.
    #[serde(rename = "at_ms")]
    pub at: UtcMs,
    /// Public key that signed, hexadecimal.
    pub public_key: Sha256,
    /// Whether the signature fits, and the row has that hash.
    pub fits: bool,
    /// Whether the key is one that was given as trusted; `None` = none was given.
    pub key_trusted: Option<bool>,
    /// Whether the chain was verified without a gap from the rows to this head.
    pub chained: bool,
}

/// Collects the rows of a ladder and verifies them.
pub(super) fn of(
    journal: &ReadOnly,
    broadcast: Option<BroadcastLine>,
    ladder: Ladder,
    trust: &Trust,
) -> Result<Proof, JournalError> {
    let mut numbers = ladder.rows.clone();
    numbers.extend(broadcast.iter().flat_map(|line| &line.rows));
    numbers.sort_unstable();
    numbers.dedup();
    let mut rows = Vec::new();
    for seq in numbers {
        let Some(row) = one(journal, seq)? else { continue };
        let Some(fact) = fact(&row, &ladder) else { continue };
        let fits = before(journal, seq)?.is_some_and(|before| chained(before, &row));
        let Row { seq, at, kind, hash, .. } = row;
        rows.push(ProofRow { seq, at, kind, hash, fits, fact });
    }
    let chain = chain(journal, &rows, trust)?;
    Ok(Proof { broadcast, ladder, rows, chain })
}

fn one(journal: &ReadOnly, seq: u64) -> Result<Option<Row>, JournalError> {
    Ok(journal.read(seq, 1)?.into_iter().find(|row| row.seq == seq))
}

/// Hash of the row before `seq`.
fn before(journal: &ReadOnly, seq: u64) -> Result<Option<Sha256>, JournalError> {
    match seq.checked_sub(1) {
        None => Ok(None),
        Some(0) => Ok(Some(genesis(&journal.record_id()?))),
        Some(before) => Ok(one(journal, before)?.map(|row| row.hash)),
    }
}

fn chained(before: Sha256, row: &Row) -> bool {
    row_hash(before, row.seq, row.at, &row.kind, &row.body) == row.hash
}

/// What a row says about the terminal of a ladder; `None` = nothing.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other kinds of rows are no part of a proof"
)]
fn fact(row: &Row, ladder: &Ladder) -> Option<Fact> {
    let Ok(entry) = Entry::from_body(&row.body) else { return Some(Fact::Unreadable) };
    match entry {
        Entry::BroadcastStarted { broadcast, .. } if broadcast.id() == ladder.broadcast => {
            broadcast.terminals().contains(&ladder.terminal).then(|| Fact::Targeted {
                class: broadcast.class(),
                approval: broadcast.approval().clone(),
                response_plan: broadcast.response_plan().to_owned(),
                plan_title: broadcast.plan_title().to_owned(),
            })
        }
        Entry::ClipReady { broadcast, clips, spoken } if broadcast == ladder.broadcast => {
            Some(Fact::ClipReady { clips, spoken })
        }
        Entry::Sent { broadcast, to, link, kind } if broadcast == ladder.broadcast => {
            let area = ladder.area();
            let means = |to: &&Address| match to {
                Address::Terminal(terminal) => *terminal == ladder.terminal,
                Address::Area(named) => area.is_some_and(|area| named.contains(area)),
            };
            to.iter().find(means).map(|to| Fact::Ordered { kind, to: *to, link })
        }
        Entry::Acknowledged { report } if report.broadcast == ladder.broadcast => {
            (report.terminal == ladder.terminal).then(|| reported(report))
        }
        Entry::BroadcastCancelled { broadcast, cancellation } if broadcast == ladder.broadcast => {
            Some(Fact::Cancelled { cancellation })
        }
        Entry::LiveBegun { broadcast, by, connected } if broadcast == ladder.broadcast => {
            let connected = connected.contains(&ladder.terminal);
            Some(Fact::LiveBegun { by, connected })
        }
        Entry::LiveEnded { broadcast, by, reason } if broadcast == ladder.broadcast => {
            Some(Fact::LiveEnded { by, reason })
        }
        Entry::LiveKept { broadcast, clip } if broadcast == ladder.broadcast => {
            Some(Fact::LiveKept { clip })
        }
        Entry::BroadcastEnded { broadcast } if broadcast == ladder.broadcast => Some(Fact::Ended),
        // The projection said that this row is about the ladder, and it is not.
        _ => Some(Fact::Unreadable),
    }
}

fn reported(report: Acknowledgement) -> Fact {
    Fact::Reported {
        step: report.step,
        received_at: report.received_at,
        playing_at: report.playing_at,
        ended_at: report.ended_at,
        plays: report.plays,
        heard: report.heard,
        counter: report.sequence,
        link: report.link,
        content: report.content,
        authenticated: true,
    }
}

fn chain(journal: &ReadOnly, rows: &[ProofRow], trust: &Trust) -> Result<ChainProof, JournalError> {
    let (head_seq, head_hash) = journal.head()?;
    let first_seq = rows.first().map_or(0, |row| row.seq);
    let last_seq = rows.last().map_or(0, |row| row.seq);
    let mut chain = ChainProof {
        head_seq,
        head_hash,
        first_seq,
        last_seq,
        n_rows_checked: 0,
        whole_span: false,
        fits: !rows.is_empty(),
        faults: Vec::new(),
        signed: None,
    };
    let checkpoint = journal.checkpoint_from(last_seq)?;
    let span = |to: u64| to.saturating_sub(first_seq).saturating_add(1);
    let reach = checkpoint.as_ref().map_or(last_seq, |checkpoint| checkpoint.seq);
    let to_head = !rows.is_empty() && span(reach) <= SPAN_ROWS_MAX;
    if to_head {
        walk(journal, first_seq, reach, &mut chain)?;
        (chain.whole_span, chain.last_seq) = (true, reach);
    } else if !rows.is_empty() && span(last_seq) <= SPAN_ROWS_MAX {
        walk(journal, first_seq, last_seq, &mut chain)?;
        chain.whole_span = true;
    } else {
        chain.n_rows_checked = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        for row in rows.iter().filter(|row| !row.fits) {
            fault(&mut chain, row.seq, "content and chain hash do not fit");
        }
    }
    if let Some(checkpoint) = checkpoint {
        let fits = checkpoint.fits(&journal.record_id()?)
            && one(journal, checkpoint.seq)?.is_some_and(|row| row.hash == checkpoint.hash);
        if !fits {
            fault(&mut chain, checkpoint.seq, "the signed head and its row do not fit");
        }
        chain.signed = Some(SignedHead {
            seq: checkpoint.seq,
            hash: checkpoint.hash,
            at: checkpoint.at,
            public_key: Sha256(checkpoint.public_key),
            fits,
            key_trusted: (!trust.keys.is_empty())
                .then(|| trust.keys.contains(&checkpoint.public_key)),
            chained: to_head && chain.fits,
        });
    }
    Ok(chain)
}

/// Verifies every row from `first` to `last`.
fn walk(
    journal: &ReadOnly,
    first: u64,
    last: u64,
    chain: &mut ChainProof,
) -> Result<(), JournalError> {
    let mut stored = before(journal, first)?;
    let mut next = first;
    while next <= last {
        let page = journal.read(next, READ_ROWS)?;
        if page.is_empty() {
            fault(chain, next, "the record ends before this row");
            return Ok(());
        }
        for row in page.iter().take_while(|row| row.seq <= last) {
            if row.seq != next {
                fault(chain, next, "this row is missing");
            } else if !stored.is_some_and(|before| chained(before, row)) {
                fault(chain, row.seq, "content and chain hash do not fit");
            }
            chain.n_rows_checked += 1;
            stored = Some(row.hash);
            next = row.seq + 1;
        }
        if page.last().is_some_and(|row| row.seq > last) && next <= last {
            fault(chain, next, "this row is missing");
            return Ok(());
        }
    }
    Ok(())
}

fn fault(chain: &mut ChainProof, seq: u64, what: &str) {
    chain.fits = false;
    if chain.faults.len() < FAULTS_MAX {
        chain.faults.push(VerifyFault { seq, what: what.to_owned() });
    }
}
