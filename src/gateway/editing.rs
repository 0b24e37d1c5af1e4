//! An officer changes a plan that waits: recorded with before and after, and every signature falls.

use super::alerts::memory;
use super::people::{areas_of, deny, may, refuse_ask};
use super::{Action, Answer, Gateway, RequestId};
use crate::decide::{self, PlanEdit};
use crate::model::{Actor, OriginKind, PlanId, Right, UtcMs};
use crate::record::entry::Entry;

impl Gateway {
    pub(super) fn edit_plan(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        plan: PlanId,
        mut edit: PlanEdit,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("edit plan {plan}");
            let Some(pending) = out.state.pending.get(&plan) else {
                return out.reply(request, Answer::NotFound(format!("no plan {plan} is waiting")));
            };
            if let Err(why) = may(actor, Right::Approve, areas_of(rules, &pending.plan().terminals))
            {
                return deny(out, request, actor, &what, &why);
            }
            edit.edited_by.clone_from(&actor.name);
            edit.allowed_areas.clone_from(&actor.areas);
            match decide::edit(
                rules,
                now,
                pending,
                &edit,
                &memory(rules, out, &[], OriginKind::Duty),
            ) {
                Err(refusal) => refuse_ask(out, request, actor, &what, refusal),
                Ok(edited) => {
                    let revision = pending.revision().saturating_add(1);
                    out.record(Entry::PlanEdited {
                        plan,
                        revision,
                        by: actor.name.clone(),
                        before: Box::new(edited.before),
                        after: Box::new(edited.after),
                        needs_other: edited.needs_other,
                    });
                    out.reply(request, Answer::Edited { plan, revision });
                }
            }
        })
    }
}
