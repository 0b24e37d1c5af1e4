//! `[national]` of `gateway.toml`: terminals that follow GD/J 089-2018 and connect to us.

use super::reader::{Document, Faults, Keys};
use super::terminals::TerminalLines;
use crate::model::{Codec, LinkKind, NationalCode, Network, Terminal, TerminalId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

const TERMINALS: &str = "terminals.csv";
/// What a certificate's number looks like.
const CERTIFICATE_DIGITS: usize = 12;

/// `[national]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NationalSettings {
    /// Where terminals connect; `None` = the link is off.
    pub listen: Option<SocketAddr>,
    /// Our own resource code.
    pub platform: Option<NationalCode>,
    /// How often terminals send a heartbeat, seconds.
    pub heartbeat_s: u32,
    /// Silence after which a terminal counts as gone, seconds.
    pub silent_s: u32,
    /// Whether orders are signed with `sm2_key_file` of `[keys]`.
    pub sign: bool,
    /// Number of the certificate by which terminals verify that.
    pub certificate: [u8; 6],
    /// Line of the table, for faults.
    line: Option<u32>,
}

pub(super) fn read(mut keys: Keys<'_>) -> NationalSettings {
    let line = keys.line();
    let listen = keys.text("listen", Some(""));
    let listen = (!listen.is_empty()).then(|| {
        listen.parse().unwrap_or_else(|_| {
            let what = format!("expected an address with port, got `{listen}`");
            keys.fault(
                "listen",
                &what,
                "write it like `listen = \"0.0.0.0:9089\"`, or leave it empty",
            );
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    });
    let text = keys.text("platform", Some(""));
    let platform = NationalCode::parse(&text);
    if platform.is_none() && (listen.is_some() || !text.is_empty()) {
        let what = format!("expected our resource code of 23 digits, got `{text}`");
        keys.fault("platform", &what, "write that which the province gave this platform");
    }
    let heartbeat_s = keys.number("heartbeat_s", Some(30), 5..=3_600);
    let silent_s = keys.number("silent_s", Some(100), 10..=36_000);
    if silent_s <= heartbeat_s {
        let what = format!("{silent_s} s are not more than heartbeat_s {heartbeat_s}");
        keys.fault("silent_s", &what, "let three heartbeats be missed");
    }
    let sign = keys.flag("sign", false);
    let text = keys.text("certificate", Some("000000000000"));
    let certificate = certificate(&text).unwrap_or_else(|| {
        let what = format!("expected {CERTIFICATE_DIGITS} hexadecimal digits, got `{text}`");
        keys.fault("certificate", &what, "write the number of the certificate in the terminals");
        [0; 6]
    });
    keys.finish();
    NationalSettings { listen, platform, heartbeat_s, silent_s, sign, certificate, line }
}

fn certificate(text: &str) -> Option<[u8; 6]> {
    if text.len() != CERTIFICATE_DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut number = [0; 6];
    for (at, byte) in number.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(number)
}

/// Checks the link against the registry, and takes it from terminals when it is off.
pub(super) fn cross(
    settings: &NationalSettings,
    sm2_key_file: &Path,
    network: &mut Network,
    lines: &TerminalLines,
    (document, faults): (&Document, &Faults),
) {
    if settings.sign && settings.listen.is_some() && !sm2_key_file.is_file() {
        let what = format!("`sign` needs {}, which is not there", sm2_key_file.display());
        faults.push(document.file, settings.line, what, "make it with `mingluo keys init --sm2`");
    }
    let mut codes: BTreeMap<NationalCode, TerminalId> = BTreeMap::new();
    for terminal in network.terminals.values_mut() {
        let line = lines.get(&terminal.id).copied();
        let fault = |what: String, remedy: &str| faults.push(TERMINALS, line, what, remedy);
        let id = terminal.id;
        if let Some(code) = terminal.national
            && let Some(other) = codes.insert(code, id)
        {
            fault(format!("{id} has the resource code of {other}"), "give each its own");
        }
        let linked = terminal.links.contains(&LinkKind::National);
        match terminal.national {
            None if linked => {
                fault(
                    format!("{id} has the national link and no resource code"),
                    "add it in column `national`",
                );
            }
            Some(_) if !linked => {
                fault(
                    format!("{id} has a resource code and no national link"),
                    "add `national` to its links, or remove the code",
                );
            }
            Some(code) if !stands_in(code, terminal) => {
                let what = format!("{id}: area in code {code} is not {}", terminal.area);
                faults.warn(TERMINALS, line, what, "correct the code or the area");
            }
            Some(_) | None => {}
        }
        if linked && !terminal.codecs.contains(&Codec::Mp3) {
            fault(
                format!("{id} has the national link and no mp3"),
                "add `mp3` to its codecs: the protocol has nothing else",
            );
        }
        if linked && settings.listen.is_none() {
            terminal.links.retain(|link| *link != LinkKind::National);
            if terminal.links.is_empty() {
                terminal.links.push(LinkKind::National);
                let remedy = "set `listen` of [national] in gateway.toml";
                fault(format!("{id} has only the national link, which is off"), remedy);
            }
        }
    }
}

fn stands_in(code: NationalCode, terminal: &Terminal) -> bool {
    let (code, area) = (code.to_string(), terminal.area.to_string());
    code.get(1..13) == Some(area.as_str())
}
