//! Packages as they are written: strictly, elements in the order of the tables (083 table 4, 082 tables
//! 1 to 5), Beijing time without a zone.

use super::codes::Profile;
use super::message::{
    Basic, Body, Content, Coverage, Ebm, Envelope, LogItem, OmdRequest, Params, ResBrdItem,
    ResourceRecord, StateResponse,
};
use super::signature::{Signature, hex};
use crate::model::{EbdKind, UtcMs};

/// `YYYY-MM-DD HH:MI:SS`, Beijing time.
#[must_use]
pub fn local_time(at: UtcMs) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    let civil = jiff::tz::Offset::constant(8).to_datetime(moment);
    civil.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The EBDB file.
#[must_use]
pub fn xml(profile: Profile, envelope: &Envelope, body: &Body) -> String {
    let mut out = Writer { text: String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n") };
    out.within("EBD", |out| {
        out.text("EBDVersion", profile.version());
        out.text("EBDID", &envelope.id);
        out.text("EBDType", envelope.kind.name());
        out.code("SRC", &envelope.source);
        if let Some(dest) = &envelope.dest {
            out.code("DEST", dest);
        }
        out.time("EBDTime", envelope.sent);
        if let Some(related) = &envelope.related {
            out.within("RelatedEBD", |out| out.text("EBDID", related));
        }
        out.within(envelope.kind.name(), |out| out.body(profile, envelope.kind, body));
    });
    out.text
}

/// The EBDS file of a package: the layout of 081, or that of the drafts.
#[must_use]
pub fn signature_xml(profile: Profile, related: &str, signature: &Signature) -> String {
    let mut out = Writer { text: String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n") };
    let serial = hex(&signature.certificate).to_uppercase();
    out.within("Signature", |out| {
        out.text("Version", profile.version());
        out.within("RelatedEBD", |out| out.text("EBDID", related));
        match profile {
            Profile::Y2018 => {
                out.text("CertSN", &serial);
                out.text("SignatureAlgorithm", "SM2-SM3");
            }
            Profile::Y2016 => {
                out.within("SignatureCert", |out| {
                    out.text("CertType", "01");
                    out.text("IssuerID", "000000000000");
                    out.text("CertSN", &serial);
                });
                out.text("SignatureTime", &format!("{:08X}", signature.time));
                out.text("DigestAlgorithm", "SM3");
                out.text("SignatureAlgorithm", "SM2");
            }
        }
        out.text("SignatureValue", &signature.block());
    });
    out.text
}

struct Writer {
    text: String,
}

impl Writer {
    fn within(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.text.push_str(&format!("<{name}>"));
        inside(self);
        self.text.push_str(&format!("</{name}>"));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.text.push_str(&format!("<{name}>"));
        for letter in text.chars() {
            match letter {
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '&' => self.text.push_str("&amp;"),
                '\n' | '\t' => self.text.push(letter),
                // XML 1.0 clause 2.2 has no place for them, escaped or not.
                c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => self.text.push(' '),
                c => self.text.push(c),
            }
        }
        self.text.push_str(&format!("</{name}>"));
    }

    fn some(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    fn time(&mut self, name: &str, at: UtcMs) {
        self.text(name, &local_time(at));
    }

    fn code(&mut self, name: &str, code: &str) {
        self.within(name, |out| out.text("EBRID", code));
    }

    fn body(&mut self, profile: Profile, kind: EbdKind, body: &Body) {
        match body {
            Body::Ebm(ebm) => self.ebm(profile, ebm),
            Body::StateRequest { ebm } => self.within("EBM", |out| out.text("EBMID", ebm)),
            Body::State(state) => {
                self.time("RptTime", state.at);
                self.within("EBM", |out| out.text("EBMID", &state.ebm));
                self.state(state);
            }
            Body::Request(OmdRequest { what, params }) => {
                self.text("OMDType", what.name());
                self.params(*params);
            }
            Body::Records(params, records) => {
                self.params(*params);
                for record in records {
                    self.within(kind.record_name(), |out| out.record(kind, record));
                }
            }
            Body::Log(params, items) => {
                self.params(*params);
                for item in items {
                    self.within("EBMBrdItem", |out| out.log(item));
                }
            }
            Body::Check { at } => self.time("RptTime", *at),
            Body::Result { code, desc } => {
                self.text("ResultCode", &code.number().to_string());
                self.text("ResultDesc", desc);
            }
        }
    }

    fn params(&mut self, params: Params) {
        self.within("Params", |out| {
            if let Some(from) = params.from {
                out.time("RptStartTime", from);
            }
            if let Some(until) = params.until {
                out.time("RptEndTime", until);
            }
            out.text("RptType", if params.incremental { "Incremental" } else { "Full" });
        });
    }

    fn ebm(&mut self, profile: Profile, ebm: &Ebm) {
        self.text("EBMVersion", profile.version());
        self.text("EBMID", &ebm.id);
        if let Some(related) = &ebm.related {
            self.within("RelatedInfo", |out| out.text("EBMID", related));
        }
        if let Some(basic) = &ebm.basic {
            self.within("MsgBasicInfo", |out| out.basic(profile, basic));
        }
        for content in &ebm.contents {
            self.within("MsgContent", |out| out.content(content));
        }
        if !ebm.systems.is_empty() {
            self.within("Dispatch", |out| {
                out.text("LanguageCode", "zho");
                out.within("EBRBS", |out| out.text("BrdSysType", &ebm.systems.join(",")));
            });
        }
    }

    fn basic(&mut self, profile: Profile, basic: &Basic) {
        self.text("MsgType", &basic.msg_type.to_string());
        self.text("SenderName", &basic.sender_name);
        self.text("SenderCode", &basic.sender_code);
        let name = match profile {
            Profile::Y2018 => "SendTime",
            Profile::Y2016 => "SentTime",
        };
        self.time(name, basic.sent);
        self.text("EventType", &basic.event_type);
        self.text("Severity", &basic.severity.to_string());
        self.time("StartTime", basic.begins.unwrap_or(basic.sent));
        if let Some(ends) = basic.ends {
            self.time("EndTime", ends);
        }
    }

    fn content(&mut self, content: &Content) {
        self.text("LanguageCode", &content.language);
        self.text("MsgTitle", content.title.as_deref().unwrap_or_default());
        self.text("MsgDesc", content.desc.as_deref().unwrap_or_default());
        self.text("AreaCode", &content.areas.join(","));
        for auxiliary in &content.auxiliaries {
            self.within("Auxiliary", |out| {
                out.text("AuxiliaryType", &auxiliary.kind.to_string());
                out.text("AuxiliaryDesc", &auxiliary.desc);
                if let Some(size) = auxiliary.size {
                    out.text("Size", &size.to_string());
                }
                out.some("Digest", auxiliary.digest.as_deref().unwrap_or_default());
            });
        }
    }

    /// From `BrdStateCode` on.
    fn state(&mut self, state: &StateResponse) {
        self.text("BrdStateCode", &state.state.number().to_string());
        self.text("BrdStateDesc", &state.desc);
        if let Some(Coverage { rate, areas, resources }) = &state.coverage {
            self.within("Coverage", |out| {
                out.text("CoverageRate", rate);
                out.text("AreaCode", areas);
                out.text("ResBrdStat", resources);
            });
        }
        if !state.items.is_empty() {
            self.within("ResBrdInfo", |out| {
                for item in &state.items {
                    out.within("ResBrdItem", |out| out.item(item));
                }
            });
        }
    }

    fn item(&mut self, item: &ResBrdItem) {
        self.code("EBRPS", &item.platform);
        self.within("EBRBS", |out| {
            out.time("RptTime", item.at);
            out.text("BrdSysInfo", "");
            out.text("StartTime", &item.began.map(local_time).unwrap_or_default());
            out.text("EndTime", &item.ended.map(local_time).unwrap_or_default());
            out.text("FileURL", "");
            out.text("BrdStateCode", &item.state.number().to_string());
            out.text("BrdStateDesc", &item.desc);
        });
    }

    fn record(&mut self, kind: EbdKind, record: &ResourceRecord) {
        self.time("RptTime", record.at);
        if let Some(state) = record.state {
            self.text("EBRID", &record.code);
            self.text("StateCode", &state.to_string());
            self.text("StateDesc", &record.desc);
            return;
        }
        self.text("RptType", if record.deleted { "Delete" } else { "Sync" });
        if let Some(upper) = &record.upper {
            self.code("RelatedEBRPS", upper);
        }
        self.text("EBRID", &record.code);
        self.text("EBRName", &record.name);
        if matches!(kind, EbdKind::EbrpsInfo | EbdKind::EbrstInfo) {
            self.text("Address", &record.address);
            self.text("Contact", &record.contact);
            self.text("PhoneNumber", &record.telephone);
        }
        self.text("Longitude", &record.longitude);
        self.text("Latitude", &record.latitude);
        self.some("URL", &record.url);
    }

    fn log(&mut self, item: &LogItem) {
        self.within("EBM", |out| {
            out.text("EBMID", &item.state.ebm);
            out.within("MsgContent", |out| out.content(&item.content));
        });
        self.state(&item.state);
    }
}
