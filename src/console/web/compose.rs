//! 手动广播: an officer speaks to chosen places. First the form, then everything read back, then, with
//! what changes typed in by hand, it goes to the core.

use super::County;
use super::compose_form::{area_tree, class_choice, manner, ring_field, save_group, words_field};
use super::fault::PageFault;
use super::glass::bad_reason;
use super::groups;
use super::layout::{self, page, token};
use super::map::{Mark, picture};
use super::read_back::{review, send, typed_word};
use super::visitor::{Fields, Posted, Visitor};
use super::words::{self, Tongue};
use crate::clock;
use crate::console::Console;
use crate::daemon::PreviewOrder;
use crate::decide::{ManualRequest, Urgency};
use crate::deliver::Presence;
use crate::gateway::Gateway;
use crate::model::{
    AreaCode, AreaLevel, Chime, Class, LIVE_VOICE, Level, Need, Plan, Position, Refusal, Right,
    UtcMs,
};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Characters of a message.
pub(super) const TEXT_CHARS_MAX: usize = 2_000;
/// Chimes to choose from.
pub(super) const CHIMES: [(&str, Chime); 6] = [
    ("notice", Chime::Notice),
    ("none", Chime::None),
    ("blue", Chime::Blue),
    ("yellow", Chime::Yellow),
    ("orange", Chime::Orange),
    ("red", Chime::Red),
];
/// Levels to choose from.
pub(super) const LEVELS: [(&str, Level); 4] = [
    ("blue", Level::Blue),
    ("yellow", Level::Yellow),
    ("orange", Level::Orange),
    ("red", Level::Red),
];
/// An area with its name.
type Place = (AreaCode, String);

/// What of the county the form shows.
pub(super) struct Ground {
    /// Areas above townships that the officer may reach as a whole.
    pub(super) wholes: Vec<Place>,
    pub(super) townships: Vec<(AreaCode, String, Vec<Place>)>,
    pub(super) templates: Vec<(String, String)>,
    pub(super) drill_armed: bool,
    /// The terminals within the officer's reach; empty when none has a position.
    pub(super) map: Markup,
}

/// What a link to the form may have filled in.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Asked {
    recording: Option<String>,
}

/// The form.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Broadcast)?;
    let mut fields = Fields::default();
    fields.push("recording".to_owned(), asked.recording.unwrap_or_default());
    for (name, value) in
        [("repeats", "2"), ("valid", "30"), ("chime", "notice"), ("interval", "10")]
    {
        fields.push(name.to_owned(), value.to_owned());
    }
    form_page(&console, &visitor, &fields, &[], None).await
}

async fn form_page(
    console: &Console,
    visitor: &Visitor,
    fields: &Fields,
    faults: &[String],
    good: Option<String>,
) -> Result<Markup, PageFault> {
    let now = clock::now_utc();
    let own = visitor.actor().areas.clone();
    let (county, tongue) = (Arc::clone(&console.county), visitor.tongue());
    let look = move |gateway: &Gateway| ground(gateway, &own, now, (&county, tongue));
    let ground = console.core.look(look).await?;
    let recordings = super::recordings::part(console, visitor).await;
    let body = html! {
        @if let Some(good) = good { p.flash.good role="status" { (good) } }
        @for fault in faults { p.flash.bad role="alert" { (fault) } }
        (super::recordings::upload_form(visitor))
        form.compose method="post" action="/console/compose" data-compose {
            (token(visitor))
            input type="hidden" name="step" value="review";
            (class_choice(visitor, fields, ground.drill_armed))
            (words_field(visitor, fields, &ground, &recordings))
            (groups::picker(console, visitor, fields).await?)
            (area_tree(visitor, fields, &ground))
            (ring_field(visitor, fields, &ground))
            (manner(visitor, fields))
            div.actions {
                button type="button" data-preview { (visitor.say("试听", "Listen first")) }
                button.primary type="submit" { (visitor.say("下一步：核对", "Next: read back")) }
            }
            // Behind the next step: Enter in a field presses the first button of a form.
            (save_group(visitor))
        }
        div data-preview-result aria-live="polite" {}
        script type="module" nonce=(visitor.look.nonce) src=(super::assets::path("compose.js")) {}
        script type="module" nonce=(visitor.look.nonce) src=(super::assets::path("map.js")) {}
        script type="module" nonce=(visitor.look.nonce) src=(super::assets::path("voice.js")) {}
    };
    let title = visitor.say("手动广播", "Manual broadcast").to_owned();
    Ok(page(console, visitor, layout::COMPOSE, &title, &body))
}

/// What of the county an officer may choose from.
pub(super) fn ground(
    gateway: &Gateway,
    own: &[AreaCode],
    now: UtcMs,
    (county, tongue): (&County, Tongue),
) -> Ground {
    let rules = gateway.rules();
    let mine = |code: AreaCode| own.iter().any(|o| o.contains(code) || code.contains(*o));
    let mut townships: BTreeMap<AreaCode, (String, Vec<Place>)> = BTreeMap::new();
    let served = &rules.network.served;
    let reached = |area: AreaCode| own.iter().any(|own| own.contains(area));
    let mut wholes = Vec::new();
    for area in rules.network.areas.values() {
        let ours = served.iter().any(|served| served.contains(area.code)) && mine(area.code);
        let still = area.valid_until.is_none_or(|until| now < until);
        if !ours || !still {
            continue;
        }
        if area.code.level() < AreaLevel::Township && reached(area.code) {
            wholes.push((area.code, area.name.clone()));
        } else if area.code.level() == AreaLevel::Township {
            townships.entry(area.code).or_default().0.clone_from(&area.name);
        } else if area.code.level() == AreaLevel::Village
            && let Some(township) = area.code.parent()
        {
            let villages = &mut townships.entry(township).or_default().1;
            villages.push((area.code, area.name.clone()));
        }
    }
    let templates = rules.policy.templates.iter();
    let terminals = rules.network.terminals.values().filter(|terminal| reached(terminal.area));
    let marks = terminals.map(|terminal| {
        let online = gateway.presence(terminal.id) == Presence::Online;
        (terminal, if online { Mark::Good } else { Mark::Bad })
    });
    Ground {
        wholes,
        map: picture(tongue, &rules.network, &county.outline, marks),
        townships: townships.into_iter().map(|(code, (name, all))| (code, name, all)).collect(),
        templates: templates.map(|t| (t.name.clone(), t.text.clone())).collect(),
        drill_armed: gateway.state().drill_armed(now).is_some(),
    }
}

/// Answers with the form, and whether the group was saved.
async fn group_saved(
    console: &Console,
    visitor: &Visitor,
    fields: &Fields,
) -> Result<Response, PageFault> {
    let areas = fields.all("area").filter_map(AreaCode::parse).collect();
    let saved = groups::save(console, visitor, fields.one("group_name"), upper(areas)).await?;
    let faults: Vec<String> = saved.as_ref().err().cloned().into_iter().collect();
    let page = form_page(console, visitor, fields, &faults, saved.ok()).await?;
    Ok(page.into_response())
}

/// A township stands for its villages.
fn upper(mut areas: Vec<AreaCode>) -> Vec<AreaCode> {
    let chosen = areas.clone();
    areas.retain(|area| !chosen.iter().any(|upper| upper != area && upper.contains(*area)));
    areas
}

/// What the form asks for.
fn request(visitor: &Visitor, fields: &Fields) -> Result<ManualRequest, PageFault> {
    let class = match fields.one("class") {
        "live" => Class::Live,
        "drill" => Class::Drill,
        other => return Err(PageFault::malformed(&format!("`class` = `{other}`"))),
    };
    let mut areas = Vec::new();
    for text in fields.all("area") {
        let why = || PageFault::malformed(&format!("`area` = `{text}`"));
        areas.push(AreaCode::parse(text).ok_or_else(why)?);
    }
    let areas = upper(areas);
    let known = |name: &str| Some(fields.one(name).to_owned()).filter(|text| !text.is_empty());
    let chime = CHIMES.iter().find(|(name, _)| *name == fields.one("chime"));
    Ok(ManualRequest {
        text: known("text"),
        recording: known("recording"),
        areas,
        terminals: Vec::new(),
        groups: fields.all("group").map(str::to_owned).collect(),
        polygon: polygon(fields.one("polygon")).map_err(|pair| bad_ring(&pair))?,
        class,
        level: LEVELS.iter().find(|(name, _)| *name == fields.one("level")).map(|(_, l)| *l),
        urgency: if fields.one("urgency") == "emergency" {
            Urgency::Emergency
        } else {
            Urgency::Daily
        },
        chime: chime.map_or(Chime::Notice, |(_, chime)| *chime),
        voice: known("voice"),
        repeats: fields.parsed("repeats")?.unwrap_or(1),
        interval_s: fields.parsed("interval")?.unwrap_or(0),
        volume_percent: fields.parsed("volume")?,
        valid_s: fields.parsed::<u32>("valid")?.unwrap_or(30).saturating_mul(60),
        requested_by: visitor.actor().name.clone(),
        allowed_areas: visitor.actor().areas.clone(),
    })
}

/// `lon,lat lon,lat …`; empty = none.
///
/// # Errors
/// The first corner that can't be read.
fn polygon(text: &str) -> Result<Option<Vec<Position>>, String> {
    let point = |pair: &str| {
        let degrees = pair.split_once(',').and_then(|(lon, lat)| {
            let (lon_deg, lat_deg): (f64, f64) = (lon.parse().ok()?, lat.parse().ok()?);
            let on_earth = lon_deg.abs() <= 180.0 && lat_deg.abs() <= 90.0;
            on_earth.then_some(Position { lat_deg, lon_deg })
        });
        degrees.ok_or_else(|| pair.chars().take(40).collect::<String>())
    };
    let ring: Vec<Position> = text.split_whitespace().map(point).collect::<Result<_, _>>()?;
    Ok(Some(ring).filter(|ring| !ring.is_empty()))
}

/// What is wrong with a corner, for people.
fn ring_fault(visitor: &Visitor, pair: &str) -> String {
    let zh = "地图圈选的拐角无法读取，应为“经度,纬度”，以空格分隔；收到：";
    let en = "A corner of the ring can't be read; expected `lon,lat` with blanks between, got: ";
    format!("{}{pair}", visitor.say(zh, en))
}

fn bad_ring(pair: &str) -> PageFault {
    PageFault::malformed(&format!("`polygon`: `{pair}`"))
}

/// The form came: read back, or send.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    // The form has a step of its own; the button that was pressed comes after it.
    if fields.all("step").last() == Some("save_group") {
        return group_saved(&console, &visitor, &fields).await;
    }
    if let Err(pair) = polygon(fields.one("polygon")) {
        let faults = [ring_fault(&visitor, &pair)];
        return Ok(form_page(&console, &visitor, &fields, &faults, None).await?.into_response());
    }
    let wanted = request(&visitor, &fields)?;
    let outlook = outlook(&console, &wanted).await?;
    let plan = match outlook {
        Ok(plan) => plan,
        Err(refusal) => {
            let faults: Vec<String> = refusal.reasons.into_iter().map(|r| r.text).collect();
            return Ok(form_page(&console, &visitor, &fields, &faults, None)
                .await?
                .into_response());
        }
    };
    let step = fields.one("step");
    match step {
        "send" | "glass" => {
            let right = typed_word(&plan).is_none_or(|word| fields.one("typed") == word);
            let typed = visitor.say(
                "输入的终端数量不对，没有播发。",
                "The number typed in is wrong; nothing went out.",
            );
            let alone = Some(fields.one("glass_reason").to_owned()).filter(|_| step == "glass");
            let bad = alone.as_deref().and_then(|why| bad_reason(visitor.tongue(), why));
            let fault = Some(typed.to_owned()).filter(|_| !right).or(bad);
            match fault {
                Some(fault) => {
                    let again = review(&console, &visitor, &fields, &plan, Some(&fault)).await?;
                    Ok(again.into_response())
                }
                None => send(&console, &visitor, &fields, wanted, alone).await,
            }
        }
        "edit" => Ok(form_page(&console, &visitor, &fields, &[], None).await?.into_response()),
        _ => Ok(review(&console, &visitor, &fields, &plan, None).await?.into_response()),
    }
}

async fn outlook(
    console: &Console,
    wanted: &ManualRequest,
) -> Result<Result<Plan, Refusal>, PageFault> {
    let (now, wanted) = (clock::now_utc(), wanted.clone());
    Ok(console.core.look(move |gateway| gateway.outlook(now, &wanted)).await?)
}

/// How many would hear it, while the form is being filled in.
pub(super) async fn audience(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Broadcast)?;
    if let Err(pair) = polygon(fields.one("polygon")) {
        return Ok(html! { span.bad { (ring_fault(&visitor, &pair)) } });
    }
    let mut wanted = match request(&visitor, &fields) {
        Ok(wanted) => wanted,
        // The class is chosen later: for counting, any will do.
        Err(_) => {
            let mut fields = fields.clone();
            fields.push_first("class", "live");
            request(&visitor, &fields)?
        }
    };
    wanted.class = Class::Live;
    wanted.text.get_or_insert_with(|| "测试".to_owned());
    let say = |zh, en| visitor.say(zh, en);
    Ok(match outlook(&console, &wanted).await? {
        Ok(plan) => html! {
            b { (plan.terminals.len()) } (say(" 个终端", " terminals"))
            @for deaf in plan.reasons.iter().filter(|reason| reason.code == "no_live_audio") {
                " · " span.bad { (deaf.text) }
            }
            @if let Need::Officers { officers, .. } = plan.need {
                " · " (say("需另外 ", "needs ")) (officers) (say(" 人批准", " more person"))
            }
        },
        Err(refusal) => html! {
            @for reason in &refusal.reasons { span.bad { (reason.text) " " } }
        },
    })
}

/// How it would sound.
pub(super) async fn preview(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Broadcast)?;
    if fields.one("voice") == LIVE_VOICE {
        let why = "现场喊话没有试听；开始后先播开场提示音。";
        let why = visitor.say(why, "What is spoken live has no preview; an opening sounds first.");
        return Ok(html! { p.flash { (why) } });
    }
    let chime = CHIMES.iter().find(|(name, _)| *name == fields.one("chime"));
    let order = PreviewOrder {
        text: fields.one("text").chars().take(TEXT_CHARS_MAX).collect(),
        voice: Some(fields.one("voice")).filter(|v| !v.is_empty()).unwrap_or("default").to_owned(),
        recording: Some(fields.one("recording").to_owned()).filter(|name| !name.is_empty()),
        fallback_recording: "general-yellow".to_owned(),
        chime: chime.map_or(Chime::Notice, |(_, chime)| *chime),
        drill: fields.one("class") == "drill",
        words_times: None,
    };
    let say = |zh, en| visitor.say(zh, en);
    let preview = match console.previews.preview(order).await {
        Ok(preview) => preview,
        Err(fault) => {
            return Ok(html! { p.flash.bad { (say("无法试听：", "No preview: ")) (fault) } });
        }
    };
    let clip = preview.clips.first();
    Ok(html! {
        section.card.preview {
            h2 { (say("试听", "Preview")) }
            @if let Some(clip) = clip {
                audio controls src={ "/console/clips/" (clip.sha256) } {}
                p { (say("一遍 ", "once ")) (words::span(visitor.tongue(), i64::from(clip.duration_ms.div_ceil(1000)))) " · " (preview.spoken.voice) }
                table.wide {
                    thead { tr { th { (say("链路", "Line")) } th.number { (say("到一个终端的传输时间", "Airtime to one terminal")) } } }
                    tbody {
                        @for (line, ms) in console.previews.airtime_ms(u64::from(clip.clip_bytes)) {
                            tr { td { (line) } td.number { (words::span(visitor.tongue(), i64::try_from(ms.div_ceil(1000)).unwrap_or(i64::MAX))) } }
                        }
                    }
                }
            }
            @if !preview.unknown.is_empty() {
                p.flash.bad { (say("读不出的字：", "Characters without a reading: ")) (preview.unknown.join(" ")) }
            }
        }
    })
}
