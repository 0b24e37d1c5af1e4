//! CAP 1.2, 1.1 and 1.0: OASIS CAP-v1.2 clause 3.2. Our JSON form has the same elements.
//!
//! What could make an alert sound wrongly (head, times, severity, shapes) is a fault; what is only
//! untidy is an oddity that people can see.

use super::block;
use super::fields::{Fields, Place, texts};
use super::level;
use super::notes::{Notes, quoted};
use super::references;
use super::time::Zone;
use super::xml::Node;
use crate::model::{Alert, AlertForm, AlertId, MsgType, Scope, Status};

/// Beginning of the namespaces of CAP 1.1 and later.
const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:";
/// Namespace of CAP 1.0.
const NAMESPACE_1_0: &str = "http://www.incident.com/cap/1.0";

/// Values of `status`.
pub(super) const STATUSES: &[(&str, Status)] = &[
    ("Actual", Status::Actual),
    ("Exercise", Status::Exercise),
    ("System", Status::System),
    ("Test", Status::Test),
    ("Draft", Status::Draft),
];

/// Values of `msgType`.
pub(super) const MSG_TYPES: &[(&str, MsgType)] = &[
    ("Alert", MsgType::Alert),
    ("Update", MsgType::Update),
    ("Cancel", MsgType::Cancel),
    ("Ack", MsgType::Ack),
    ("Error", MsgType::Error),
];

/// Values of `scope`.
pub(super) const SCOPES: &[(&str, Scope)] =
    &[("Public", Scope::Public), ("Restricted", Scope::Restricted), ("Private", Scope::Private)];

/// Elements of `alert`; `password` is CAP 1.0, `Signature` is XML-DSig (verified elsewhere).
const KNOWN: &[&str] = &[
    "identifier",
    "sender",
    "password",
    "sent",
    "status",
    "msgType",
    "source",
    "scope",
    "restriction",
    "addresses",
    "code",
    "note",
    "references",
    "incidents",
    "info",
    "Signature",
];

/// Whether a namespace is one of CAP's, or none at all.
pub(super) fn is_cap_namespace(namespace: &str) -> bool {
    namespace.is_empty() || namespace.starts_with(NAMESPACE) || namespace == NAMESPACE_1_0
}

/// Reads a CAP alert. `form` is known for JSON; for XML the namespace tells it.
pub(super) fn alert(root: &Node, form: Option<AlertForm>, notes: &mut Notes) -> Option<Alert> {
    let form = form.or_else(|| by_namespace(root, notes))?;
    let words = if form == AlertForm::Json { level::JSON } else { level::CAP };
    let mut fields = Fields { notes, zone: Zone::Needed };
    let place = Place { node: root, path: "alert" };
    fields.unknown(place, KNOWN);
    let identifier = fields.identifier(place, "identifier");
    let sender = fields.identifier(place, "sender");
    let sent = fields.required_time(place, "sent");
    let status = fields.choice(place, "status", STATUSES);
    let msg_type = fields.choice(place, "msgType", MSG_TYPES);
    // CAP 1.0 and our JSON form may leave it out: both are for warnings to the public.
    let may_lack_scope = matches!(form, AlertForm::Cap10 | AlertForm::Json);
    let scope = if may_lack_scope && fields.decisive(place, "scope").is_none() {
        Some(Scope::Public)
    } else {
        fields.choice(place, "scope", SCOPES)
    };
    let references = references::triples(&mut fields, place);
    if references.is_empty() && matches!(msg_type, Some(MsgType::Update | MsgType::Cancel)) {
        let what = "an Update or Cancel without references; nobody can tell what it is about";
        fields.notes.oddity(place.line("references"), "alert/references", what);
    }
    let mut infos = Vec::new();
    for (number, node) in fields.infos(root).into_iter().enumerate() {
        let path = format!("alert/info[{}]", number + 1);
        let place = Place { node, path: &path };
        infos.push(block::info(&mut fields, place, words, sent));
    }
    let id = AlertId { sender: sender?, identifier: identifier?, sent: sent? };
    Some(Alert {
        id,
        form,
        sender_name: None,
        status: status?,
        msg_type: msg_type?,
        scope: scope?,
        source: fields.text(place, "source"),
        restriction: fields.text(place, "restriction"),
        addresses: fields.text(place, "addresses"),
        codes: texts(root, "code"),
        note: fields.text(place, "note"),
        references,
        incidents: fields.text(place, "incidents"),
        infos,
        oddities: Vec::new(),
    })
}

fn by_namespace(root: &Node, notes: &mut Notes) -> Option<AlertForm> {
    let line = root.at();
    match root.namespace.as_str() {
        "urn:oasis:names:tc:emergency:cap:1.2" => Some(AlertForm::Cap12),
        "urn:oasis:names:tc:emergency:cap:1.1" => Some(AlertForm::Cap11),
        NAMESPACE_1_0 => Some(AlertForm::Cap10),
        "" => {
            let what = "the namespace urn:oasis:names:tc:emergency:cap:1.2 is missing; read as it";
            notes.oddity(line, "alert", what);
            Some(AlertForm::Cap12)
        }
        other if other.starts_with(NAMESPACE) => {
            let what = format!("unknown CAP version {}; read as 1.2", quoted(other));
            notes.oddity(line, "alert", what);
            Some(AlertForm::Cap12)
        }
        other => {
            let got = quoted(other);
            let what = format!("expected the namespace {NAMESPACE}1.2, got {got}");
            notes.fault(line, "alert", what);
            None
        }
    }
}
