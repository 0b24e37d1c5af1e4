//! 修改预案: the form of a response plan or template. It is checked by the questions of `mingluo check`,
//! every fault at once; it shows what a sample alert would come to; and it is saved with a reason, for
//! another person to approve.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::plan_fields::{as_fields, read};
use super::plan_new::{Subject, place_of};
use super::plan_preview::{self, Sample};
use super::plan_words::{self, AFTERS, APPROVALS, CANCELS, CHIMES, LEVELS, PLAYBACKS};
use super::visitor::{Fields, Posted, Visitor, done, encoded};
use super::words::{self, Tongue};
use crate::console::Console;
use crate::daemon::recording_names;
use crate::decide::{
    MESSAGE_CHARS_MAX, PolicyEdit, PolicyEdits, PolicyFault, REASON_CHARS_MAX, REASON_CHARS_MIN,
    Rules, SLOTS, TITLE_CHARS_MAX, policy_faults,
};
use crate::gateway::{Answer, Ask, Gateway, Input};
use crate::model::{
    AreaCode, AreaLevel, Network, Policy, PolicyContent, PolicyPart, ResponsePlan, Right,
};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// What the form and its checks look at.
pub(super) struct Scene {
    /// The rules in force.
    pub(super) rules: Rules,
    /// The policy as the file says it.
    pub(super) file: Policy,
    /// Changes made on screen.
    pub(super) edits: PolicyEdits,
}

impl Scene {
    /// Without terminals: enough for all but the audience of a preview.
    pub(super) fn of(gateway: &Gateway) -> Self {
        let Network { areas, served, .. } = &gateway.rules().network;
        let network =
            Network { areas: areas.clone(), served: served.clone(), ..Network::default() };
        Self::with(gateway, Rules::new(network, gateway.rules().policy.clone()))
    }

    pub(super) fn whole(gateway: &Gateway) -> Self {
        Self::with(gateway, gateway.rules().clone())
    }

    fn with(gateway: &Gateway, rules: Rules) -> Self {
        Self { rules, file: gateway.policy_file().clone(), edits: gateway.state().policy.clone() }
    }

    /// The newest approved version of a part; 0 = the file's.
    pub(super) fn newest(&self, part: &PolicyPart) -> u32 {
        self.edits.parts.get(part).map_or(0, crate::decide::PartHistory::newest)
    }

    /// Before which response plan a part stands that the file does not name.
    fn place(&self, part: &PolicyPart) -> Option<String> {
        self.edits.parts.get(part)?.versions.last()?.change.stands_before.clone()
    }

    /// What an older version said; 0 = the file's.
    pub(super) fn version(&self, part: &PolicyPart, version: u32) -> Option<PolicyContent> {
        if version == 0 {
            return self.file.content(part);
        }
        let mut versions = self.edits.parts.get(part)?.versions.iter();
        let known = versions.find(|known| known.change.version == version)?;
        known.change.in_force().cloned()
    }
}

/// Which part, and the version that the form begins with.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    part: String,
    from: Option<u32>,
    /// `plan` or `template`, when it is to be a new one.
    #[serde(default)]
    new: String,
}

/// The address of a part's history.
pub(super) fn history_of(part: &PolicyPart) -> String {
    format!("/console/plans/history?part={}", encoded(&part.to_string()))
}

/// The address of a part's form, beginning with an older version or with what is in force.
pub(super) fn form_of(part: &PolicyPart, from: Option<u32>) -> String {
    let from = from.map(|from| format!("&from={from}")).unwrap_or_default();
    format!("/console/plans/edit?part={}{from}", encoded(&part.to_string()))
}

pub(super) fn part_of(text: &str) -> Result<PolicyPart, PageFault> {
    PolicyPart::parse(text)
        .ok_or_else(|| PageFault::not_found().next("/console/plans", "预案", "response plans"))
}

/// The form.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Policy)?;
    let scene = console.core.look(Scene::of).await?;
    if !wanted.new.is_empty() {
        let subject = Subject::new(&scene, &wanted.new, "")?;
        let fields = as_fields(&subject.before);
        return Ok(form(&console, &visitor, (&scene, &subject), &fields, &html! {}));
    }
    let part = part_of(&wanted.part)?;
    let subject = Subject::known(&scene, &part, wanted.from)?;
    let older = wanted.from.map(|from| scene.version(&part, from));
    let none = || PageFault::not_found().next("/console/plans", "预案", "response plans");
    let begins = older.unwrap_or_else(|| Some(subject.before.clone())).ok_or_else(none)?;
    let mut fields = as_fields(&begins);
    fields.push("seen".to_owned(), scene.newest(&part).to_string());
    fields.push("stands_before".to_owned(), scene.place(&part).unwrap_or_default());
    if let Some(from) = wanted.from {
        fields.push("returns_to".to_owned(), from.to_string());
        fields.push("reason".to_owned(), return_words(visitor.tongue(), from));
    }
    Ok(form(&console, &visitor, (&scene, &subject), &fields, &html! {}))
}

fn return_words(tongue: Tongue, from: u32) -> String {
    match (from, tongue) {
        (0, _) => tongue.say("采用 policy.toml 的内容", "as policy.toml says").to_owned(),
        (_, Tongue::Zh) => format!("恢复到第 {from} 版"),
        (_, Tongue::En) => format!("back to version {from}"),
    }
}

fn form(
    console: &Console,
    visitor: &Visitor,
    (scene, subject): (&Scene, &Subject),
    fields: &Fields,
    checked: &Markup,
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let before = &subject.before;
    let back = if subject.is_new {
        ("/console/plans".to_owned(), say("预案", "Response plans"))
    } else {
        (history_of(&before.part()), say("版本历史", "History"))
    };
    let body = html! {
        p { a href=(back.0) { "← " (back.1) } }
        (checked)
        form method="post" action="/console/plans/edit" {
            (token(visitor))
            input type="hidden" name="seen" value=(fields.one("seen"));
            input type="hidden" name="returns_to" value=(fields.one("returns_to"));
            (subject.fields(visitor, fields, scene))
            @match before {
                PolicyContent::Plan(plan) => {
                    (matching(visitor, fields, scene, plan))
                    (deciding(visitor, fields))
                    (sounding(visitor, fields, &scene.rules.policy))
                }
                PolicyContent::Template(_) => (words_field(visitor, fields)),
            }
            (plan_preview::fields(visitor, fields, scene, before))
            fieldset {
                legend { (say("为什么改", "Why")) }
                label { (say("修改理由（至少 4 个字，记入台账）", "Reason (at least 4 characters, on record)"))
                    input name="reason" minlength=(REASON_CHARS_MIN) maxlength=(REASON_CHARS_MAX) autocomplete="off" value=(fields.one("reason")); }
            }
            div.actions {
                button type="submit" name="step" value="preview" { (say("检查并预览", "Check and preview")) }
                button.primary type="submit" name="step" value="save" { (say("提交修改，由另一人批准", "Save, for another person to approve")) }
                a.button href=(back.0) { (say("不改，返回", "Leave it")) }
            }
        }
    };
    let title = subject.title(visitor, &scene.rules.policy);
    page(console, visitor, layout::PLANS, &title, &body)
}

fn input(visitor: &Visitor, fields: &Fields, key: &str, chars_max: usize) -> Markup {
    html! {
        label { (plan_words::label(visitor.tongue(), key))
            input name=(key) maxlength=(chars_max) autocomplete="off" value=(fields.one(key)); }
    }
}

/// A field for a number: what is typed is judged by the check, together with everything else.
fn number(visitor: &Visitor, fields: &Fields, key: &str) -> Markup {
    html! {
        label { (plan_words::label(visitor.tongue(), key))
            input name=(key) inputmode="numeric" maxlength="8" autocomplete="off" value=(fields.one(key)); }
    }
}

fn choice<T: Copy>(
    visitor: &Visitor,
    fields: &Fields,
    key: &str,
    options: &[(&str, T)],
    said: impl Fn(Tongue, T) -> &'static str,
) -> Markup {
    let tongue = visitor.tongue();
    html! {
        label { (plan_words::label(tongue, key))
            select name=(key) {
                @for (name, value) in options {
                    option value=(name) selected[fields.one(key) == *name] { (said(tongue, *value)) }
                }
            }
        }
    }
}

fn words_field(visitor: &Visitor, fields: &Fields) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let slots: Vec<String> = SLOTS.iter().map(|slot| format!("{{{slot}}}")).collect();
    html! {
        fieldset {
            legend { (say("播什么", "Words")) }
            label { (plan_words::label(visitor.tongue(), "text"))
                textarea name="text" rows="6" maxlength=(MESSAGE_CHARS_MAX) { (fields.one("text")) } }
            p.hint { (say("播出时填入：", "Filled in when it is spoken: ")) (slots.join(" ")) "。"
                (say("说明里已有的话不会重复。", "What the description says is not said again.")) }
        }
    }
}

fn matching(visitor: &Visitor, fields: &Fields, scene: &Scene, plan: &ResponsePlan) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    let on = |key: &str, value: &str| fields.all(key).any(|chosen| chosen == value);
    let network = &scene.rules.network;
    let served = |code: AreaCode| network.served.iter().any(|served| served.contains(code));
    let chosen = |code: &AreaCode| plan.areas.contains(code);
    let offered = network.areas.values().filter(|area| {
        chosen(&area.code) || (served(area.code) && area.code.level() <= AreaLevel::Township)
    });
    html! {
        fieldset {
            legend { (say("用于什么预警（先列出的预案先匹配）", "Which alerts (the first plan that matches)")) }
            (input(visitor, fields, "title", TITLE_CHARS_MAX))
            fieldset.levels {
                legend { (plan_words::label(tongue, "levels")) }
                @for (name, level) in LEVELS {
                    label.weekday { input type="checkbox" name="levels" value=(name) checked[on("levels", name)];
                        (words::level(tongue, Some(level))) }
                }
            }
            (input(visitor, fields, "hazards", 2_000))
            (input(visitor, fields, "event_words", 8_000))
            (input(visitor, fields, "senders", 8_000))
            details.areas { summary { (plan_words::label(tongue, "areas")) }
                div.villages {
                    @for area in offered {
                        label { input type="checkbox" name="areas" value=(area.code)
                            checked[on("areas", &area.code.to_string())]; (area.name) }
                    }
                }
            }
        }
    }
}

fn deciding(visitor: &Visitor, fields: &Fields) -> Markup {
    let tongue = visitor.tongue();
    html! {
        fieldset { legend { (visitor.say("谁来批准", "Who must agree")) }
            div.manner {
                (choice(visitor, fields, "approval", &APPROVALS, plan_words::approval))
                (number(visitor, fields, "decide_within_s"))
                (choice(visitor, fields, "after_deadline", &AFTERS, plan_words::after))
                (choice(visitor, fields, "on_cancel", &CANCELS, plan_words::on_cancel))
                (number(visitor, fields, "call"))
            }
            label { input type="checkbox" name="quiet_hours_exempt" value="yes"
                checked[fields.one("quiet_hours_exempt") == "yes"]; (plan_words::label(tongue, "quiet_hours_exempt")) }
        }
    }
}

fn sounding(visitor: &Visitor, fields: &Fields, policy: &Policy) -> Markup {
    let tongue = visitor.tongue();
    let now = fields.one("template");
    html! {
        fieldset { legend { (visitor.say("怎么播", "How it sounds")) }
            div.manner {
                (choice(visitor, fields, "chime", &CHIMES, words::chime))
                label { (plan_words::label(tongue, "template"))
                    select name="template" {
                        @for template in &policy.templates {
                            option value=(template.name) selected[template.name == now] {
                                (plan_words::template(tongue, policy, &template.name)) }
                        }
                    }
                }
                (number(visitor, fields, "repeats"))
                (number(visitor, fields, "interval_s"))
                (number(visitor, fields, "volume_percent"))
                (choice(visitor, fields, "playback", &PLAYBACKS, plan_words::playback))
                (number(visitor, fields, "validity_s_max"))
                (input(visitor, fields, "voice", 80))
                (input(visitor, fields, "recording", 80))
                (input(visitor, fields, "fallback_recording", 80))
            }
        }
    }
}

/// Checks and shows, or saves.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Policy)?;
    let scene = console.core.look(Scene::whole).await?;
    let subject = Subject::posted(&scene, &fields)?;
    let (content, mut faults) = read(&subject.before, &fields);
    let (deed, stands_before) = (subject.deed, place_of(&fields));
    let changed = scene.changed(deed, &content, stands_before.clone());
    faults.extend(check(&console, &scene, (&changed, Some(&content))).await?);
    let save = fields.one("step") == "save";
    let good = faults.iter().all(|fault| !fault.grave);
    if !save || !good {
        let sample = Sample::read(&fields);
        let checked = html! {
            (told(&visitor, &faults))
            @if good { (plan_preview::shown(&visitor, &scene, (&changed, deed), &content, &sample)) }
        };
        return Ok(form(&console, &visitor, (&scene, &subject), &fields, &checked).into_response());
    }
    let edit = PolicyEdit {
        deed,
        content,
        stands_before,
        seen: fields.parsed("seen")?.unwrap_or_default(),
        reason: fields.one("reason").to_owned(),
        returns_to: fields.parsed("returns_to")?,
    };
    let saved = visitor.say(
        "修改已提交并记入台账，另一位负责人批准后生效。",
        "Saved and on record; it is in force when another person has approved it.",
    );
    let checked = match propose(&console, &visitor, edit, saved).await? {
        Ok(done) => return Ok(done),
        // What was typed in stays.
        Err(why) => why,
    };
    Ok(form(&console, &visitor, (&scene, &subject), &fields, &checked).into_response())
}

/// Asks for a change: the way on with `saved` to be read there, or why it was not taken.
pub(super) async fn propose(
    console: &Console,
    visitor: &Visitor,
    edit: PolicyEdit,
    saved: &str,
) -> Result<Result<Response, Markup>, PageFault> {
    let part = edit.content.part();
    let (actor, ask) = (visitor.actor().clone(), Ask::ProposePolicy(Box::new(edit)));
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?;
    if matches!(answer, Answer::Saved { .. }) {
        return Ok(Ok(done(console, visitor, true, saved, &history_of(&part))));
    }
    let why = refusal(visitor.tongue(), &answer);
    Ok(Err(html! { p.flash.bad role="alert" { (why) } }))
}

/// Why a change was not taken, for people.
pub(super) fn refusal(tongue: Tongue, answer: &Answer) -> String {
    if let Answer::Refused(refused) = answer {
        let why: Vec<&str> = refused.reasons.iter().map(|reason| reason.text.as_str()).collect();
        return format!("{}{}", tongue.say("没有保存：", "Not saved: "), why.join("；"));
    }
    super::refusal(tongue, answer)
}

/// Faults of a policy with a change in it, and what is odd by it; recordings of its content as well.
pub(super) async fn check(
    console: &Console,
    scene: &Scene,
    (changed, content): (&Policy, Option<&PolicyContent>),
) -> Result<Vec<PolicyFault>, PageFault> {
    let part = content.map(PolicyContent::part);
    let mut faults = policy_faults(changed, &scene.rules.network);
    // What is odd already is no news; of the part itself it is told again.
    let known = policy_faults(&scene.rules.policy, &scene.rules.network);
    let own = |fault: &PolicyFault| part.is_some() && fault.part == part;
    faults.retain(|fault| fault.grave || own(fault) || !known.contains(fault));
    let part = part.unwrap_or_else(|| PolicyPart::Plan(String::new()));
    if let Some(PolicyContent::Plan(plan)) = content {
        let dirs = console.county.audio_dirs.clone();
        let look = move || recording_names(&dirs.each_ref().map(std::path::PathBuf::as_path));
        let known = tokio::task::spawn_blocking(look).await;
        let known = known.map_err(|_| PageFault::from(crate::daemon::CoreFault::Unanswered))?;
        let recording = plan.recording.as_ref().map(|name| ("recording", name, true));
        let fallback = ("fallback_recording", &plan.fallback_recording, false);
        for (key, name, grave) in recording.into_iter().chain([fallback]) {
            if !name.is_empty() && !known.contains(name) {
                faults.push(PolicyFault {
                    part: Some(part.clone()),
                    key,
                    grave,
                    zh: format!("没有录音“{name}”"),
                    what: format!("there is no recording `{name}`"),
                    remedy: "record it or name another one".to_owned(),
                });
            }
        }
    }
    Ok(faults)
}

pub(super) fn told(visitor: &Visitor, faults: &[PolicyFault]) -> Markup {
    let tongue = visitor.tongue();
    let grave = faults.iter().filter(|fault| fault.grave);
    let odd = faults.iter().filter(|fault| !fault.grave);
    html! {
        @if grave.clone().next().is_none() {
            p.flash.good role="status" { (visitor.say("检查通过。", "No fault.")) }
        }
        @for fault in grave { p.flash.bad role="alert" { (plan_words::fault(tongue, fault)) } }
        @for fault in odd { p.flash.warn role="status" { (visitor.say("请留意：", "Note: ")) (plan_words::fault(tongue, fault)) } }
    }
}
