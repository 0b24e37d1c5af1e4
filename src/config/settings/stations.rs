//! `[stations]`: readings of hydrological and geological stations.

use crate::config::reader::Keys;
use std::net::SocketAddr;

/// `[stations]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationSettings {
    /// Whether `stations.csv` is read and readings are taken.
    pub enabled: bool,
    /// Where stations connect by TCP; `None` = no listener.
    pub listen: Option<SocketAddr>,
    /// Whether telegrams are answered (modes M2 and M3); M1 stations expect nothing.
    pub answer: bool,
    /// How long a warning of a station is valid, seconds.
    pub valid_s: u32,
}

pub(super) fn stations(mut keys: Keys<'_>) -> StationSettings {
    let enabled = keys.flag("enabled", false);
    let text = keys.text_opt("listen").filter(|text| !text.is_empty());
    let listen = text.and_then(|text| {
        let address = text.parse().ok();
        if address.is_none() {
            let what = format!("expected an address with port, got `{text}`");
            keys.fault(
                "listen",
                &what,
                "write it like `listen = \"0.0.0.0:8730\"`, or leave it empty",
            );
        }
        address
    });
    if listen.is_some() && !enabled {
        keys.warn(
            "listen",
            "is set, and `enabled` is not",
            "set `enabled = true` to take readings",
        );
    }
    let answer = keys.flag("answer", true);
    let valid_s = keys.number("valid_s", Some(21_600), 600..=172_800);
    keys.finish();
    StationSettings { enabled, listen, answer, valid_s }
}
