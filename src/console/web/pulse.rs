//! The line in the head of every page: what sounds, what waits, and whether a drill is armed.

use super::words::{self, Tongue};
use crate::console::Console;
use crate::daemon::CoreFault;
use crate::model::Class;
use maud::{Markup, html};

/// The line.
pub(super) async fn part(console: &Console, tongue: Tongue) -> Result<Markup, CoreFault> {
    let look = console.core.look(|gateway| {
        let state = gateway.state();
        let of = |class| state.running().filter(|(_, b)| b.broadcast.class() == class).count();
        let drill = state.drill.as_ref().map(|drill| drill.until);
        (of(Class::Live), of(Class::Drill), state.pending.len(), drill, state.latches.len())
    });
    let (live, drills, waiting, armed, latches) = look.await?;
    Ok(html! {
        @if latches > 0 {
            a.lamp.live href="/console/latches" { (tongue.say("停播锁 ", "STOP latch ")) (latches) }
        }
        @if live > 0 {
            a.lamp.live href="/console/broadcasts" { (tongue.say("正在播发 ", "On air ")) (live) }
        }
        @if drills > 0 {
            a.lamp.drill href="/console/broadcasts" { (tongue.say("演练播发 ", "Drill on air ")) (drills) }
        }
        @if waiting > 0 {
            a.lamp.waiting href="/console/approvals" { (tongue.say("待审批 ", "Waiting ")) (waiting) }
        }
        @if let Some(until) = armed {
            a.lamp.drill href="/console/drills" {
                (tongue.say("演练已开启，至 ", "Drill armed until "))
                (words::time_of_day(until, console.county.local_offset_minutes))
            }
        }
    })
}
