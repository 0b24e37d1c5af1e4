//! Response plans and templates that people changed on screen: which part, how, and why.

use super::{CallRule, OnCancel, OriginKind, Policy, ResponsePlan, Role, Template, UtcMs};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A part of the policy that can be changed on screen; as text `plan/rainstorm-red`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PolicyPart {
    /// A response plan by name.
    Plan(String),
    /// A template by name.
    Template(String),
}

impl PolicyPart {
    /// From its text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/')? {
            ("plan", name) if !name.is_empty() => Some(Self::Plan(name.to_owned())),
            ("template", name) if !name.is_empty() => Some(Self::Template(name.to_owned())),
            _ => None,
        }
    }

    /// Its name in `policy.toml`.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Self::Plan(name) | Self::Template(name)) = self;
        name
    }
}

impl fmt::Display for PolicyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Plan(_) => "plan",
            Self::Template(_) => "template",
        };
        write!(f, "{kind}/{}", self.name())
    }
}

impl From<PolicyPart> for String {
    fn from(part: PolicyPart) -> Self {
        part.to_string()
    }
}

impl TryFrom<String> for PolicyPart {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("expected plan/NAME or template/NAME, got `{text}`"))
    }
}

/// What a part says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyContent {
    /// A response plan.
    Plan(Box<ResponsePlan>),
    /// A template.
    Template(Template),
}

impl PolicyContent {
    /// Which part it is.
    #[must_use]
    pub fn part(&self) -> PolicyPart {
        match self {
            Self::Plan(plan) => PolicyPart::Plan(plan.name.clone()),
            Self::Template(template) => PolicyPart::Template(template.name.clone()),
        }
    }
}

/// What a change does with its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyDeed {
    /// It says something else.
    #[default]
    Change,
    /// It is new, or comes back.
    Add,
    /// It is taken out of force.
    Remove,
}

impl PolicyDeed {
    fn is_change(&self) -> bool {
        *self == Self::Change
    }
}

/// One change of a part, as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyChange {
    /// Rising from 1 within its part; 0 is the file.
    pub version: u32,
    /// What was in force before; `None` = nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<PolicyContent>,
    /// What is to be in force; of a removal, what is taken out.
    pub after: PolicyContent,
    /// What `policy.toml` said then: another file later must not win or lose unseen. `None` = it did not
    /// name the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PolicyContent>,
    /// Why, as typed.
    pub reason: String,
    /// The older version it returns to; 0 = the file's, `None` = new words.
    #[serde(default)]
    pub returns_to: Option<u32>,
    /// What it does.
    #[serde(default, skip_serializing_if = "PolicyDeed::is_change")]
    pub deed: PolicyDeed,
    /// Of a response plan that the file does not name: the one before which it is tried; `None` = last,
    /// after those that are there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_before: Option<String>,
}

impl PolicyChange {
    /// What is in force by it; `None` = the part is taken out.
    #[must_use]
    pub fn in_force(&self) -> Option<&PolicyContent> {
        (self.deed != PolicyDeed::Remove).then_some(&self.after)
    }
}

/// A change with the people behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// What changed.
    pub change: PolicyChange,
    /// Who asked for it.
    pub by: String,
    /// In which role.
    pub role: Role,
    /// When.
    pub at: UtcMs,
    /// Who approved it and when; `None` = it waits.
    pub approved: Option<(String, UtcMs)>,
}

/// That another person would not have a change, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRefusal {
    /// Of which part.
    pub part: PolicyPart,
    /// Which version.
    pub version: u32,
    /// Canonical name of who refused it.
    pub by: String,
    /// Why, as typed.
    pub reason: String,
}

/// A change that another person would not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRefused {
    /// The change, with who asked for it.
    pub version: PolicyVersion,
    /// Who refused it.
    pub by: String,
    /// When.
    pub at: UtcMs,
    /// Why, as typed.
    pub reason: String,
}

impl Policy {
    /// What a part says.
    #[must_use]
    pub fn content(&self, part: &PolicyPart) -> Option<PolicyContent> {
        match part {
            PolicyPart::Plan(name) => {
                let plan = self.plans.iter().find(|plan| plan.name == *name)?;
                Some(PolicyContent::Plan(Box::new(plan.clone())))
            }
            PolicyPart::Template(name) => {
                let template = self.templates.iter().find(|template| template.name == *name)?;
                Some(PolicyContent::Template(template.clone()))
            }
        }
    }

    /// Puts `content` where its part stands; a part that is not there is not added.
    pub fn set(&mut self, content: &PolicyContent) {
        match content {
            PolicyContent::Plan(new) => {
                let mut plans = self.plans.iter_mut();
                if let Some(plan) = plans.find(|plan| plan.name == new.name) {
                    plan.clone_from(new);
                }
            }
            PolicyContent::Template(new) => {
                let mut templates = self.templates.iter_mut();
                if let Some(template) = templates.find(|template| template.name == new.name) {
                    template.clone_from(new);
                }
            }
        }
    }

    /// Puts a new part in: a response plan before the named one, or last. One of that name stays alone.
    pub fn add(&mut self, content: &PolicyContent, stands_before: Option<&str>) {
        self.remove(&content.part());
        match content {
            PolicyContent::Plan(new) => {
                let found = self.plans.iter().position(|plan| stands_before == Some(&plan.name));
                let at = found.unwrap_or(self.plans.len());
                self.plans.insert(at, (**new).clone());
            }
            PolicyContent::Template(new) => self.templates.push(new.clone()),
        }
    }

    /// Takes a part out.
    pub fn remove(&mut self, part: &PolicyPart) {
        match part {
            PolicyPart::Plan(name) => self.plans.retain(|plan| plan.name != *name),
            PolicyPart::Template(name) => self.templates.retain(|template| template.name != *name),
        }
    }
}

/// What a plan was decided by, as far as it matters afterwards: a response plan that is changed later
/// changes nothing that runs or waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanBasis {
    /// Title of the response plan for people.
    pub title: String,
    /// Its version: 0 = as in `policy.toml`, else the change on screen.
    #[serde(default)]
    pub version: u32,
    /// Whether it goes out by itself, and so does its all-clear.
    pub automatic: bool,
    /// What a Cancel does.
    pub on_cancel: OnCancel,
    /// Whether responsible persons are called.
    #[serde(default)]
    pub call: Option<CallRule>,
    /// From where the wish came; `None` = before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<OriginKind>,
}
