//! 名册: the registry of terminals from a spreadsheet. First it is checked: every fault with its line,
//! and what would be added, changed and retired. Nothing changes until that is confirmed with a reason.

use super::fault::PageFault;
use super::layout::token;
use super::roster::upload;
use super::terminals::{Filter, whole};
use super::visitor::{Fields, Visitor, done};
use super::words::Tongue;
use crate::console::Console;
use crate::decide::{ReadRegistry, TerminalFault, read_registry, write_registry};
use crate::gateway::{Ask, Gateway, Input, same_terminal};
use crate::model::{Actor, AreaCode, RegistryChange, Right, Terminal, TerminalId};
use axum::extract::{Multipart, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Longest registry, bytes: some hundred thousand terminals.
pub(super) const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lines of each kind that a dry run shows; the rest is counted.
const SHOWN_MAX: usize = 50;
/// Faults shown at once.
const FAULTS_MAX: usize = 200;
const HERE: &str = "/console/terminals";

/// What a file comes to.
#[derive(Debug, Default)]
struct DryRun {
    faults: Vec<TerminalFault>,
    added: Vec<Terminal>,
    /// As it is, and as it would be.
    changed: Vec<(Terminal, Terminal)>,
    retired: Vec<Terminal>,
    n_same: usize,
    /// Every row of the file, to come back when it is confirmed.
    rows: Vec<Terminal>,
    /// Changes of the registry before it.
    seen: u64,
}

/// The form that begins it.
pub(super) fn import_form(visitor: &Visitor) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        h2 { (say("导入名册", "Import the registry")) }
        form.card method="post" action="/console/terminals/import" enctype="multipart/form-data" {
            (token(visitor))
            p.hint { (say(
                "CSV 文件，列与“导出 CSV”相同。先检查：列出每一处错误的行号，以及将新增、修改、停用的终端；确认并写明原因后才生效。",
                "CSV with the columns of the export. It is checked first: every fault with its line, and what would be added, changed and retired. Nothing changes until you confirm with a reason.",
            )) }
            label { (say("文件", "File")) input type="file" name="file" accept=".csv,text/csv" required; }
            label { input type="checkbox" name="whole" value="1";
                (say("文件是我辖区的完整名册：其中没有的终端将停用", "The file is the whole registry of my area: terminals that are not in it are retired")) }
            button type="submit" { (say("检查", "Check it")) }
            p.hint { (say(
                "terminals.csv 是底本：网页上的修改逐个终端盖在其上；以后若文件中该终端的行又改了，以文件为准（较晚的修改为准），并记入台账。把导出的文件放回 terminals.csv 即可合并。",
                "terminals.csv is the base. What is changed here stands above it, terminal by terminal; when the file's row of a terminal is changed later, the file holds again (the later change wins), which goes on record. Put an export in place of terminals.csv to merge both.",
            )) }
        }
    }
}

/// Checks a file, or takes one that was checked and comes back unchanged.
pub(super) async fn import(
    State(console): State<Console>,
    visitor: Visitor,
    form: Multipart,
) -> Result<Response, PageFault> {
    visitor.need(Right::Maintain)?;
    let (fields, file) = upload(&visitor, form, BYTES_MAX).await?;
    let checked = fields.one("checked");
    let bytes = if checked.is_empty() { file } else { checked.as_bytes().to_vec() };
    // Reading a whole county's file takes longer than a request may hold the runtime.
    let read = tokio::task::spawn_blocking(move || read_registry(&bytes));
    let read = read.await.map_err(|fault| PageFault::malformed(&fault.to_string()))?;
    let (actor, is_whole) = (visitor.actor().clone(), fields.one("whole") == "1");
    let look = console.core.look(move |gateway| dry_run(gateway, read, &actor, is_whole));
    let mut run = look.await?;
    if !checked.is_empty() && run.faults.is_empty() {
        let n_retired = run.retired.len().to_string();
        if run.retired.is_empty() || fields.one("typed") == n_retired {
            return apply(&console, &visitor, &fields, run).await;
        }
        let text = format!("请输入将停用的终端数 {n_retired}，没有做任何修改");
        let what = format!("expected {n_retired}, the number of terminals to retire");
        run.faults.push(TerminalFault { line: None, what, remedy: "type it".to_owned(), zh: text });
    }
    let shown = if run.faults.is_empty() {
        confirm(&visitor, &run, is_whole)?
    } else {
        faulty(&visitor, &run.faults)
    };
    let page = whole(&console, &visitor, &Filter::default(), Some(shown)).await?;
    Ok(page.into_response())
}

fn dry_run(gateway: &Gateway, read: ReadRegistry, actor: &Actor, is_whole: bool) -> DryRun {
    let known = &gateway.rules().network.terminals;
    let mut run = DryRun {
        faults: read.faults,
        seen: gateway.state().registry.revision,
        ..DryRun::default()
    };
    let lines: BTreeMap<TerminalId, u32> =
        read.rows.iter().map(|(line, terminal)| (terminal.id, *line)).collect();
    run.rows = read.rows.iter().map(|(_, terminal)| terminal.clone()).collect();
    for (_, terminal) in read.rows {
        match known.get(&terminal.id) {
            None => run.added.push(terminal),
            Some(before) if same_terminal(before, &terminal) => run.n_same += 1,
            Some(before) => run.changed.push((before.clone(), terminal)),
        }
    }
    if is_whole && run.faults.is_empty() {
        let mine = |known: &&Terminal| actor.covers([known.area]);
        let gone = |known: &&Terminal| !lines.contains_key(&known.id);
        run.retired.extend(known.values().filter(mine).filter(gone).cloned());
    }
    let set: Vec<Terminal> = run.set().cloned().collect();
    let retired: Vec<TerminalId> = run.retired.iter().map(|known| known.id).collect();
    for (id, fault) in gateway.registry_faults(&set, &retired) {
        run.faults.push(TerminalFault { line: lines.get(&id).copied(), ..fault });
    }
    let old = run.changed.iter().map(|(before, _)| before);
    let areas: Vec<(TerminalId, AreaCode)> =
        old.chain(&set).map(|terminal| (terminal.id, terminal.area)).collect();
    for (id, area) in areas.into_iter().filter(|(_, area)| !actor.covers([*area])) {
        run.faults.push(TerminalFault {
            line: lines.get(&id).copied(),
            what: format!("{id} stands in {area}, outside your areas"),
            remedy: "leave it out".to_owned(),
            zh: format!("{id} 所在区域 {area} 不在您的管辖范围内，请从文件中去掉"),
        });
    }
    run.faults.sort_by_key(|fault| fault.line);
    run
}

impl DryRun {
    fn set(&self) -> impl Iterator<Item = &Terminal> {
        self.added.iter().chain(self.changed.iter().map(|(_, after)| after))
    }
}

async fn apply(
    console: &Console,
    visitor: &Visitor,
    fields: &Fields,
    run: DryRun,
) -> Result<Response, PageFault> {
    let first = run.added.first().map(|terminal| terminal.id);
    let n_added = run.added.len();
    let change = RegistryChange {
        set: run.set().cloned().collect(),
        retired: run.retired.iter().map(|known| known.id).collect(),
        reason: fields.one("reason").to_owned(),
        seen: fields.parsed::<u64>("seen")?.unwrap_or_default(),
    };
    let actor = visitor.actor().clone();
    let ask = Box::new(Ask::ChangeRegistry(change));
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, ask)).await?;
    let mut text = visitor.say("名册已更新。", "The registry is changed.").to_owned();
    if let Some(first) = first {
        text.push_str(&keys_hint(visitor.tongue(), n_added, first));
    }
    let (good, text) = super::told(visitor.tongue(), &answer, &text);
    Ok(done(console, visitor, good, &text, HERE))
}

/// How new terminals get their keys; none is ever shown here.
fn keys_hint(tongue: Tongue, n: usize, first: TerminalId) -> String {
    match tongue {
        Tongue::Zh => format!(
            "新增 {n} 个终端还需要密钥：安装时在网关机器上逐个运行 mingluo keys terminal {first}，写入终端；密钥不在网页上显示。"
        ),
        Tongue::En => format!(
            " {n} new terminals need their keys: at installation run `mingluo keys terminal {first}` on the gateway, for each; keys are never shown here."
        ),
    }
}

fn faulty(visitor: &Visitor, faults: &[TerminalFault]) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        section.flash.bad role="alert" {
            strong { (say("名册有误，没有做任何修改。请改正后重新检查：", "Nothing was changed. Mend these and check again:")) }
            ul { @for fault in faults.iter().take(FAULTS_MAX) {
                li {
                    @if let Some(line) = fault.line { (say("第 ", "line ")) (line) (say(" 行：", ": ")) }
                    @match visitor.tongue() {
                        Tongue::Zh => (fault.zh),
                        Tongue::En => { (fault.what) "; " (fault.remedy) }
                    }
                }
            } }
            @if faults.len() > FAULTS_MAX { p { (say("另有 ", "and ")) (faults.len() - FAULTS_MAX) (say(" 处", " more")) } }
        }
    }
}

fn confirm(visitor: &Visitor, run: &DryRun, is_whole: bool) -> Result<Markup, PageFault> {
    let say = |zh, en| visitor.say(zh, en);
    let unchanged = run.set().next().is_none() && run.retired.is_empty();
    let csv = write_registry(run.rows.iter());
    let csv = csv.map_err(|fault| PageFault::malformed(&fault.to_string()))?;
    Ok(html! {
        section.card.dry-run {
            h2 { (say("检查通过，尚未生效", "No fault; nothing has changed yet")) }
            p.big {
                (say("新增 ", "add ")) b.added { (run.added.len()) } " · "
                (say("修改 ", "change ")) b.changed { (run.changed.len()) } " · "
                (say("停用 ", "retire ")) b.retired { (run.retired.len()) } " · "
                (say("不变 ", "as before ")) (run.n_same)
            }
            (listed(visitor, &run.added, say("新增", "Added")))
            (changes(visitor, &run.changed))
            (listed(visitor, &run.retired, say("停用", "Retired")))
            @if unchanged { p { (say("与现有名册相同，无需导入。", "It is the registry as it is.")) } }
            @else { (confirm_form(visitor, run, is_whole, &csv)) }
        }
    })
}

fn confirm_form(visitor: &Visitor, run: &DryRun, is_whole: bool, csv: &str) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let kept = if is_whole { "1" } else { "" };
    html! {
        ul.hint {
            li { (say("正在进行的播发目标不变。", "Broadcasts under way keep their targets.")) }
            li { (say(
                "新终端需要密钥：安装时在网关机器上运行 mingluo keys terminal 编号；密钥不在网页上显示。",
                "New terminals need keys: run `mingluo keys terminal ID` on the gateway at installation; keys are never shown here.",
            )) }
            li { (say(
                "停用的终端不再列入播发，断线后不能再登录；改了区域的终端在重新写入区域之前逐个下达指令。",
                "Retired terminals are no longer chosen and can't log in again; terminals that were moved are ordered one by one until they are told their area.",
            )) }
        }
        form method="post" action="/console/terminals/import" enctype="multipart/form-data" {
            (token(visitor))
            input type="hidden" name="checked" value=(csv);
            input type="hidden" name="whole" value=(kept);
            input type="hidden" name="seen" value=(run.seen);
            @if !run.retired.is_empty() {
                label { (say("请输入将停用的终端数以确认", "Type how many terminals are retired"))
                    input name="typed" required inputmode="numeric" autocomplete="off"; }
            }
            label { (say("原因", "Reason")) input name="reason" required minlength="2" maxlength="200"; }
            button.primary type="submit" { (say("确认修改名册", "Change the registry")) }
        }
    }
}

fn listed(visitor: &Visitor, terminals: &[Terminal], title: &str) -> Markup {
    html! {
        @if !terminals.is_empty() {
            details open[terminals.len() <= 10] {
                summary { (title) " (" (terminals.len()) ")" }
                ul { @for terminal in terminals.iter().take(SHOWN_MAX) {
                    li { (terminal.id) " " (terminal.name) " · " (terminal.area) " · " (terminal.volume_percent) "%" }
                } }
                @if terminals.len() > SHOWN_MAX { p.hint { (visitor.say("其余未列出", "the rest is not listed")) } }
            }
        }
    }
}

fn changes(visitor: &Visitor, changed: &[(Terminal, Terminal)]) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @if !changed.is_empty() {
            details open[changed.len() <= 10] {
                summary { (say("修改", "Changed")) " (" (changed.len()) ")" }
                ul { @for (before, after) in changed.iter().take(SHOWN_MAX) {
                    li { (after.id) " " @for (was, is) in differences(before, after) { del { (was) } " " ins { (is) } " " } }
                } }
                @if changed.len() > SHOWN_MAX { p.hint { (say("其余未列出", "the rest is not listed")) } }
            }
        }
    }
}

/// What is other than before, as it was and as it is.
fn differences(before: &Terminal, after: &Terminal) -> Vec<(String, String)> {
    let place = |terminal: &Terminal| {
        terminal
            .position
            .map_or_else(|| "—".to_owned(), |at| format!("{:.5},{:.5}", at.lat_deg, at.lon_deg))
    };
    let texts = |terminal: &Terminal| {
        [
            terminal.name.clone(),
            terminal.area.to_string(),
            place(terminal),
            format!("{:?}", terminal.codecs),
            format!("{:?}", terminal.links),
            format!("{}%", terminal.volume_percent),
        ]
    };
    texts(before).into_iter().zip(texts(after)).filter(|(was, is)| was != is).collect()
}
