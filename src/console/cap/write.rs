//! Writes CAP 1.2 (element order and values as in OASIS CAP-v1.2) and the Atom feed, strictly.

use super::is_there;
use crate::gateway::{BroadcastState, Gateway};
use crate::model::{AreaCode, Broadcast, Class, Level, UtcMs};
use jiff::Timestamp;
use jiff::tz::Offset;
use std::collections::BTreeSet;

/// Characters of a headline that is made from the words.
const HEADLINE_CHARS_MAX: usize = 60;

/// Categories of CAP by the beginning of a hazard code.
const CATEGORIES: [(&str, &str); 9] = [
    ("11A", "Met"),
    ("11B", "Met"),
    ("11C", "Geo"),
    ("11D", "Geo"),
    ("11F", "Env"),
    ("11G", "Fire"),
    ("12", "Safety"),
    ("13", "Health"),
    ("14", "Security"),
];

/// Which message about a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// What was broadcast.
    Alert,
    /// That it was cancelled.
    Cancel,
    /// Who heard it, once nothing more can come.
    Result,
}

impl Message {
    const ALL: [Self; 3] = [Self::Alert, Self::Cancel, Self::Result];

    /// What is added to the name of the broadcast.
    fn end(self) -> &'static str {
        match self {
            Self::Alert => "",
            Self::Cancel => "-cancel",
            Self::Result => "-result",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Alert => "",
            Self::Cancel => "/cancel",
            Self::Result => "/result",
        }
    }

    /// When it was said.
    fn at(self, state: &BroadcastState) -> UtcMs {
        match self {
            Self::Alert => state.started_at,
            Self::Cancel => {
                state.cancellation.as_ref().map_or(state.started_at, |cancelled| cancelled.at)
            }
            Self::Result => state.ended_at.unwrap_or(state.started_at),
        }
    }
}

/// XML with its indentation.
struct Xml(String);

impl Xml {
    fn put(&mut self, depth: usize, name: &str, text: &str) {
        self.0.push_str(&"  ".repeat(depth));
        self.0.push_str(&format!("<{name}>{}</{name}>\n", escaped(text)));
    }

    fn line(&mut self, depth: usize, text: &str) {
        self.0.push_str(&"  ".repeat(depth));
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn pair(&mut self, name: &str, key: &str, value: &str) {
        self.line(2, &format!("<{name}>"));
        self.put(3, "valueName", key);
        self.put(3, "value", value);
        self.line(2, &format!("</{name}>"));
    }
}

/// Text that is whole inside an element or attribute, without what XML 1.0 forbids.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A time as CAP has it, in local time; zero is `-00:00` (§3.3.2).
fn moment(at: UtcMs, offset_minutes: i16) -> String {
    let offset = Offset::from_seconds(i32::from(offset_minutes) * 60).unwrap_or(Offset::UTC);
    let local = Timestamp::from_millisecond(at.0).unwrap_or_default();
    let local = offset.to_datetime(local).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let minutes = offset.seconds() / 60;
    let sign = if minutes > 0 { '+' } else { '-' };
    format!("{local}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// One message, whole.
pub(super) fn cap(
    gateway: &Gateway,
    state: &BroadcastState,
    message: Message,
    sender: &str,
) -> String {
    let broadcast = &state.broadcast;
    let offset = gateway.rules().policy.local_offset_minutes;
    let mut xml = Xml(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    xml.line(0, "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">");
    xml.put(1, "identifier", &format!("{}{}", broadcast.id(), message.end()));
    xml.put(1, "sender", sender);
    xml.put(1, "sent", &moment(message.at(state), offset));
    xml.put(1, "status", if broadcast.class() == Class::Live { "Actual" } else { "Exercise" });
    let kind = match message {
        Message::Alert => "Alert",
        Message::Cancel => "Cancel",
        Message::Result => "Update",
    };
    xml.put(1, "msgType", kind);
    xml.put(1, "scope", "Public");
    if message == Message::Cancel
        && let Some(cancellation) = &state.cancellation
    {
        xml.put(1, "note", &cancellation.reason);
    }
    if message != Message::Alert {
        let sent = moment(Message::Alert.at(state), offset);
        xml.put(1, "references", &format!("{sender},{},{sent}", broadcast.id()));
    }
    if let Some(id) = broadcast.alert() {
        // An identifier of somebody else may hold what a list of CAP may not.
        let good = !id.identifier.is_empty() && !id.identifier.contains([' ', '"']);
        if good {
            xml.put(1, "incidents", &id.identifier);
        }
    }
    info(&mut xml, gateway, state, message, offset);
    xml.line(0, "</alert>");
    xml.0
}

fn info(xml: &mut Xml, gateway: &Gateway, state: &BroadcastState, message: Message, offset: i16) {
    let broadcast = &state.broadcast;
    let known = broadcast.alert().and_then(|id| gateway.state().alert(id));
    let severity = match known.and_then(|alert| alert.level) {
        Some(Level::Red) => "Extreme",
        Some(Level::Orange) => "Severe",
        Some(Level::Yellow) => "Moderate",
        Some(Level::Blue) => "Minor",
        None => "Unknown",
    };
    let words = broadcast.message().text.as_str();
    let first = words.split(['。', '\n']).next().unwrap_or_default();
    let headline = known.map(|alert| alert.headline.clone()).filter(|text| !text.is_empty());
    let headline = headline.unwrap_or_else(|| first.chars().take(HEADLINE_CHARS_MAX).collect());
    xml.line(1, "<info>");
    xml.put(2, "language", "zh-CN");
    xml.put(2, "category", category(gateway, broadcast));
    xml.put(2, "event", broadcast.plan_title());
    if message == Message::Cancel {
        xml.put(2, "responseType", "AllClear");
    }
    xml.put(2, "urgency", if message == Message::Alert { "Immediate" } else { "Past" });
    xml.put(2, "severity", severity);
    xml.put(2, "certainty", "Unknown");
    xml.put(2, "effective", &moment(broadcast.not_before(), offset));
    xml.put(2, "expires", &moment(broadcast.expires(), offset));
    if !headline.is_empty() {
        xml.put(2, "headline", &headline);
    }
    if !words.is_empty() {
        xml.put(2, "description", words);
    }
    xml.pair("parameter", "mingluo:broadcast", &broadcast.id().to_string());
    if message == Message::Result {
        let counts = serde_json::to_value(state.counts()).unwrap_or_default();
        for (name, count) in counts.as_object().into_iter().flatten() {
            xml.pair("parameter", &format!("mingluo:{name}"), &count.to_string());
        }
    }
    area(xml, gateway, broadcast);
    xml.line(1, "</info>");
}

/// The category of CAP that the response plan's hazard belongs to.
fn category(gateway: &Gateway, broadcast: &Broadcast) -> &'static str {
    let plans = &gateway.rules().policy.plans;
    let plan = plans.iter().find(|plan| plan.name == broadcast.response_plan());
    // A broadcast goes on when its response plan was removed meanwhile.
    let removed = || gateway.state().policy.removed_plan(broadcast.response_plan());
    let plan = plan.or_else(removed);
    let hazard = plan.and_then(|plan| plan.hazards.first()).map(String::as_str).unwrap_or_default();
    let found = CATEGORIES.iter().find(|(start, _)| hazard.starts_with(start));
    found.map_or("Other", |(_, category)| category)
}

/// Where it was meant: the areas of the broadcast, or those in which its terminals stand.
fn area(xml: &mut Xml, gateway: &Gateway, broadcast: &Broadcast) {
    let network = &gateway.rules().network;
    let mut codes: Vec<AreaCode> = broadcast.areas().to_vec();
    if codes.is_empty() {
        let stand = broadcast.terminals().iter().filter_map(|id| network.terminals.get(id));
        codes = stand.map(|terminal| terminal.area).collect::<BTreeSet<_>>().into_iter().collect();
    }
    let name = |code: &AreaCode| {
        network.areas.get(code).map_or_else(|| code.to_string(), |area| area.name.clone())
    };
    let names: Vec<String> = codes.iter().map(name).collect();
    xml.line(2, "<area>");
    xml.put(3, "areaDesc", &names.join("、"));
    for code in &codes {
        xml.line(3, "<geocode>");
        xml.put(4, "valueName", "area_code");
        xml.put(4, "value", &code.to_string());
        xml.line(3, "</geocode>");
    }
    xml.line(2, "</area>");
}

/// The feed of these broadcasts, the newest first.
pub(super) fn feed(
    gateway: &Gateway,
    broadcasts: &[&BroadcastState],
    sender: &str,
    base: &str,
) -> String {
    let offset = gateway.rules().policy.local_offset_minutes;
    // Atom wants RFC 3339, in which zero may be `-00:00` as well.
    let messages = || {
        broadcasts.iter().flat_map(|state| {
            let there = Message::ALL.into_iter().rev().filter(|message| is_there(state, *message));
            there.map(move |message| (*state, message))
        })
    };
    let updated = messages().map(|(state, message)| message.at(state)).max().unwrap_or_default();
    let mut xml = Xml(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    xml.line(0, "<feed xmlns=\"http://www.w3.org/2005/Atom\">");
    xml.put(1, "id", &format!("urn:mingluo:feed:{sender}"));
    xml.put(1, "title", "鸣锣播发记录");
    xml.put(1, "updated", &moment(updated, offset));
    xml.line(1, &format!("<author><name>{}</name></author>", escaped(sender)));
    for (state, message) in messages() {
        let broadcast = &state.broadcast;
        let at = format!("{base}/api/v1/cap/broadcasts/{}{}", broadcast.id(), message.path());
        xml.line(1, "<entry>");
        let id = format!("urn:mingluo:{sender}:{}{}", broadcast.id(), message.end());
        xml.put(2, "id", &id);
        let title = match message {
            Message::Alert => broadcast.plan_title().to_owned(),
            Message::Cancel => format!("{}（取消）", broadcast.plan_title()),
            Message::Result => format!("{}（结果）", broadcast.plan_title()),
        };
        xml.put(2, "title", &title);
        xml.put(2, "updated", &moment(message.at(state), offset));
        let link = escaped(&at);
        xml.line(
            2,
            &format!("<link rel=\"alternate\" type=\"application/cap+xml\" href=\"{link}\"/>"),
        );
        xml.line(1, "</entry>");
    }
    xml.line(0, "</feed>");
    xml.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_texts_are_as_cap_has_them() {
        let at = UtcMs(1_780_272_000_000);
        assert_eq!(moment(at, 480), "2026-06-01T08:00:00+08:00");
        assert_eq!(moment(at, 0), "2026-06-01T00:00:00-00:00");
        assert_eq!(moment(at, -210), "2026-05-31T20:30:00-03:30");
        assert_eq!(escaped("a<b>&\"\u{0}\u{FFFE}中"), "a&lt;b&gt;&amp;&quot;  中");
    }
}
