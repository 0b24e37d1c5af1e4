//! What a form of the policy is about: a part in force that is changed, one that was removed and comes back,
//! or a new one with its name and its place in the order.

use super::fault::PageFault;
use super::plan_form::{Scene, part_of};
use super::plan_words;
use super::visitor::{Fields, Visitor};
use crate::decide::PART_NAME_CHARS_MAX;
use crate::model::{
    AfterDeadline, ApprovalMode, Chime, OnCancel, Playback, Policy, PolicyChange, PolicyContent,
    PolicyDeed, PolicyPart, ResponsePlan, Template,
};
use maud::{Markup, html};

/// What a form is about.
pub(super) struct Subject {
    /// What it does.
    pub(super) deed: PolicyDeed,
    /// What stands before anything is typed; of a new part with the name that was typed.
    pub(super) before: PolicyContent,
    /// Whether it never was before.
    pub(super) is_new: bool,
}

impl Subject {
    /// A new part of that kind.
    pub(super) fn new(scene: &Scene, kind: &str, name: &str) -> Result<Self, PageFault> {
        let name = name.to_owned();
        let before = match kind {
            "plan" => PolicyContent::Plan(Box::new(blank(name, &scene.rules.policy))),
            "template" => {
                let text = "{headline}。{description}{instruction}".to_owned();
                PolicyContent::Template(Template { name, text })
            }
            _ => {
                return Err(PageFault::not_found().next(
                    "/console/plans",
                    "预案",
                    "response plans",
                ));
            }
        };
        Ok(Self { deed: PolicyDeed::Add, before, is_new: true })
    }

    /// A part in force; or one that is not, as an older version of it said.
    pub(super) fn known(
        scene: &Scene,
        part: &PolicyPart,
        from: Option<u32>,
    ) -> Result<Self, PageFault> {
        let in_force = scene.rules.policy.content(part);
        let deed = if in_force.is_some() { PolicyDeed::Change } else { PolicyDeed::Add };
        let older = || scene.version(part, from?);
        let none = || PageFault::not_found().next("/console/plans", "预案", "response plans");
        let before = in_force.or_else(older).ok_or_else(none)?;
        Ok(Self { deed, before, is_new: false })
    }

    /// What a form was about that comes back.
    pub(super) fn posted(scene: &Scene, fields: &Fields) -> Result<Self, PageFault> {
        match fields.one("new") {
            "" => Self::known(scene, &part_of(fields.one("part"))?, fields.parsed("returns_to")?),
            kind => Self::new(scene, kind, fields.one("name").trim()),
        }
    }

    /// Its heading.
    pub(super) fn title(&self, visitor: &Visitor, policy: &Policy) -> String {
        let (part, tongue) = (self.before.part(), visitor.tongue());
        match (&part, self.is_new) {
            (PolicyPart::Plan(_), true) => tongue.say("新建预案", "New response plan").to_owned(),
            (PolicyPart::Template(_), true) => tongue.say("新建模板", "New template").to_owned(),
            (_, false) => {
                let title = plan_words::title(tongue, policy, &part);
                let head = match self.deed {
                    PolicyDeed::Add => tongue.say("恢复", "Bring back"),
                    PolicyDeed::Change | PolicyDeed::Remove => tongue.say("修改", "Change"),
                };
                format!("{head} · {title}")
            }
        }
    }

    /// The fields that say which part the form is about.
    pub(super) fn fields(&self, visitor: &Visitor, fields: &Fields, scene: &Scene) -> Markup {
        let part = self.before.part();
        html! {
            @if self.is_new {
                input type="hidden" name="new" value=(kind(&part));
                (named(visitor, fields))
            } @else { input type="hidden" name="part" value=(part); }
            @if matches!(part, PolicyPart::Plan(_)) && scene.file.content(&part).is_none() {
                (placed(visitor, fields, scene, &part))
            }
        }
    }
}

fn kind(part: &PolicyPart) -> &'static str {
    match part {
        PolicyPart::Plan(_) => "plan",
        PolicyPart::Template(_) => "template",
    }
}

fn named(visitor: &Visitor, fields: &Fields) -> Markup {
    html! {
        fieldset {
            legend { (visitor.say("内部名称", "Name")) }
            label { (visitor.say(
                "小写字母、数字和连字符，如 flood-red；定后不改",
                "small letters, digits and hyphens, such as flood-red; it stays",
            ))
                input name="name" required maxlength=(PART_NAME_CHARS_MAX) pattern="[a-z][a-z0-9\\-]*"
                    autocomplete="off" value=(fields.one("name")); }
        }
    }
}

fn placed(visitor: &Visitor, fields: &Fields, scene: &Scene, part: &PolicyPart) -> Markup {
    let others = scene.rules.policy.plans.iter().filter(|plan| plan.name != part.name());
    html! {
        fieldset {
            legend { (visitor.say("排在哪里（第一个符合的预案生效）", "Its place (the first plan that matches is used)")) }
            label { (visitor.say("位置", "Place"))
                select name="stands_before" {
                    option value="" { (visitor.say("最后", "last")) }
                    @for plan in others {
                        option value=(plan.name) selected[fields.one("stands_before") == plan.name] {
                            (visitor.say("“", "before `")) (plan.title) (visitor.say("”之前", "`")) }
                    }
                }
            }
        }
    }
}

/// A response plan of which nothing is said yet. A person decides, and it ends when nobody does.
fn blank(name: String, policy: &Policy) -> ResponsePlan {
    let template = policy.templates.iter().find(|template| template.name == "general");
    let template = template.or(policy.templates.first());
    ResponsePlan {
        name,
        title: String::new(),
        hazards: Vec::new(),
        event_words: Vec::new(),
        levels: Vec::new(),
        senders: Vec::new(),
        areas: Vec::new(),
        approval: ApprovalMode::OnePerson,
        decide_within_s: 300,
        after_deadline: AfterDeadline::Expire,
        chime: Chime::Notice,
        template: template.map(|template| template.name.clone()).unwrap_or_default(),
        voice: "default".to_owned(),
        recording: None,
        fallback_recording: "general-yellow".to_owned(),
        repeats: 2,
        interval_s: 10,
        volume_percent: None,
        quiet_hours_exempt: false,
        playback: Playback::Simultaneous,
        validity_s_max: policy.validity_s_default,
        on_cancel: OnCancel::StopAndAnnounce,
        call: None,
    }
}

impl Scene {
    /// The policy with a change in force, as the core would lay it over the file.
    pub(super) fn changed(
        &self,
        deed: PolicyDeed,
        content: &PolicyContent,
        stands_before: Option<String>,
    ) -> Policy {
        let part = content.part();
        let change = PolicyChange {
            version: 0,
            before: None,
            after: content.clone(),
            file: self.file.content(&part),
            reason: String::new(),
            returns_to: None,
            deed,
            stands_before,
        };
        self.edits.with(&self.file, &self.rules.network, &change)
    }
}

/// Before which response plan one is to stand, as the form says.
pub(super) fn place_of(fields: &Fields) -> Option<String> {
    Some(fields.one("stands_before").to_owned()).filter(|name| !name.is_empty())
}
