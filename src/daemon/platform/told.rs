//! What stands on record to be told upstream, as the bodies of packages.

use super::exchange::{Party, Saying};
use crate::gateway::Outgoing;
use crate::ingest::ebd::{Body, Content, Coverage, LogItem, Params, ResBrdItem, StateResponse};
use crate::model::{EbdKind, EbmReport, PlatformContent};

/// The saying of something on record.
pub(super) fn saying(party: &Party, sequence: u64, waiting: &Outgoing) -> Saying {
    let (kind, body) = match &waiting.content {
        PlatformContent::State(report) => {
            (EbdKind::EbmStateResponse, Body::State(state(party, report)))
        }
        PlatformContent::Log(report) => {
            (EbdKind::EbmBrdLog, Body::Log(Params::default(), vec![log(party, report)]))
        }
    };
    let number = Some(Party::recorded_number(sequence));
    Saying { kind, number, related: waiting.related.clone(), body }
}

/// The state of a message. Terminals that play count as covered; those that only have the order do not.
fn state(party: &Party, report: &EbmReport) -> StateResponse {
    let counts = report.counts;
    let heard = counts.playing + counts.played;
    let coverage = (counts.targeted > 0).then(|| Coverage {
        rate: format!("{:.4}", f64::from(heard) / f64::from(counts.targeted)),
        areas: areas(report),
        resources: format!("1,0,0,{heard}"),
    });
    let item = ResBrdItem {
        platform: party.code.clone(),
        at: report.at,
        began: report.began,
        ended: report.ended,
        state: report.state,
        desc: report.desc.clone(),
    };
    StateResponse {
        at: report.at,
        ebm: report.ebm.clone(),
        state: report.state,
        desc: report.desc.clone(),
        coverage,
        items: vec![item],
    }
}

/// What was broadcast of a message.
pub(super) fn log(party: &Party, report: &EbmReport) -> LogItem {
    let content = Content {
        language: "zho".into(),
        title: Some(report.title.clone()),
        desc: Some(report.words.clone()),
        areas: report.areas.iter().map(ToString::to_string).collect(),
        auxiliaries: Vec::new(),
    };
    LogItem { state: state(party, report), content }
}

fn areas(report: &EbmReport) -> String {
    report.areas.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
