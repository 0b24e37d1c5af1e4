//! 上级平台往来: what came from the upper platform and what was answered, what was told, how often, and what
//! became of it, by the record; beside it what is said again and again and stands on no record.

use super::fault::PageFault;
use super::layout::{self, page};
use super::list;
use super::platform_words as words_of;
use super::visitor::Visitor;
use super::words;
use crate::clock;
use crate::console::Console;
use crate::console::extract::At;
use crate::daemon::{Party, PlatformStatus, PlatformWatch, SaidNow};
use crate::gateway::{Came, Gateway, Passed, PassedWhat, Told, ToldEnd};
use crate::model::Right;
use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

const HERE: &str = "/console/platform";
/// Rows of one page.
const PAGE_MAX: usize = 50;
/// Answers to one package that are shown with it.
const ANSWERS_MAX: usize = 50;

/// What to show, as a form sends it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    before: Option<u64>,
    /// `came`, `told`, or both.
    #[serde(default)]
    way: String,
    /// `bad` = what was refused, waits or was given up.
    #[serde(default)]
    only: String,
    /// Digits of a package or a message.
    #[serde(default)]
    id: String,
}

impl Asked {
    fn fits(&self, row: &Passed) -> bool {
        let id = self.id.trim();
        let (way, bad, named) = match &row.what {
            PassedWhat::Came(came) => {
                let ebm = came.ebm.as_ref().map_or("", |ebm| ebm.id.as_str());
                let named = came.package.id.contains(id) || ebm.contains(id);
                ("came", !came.code.is_taken(), named)
            }
            PassedWhat::Told(told) => {
                let taken =
                    matches!(&told.end, Some(ToldEnd::Taken { code, .. }) if code.is_taken());
                let related = told.related.as_deref().unwrap_or_default();
                ("told", !taken, told.ebm.contains(id) || related.contains(id))
            }
        };
        self.before.is_none_or(|before| row.number < before)
            && (self.way.is_empty() || self.way == way)
            && (self.only != "bad" || bad)
            && named
    }

    fn older(&self, before: u64) -> String {
        let fields = [("way", self.way.as_str()), ("only", &self.only), ("id", &self.id)];
        list::next(("before", &before.to_string()), &fields)
    }
}

/// The list.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let say = |zh, en| visitor.say(zh, en);
    let title = say("上级平台往来", "Exchange with the upper platform");
    let Some(watch) = &console.platform else {
        let why = say(
            "没有配置上级应急广播平台（gateway.toml 的 [platform]）。",
            "No upper platform is configured ([platform] of gateway.toml).",
        );
        return Ok(list::off(&console, &visitor, (layout::SYSTEM, title), why));
    };
    let wanted = asked.clone();
    let look = move |gateway: &Gateway| {
        let platform = &gateway.state().platform;
        let rows = platform.exchanged.rows().rev().filter(|row| wanted.fits(row));
        let rows: Vec<Passed> = rows.take(PAGE_MAX).cloned().collect();
        (rows, platform.exchanged.n_ever(), platform.outgoing.len())
    };
    let (rows, n_ever, n_waiting) = console.core.look(look).await?;
    let next = rows.last().filter(|_| rows.len() == PAGE_MAX).map(|row| asked.older(row.number));
    let offset = console.county.local_offset_minutes;
    let body = html! {
        p { a href="/console/system" { "← " (say("系统", "System")) } " "
            span.hint { (say("累计往来 ", "passed ever: ")) (n_ever) } }
        (state(&visitor, watch, n_waiting, offset))
        (choice(&visitor, &asked))
        (list::rows((rows.is_empty(), say("没有符合条件的往来。", "Nothing passed that fits.")), &table(&visitor, &rows, offset), next.map(|next| (say("更早的", "Older"), next))))
        (repeated(&visitor, &watch.now(), offset))
    };
    Ok(page(&console, &visitor, layout::SYSTEM, title, &body))
}

fn table(visitor: &Visitor, rows: &[Passed], offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        table.wide {
            thead { tr {
                th.number { (say("编号", "Number")) } th { (say("时间", "Time")) } th { (say("方向", "Way")) }
                th { (say("类型", "Kind")) } th { (say("消息", "Message")) }
                th { (say("应答", "Answer")) } th { (say("签名", "Signature")) }
            } }
            tbody { @for row in rows { (line(visitor, row, offset)) } }
        }
    }
}

/// Where it is, and whether it answers.
fn state(visitor: &Visitor, watch: &PlatformWatch, n_waiting: usize, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let (settings, now) = (&watch.settings, watch.now());
    let moment = |at: Option<_>| {
        at.map_or_else(|| say("尚无", "not yet").to_owned(), |at| words::moment(at, offset))
    };
    let taken = match (settings.listen, settings.tls().is_some()) {
        (None, _) => say("不接收", "nothing is taken").to_owned(),
        (Some(at), false) => format!("http://{at}"),
        (Some(at), true) => format!("https://{at}"),
    };
    html! {
        section.card {
            dl.facts {
                dt { (say("上级平台", "Upper platform")) } dd { code { (settings.upper_code) } }
                dt { (say("本平台", "This platform")) } dd { code { (settings.own_code) } }
                dt { (say("上报地址", "Told at")) } dd {
                    @match &settings.url { Some(url) => (url), None => (say("不上报", "nothing is told")) } }
                dt { (say("接收地址", "Takes at")) } dd { (taken) }
                dt { (say("上级最近应答", "It last answered")) } dd { (moment(now.answered_at)) }
                dt { (say("上级最近心跳", "Its last heartbeat")) } dd { (moment(now.heartbeat_at)) }
                dt { (say("待上报", "Waiting to be told")) } dd { (n_waiting) }
                @if now.n_failed > 0 {
                    dt { (say("连续失败", "Failed in a row")) } dd { span.bad { (now.n_failed) } " · " (now.why) }
                    @if now.next_at > clock::now_utc() {
                        dt { (say("下次重试", "Next try")) } dd { (words::moment(now.next_at, offset)) } }
                }
            }
            p { a href={ "/console/rejections?by=" (settings.upper_code) } {
                (say("无法识别或没有收完整的数据包", "Packages that could not be read or did not come whole")) } }
        }
    }
}

fn choice(visitor: &Visitor, asked: &Asked) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let ways =
        [("", say("双向", "both")), ("came", say("收到", "came")), ("told", say("上报", "told"))];
    let all = [("", say("全部", "all")), ("bad", say("拒收、未送达", "refused or not taken"))];
    html! {
        form.actions method="get" {
            label { (say("方向", "Way")) (list::select("way", &asked.way, &ways)) }
            label { (say("结果", "Result")) (list::select("only", &asked.only, &all)) }
            label { (say("数据包或消息编号含有", "Number contains"))
                input name="id" value=(asked.id) maxlength="60" inputmode="numeric"; }
            button type="submit" { (say("筛选", "Show")) }
        }
    }
}

fn line(visitor: &Visitor, row: &Passed, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let link = html! { td.number { a href={ (HERE) "/" (row.number) } { (row.number) } } };
    let at = words::moment(row.at, offset);
    match &row.what {
        PassedWhat::Came(came) => html! { tr {
            (link) td { (at) } td { (say("收到", "came")) }
            td { (words_of::kind(visitor, came.package.kind)) }
            td { @if let Some(ebm) = &came.ebm { (ebm.id) } }
            td { (words_of::code(visitor, came.code)) " · " (came.desc) }
            td { (words_of::signature(visitor, &came.package.signature)) }
        } },
        PassedWhat::Told(told) => html! { tr {
            (link) td { (at) } td { (say("上报", "told")) }
            td { (words_of::kind(visitor, told.kind)) }
            td { (told.ebm) " · " (words_of::state(visitor, told.state)) }
            td { (end(visitor, told, offset)) }
            td { (say("本平台签名", "signed by us")) }
        } },
    }
}

/// What became of something told.
fn end(visitor: &Visitor, told: &Told, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @match &told.end {
            Some(ToldEnd::Taken { at, code }) => {
                (words_of::code(visitor, *code)) " · " (words::moment(*at, offset)) }
            Some(ToldEnd::Dropped { at, reason }) => {
                span.bad { (say("已放弃：", "given up: ")) (reason) } " · " (words::moment(*at, offset)) }
            None => (say("待上报", "waits")),
        }
        @if told.n_tries > 0 {
            " · " (say("失败 ", "failed ")) (told.n_tries) (say(" 次以上", "× or more")) }
    }
}

/// What is said again and again, and stands on no record.
fn repeated(visitor: &Visitor, now: &PlatformStatus, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let answer = |said: &SaidNow| match &said.answer {
        Ok((code, desc)) => html! { (words_of::code(visitor, *code)) " · " (desc) },
        Err(why) => html! { span.bad { (say("没有应答：", "no answer: ")) (why) } },
    };
    html! {
        section.card {
            h2 { (say("心跳与资源上报", "Heartbeats and reports of what there is")) }
            p.hint { (say(
                "周期性内容，不入台账，仅显示本次启动以来最近的。",
                "Said again and again and on no record; the newest since the start.",
            )) }
            @if now.said.is_empty() { p.empty { (say("尚无。", "Nothing yet.")) } }
            @else { table.wide {
                thead { tr { th { (say("时间", "Time")) } th { (say("类型", "Kind")) }
                    th.number { (say("条数", "Records")) } th { (say("应答", "Answer")) } } }
                tbody { @for said in now.said.iter().rev() { tr {
                    td { (words::moment(said.at, offset)) } td { (words_of::kind(visitor, said.kind)) }
                    td.number { @if let Some(n) = said.n_records { (n) } } td { (answer(said)) }
                } } }
            } }
        }
    }
}

/// A row with what belongs to it.
struct Found {
    row: Passed,
    /// Rows that answer it, or that it answers.
    others: Vec<Passed>,
    /// Number of the alert that its message became.
    alert: Option<u64>,
}

fn find(gateway: &Gateway, number: u64) -> Option<Found> {
    let exchanged = &gateway.state().platform.exchanged;
    let row = exchanged.rows().find(|row| row.number == number)?.clone();
    let belongs = |other: &&Passed| match (&row.what, &other.what) {
        (PassedWhat::Came(came), PassedWhat::Told(told))
        | (PassedWhat::Told(told), PassedWhat::Came(came)) => {
            told.related.as_ref() == Some(&came.package.id)
        }
        (PassedWhat::Came(_), PassedWhat::Came(_)) | (PassedWhat::Told(_), PassedWhat::Told(_)) => {
            false
        }
    };
    let others = exchanged.rows().filter(belongs).take(ANSWERS_MAX).cloned().collect();
    let alert = match &row.what {
        PassedWhat::Came(came) => came.ebm.as_ref().map(|ebm| &ebm.alert),
        PassedWhat::Told(_) => None,
    };
    let alert = alert.and_then(|id| gateway.state().alert(id)).map(|alert| alert.number);
    Some(Found { row, others, alert })
}

/// One of them.
pub(super) async fn one(
    State(console): State<Console>,
    visitor: Visitor,
    At(number): At<u64>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let found = console.core.look(move |gateway| find(gateway, number)).await?;
    let Found { row, others, alert } = found.ok_or_else(PageFault::not_found)?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let own_code = console.platform.as_ref().map(|watch| watch.settings.own_code.clone());
    let facts = match &row.what {
        PassedWhat::Came(came) => facts_of_came(&visitor, came, alert, offset),
        PassedWhat::Told(told) => facts_of_told(&visitor, told, own_code.as_deref(), offset),
    };
    let body = html! {
        p { a href=(HERE) { "← " (say("上级平台往来", "Exchange with the upper platform")) } }
        section.card { dl.facts {
            dt { (say("时间", "Time")) } dd { (words::moment(row.at, offset)) }
            (facts)
        } }
        h2 { (say("相关往来", "What belongs to it")) }
        @if others.is_empty() { p.empty { (say("尚无。", "Nothing yet.")) } }
        @else { table.wide { tbody { @for other in &others { (line(&visitor, other, offset)) } } } }
    };
    let title = format!("{} {number}", say("上级平台往来", "Exchange"));
    Ok(page(&console, &visitor, layout::SYSTEM, &title, &body))
}

fn facts_of_came(visitor: &Visitor, came: &Came, alert: Option<u64>, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let package = &came.package;
    html! {
        dt { (say("方向", "Way")) } dd { (say("收到", "came")) " · " (words_of::kind(visitor, package.kind)) " " (package.kind.name()) }
        dt { "EBDID" } dd { code { (package.id) } }
        dt { (say("来源平台", "From")) } dd { code { (package.source) } }
        @if let Some(dest) = &package.dest { dt { (say("目标平台", "To")) } dd { code { (dest) } } }
        dt { "EBDTime" } dd { (words::moment(package.sent, offset)) }
        @if let Some(related) = &package.related {
            dt { (say("关联数据包", "Related")) } dd { code { (related) } } }
        dt { (say("签名", "Signature")) } dd { (words_of::signature(visitor, &package.signature)) }
        dt { "SHA-256" } dd { code { (came.raw) } " "
            a href={ "/console/raw/" (came.raw) } { (say("下载原文", "raw bytes")) } }
        dt { (say("应答", "Answer")) } dd { (words_of::code(visitor, came.code)) " · " (came.desc) }
        @if let Some(ebm) = &came.ebm {
            dt { (say("消息", "Message")) } dd { code { (ebm.id) }
                @if ebm.ends { " " (say("（停播）", "(ends another)")) }
                @if let Some(alert) = alert {
                    " " a href={ "/console/alerts/" (alert) } { (say("预警 ", "alert ")) (alert) } } }
        }
    }
}

fn facts_of_told(visitor: &Visitor, told: &Told, own: Option<&str>, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        dt { (say("方向", "Way")) } dd { (say("上报", "told")) " · " (words_of::kind(visitor, told.kind)) " " (told.kind.name()) }
        @if let Some(own) = own {
            dt { "EBDID" } dd { code { (Party::recorded_id(own, told.sequence)) } } }
        @if let Some(related) = &told.related {
            dt { (say("回应的数据包", "Answers")) } dd { code { (related) } } }
        dt { (say("消息", "Message")) } dd { code { (told.ebm) } }
        dt { (say("播发状态", "State")) } dd { (words_of::state(visitor, told.state)) " · " (told.desc) }
        dt { (say("结果", "Result")) } dd { (end(visitor, told, offset)) }
        @if !told.why.is_empty() { dt { (say("最近失败原因", "Why it failed last")) } dd { (told.why) } }
    }
}
