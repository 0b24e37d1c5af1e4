//! EBD XML to plain data (083 table 4, 082 tables 1 to 5). Real peers leave elements out, misspell them
//! and write both generations at once; what stays clear is taken with a note.

use super::codes::{ebm_platform, is_digits, is_ebd_id};
use super::message::{
    Auxiliary, Basic, Body, Content, Coverage, Ebm, Envelope, LogItem, OmdRequest, Params,
    ResBrdItem, ResourceRecord, StateResponse,
};
use crate::ingest::fields::{Fields, Place};
use crate::ingest::notes::quoted;
use crate::ingest::xml::Node;
use crate::model::{BrdState, EbdKind, ResultCode, UtcMs};

/// Kinds of data that may be asked for.
const ASKED: [EbdKind; 10] = [
    EbdKind::EbrpsInfo,
    EbdKind::EbrstInfo,
    EbdKind::EbrasInfo,
    EbdKind::EbrbsInfo,
    EbdKind::EbrdtInfo,
    EbdKind::EbmBrdLog,
    EbdKind::EbrpsState,
    EbdKind::EbrasState,
    EbdKind::EbrbsState,
    EbdKind::EbrdtState,
];
/// Records of one package.
const RECORDS_MAX: usize = 50_000;

/// Reads the head.
pub(super) fn envelope(fields: &mut Fields<'_>, root: &Node) -> Option<Envelope> {
    let place = Place { node: root, path: "EBD" };
    let id = fields.identifier(place, "EBDID");
    if let Some(id) = id.as_deref().filter(|id| !is_ebd_id(id)) {
        let what = format!("expected 41 or 36 digits, got {}", quoted(id));
        fields.notes.fault(place.line("EBDID"), "EBD/EBDID", what);
    }
    let kind = fields.decisive(place, "EBDType");
    let known = kind.as_deref().and_then(EbdKind::parse);
    match (&kind, known) {
        (None, _) => fields.absent(place, "EBDType", "one of the seventeen types"),
        (Some(got), None) => {
            let what = format!("expected one of the seventeen types, got {}", quoted(got));
            fields.notes.fault(place.line("EBDType"), "EBD/EBDType", what);
        }
        (Some(_), Some(_)) => {}
    }
    let source = code_in(fields, place, "SRC").unwrap_or_else(|| {
        fields.notes.oddity(place.line("SRC"), "EBD/SRC", "the code of the source is missing");
        String::new()
    });
    let dest = code_in(fields, place, "DEST");
    let sent = fields.required_time(place, "EBDTime");
    let related = root
        .first("RelatedEBD")
        .and_then(|node| fields.text(Place { node, path: "EBD/RelatedEBD" }, "EBDID"));
    Some(Envelope { id: id?, kind: known?, source, dest, sent: sent?, related })
}

/// `EBRID` inside an element, without the spaces that some peers put into it.
fn code_in(fields: &mut Fields<'_>, place: Place<'_>, name: &str) -> Option<String> {
    let node = place.node.first(name)?;
    let path = place.child(name);
    let text = fields.decisive(Place { node, path: &path }, "EBRID")?;
    let code: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if code != text {
        fields.notes.oddity(node.at(), &path, format!("spaces inside the code {}", quoted(&text)));
    }
    Some(code)
}

/// Reads what stands in the element named as the type.
pub(super) fn body(fields: &mut Fields<'_>, root: &Node, kind: EbdKind) -> Option<Body> {
    let name = kind.name();
    let Some(node) = root.children.iter().find(|child| child.name.eq_ignore_ascii_case(name))
    else {
        fields.notes.missing(&format!("EBD/{name}"), &format!("the element `{name}`"));
        return None;
    };
    let path = format!("EBD/{name}");
    let place = Place { node, path: &path };
    match kind {
        EbdKind::Ebm => ebm(fields, place).map(|ebm| Body::Ebm(Box::new(ebm))),
        EbdKind::EbmStateRequest => Some(Body::StateRequest { ebm: ebm_id(fields, place)? }),
        EbdKind::EbmStateResponse => state(fields, place).map(Body::State),
        EbdKind::OmdRequest => request(fields, place).map(Body::Request),
        EbdKind::EbrpsInfo
        | EbdKind::EbrstInfo
        | EbdKind::EbrasInfo
        | EbdKind::EbrbsInfo
        | EbdKind::EbrdtInfo
        | EbdKind::EbrpsState
        | EbdKind::EbrasState
        | EbdKind::EbrbsState
        | EbdKind::EbrdtState => {
            let params = params(fields, place);
            Some(Body::Records(params, records(fields, place, kind)))
        }
        EbdKind::EbmBrdLog => {
            let params = params(fields, place);
            Some(Body::Log(params, log(fields, place)))
        }
        EbdKind::ConnectionCheck => {
            Some(Body::Check { at: fields.required_time(place, "RptTime")? })
        }
        EbdKind::EbdNotify | EbdKind::EbdResponse => {
            let code = number(fields, place, "ResultCode", 5);
            let code = code.and_then(ResultCode::from_number);
            let desc = fields.text(place, "ResultDesc").unwrap_or_default();
            Some(Body::Result { code: code?, desc })
        }
    }
}

/// A number from 0 to `max` that must be there.
fn number(fields: &mut Fields<'_>, place: Place<'_>, name: &str, max: u8) -> Option<u8> {
    let expected = format!("a number from 0 to {max}");
    let Some(text) = fields.decisive(place, name) else {
        fields.absent(place, name, &expected);
        return None;
    };
    let number = text.parse::<u8>().ok().filter(|number| *number <= max);
    if number.is_none() {
        let what = format!("expected {expected}, got {}", quoted(&text));
        fields.notes.fault(place.line(name), &place.child(name), what);
    }
    number
}

/// `EBM/EBMID`, or `EBMID` alone, as the sample of 083 has it.
fn ebm_id(fields: &mut Fields<'_>, place: Place<'_>) -> Option<String> {
    let path = place.child("EBM");
    let place = match place.node.first("EBM") {
        Some(node) => Place { node, path: &path },
        None => place,
    };
    let id = fields.identifier(place, "EBMID")?;
    if ebm_platform(&id).is_none() {
        let what = format!("35 or 30 digits expected; got {}, kept", quoted(&id));
        fields.notes.oddity(place.line("EBMID"), &place.child("EBMID"), what);
    }
    Some(id)
}

fn ebm(fields: &mut Fields<'_>, place: Place<'_>) -> Option<Ebm> {
    let id = fields.identifier(place, "EBMID")?;
    if ebm_platform(&id).is_none() {
        let what = format!("expected 35 or 30 digits, got {}", quoted(&id));
        fields.notes.fault(place.line("EBMID"), &place.child("EBMID"), what);
    }
    let related = place.node.first("RelatedInfo").and_then(|node| {
        let path = place.child("RelatedInfo");
        fields.decisive(Place { node, path: &path }, "EBMID")
    });
    let basic = place.node.first("MsgBasicInfo").and_then(|node| {
        let path = place.child("MsgBasicInfo");
        basic(fields, Place { node, path: &path })
    });
    let mut contents = Vec::new();
    for (number, node) in place.node.all("MsgContent").enumerate() {
        let path = format!("{}/MsgContent[{}]", place.path, number + 1);
        contents.push(content(fields, Place { node, path: &path }));
    }
    let mut found = Vec::new();
    place.node.all("Dispatch").for_each(|node| node.find_all("BrdSysType", &mut found));
    let systems = found.iter().flat_map(|node| split(&node.text)).collect();
    Some(Ebm { id, related, basic, contents, systems })
}

fn basic(fields: &mut Fields<'_>, place: Place<'_>) -> Option<Basic> {
    let msg_type = number(fields, place, "MsgType", 5);
    if msg_type == Some(0) {
        let what = "expected a number from 1 to 5, got 0";
        fields.notes.fault(place.line("MsgType"), &place.child("MsgType"), what);
    }
    let severity = match fields.decisive(place, "Severity") {
        Some(_) => number(fields, place, "Severity", 4),
        None => {
            fields.notes.oddity(place.line("Severity"), &place.child("Severity"), "it is missing");
            Some(0)
        }
    };
    // The drafts wrote SentTime.
    let time_name = if place.node.first("SendTime").is_some() { "SendTime" } else { "SentTime" };
    let sent = if place.node.first(time_name).is_some() {
        fields.required_time(place, time_name)
    } else {
        fields.absent(place, "SendTime", "a time");
        None
    };
    let begins = fields.time(place, "StartTime");
    let ends = fields.time(place, "EndTime");
    Some(Basic {
        msg_type: msg_type?,
        sender_name: fields.text(place, "SenderName").unwrap_or_default(),
        sender_code: fields.text(place, "SenderCode").unwrap_or_default(),
        sent: sent?,
        event_type: fields.text(place, "EventType").unwrap_or_default(),
        severity: severity?,
        begins,
        ends,
    })
}

fn content(fields: &mut Fields<'_>, place: Place<'_>) -> Content {
    let mut auxiliaries = Vec::new();
    for (number, node) in place.node.all("Auxiliary").enumerate() {
        let path = format!("{}/Auxiliary[{}]", place.path, number + 1);
        let place = Place { node, path: &path };
        let kind = fields.text(place, "AuxiliaryType").and_then(|text| text.parse().ok());
        let size = fields.text(place, "Size").and_then(|text| text.parse().ok());
        let desc = fields.decisive(place, "AuxiliaryDesc").unwrap_or_default();
        let digest = fields.decisive(place, "Digest").map(|text| text.to_ascii_lowercase());
        auxiliaries.push(Auxiliary { kind: kind.unwrap_or(0), desc, size, digest });
    }
    Content {
        language: fields.text(place, "LanguageCode").unwrap_or_default(),
        title: fields.text(place, "MsgTitle"),
        desc: fields.text(place, "MsgDesc"),
        areas: fields.decisive(place, "AreaCode").map(|text| split(&text)).unwrap_or_default(),
        auxiliaries,
    }
}

/// Codes joined by commas of either kind.
fn split(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c.is_whitespace() || ",，;；、".contains(c));
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn state(fields: &mut Fields<'_>, place: Place<'_>) -> Option<StateResponse> {
    let at = fields.required_time(place, "RptTime");
    state_at(fields, place, at?)
}

fn state_at(fields: &mut Fields<'_>, place: Place<'_>, at: UtcMs) -> Option<StateResponse> {
    let ebm = ebm_id(fields, place);
    let code = number(fields, place, "BrdStateCode", 5).and_then(BrdState::from_number);
    // The sample of 083 leaves the last letter out.
    let desc = fields.text(place, "BrdStateDesc").or_else(|| fields.text(place, "BrdStateDes"));
    let coverage = place.node.first("Coverage").map(|node| {
        let path = place.child("Coverage");
        let place = Place { node, path: &path };
        Coverage {
            rate: fields.text(place, "CoverageRate").unwrap_or_default(),
            areas: fields.text(place, "AreaCode").unwrap_or_default(),
            resources: fields.text(place, "ResBrdStat").unwrap_or_default(),
        }
    });
    let mut items = Vec::new();
    for node in place.node.all("ResBrdInfo").flat_map(|info| info.all("ResBrdItem")) {
        let path = place.child("ResBrdInfo/ResBrdItem");
        items.extend(item(fields, Place { node, path: &path }, at));
    }
    Some(StateResponse {
        at,
        ebm: ebm?,
        state: code?,
        desc: desc.unwrap_or_default(),
        coverage,
        items,
    })
}

fn item(fields: &mut Fields<'_>, place: Place<'_>, told: UtcMs) -> Option<ResBrdItem> {
    let platform = code_in(fields, place, "EBRPS").unwrap_or_default();
    let node = place.node.first("EBRBS")?;
    let path = place.child("EBRBS");
    let place = Place { node, path: &path };
    let code = fields.text(place, "BrdStateCode").and_then(|text| text.parse().ok());
    Some(ResBrdItem {
        platform,
        at: fields.time(place, "RptTime").unwrap_or(told),
        began: fields.time(place, "StartTime"),
        ended: fields.time(place, "EndTime"),
        state: code.and_then(BrdState::from_number).unwrap_or(BrdState::Unhandled),
        desc: fields.text(place, "BrdStateDesc").unwrap_or_default(),
    })
}

fn request(fields: &mut Fields<'_>, place: Place<'_>) -> Option<OmdRequest> {
    let Some(text) = fields.decisive(place, "OMDType") else {
        fields.absent(place, "OMDType", "a kind of data");
        return None;
    };
    let what = EbdKind::parse(&text).filter(|kind| ASKED.contains(kind));
    if what.is_none() {
        let names: Vec<&str> = ASKED.iter().map(|kind| kind.name()).collect();
        let what = format!("expected one of {}, got {}", names.join(", "), quoted(&text));
        fields.notes.fault(place.line("OMDType"), &place.child("OMDType"), what);
    }
    let params = params(fields, place);
    Some(OmdRequest { what: what?, params })
}

fn params(fields: &mut Fields<'_>, place: Place<'_>) -> Params {
    let Some(node) = place.node.first("Params") else { return Params::default() };
    let path = place.child("Params");
    let place = Place { node, path: &path };
    let kind = fields.text(place, "RptType").unwrap_or_default();
    Params {
        from: fields.time(place, "RptStartTime"),
        until: fields.time(place, "RptEndTime"),
        incremental: kind.eq_ignore_ascii_case("Incremental"),
    }
}

fn records(fields: &mut Fields<'_>, place: Place<'_>, kind: EbdKind) -> Vec<ResourceRecord> {
    let mut found = Vec::new();
    for (number, node) in place.node.all(kind.record_name()).enumerate() {
        if number >= RECORDS_MAX {
            let what = format!("expected at most {RECORDS_MAX} records");
            fields.notes.too_large(node.at(), place.path, what);
            break;
        }
        // Old peers send one empty record for none.
        if node.children.is_empty() {
            fields.notes.oddity(node.at(), place.path, "an empty record; left out");
            continue;
        }
        let path = format!("{}/{}[{}]", place.path, kind.record_name(), number + 1);
        found.push(record(fields, Place { node, path: &path }));
    }
    found
}

fn record(fields: &mut Fields<'_>, place: Place<'_>) -> ResourceRecord {
    let upper = code_in(fields, place, "RelatedEBRPS");
    let code = fields.text(place, "EBRID").unwrap_or_default();
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if !is_digits(&code) {
        let what = format!("digits expected; got {}, kept", quoted(&code));
        fields.notes.oddity(place.line("EBRID"), &place.child("EBRID"), what);
    }
    let at = fields.time(place, "RptTime").unwrap_or_default();
    let mut text = |name: &str| fields.text(place, name).unwrap_or_default();
    ResourceRecord {
        at,
        deleted: text("RptType").eq_ignore_ascii_case("Delete"),
        upper,
        code,
        name: text("EBRName"),
        address: text("Address"),
        contact: text("Contact"),
        telephone: text("PhoneNumber"),
        longitude: text("Longitude"),
        latitude: text("Latitude"),
        url: text("URL"),
        state: text("StateCode").parse().ok(),
        desc: text("StateDesc"),
    }
}

fn log(fields: &mut Fields<'_>, place: Place<'_>) -> Vec<LogItem> {
    let mut found = Vec::new();
    for (number, node) in place.node.all("EBMBrdItem").enumerate().take(RECORDS_MAX) {
        let path = format!("{}/EBMBrdItem[{}]", place.path, number + 1);
        let place = Place { node, path: &path };
        let inner = node.first("EBM").and_then(|ebm| ebm.first("MsgContent"));
        let content = inner.map(|node| content(fields, Place { node, path: &path }));
        let state = state_at(fields, place, UtcMs::default());
        found.extend(state.map(|state| LogItem { state, content: content.unwrap_or_default() }));
    }
    found
}
