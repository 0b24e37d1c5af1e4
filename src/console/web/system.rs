//! 系统: how the gateway is, what it hangs on, and where its settings are looked after.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::Visitor;
use super::words;
use crate::console::Console;
use crate::daemon::Life;
use crate::model::Right;
use axum::extract::State;
use maud::{Markup, html};

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let look = console.core.look(|gateway| {
        let network = &gateway.rules().network;
        (
            gateway.n_online(),
            network.terminals.len(),
            network.areas.len(),
            gateway.state().n_rejected,
        )
    });
    let (online, terminals, areas, rejected) = look.await?;
    let health = &console.metrics.health;
    let say = |zh, en| visitor.say(zh, en);
    let life = match health.life() {
        Life::Starting => say("正在启动", "starting"),
        Life::Replaying => say("正在重放台账", "replaying the record"),
        Life::Running => say("正常运行", "running"),
        Life::Stopping => say("正在停止", "stopping"),
    };
    let link = health.link_why();
    let warnings = console.metrics.link_warnings();
    let body = html! {
        section.card {
            dl.facts {
                dt { (say("状态", "State")) } dd { (life) }
                dt { (say("版本", "Version")) } dd { (env!("CARGO_PKG_VERSION")) }
                dt { (say("决策核心", "Core")) } dd {
                    @if health.core_stuck() { span.bad { (say("停滞 ", "silent for ")) (health.core_silent_ms() / 1000) " s" } }
                    @else { (say("运转正常", "turning")) " · " (console.core.n_waiting()) (say(" 条待处理", " inputs waiting")) }
                }
                dt { (say("链路", "Link")) } dd { @if link.is_empty() { (say("已连接", "up")) } @else { span.bad { (link) } } }
                dt { (say("终端", "Terminals")) } dd { (online) " / " (terminals) (say(" 在线", " online")) }
                dt { (say("区域", "Areas")) } dd { (areas) }
                dt { (say("无法识别的报文", "Unreadable messages")) } dd { (rejected) }
                dt { (say("磁盘", "Disk")) } dd {
                    @if health.space_low() { span.bad { (say("空间不足，已动用备用空间", "full: living on the reserve")) } }
                    @else { (say("正常", "fine")) }
                }
                dt { (say("台账", "Record")) } dd { (console.record_url) }
            }
            @for warning in &warnings { p.flash.bad { (warning) } }
        }
        @if visitor.may(Right::Administer) {
            p { a.button href="/console/accounts" { (say("人员账号", "Accounts")) } }
            h2 { (say("接口密钥", "API keys")) }
            p.hint { (say("由 mingluo keys create / revoke 管理，重启后生效。", "Managed by `mingluo keys create` and `revoke`; a restart puts them in force.")) }
            table.wide {
                thead { tr { th { (say("名称", "Name")) } th { (say("角色", "Role")) } th { (say("区域", "Areas")) } } }
                tbody {
                    @for key in &console.keys.keys {
                        tr { td { (key.name) } td { (words::role(visitor.tongue(), key.role)) }
                            td { @for area in &key.areas { (area) " " } } }
                    }
                }
            }
        }
    };
    let title = say("系统", "System").to_owned();
    Ok(page(&console, &visitor, layout::SYSTEM, &title, &body))
}
