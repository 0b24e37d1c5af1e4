//! What speaks against a programme, shown before it is saved: faults and overlaps, which stop it; and what
//! people should know, such as an armed drill or plays that quiet hours cut off.

use super::fault::PageFault;
use super::programmes::calendar;
use super::visitor::Visitor;
use super::words;
use crate::clock;
use crate::console::Console;
use crate::console::programmes::drill_until;
use crate::decide::{conflicts, estimated_ms, programme_faults, programme_notes, terminals_of};
use crate::model::Programme;
use maud::{Markup, html};

/// What a look at it found.
pub(super) struct Checked {
    /// What it is refused for.
    pub(super) faults: Vec<String>,
    /// What people should know before they save it all the same.
    pub(super) notes: Vec<String>,
    n_terminals: usize,
    long_ms: i64,
    when: String,
}

impl Checked {
    /// The notes as a form carries them, so that it is known which were seen.
    pub(super) fn noted(&self) -> String {
        self.notes.join("；")
    }

    /// For people.
    pub(super) fn shown(&self, visitor: &Visitor) -> Markup {
        let say = |zh, en| visitor.say(zh, en);
        html! {
            @if self.faults.is_empty() {
                p.flash.good role="status" { (say("检查通过：", "No fault: ")) (self.n_terminals) (say(" 个终端，每次约 ", " terminals, each time about "))
                    (words::span(visitor.tongue(), self.long_ms / 1000)) " · " (self.when) }
            }
            @for fault in &self.faults { p.flash.bad role="alert" { (fault) } }
            @for note in &self.notes { p.flash.warn role="status" { (say("请留意：", "Note: ")) (note) } }
            @if self.faults.is_empty() && !self.notes.is_empty() {
                p.hint { (say("如仍要保存，请再按一次“保存节目”。", "Press Save once more to save it all the same.")) }
            }
        }
    }
}

/// Looks at it as it would be saved.
pub(super) async fn check(
    console: &Console,
    visitor: &Visitor,
    programme: Programme,
) -> Result<Checked, PageFault> {
    let (now, by, tongue) = (clock::now_utc(), visitor.actor().name.clone(), visitor.tongue());
    let look = console.core.look(move |gateway| {
        let rules = gateway.rules();
        let (programme, mut reasons) = gateway.state().resolved(programme);
        reasons.extend(programme_faults(rules, &programme, &by));
        let mut faults: Vec<String> = reasons.into_iter().map(|reason| reason.text).collect();
        let others = gateway.state().programmes.values().map(|state| &state.programme);
        let offset = rules.policy.local_offset_minutes;
        let found = conflicts(rules, now, &programme, others);
        faults.extend(found.into_iter().map(|conflict| conflict.zh(offset)));
        let notes = programme_notes(rules, now, &programme, drill_until(gateway, now));
        Checked {
            faults,
            notes: notes.into_iter().map(|note| note.text).collect(),
            n_terminals: terminals_of(rules, &programme).len(),
            long_ms: estimated_ms(&programme),
            when: calendar(tongue, &programme),
        }
    });
    Ok(look.await?)
}
