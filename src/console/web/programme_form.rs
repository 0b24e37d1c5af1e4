//! The form of a programme: checked for faults and conflicts before anything is saved.

use super::compose::ground;
use super::compose_form::area_tree;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::programme_check::check;
use super::programmes::{ask_and_tell, weekday};
use super::visitor::{Fields, Posted, Visitor};
use crate::clock;
use crate::console::Console;
use crate::decide::MESSAGE_CHARS_MAX;
use crate::gateway::{Ask, Gateway};
use crate::model::{AreaCode, Calendar, LocalDate, Programme, Right, TerminalId, YearDay};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Kinds of calendars, with the names forms use.
const KINDS: [(&str, &str, &str); 5] = [
    ("daily", "每天", "every day"),
    ("weekly", "每周（勾选星期）", "weekly (on the days below)"),
    ("dates", "指定日期（填写日期）", "on the dates below"),
    ("yearly", "每年固定日期（如 05-12）", "every year on the days below (such as 05-12)"),
    ("month", "每年某月每天（如安全生产月 6）", "every day of the month below (such as 6)"),
];

/// Which programme is changed; none = a new one.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    name: String,
}

/// The form.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Broadcast)?;
    let look = console.core.look(move |gateway| {
        gateway.state().programmes.get(&wanted.name).map(|state| state.programme.clone())
    });
    let fields = look.await?.map_or_else(fresh, |programme| as_fields(&programme));
    form(&console, &visitor, &fields, &html! {}).await
}

fn fresh() -> Fields {
    let mut fields = Fields::default();
    for (name, value) in [("kind", "daily"), ("times", "07:30"), ("repeats", "1"), ("valid", "30")]
        .into_iter()
        .chain([("interval", "10"), ("tolerance", "600")])
    {
        fields.push(name.to_owned(), value.to_owned());
    }
    fields
}

fn as_fields(programme: &Programme) -> Fields {
    let mut fields = Fields::default();
    let mut push = |name: &str, value: String| fields.push(name.to_owned(), value);
    push("name", programme.name.clone());
    push("text", programme.text.clone().unwrap_or_default());
    push("recording", programme.recording.clone().unwrap_or_default());
    let clock = |at: &u16| format!("{:02}:{:02}", at / 60, at % 60);
    push("times", programme.at_minutes.iter().map(clock).collect::<Vec<_>>().join(" "));
    push("from", programme.from.to_string());
    push("until", programme.until.to_string());
    let except = programme.except.iter().map(ToString::to_string).collect::<Vec<_>>();
    push("except", except.join(" "));
    push("repeats", programme.repeats.to_string());
    push("volume", programme.volume_percent.map(|v| v.to_string()).unwrap_or_default());
    push("valid", programme.valid_s.div_ceil(60).max(1).to_string());
    push("voice", programme.voice.clone().unwrap_or_default());
    push("interval", programme.interval_s.to_string());
    push("tolerance", programme.tolerance_s.to_string());
    programme.terminals.iter().for_each(|terminal| push("terminal", terminal.to_string()));
    programme.groups.iter().for_each(|group| push("group", group.clone()));
    programme.areas.iter().for_each(|area| push("area", area.to_string()));
    let (kind, days) = match &programme.calendar {
        Calendar::Daily => ("daily", String::new()),
        Calendar::Weekly { weekdays } => {
            weekdays.iter().for_each(|day| push("weekday", day.to_string()));
            ("weekly", String::new())
        }
        Calendar::Dates { dates } => {
            ("dates", dates.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
        Calendar::Yearly { days } => {
            let days = days.iter().map(|day| format!("{:02}-{:02}", day.month, day.day));
            ("yearly", days.collect::<Vec<_>>().join(" "))
        }
        Calendar::Month { month } => ("month", month.to_string()),
    };
    push("kind", kind.to_owned());
    push("days", days);
    fields
}

async fn form(
    console: &Console,
    visitor: &Visitor,
    fields: &Fields,
    checked: &Markup,
) -> Result<Markup, PageFault> {
    let (now, own) = (clock::now_utc(), visitor.actor().areas.clone());
    let (county, tongue) = (std::sync::Arc::clone(&console.county), visitor.tongue());
    let look = move |gateway: &Gateway| ground(gateway, &own, now, (&county, tongue));
    let ground = console.core.look(look).await?;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        (checked)
        form method="post" action="/console/programmes/edit" {
            (token(visitor))
            input type="hidden" name="noted" value=(fields.one("noted"));
            fieldset {
                legend { (say("播什么", "What")) }
                label { (say("名称（同名即修改）", "Name (the same name changes it)")) input name="name" required maxlength="40" value=(fields.one("name")); }
                label { (say("文字", "Text")) textarea name="text" rows="4" maxlength=(MESSAGE_CHARS_MAX) { (fields.one("text")) } }
                label { (say("或录音名称", "or a recording's name")) input name="recording" maxlength="80" value=(fields.one("recording")); }
            }
            (when(visitor, fields))
            (single_terminals(visitor, fields))
            (area_tree(visitor, fields, &ground))
            div.actions {
                button type="submit" name="step" value="check" { (say("检查", "Check")) }
                button.primary type="submit" name="step" value="save" { (say("保存节目", "Save")) }
            }
        }
    };
    Ok(page(console, visitor, layout::PROGRAMMES, say("节目", "Programme"), &body))
}

/// Terminals that were chosen one by one; they stay until somebody takes them out.
fn single_terminals(visitor: &Visitor, fields: &Fields) -> Markup {
    html! {
        @if fields.all("terminal").next().is_some() {
            fieldset {
                legend { (visitor.say("单独选定的终端", "Terminals chosen one by one")) }
                @for id in fields.all("terminal") {
                    label { input type="checkbox" name="terminal" value=(id) checked; (id) }
                }
            }
        }
    }
}

fn when(visitor: &Visitor, fields: &Fields) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let on = |day: u8| fields.all("weekday").any(|on| on == day.to_string());
    html! {
        fieldset {
            legend { (say("什么时候播", "When")) }
            div.manner {
                label { (say("日历", "Calendar")) select name="kind" {
                    @for (value, zh, en) in KINDS { option value=(value) selected[fields.one("kind") == value] { (say(zh, en)) } }
                } }
                label { (say("日期或月份（空格分隔）", "Dates or month (spaces between)")) input name="days" value=(fields.one("days")) placeholder="05-12"; }
                label { (say("时刻（如 07:30 18:00）", "Times (such as 07:30 18:00)")) input name="times" required value=(fields.one("times")); }
                label { (say("首日", "First day")) input type="date" name="from" required value=(fields.one("from")); }
                label { (say("末日", "Last day")) input type="date" name="until" required value=(fields.one("until")); }
                label { (say("不播日期（节假日等，空格分隔）", "Silent on (holidays and the like)")) input name="except" value=(fields.one("except")) placeholder="2027-02-06 2027-02-07"; }
                label { (say("遍数", "Times over")) input type="number" name="repeats" min="1" max="20" value=(fields.one("repeats")); }
                label { (say("音量 %（空 = 各终端自定）", "Volume % (empty = each its own)")) input type="number" name="volume" min="1" max="100" value=(fields.one("volume")); }
                label { (say("两遍间隔（秒）", "Pause between plays (seconds)")) input type="number" name="interval" min="0" max="3600" value=(fields.one("interval")); }
                label { (say("允许推迟（秒）", "May start late by (seconds)")) input type="number" name="tolerance" min="10" max="3600" value=(fields.one("tolerance")); }
                label { (say("音色（空 = 默认）", "Voice (empty = default)")) input name="voice" maxlength="80" value=(fields.one("voice")); }
                label { (say("有效（分钟）", "Valid (minutes)")) input type="number" name="valid" min="1" max="1440" value=(fields.one("valid")); }
            }
            div { @for day in 1..=7 {
                label.weekday { input type="checkbox" name="weekday" value=(day) checked[on(day)]; (weekday(visitor.tongue(), day)) }
            } }
        }
    }
}

/// What the form says; the first thing that can't be read otherwise.
fn programme(visitor: &Visitor, fields: &Fields) -> Result<Programme, String> {
    let say = |zh: &str, en: &str, got: &str| format!("{}{got}", visitor.say(zh, en));
    let known = |name: &str| Some(fields.one(name).to_owned()).filter(|text| !text.is_empty());
    let date = |name: &str| {
        LocalDate::parse(fields.one(name)).ok_or_else(|| {
            say(
                "日期应如 2026-05-12，收到：",
                "expected a day such as 2026-05-12, got: ",
                fields.one(name),
            )
        })
    };
    let number = |name: &str, otherwise: u32| match fields.one(name) {
        "" => Ok(otherwise),
        text => text
            .parse::<u32>()
            .map_err(|_| say("应为数字，收到：", "expected a number, got: ", text)),
    };
    let mut areas = Vec::new();
    for text in fields.all("area") {
        areas.push(
            AreaCode::parse(text).ok_or_else(|| say("没有这个区域：", "no such area: ", text))?,
        );
    }
    let chosen = areas.clone();
    areas.retain(|area| !chosen.iter().any(|upper| upper != area && upper.contains(*area)));
    let mut at_minutes = BTreeSet::new();
    for text in fields.one("times").split_whitespace() {
        let minute = minute(text).ok_or_else(|| {
            say("时刻应如 07:30，收到：", "expected a time such as 07:30, got: ", text)
        })?;
        at_minutes.insert(minute);
    }
    let mut except = BTreeSet::new();
    for text in words(fields, "except") {
        except.insert(LocalDate::parse(text).ok_or_else(|| {
            say(
                "不播日期应如 2027-02-06，收到：",
                "expected silent days such as 2027-02-06, got: ",
                text,
            )
        })?);
    }
    let narrow = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
    let mut terminals = Vec::new();
    for text in fields.all("terminal") {
        let known = TerminalId::parse(text);
        terminals.push(known.ok_or_else(|| say("没有这个终端：", "no such terminal: ", text))?);
    }
    Ok(Programme {
        name: fields.one("name").to_owned(),
        text: known("text"),
        recording: known("recording"),
        voice: known("voice"),
        areas,
        terminals,
        groups: fields.all("group").map(str::to_owned).collect(),
        calendar: days(fields)
            .ok_or_else(|| say("播出日期有误：", "the days can't be read: ", fields.one("days")))?,
        at_minutes,
        from: date("from")?,
        until: date("until")?,
        except,
        repeats: narrow(number("repeats", 1)?),
        interval_s: u16::try_from(number("interval", 10)?).unwrap_or(u16::MAX),
        volume_percent: known("volume").map(|_| number("volume", 0)).transpose()?.map(narrow),
        tolerance_s: number("tolerance", 600)?,
        valid_s: number("valid", 30)?.saturating_mul(60),
    })
}

/// `07:30` as a minute of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// The words of a field, however they are kept apart.
fn words<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a str> {
    fields.one(name).split([' ', ',', '，', '、']).filter(|word| !word.is_empty())
}

fn days(fields: &Fields) -> Option<Calendar> {
    let words = || words(fields, "days");
    match fields.one("kind") {
        "daily" => Some(Calendar::Daily),
        "weekly" => {
            let weekdays: Option<BTreeSet<u8>> =
                fields.all("weekday").map(|day| day.parse().ok()).collect();
            Some(Calendar::Weekly { weekdays: weekdays? })
        }
        "dates" => {
            let dates: Option<BTreeSet<LocalDate>> = words().map(LocalDate::parse).collect();
            Some(Calendar::Dates { dates: dates? })
        }
        "yearly" => {
            let day = |word: &str| {
                let (month, day) = word.split_once('-')?;
                Some(YearDay { month: month.parse().ok()?, day: day.parse().ok()? })
            };
            let days: Option<BTreeSet<YearDay>> = words().map(day).collect();
            Some(Calendar::Yearly { days: days? })
        }
        "month" => fields.one("days").parse().ok().map(|month| Calendar::Month { month }),
        _ => None,
    }
}

/// Checks, or saves.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    let wanted = match programme(&visitor, &fields) {
        Ok(wanted) => wanted,
        Err(why) => {
            let fault = html! { p.flash.bad role="alert" { (why) } };
            return Ok(form(&console, &visitor, &fields, &fault).await?.into_response());
        }
    };
    let checked = check(&console, &visitor, wanted.clone()).await?;
    // What speaks against it a little is shown once before it is saved.
    let unseen = !checked.notes.is_empty() && fields.one("noted") != checked.noted();
    if !checked.faults.is_empty() || unseen || fields.one("step") != "save" {
        let mut again = fields.clone();
        again.push_first("noted", &checked.noted());
        let shown = checked.shown(&visitor);
        return Ok(form(&console, &visitor, &again, &shown).await?.into_response());
    }
    let text = visitor.say("节目已保存。", "The programme is saved.").to_owned();
    ask_and_tell(&console, &visitor, Ask::SetProgramme(Box::new(wanted)), &text).await
}
