//! 值班: who is on duty now, the table of shifts, single changes, and a whole roster from a spreadsheet:
//! first checked with every fault told, then taken.

use super::asked::{people, telephone};
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Fields, Posted, TOKEN_FIELD, Visitor, done, is_token};
use super::words;
use crate::clock;
use crate::console::Console;
use crate::console::extract::{BODY_S_MAX, ROSTER_BYTES_MAX};
use crate::daemon::CoreFault;
use crate::decide::{RowFault, read_roster};
use crate::gateway::{Ask, Gateway, Input};
use crate::model::{AreaCode, AreaLevel, LocalDate, Post, Right, Shift, ShiftId, UtcMs};
use axum::extract::{Multipart, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::time::Duration;

/// Shifts listed; those that are over longest are left out first.
const SHOWN_MAX: usize = 500;
const HERE: &str = "/console/roster";

struct Roster {
    duty: Vec<(String, Vec<Shift>)>,
    shifts: Vec<Shift>,
    n_more: usize,
    places: BTreeMap<AreaCode, String>,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let body = whole(&console, &visitor, None).await?;
    Ok(framed(&console, &visitor, &body))
}

fn framed(console: &Console, visitor: &Visitor, body: &Markup) -> Markup {
    page(console, visitor, layout::ROSTER, visitor.say("值班", "Duty roster"), body)
}

async fn whole(
    console: &Console,
    visitor: &Visitor,
    checked: Option<Markup>,
) -> Result<Markup, PageFault> {
    let now = clock::now_utc();
    let roster = console.core.look(move |gateway| look(gateway, now)).await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let may = visitor.may(Right::Roster);
    Ok(html! {
        @if let Some(checked) = checked { (checked) }
        section.card {
            h2 { (say("此刻在岗", "On duty now")) }
            @if roster.duty.is_empty() { p.bad { (say("值班表上此刻无人在岗，审批和叫应将找不到人。", "Nobody is on duty now: approvals find nobody.")) } }
            dl.facts { @for (area, shifts) in &roster.duty { dt { (area) } dd { (people(visitor.tongue(), shifts)) } } }
        }
        h2 { (say("班次", "Shifts")) }
        @if roster.shifts.is_empty() { p.empty { (say("还没有排班。", "No shift yet.")) } }
        @else { (table(visitor, &roster, offset, may)) }
        @if roster.n_more > 0 { p.hint { (roster.n_more) (say(" 个更早的班次未列出", " earlier shifts are not listed")) } }
        @if may { (add_form(visitor, &roster.places)) (import_form(visitor)) }
    })
}

fn look(gateway: &Gateway, now: UtcMs) -> Roster {
    let network = &gateway.rules().network;
    let all = &gateway.state().shifts;
    let served = |code: AreaCode| network.served.iter().any(|served| served.contains(code));
    let places: BTreeMap<AreaCode, String> = network
        .areas
        .values()
        .filter(|area| served(area.code) && area.code.level() <= AreaLevel::Township)
        .map(|area| (area.code, area.name.clone()))
        .collect();
    let mut shifts: Vec<Shift> = all.values().cloned().collect();
    shifts.sort_by(|a, b| b.until.cmp(&a.until).then_with(|| a.post.cmp(&b.post)));
    let n_more = shifts.len().saturating_sub(SHOWN_MAX);
    shifts.truncate(SHOWN_MAX);
    Roster { duty: on_duty(gateway, now), shifts, n_more, places }
}

/// Who is on duty now, by area, the county first.
pub(super) fn on_duty(gateway: &Gateway, now: UtcMs) -> Vec<(String, Vec<Shift>)> {
    let areas = &gateway.rules().network.areas;
    let mut duty: BTreeMap<AreaCode, Vec<Shift>> = BTreeMap::new();
    let on = gateway.state().shifts.values().filter(|s| s.from <= now && now < s.until);
    on.for_each(|shift| duty.entry(shift.area).or_default().push(shift.clone()));
    duty.values_mut().for_each(|shifts| shifts.sort_by_key(|shift| shift.post));
    let name = |code: AreaCode| {
        areas.get(&code).map_or_else(|| code.to_string(), |area| area.name.clone())
    };
    duty.into_iter().map(|(code, shifts)| (name(code), shifts)).collect()
}

fn table(visitor: &Visitor, roster: &Roster, offset: i16, may: bool) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let area =
        |code: &AreaCode| roster.places.get(code).cloned().unwrap_or_else(|| code.to_string());
    html! {
        form method="post" action="/console/roster/remove" {
            (token(visitor))
            table.wide {
                thead { tr {
                    th { (say("岗位", "Post")) } th { (say("姓名", "Name")) } th { (say("电话", "Telephone")) }
                    th { (say("区域", "Area")) } th { (say("开始", "From")) } th { (say("结束", "Until")) } @if may { th { } }
                } }
                tbody {
                    @for shift in &roster.shifts {
                        tr {
                            td { (words::post(visitor.tongue(), shift.post)) } td { (shift.person) } td { (telephone(&shift.telephone)) }
                            td { (area(&shift.area)) } td { (words::moment(shift.from, offset)) } td { (words::moment(shift.until, offset)) }
                            @if may { td { button type="submit" name="shift" value=(shift.id) { (say("删除", "Remove")) } } }
                        }
                    }
                }
            }
        }
    }
}

fn add_form(visitor: &Visitor, places: &BTreeMap<AreaCode, String>) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        h2 { (say("添加班次", "Add a shift")) }
        form.card method="post" action=(HERE) {
            (token(visitor))
            div.filters {
                label { (say("岗位", "Post")) select name="post" {
                    @for (post, [_, _, _, value]) in Post::NAMES { option value=(value) { (words::post(visitor.tongue(), post)) } }
                } }
                label { (say("姓名（与账号姓名一致）", "Name (as on the account)")) input name="person" required maxlength="40"; }
                label { (say("电话", "Telephone")) input name="telephone" required maxlength="24" inputmode="tel"; }
                label { (say("区域", "Area")) select name="area" { @for (code, name) in places { option value=(code) { (name) } } } }
                label { (say("开始", "From")) input type="datetime-local" name="from" required; }
                label { (say("结束", "Until")) input type="datetime-local" name="until" required; }
            }
            button.primary type="submit" { (say("添加", "Add")) }
        }
    }
}

fn import_form(visitor: &Visitor) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        h2 { (say("导入值班表", "Import a roster")) }
        form.card method="post" action="/console/roster/import" enctype="multipart/form-data" {
            (token(visitor))
            p.hint { (say(
                "CSV 文件，首行为：岗位,姓名,电话,区域,开始,结束。先检查，全部无误并确认后才导入。",
                "CSV with the columns post,person,telephone,area,from,until. It is checked first and taken after you confirm.",
            )) }
            label { (say("文件", "File")) input type="file" name="file" accept=".csv,text/csv" required; }
            button type="submit" { (say("检查", "Check it")) }
        }
    }
}

/// `2026-05-12T08:00`, local.
fn local(text: &str, offset: i16) -> Option<UtcMs> {
    let (date, time) = text.split_once('T')?;
    let mut parts = time.split(':');
    let (hour, minute): (u16, u16) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let fine = hour < 24 && minute < 60;
    LocalDate::parse(date).filter(|_| fine).map(|date| date.at(hour * 60 + minute, offset))
}

/// Adds a shift.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Roster)?;
    let offset = console.county.local_offset_minutes;
    let moment = |name: &str| {
        let why = || PageFault::malformed(&format!("`{name}` = `{}`", fields.one(name)));
        local(fields.one(name), offset).ok_or_else(why)
    };
    let named = Post::NAMES.iter().find(|(_, names)| names.contains(&fields.one("post")));
    let area = AreaCode::parse(fields.one("area"));
    let Some(((post, _), area)) = named.zip(area) else {
        return Err(PageFault::malformed("`post` or `area`"));
    };
    let shift = Shift {
        id: ShiftId(0),
        post: *post,
        person: fields.one("person").to_owned(),
        telephone: fields.one("telephone").to_owned(),
        area,
        from: moment("from")?,
        until: moment("until")?,
    };
    let text = visitor.say("班次已添加。", "The shift is on the roster.").to_owned();
    change(&console, &visitor, vec![shift], Vec::new(), &text).await
}

/// Removes a shift.
pub(super) async fn remove(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Roster)?;
    let Some(id) = fields.parsed::<u64>("shift")? else {
        return Err(PageFault::malformed("no `shift`"));
    };
    let text = visitor.say("班次已删除。", "The shift is removed.").to_owned();
    change(&console, &visitor, Vec::new(), vec![ShiftId(id)], &text).await
}

async fn change(
    console: &Console,
    visitor: &Visitor,
    set: Vec<Shift>,
    remove: Vec<ShiftId>,
    text: &str,
) -> Result<Response, PageFault> {
    let actor = visitor.actor().clone();
    let ask = Box::new(Ask::ChangeRoster(set, remove));
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, ask)).await?;
    let (good, text) = super::told(visitor.tongue(), &answer, text);
    Ok(done(console, visitor, good, &text, HERE))
}

/// Checks a file, or takes one that was checked and comes back unchanged.
pub(super) async fn import(
    State(console): State<Console>,
    visitor: Visitor,
    form: Multipart,
) -> Result<Response, PageFault> {
    visitor.need(Right::Roster)?;
    let (fields, file) = upload(&visitor, form, ROSTER_BYTES_MAX).await?;
    let checked = fields.one("checked");
    let bytes = if checked.is_empty() { file } else { checked.as_bytes().to_vec() };
    let look = console.core.look(|gateway| {
        let rules = gateway.rules();
        (rules.network.clone(), rules.policy.local_offset_minutes)
    });
    let (network, offset) = look.await?;
    let read = tokio::task::spawn_blocking(move || read_roster(&bytes, &network, offset));
    let read = read.await.map_err(|fault| PageFault::malformed(&fault.to_string()))?;
    let shown = match read {
        Ok(shifts) if !checked.is_empty() => {
            let text = visitor.say("值班表已导入。", "The roster is taken.").to_owned();
            return change(&console, &visitor, shifts, Vec::new(), &text).await;
        }
        Ok(shifts) => confirm(&visitor, &shifts, offset)?,
        Err(faults) => faulty(&visitor, &faults),
    };
    let body = whole(&console, &visitor, Some(shown)).await?;
    Ok(framed(&console, &visitor, &body).into_response())
}

/// The fields of an upload and its file, of so many bytes at most and within [`BODY_S_MAX`]. The parts
/// are read in their order: without the token first, nothing more is read.
pub(super) async fn upload(
    visitor: &Visitor,
    form: Multipart,
    bytes_max: usize,
) -> Result<(Fields, Vec<u8>), PageFault> {
    tokio::time::timeout(Duration::from_secs(BODY_S_MAX), parts(visitor, form, bytes_max))
        .await
        .map_err(|_| PageFault::malformed(&format!("not whole within {BODY_S_MAX} s")))?
}

async fn parts(
    visitor: &Visitor,
    mut form: Multipart,
    bytes_max: usize,
) -> Result<(Fields, Vec<u8>), PageFault> {
    let broken =
        |why: axum::extract::multipart::MultipartError| PageFault::malformed(&why.body_text());
    let (mut fields, mut file, mut is_ours) = (Fields::default(), Vec::new(), false);
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name != TOKEN_FIELD && !is_ours {
            return Err(PageFault::forged());
        }
        let bytes = part.bytes().await.map_err(broken)?;
        if name == TOKEN_FIELD {
            if !is_token(visitor, &String::from_utf8_lossy(&bytes)) {
                return Err(PageFault::forged());
            }
            is_ours = true;
        } else if name == "file" {
            file = bytes.to_vec();
        } else {
            fields.push(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    if !is_ours {
        return Err(PageFault::forged());
    }
    if file.len() > bytes_max {
        return Err(PageFault::malformed(&format!("more than {bytes_max} bytes")));
    }
    Ok((fields, file))
}

fn faulty(visitor: &Visitor, faults: &[RowFault]) -> Markup {
    html! {
        section.flash.bad role="alert" {
            strong { (visitor.say("值班表有误，没有导入任何内容。请改正后重新检查：", "Nothing was taken. Mend these and check again:")) }
            ul { @for fault in faults { li { (visitor.say("第 ", "line ")) (fault.line) (visitor.say(" 行：", ": ")) (fault.what) } } }
        }
    }
}

/// The same roster as text, to come back when it is confirmed; it is read and checked again then.
fn as_csv(shifts: &[Shift], offset: i16) -> Option<String> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["岗位", "姓名", "电话", "区域", "开始", "结束"]).ok()?;
    let minute = |at| words::moment(at, offset).chars().take(16).collect::<String>();
    for shift in shifts {
        let (area, from, until) = (shift.area.to_string(), minute(shift.from), minute(shift.until));
        let row = [shift.post.title(), &shift.person, &shift.telephone, &area, &from, &until];
        rows.write_record(row).ok()?;
    }
    String::from_utf8(rows.into_inner().ok()?).ok()
}

fn confirm(visitor: &Visitor, shifts: &[Shift], offset: i16) -> Result<Markup, PageFault> {
    let say = |zh, en| visitor.say(zh, en);
    let text = as_csv(shifts, offset).ok_or_else(|| PageFault::malformed("csv"))?;
    Ok(html! {
        section.card {
            h2 { (say("检查通过，请确认", "No fault; confirm it")) }
            p.big { b { (shifts.len()) } (say(" 个班次", " shifts")) }
            ul { @for shift in shifts.iter().take(20) {
                li { (words::post(visitor.tongue(), shift.post)) " " (shift.person) " " (words::moment(shift.from, offset)) " — " (words::moment(shift.until, offset)) }
            } }
            @if shifts.len() > 20 { p.hint { "…" } }
            form method="post" action="/console/roster/import" enctype="multipart/form-data" {
                (token(visitor))
                input type="hidden" name="checked" value=(text);
                button.primary type="submit" { (say("确认导入", "Take it")) }
            }
        }
    })
}

/// The line of the overview.
pub(super) async fn line(console: &Console, tongue: words::Tongue) -> Result<Markup, CoreFault> {
    let now = clock::now_utc();
    let duty = console.core.look(move |gateway| on_duty(gateway, now)).await?;
    Ok(html! {
        p.duty {
            a href=(HERE) { (tongue.say("值班", "On duty")) } "："
            @if duty.is_empty() { strong.bad { (tongue.say("此刻无人在岗", "nobody")) } }
            @for (area, shifts) in &duty { span.of-area { b { (area) } " " (people(tongue, shifts)) } " " }
        }
    })
}
