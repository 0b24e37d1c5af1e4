//! From `[mqtt]` of the settings to the link to an external broker.

use crate::config::MqttSettings;
use crate::deliver::{MqttConfig, MqttTls};
use anyhow::Context;

/// How to reach the external broker of these settings. No other gateway at that broker may have
/// `client_id`; `n_terminals` tells how many reports may wait there at once.
///
/// # Errors
/// When `url` is none, the password can't be read, or `mqtts://` comes without a CA certificate.
pub fn external_broker(
    settings: &MqttSettings,
    client_id: String,
    n_terminals: usize,
) -> anyhow::Result<MqttConfig> {
    let (host, port, tls) = broker_address(&settings.url)?;
    let login = match (&settings.user, &settings.password_file) {
        (Some(user), Some(file)) => {
            let password = std::fs::read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))?;
            Some((user.clone(), password.trim().to_owned()))
        }
        _ => None,
    };
    let tls = match (&settings.tls_ca_file, tls) {
        (_, false) => None,
        (Some(ca_file), true) => {
            let chain = settings.tls_certificate_file.clone();
            let identity = chain.zip(settings.tls_key_file.clone());
            Some(MqttTls { ca_file: ca_file.clone(), identity })
        }
        (None, true) => {
            anyhow::bail!("mqtts:// needs mqtt.tls_ca_file, the broker's CA certificate")
        }
    };
    let queue_wanted = u32::try_from(n_terminals).unwrap_or(u32::MAX);
    let prefix = settings.prefix.clone();
    Ok(MqttConfig { host, port, client_id, login, tls, prefix, queue_wanted })
}

/// Host, port and TLS of `mqtt://host:port` or `mqtts://host:port`.
pub(super) fn broker_address(url: &str) -> anyhow::Result<(String, u16, bool)> {
    let (rest, tls) = match (url.strip_prefix("mqtt://"), url.strip_prefix("mqtts://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => {
            anyhow::bail!("mqtt.url: expected mqtt://host:port or mqtts://host:port, got `{url}`")
        }
    };
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => {
            (host, port.parse().with_context(|| format!("mqtt.url: port `{port}`"))?)
        }
        None => (rest, if tls { 8883 } else { 1883 }),
    };
    anyhow::ensure!(!host.is_empty(), "mqtt.url: expected a host, got `{url}`");
    Ok((host.to_owned(), port, tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expect: Option<(&str, u16, bool)>) {
        let found = broker_address(url).ok();
        let found = found.as_ref().map(|(host, port, tls)| (host.as_str(), *port, *tls));
        assert_eq!(found, expect, "{url}");
    }

    #[test]
    fn a_broker_is_named_by_its_url() {
        check("mqtt://broker", Some(("broker", 1_883, false)));
        check("mqtts://broker/", Some(("broker", 8_883, true)));
        check("mqtts://10.0.0.1:1", Some(("10.0.0.1", 1, true)));
        check("mqtt://broker:port", None);
        check("mqtt://", None);
        check("mqtt://:1883", None);
        check("http://broker", None);
    }
}
