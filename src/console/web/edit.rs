//! 修改方案: an officer changes a plan that waits before somebody approves it: words, repeats, volume,
//! validity, fewer places. Every earlier signature falls, and who approves sees what changed.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Fields, Posted, Visitor, done};
use super::words::{self, Tongue};
use super::{diff, refusal};
use crate::console::Console;
use crate::console::extract::At;
use crate::decide::{Change, MESSAGE_CHARS_MAX, Pending, PlanEdit};
use crate::gateway::{Answer, Ask, Gateway, Input};
use crate::model::{AreaCode, AreaLevel, PlanContent, PlanId, Right, TerminalId};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// Spans of validity to choose from, minutes from now.
const VALID_MINUTES: [u32; 5] = [10, 30, 60, 180, 720];

/// An area with its name and terminals.
type Place = (AreaCode, String, BTreeSet<TerminalId>);

/// A plan as the form shows it.
struct Shown {
    revision: u32,
    content: PlanContent,
    townships: Vec<(AreaCode, String, Vec<Place>)>,
}

/// The form.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    At(plan): At<u64>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Approve)?;
    let shown = shown(&console, plan).await?;
    let fields = as_fields(&shown);
    Ok(form(&console, &visitor, plan, &shown, &fields, &[]))
}

async fn shown(console: &Console, plan: u64) -> Result<Shown, PageFault> {
    let look = console.core.look(move |gateway| {
        let pending = gateway.state().pending.get(&PlanId(plan))?;
        Some(shown_of(gateway, pending))
    });
    look.await?
        .ok_or_else(|| PageFault::not_found().next("/console/approvals", "审批", "approvals"))
}

fn shown_of(gateway: &Gateway, pending: &Pending) -> Shown {
    let network = &gateway.rules().network;
    let name = |code: AreaCode| {
        network.areas.get(&code).map_or_else(|| code.to_string(), |area| area.name.clone())
    };
    let mut townships: BTreeMap<AreaCode, BTreeMap<AreaCode, BTreeSet<TerminalId>>> =
        BTreeMap::new();
    for id in &pending.plan().terminals {
        let Some(terminal) = network.terminals.get(id) else { continue };
        let township = terminal.area.at(AreaLevel::Township).unwrap_or(terminal.area);
        townships.entry(township).or_default().entry(terminal.area).or_default().insert(*id);
    }
    let places = |areas: BTreeMap<AreaCode, BTreeSet<TerminalId>>| {
        areas.into_iter().map(|(code, ids)| (code, name(code), ids)).collect()
    };
    Shown {
        revision: pending.revision(),
        content: pending.plan().content(),
        townships: townships
            .into_iter()
            .map(|(code, all)| (code, name(code), places(all)))
            .collect(),
    }
}

/// The form filled in with what stands.
fn as_fields(shown: &Shown) -> Fields {
    let mut fields = Fields::default();
    let content = &shown.content;
    fields.push("text".to_owned(), content.text.clone());
    fields.push("repeats".to_owned(), content.repeats.to_string());
    let volume = content.volume_percent.map(|volume| volume.to_string());
    fields.push("volume".to_owned(), volume.unwrap_or_default());
    for (township, _, places) in &shown.townships {
        fields.push("township".to_owned(), township.to_string());
        for (code, ..) in places {
            fields.push("area".to_owned(), code.to_string());
        }
    }
    fields
}

fn form(
    console: &Console,
    visitor: &Visitor,
    plan: u64,
    shown: &Shown,
    fields: &Fields,
    faults: &[String],
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        @for fault in faults { p.flash.bad role="alert" { (fault) } }
        p.hint { (say(
            "保存后成为新的一版，已有的批准全部作废；改动会显示给审批人看。",
            "Saving makes a new revision; every signature falls, and approvers see what changed.",
        )) }
        form method="post" action={ "/console/approvals/" (plan) "/edit" } {
            (token(visitor))
            input type="hidden" name="revision" value=(shown.revision);
            fieldset {
                legend { (say("播什么", "What to say")) }
                @if let Some(recording) = &shown.content.recording {
                    p { (say("现为录音：", "Now a recording: ")) b { (recording) }
                        (say("。改动下面的文字后，改为合成语音播出。", ". Other words below replace it by speech.")) }
                }
                label { (say("文字", "Text"))
                    textarea name="text" rows="6" maxlength=(MESSAGE_CHARS_MAX) { (fields.one("text")) } }
            }
            (manner(visitor, shown, fields, console.county.local_offset_minutes))
            (places(visitor, shown, fields))
            div.actions {
                button.primary type="submit" { (say("保存修改", "Save the change")) }
                a.button href={ "/console/approvals#" (plan) } { (say("不改，返回", "Leave it")) }
            }
        }
    };
    let title = format!(
        "{} · {}{}",
        say("修改方案", "Change a plan"),
        say("现为第 ", "revision "),
        shown.revision
    );
    let title = format!("{title}{}", say(" 版", ""));
    page(console, visitor, layout::APPROVALS, &title, &body)
}

fn manner(visitor: &Visitor, shown: &Shown, fields: &Fields, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        fieldset.manner {
            legend { (say("怎么播", "How")) }
            label { (say("遍数", "Times"))
                input type="number" name="repeats" min="1" max="20" required value=(fields.one("repeats")); }
            label { (say("音量 %（空 = 不改）", "Volume % (empty = as it is)"))
                input type="number" name="volume" min="1" max="100" value=(fields.one("volume")); }
            label { (say("有效时间", "Valid"))
                select name="valid" {
                    option value="" { (say("不变，至 ", "as it is, until ")) (words::moment(shown.content.expires, offset)) }
                    @for minutes in VALID_MINUTES {
                        option value=(minutes) selected[fields.one("valid") == minutes.to_string()] {
                            (say("从现在起 ", "from now ")) (words::span(visitor.tongue(), i64::from(minutes) * 60))
                        }
                    }
                }
            }
        }
    }
}

/// Places to leave out. A village is left out with its township, also without scripts.
fn places(visitor: &Visitor, shown: &Shown, fields: &Fields) -> Markup {
    let on =
        |name: &str, code: &AreaCode| fields.all(name).any(|a| AreaCode::parse(a) == Some(*code));
    html! {
        fieldset.areas {
            legend { (visitor.say("范围（取消勾选即缩小）", "Where (clear a box to leave a place out)")) }
            @for (township, name, places) in &shown.townships {
                details {
                    summary {
                        label { input type="checkbox" name="township" value=(township) checked[on("township", township)]; (name) }
                        " " span.hint { (places.iter().map(|(_, _, ids)| ids.len()).sum::<usize>()) (visitor.say(" 个终端", " terminals")) }
                    }
                    div.villages {
                        @for (code, name, ids) in places {
                            label { input type="checkbox" name="area" value=(code) checked[on("area", code)]; (name) " (" (ids.len()) ")" }
                        }
                    }
                }
            }
        }
    }
}

/// The terminals that stay; `None` = all of them.
fn narrowed(shown: &Shown, fields: &Fields) -> Option<Vec<TerminalId>> {
    let chosen = |name: &str| -> BTreeSet<AreaCode> {
        fields.all(name).filter_map(AreaCode::parse).collect()
    };
    let (townships, areas) = (chosen("township"), chosen("area"));
    let kept = shown.townships.iter().filter(|(code, ..)| townships.contains(code));
    let kept = kept.flat_map(|(_, _, places)| places).filter(|(code, ..)| areas.contains(code));
    let kept: Vec<TerminalId> = kept.flat_map(|(_, _, ids)| ids.iter().copied()).collect();
    (kept.len() < shown.content.terminals.len()).then_some(kept)
}

/// Saves the change.
pub(super) async fn post(
    State(console): State<Console>,
    At(plan): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Approve)?;
    let shown = shown(&console, plan).await?;
    let tongue = visitor.tongue();
    let text = fields.one("text").replace("\r\n", "\n");
    let changed = text != shown.content.text.replace("\r\n", "\n").trim();
    let terminals = narrowed(&shown, &fields);
    let revision = fields.parsed::<u32>("revision")?.unwrap_or_default();
    if revision == shown.revision && terminals.as_ref().is_some_and(Vec::is_empty) {
        let fault = tongue.say(
            "至少保留一个区域；不想播发请退回方案。",
            "Keep at least one place, or refuse the plan.",
        );
        let again = form(&console, &visitor, plan, &shown, &fields, &[fault.to_owned()]);
        return Ok(again.into_response());
    }
    let actor = visitor.actor().clone();
    let edit = PlanEdit {
        revision,
        text: Some(text).filter(|_| changed),
        repeats: fields.parsed("repeats")?,
        volume_percent: fields.parsed("volume")?,
        valid_s: fields.parsed::<u32>("valid")?.map(|minutes| minutes.saturating_mul(60)),
        areas: None,
        terminals,
        edited_by: actor.name.clone(),
        allowed_areas: actor.areas.clone(),
    };
    let ask = Ask::EditPlan(PlanId(plan), edit);
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?;
    if let Answer::Edited { revision, .. } = answer {
        let text = match tongue {
            Tongue::Zh => format!("已保存为第 {revision} 版，需重新批准。"),
            Tongue::En => format!("Saved as revision {revision}; it must be approved anew."),
        };
        return Ok(done(&console, &visitor, true, &text, &format!("/console/approvals#{plan}")));
    }
    let faults = if let Answer::Refused(refusal) = &answer {
        refusal.reasons.iter().map(|r| r.text.clone()).collect()
    } else {
        vec![refusal(tongue, &answer)]
    };
    Ok(form(&console, &visitor, plan, &shown, &fields, &faults).into_response())
}

/// What officers changed so far, newest first, each with before and after.
pub(super) fn history(tongue: Tongue, pending: &History, offset: i16) -> Markup {
    html! {
        @if !pending.steps.is_empty() {
            section.changes {
                h3 { (tongue.say("改动", "Changes")) }
                @for step in pending.steps.iter().rev() {
                    p { b { (step.by) } " · " (words::time_of_day(step.at, offset)) }
                    (step_of(tongue, step, offset))
                }
            }
        }
    }
}

/// What approvers see of the changes.
pub(super) struct History {
    steps: Vec<Step>,
}

struct Step {
    by: String,
    at: crate::model::UtcMs,
    before: PlanContent,
    after: PlanContent,
    places: (String, String),
}

impl History {
    /// Of a plan that waits.
    pub(super) fn of(gateway: &Gateway, pending: &Pending) -> Self {
        let changes = pending.changes();
        let now = pending.plan().content();
        let afters = changes.iter().skip(1).map(|change| &change.before).chain([&now]);
        let named = |content: &PlanContent| super::approvals::places(gateway, &content.areas);
        let step = |(change, after): (&Change, &PlanContent)| Step {
            by: change.by.clone(),
            at: change.at,
            before: change.before.clone(),
            after: after.clone(),
            places: (named(&change.before), named(after)),
        };
        Self { steps: changes.iter().zip(afters).map(step).collect() }
    }
}

fn step_of(tongue: Tongue, step: &Step, offset: i16) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    let (before, after) = (&step.before, &step.after);
    let volume = |content: &PlanContent| {
        content
            .volume_percent
            .map_or_else(|| say("各终端自定", "each its own").to_owned(), |v| format!("{v}%"))
    };
    let places = |content: &PlanContent, names: &str| {
        format!("{names} · {}{}", content.terminals.len(), say(" 个终端", " terminals"))
    };
    let moment = |content: &PlanContent| words::moment(content.expires, offset);
    html! {
        dl.facts.diff {
            @if before.text != after.text { dt { (say("文字", "Text")) } dd { (diff::words(&before.text, &after.text)) } }
            @if before.recording != after.recording {
                (changed(say("录音", "Recording"), before.recording.as_deref().unwrap_or("—"), after.recording.as_deref().unwrap_or("—")))
            }
            @if before.repeats != after.repeats {
                (changed(say("遍数", "Times"), &before.repeats.to_string(), &after.repeats.to_string()))
            }
            @if before.volume_percent != after.volume_percent { (changed(say("音量", "Volume"), &volume(before), &volume(after))) }
            @if before.expires != after.expires { (changed(say("有效至", "Valid until"), &moment(before), &moment(after))) }
            @if before.terminals != after.terminals {
                (changed(say("范围", "Where"), &places(before, &step.places.0), &places(after, &step.places.1)))
            }
        }
    }
}

fn changed(what: &str, before: &str, after: &str) -> Markup {
    html! { dt { (what) } dd { del { (before) } " → " ins { (after) } } }
}
