//! How far a message of the upper platform is: counted from the record, so that nothing is called played
//! that a terminal did not report.

use crate::gateway::state::{AlertState, BroadcastState, Phase};
use crate::gateway::{Counts, State};
use crate::model::{
    AlertId, AreaCode, BrdState, Disposition, EbmCounts, EbmReport, PlatformEbm, UtcMs,
};
use std::collections::BTreeSet;

/// Reasons that are told.
const REASONS_MAX: usize = 3;

/// The report; `None` when the alert is in the record only, by its age.
pub(super) fn of(state: &State, ebm: &PlatformEbm, now: UtcMs) -> Option<EbmReport> {
    let alert = state.alert(&ebm.alert)?;
    let broadcasts: Vec<&BroadcastState> =
        alert.broadcasts.iter().filter_map(|id| state.broadcasts.get(id)).collect();
    let mut counts = EbmCounts::default();
    broadcasts.iter().for_each(|broadcast| add(&mut counts, broadcast.counts()));
    let (code, what) = if broadcasts.is_empty() {
        unspoken(state, alert, ebm, &ebm.alert)
    } else {
        spoken(&broadcasts, counts, now)
    };
    let areas: BTreeSet<AreaCode> =
        broadcasts.iter().flat_map(|broadcast| broadcast.broadcast.areas()).copied().collect();
    let evidence = broadcasts.iter().flat_map(|broadcast| broadcast.deliveries.values());
    let words = broadcasts.first().map(|broadcast| broadcast.broadcast.message().text.clone());
    let ended = broadcasts.iter().map(|broadcast| broadcast.ended_at).max().flatten();
    Some(EbmReport {
        ebm: ebm.id.clone(),
        at: now,
        state: code,
        desc: format!("{what}{}", numbers(counts)),
        counts,
        areas: areas.into_iter().collect(),
        began: evidence.filter_map(|delivery| delivery.evidence.playing_at).min(),
        ended: ended.filter(|_| code.is_end()),
        title: alert.headline.clone(),
        words: words.filter(|words| !words.is_empty()).unwrap_or_else(|| alert.headline.clone()),
    })
}

fn add(to: &mut EbmCounts, counts: Counts) {
    to.targeted += counts.targeted;
    to.open += counts.waiting + counts.sent + counts.received;
    to.playing += counts.playing;
    to.played += counts.played;
    to.failed += counts.refused + counts.failed + counts.preempted + counts.expired;
    to.cancelled += counts.cancelled;
    to.unreachable += counts.unreachable;
}

fn numbers(counts: EbmCounts) -> String {
    let EbmCounts { targeted, open, playing, played, failed, cancelled, unreachable } = counts;
    if targeted == 0 {
        return String::new();
    }
    format!(
        "。终端{targeted}，播完{played}，正在播{playing}，未开始{open}，失败{failed}，\
         取消{cancelled}，无应答{unreachable}"
    )
}

/// Nothing of it sounds, or not yet.
fn unspoken(
    state: &State,
    alert: &AlertState,
    ebm: &PlatformEbm,
    id: &AlertId,
) -> (BrdState, String) {
    let waits = state.pending.values().any(|pending| pending.plan().alert.as_ref() == Some(id));
    let why = alert.reasons.iter().take(REASONS_MAX).map(|reason| reason.text.as_str());
    let why = why.collect::<Vec<_>>().join("；");
    if waits {
        return (BrdState::Unhandled, format!("等待值班人员审批：{why}"));
    }
    match alert.disposition {
        Disposition::Recorded if ebm.ends => (BrdState::Done, format!("停播指令已执行：{why}")),
        Disposition::Planned | Disposition::AwaitingApproval => {
            (BrdState::Failed, "值班人员未批准或已过时限，未播发".to_owned())
        }
        Disposition::Refused
        | Disposition::Duplicate
        | Disposition::Conflict
        | Disposition::Recorded => (BrdState::Failed, format!("未播发：{why}")),
    }
}

fn spoken(broadcasts: &[&BroadcastState], counts: EbmCounts, now: UtcMs) -> (BrdState, String) {
    let ended = broadcasts.iter().all(|broadcast| broadcast.phase == Phase::Ended);
    if !ended {
        // Until the terminals have said so, something of it may still sound: it does not wait to begin.
        if broadcasts.iter().all(|broadcast| broadcast.cancellation.is_some()) {
            return (BrdState::Playing, "正在停播".to_owned());
        }
        if counts.playing + counts.played > 0 {
            return (BrdState::Playing, "正在播发".to_owned());
        }
        let early = broadcasts.iter().all(|broadcast| broadcast.broadcast.not_before() > now);
        let what = if early { "等待开始时间" } else { "已下发，等待终端开播" };
        return (BrdState::Waiting, what.to_owned());
    }
    if broadcasts.iter().any(|broadcast| broadcast.cancellation.is_some()) {
        return (BrdState::Cancelled, "已取消".to_owned());
    }
    if counts.played == counts.targeted && counts.targeted > 0 {
        return (BrdState::Done, "全部终端播发成功".to_owned());
    }
    let what = if counts.played > 0 { "部分终端未播完" } else { "没有终端播完" };
    (BrdState::Failed, what.to_owned())
}
