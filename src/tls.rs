//! Our own certificate towards browsers and programs: read and checked, or made for an intranet that
//! has no authority of its own.

use crate::model::UtcMs;
use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_parser::parse_x509_certificate;

/// How long a certificate of [`self_signed`] is valid, days: browsers refuse longer ones.
pub const VALID_DAYS: u32 = 825;
/// Days before its end at which a certificate is warned of, again at each.
const WARN_DAYS: [i64; 4] = [1, 7, 30, 90];
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Names in one certificate.
const NAMES_MAX: usize = 100;

/// A certificate chain, PEM, the server's own first.
fn chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let reading =
        || format!("reading the certificate {}; `mingluo keys tls` makes one", path.display());
    let found = CertificateDer::pem_file_iter(path).with_context(reading)?;
    let found = found.collect::<Result<Vec<_>, _>>().with_context(reading)?;
    ensure!(!found.is_empty(), "{}: expected a certificate in PEM, found none", path.display());
    Ok(found)
}

/// TLS 1.2 and 1.3 with a certificate and its key.
///
/// # Errors
/// When a file is absent, no PEM, no pair, or the key can be read by everybody.
pub fn server(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    server_for(certificate, key, None)
}

/// The same, for those alone whose own certificate one of the authorities in `clients` vouches for.
///
/// # Errors
/// As [`server`].
pub fn server_for(
    certificate: &Path,
    key: &Path,
    clients: Option<&Path>,
) -> anyhow::Result<Arc<ServerConfig>> {
    let reading = || format!("reading the key {}; `mingluo keys tls` makes one", key.display());
    let certificates = chain(certificate)?;
    private(key).with_context(reading)?;
    let private = PrivateKeyDer::from_pem_file(key).with_context(reading)?;
    // The provider is named, because a process with two of them linked in has no default.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for authority in chain(file)? {
                roots.add(authority).with_context(|| format!("{}", file.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build()?)
        }
    };
    let mut config = config.with_single_cert(certificates, private).with_context(|| {
        format!("{} and {} do not belong together", certificate.display(), key.display())
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Whether a key file is closed to everybody else.
fn private(key: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(key)?.permissions().mode() & 0o007 != 0 {
        bail!("{} can be read by everybody; run `chmod 600` on it", key.display());
    }
    Ok(())
}

/// A caller for plain HTTP, which trusts no certificate. The library's own default reads the system's
/// authorities, and panics on a machine that has none.
#[must_use]
pub fn plain_client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).build().unwrap_or_default()
}

/// A caller that trusts the certificates in this PEM file and nobody else.
///
/// # Errors
/// When the file can't be read or holds no certificate.
pub fn trusting_client(trusted: &Path) -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().tls_certs_only(certificates(trusted)?).build()?)
}

fn certificates(trusted: &Path) -> anyhow::Result<Vec<reqwest::Certificate>> {
    let reading = || format!("reading the certificate {}", trusted.display());
    let certificates =
        reqwest::Certificate::from_pem_bundle(&std::fs::read(trusted).with_context(reading)?);
    let certificates = certificates.with_context(reading)?;
    let found = !certificates.is_empty();
    ensure!(found, "{}: expected a certificate in PEM, found none", trusted.display());
    Ok(certificates)
}

/// A caller for posting to a county's own services: bounded in time, and following nobody elsewhere. Over
/// `https://` it trusts the certificates of this PEM file, or else the system's authorities.
///
/// # Errors
/// When the file can't be read or holds no certificate, or the system has no authorities.
pub fn posting_client(
    url: &str,
    trusted: Option<&Path>,
    wait_max: Duration,
) -> anyhow::Result<reqwest::Client> {
    posting_client_as(url, trusted, None, wait_max)
}

/// The same, which shows who it is to a server that asks: PEM files of certificate and key.
///
/// # Errors
/// As [`posting_client`], and when the two can't be read or the key can be read by everybody.
pub fn posting_client_as(
    url: &str,
    trusted: Option<&Path>,
    own: Option<(&Path, &Path)>,
    wait_max: Duration,
) -> anyhow::Result<reqwest::Client> {
    let builder =
        reqwest::Client::builder().timeout(wait_max).redirect(reqwest::redirect::Policy::none());
    let builder = match own {
        None => builder,
        Some((certificate, key)) => {
            let reading = || format!("reading {} and {}", certificate.display(), key.display());
            private(key).with_context(reading)?;
            let mut both = std::fs::read(certificate).with_context(reading)?;
            both.push(b'\n');
            both.extend(std::fs::read(key).with_context(reading)?);
            builder.identity(reqwest::Identity::from_pem(&both).with_context(reading)?)
        }
    };
    let builder = match trusted {
        Some(file) => builder.tls_certs_only(certificates(file)?),
        None if url.starts_with("https://") => builder,
        None => builder.tls_certs_only([]),
    };
    builder.build().context("no HTTP client; name a file of certificates to trust")
}

/// A caller for reading what is published: bounded in time, and led elsewhere only as `redirects` and
/// `names` allow. No proxy stands between, which would look up names by itself.
///
/// # Errors
/// As [`posting_client`].
pub fn reading_client(
    url: &str,
    trusted: Option<&Path>,
    wait_max: Duration,
    redirects: reqwest::redirect::Policy,
    names: Arc<dyn reqwest::dns::Resolve>,
) -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().timeout(wait_max).redirect(redirects).no_proxy();
    let builder = builder.dns_resolver(names);
    let builder = match trusted {
        Some(file) => builder.tls_certs_only(certificates(file)?),
        None if url.starts_with("https://") => builder,
        None => builder.tls_certs_only([]),
    };
    builder.build().context("no HTTP client; name a file of certificates to trust")
}

/// From when to when a certificate is valid.
///
/// # Errors
/// When it can't be read.
pub fn valid(certificate: &Path) -> anyhow::Result<(UtcMs, UtcMs)> {
    let found = chain(certificate)?;
    let first = found.first().context("no certificate")?;
    let (_, parsed) = parse_x509_certificate(first.as_ref())
        .map_err(|fault| anyhow::anyhow!("{}: {fault}", certificate.display()))?;
    let at = |time: x509_parser::time::ASN1Time| UtcMs(time.timestamp().saturating_mul(1000));
    Ok((at(parsed.validity().not_before), at(parsed.validity().not_after)))
}

/// The nearest of 90, 30, 7 and 1 days before `until`, or 0 after it, that has been reached; `None` =
/// there is time.
#[must_use]
pub fn stage(now: UtcMs, until: UtcMs) -> Option<i64> {
    let left_ms = until.0.saturating_sub(now.0);
    if left_ms <= 0 {
        return Some(0);
    }
    WARN_DAYS.into_iter().find(|days| left_ms <= days.saturating_mul(DAY_MS))
}

/// What a person should do about a certificate that ends at `until`; `None` = nothing yet.
#[must_use]
pub fn warning(now: UtcMs, until: UtcMs) -> Option<String> {
    let days = until.0.saturating_sub(now.0).max(0) / DAY_MS;
    let remedy = "make another with `mingluo keys tls` or get one, then restart";
    match stage(now, until)? {
        0 => Some(format!("the certificate of http.listen has expired: {remedy}")),
        _ => Some(format!("the certificate of http.listen expires in {days} days: {remedy}")),
    }
}

/// A certificate that only those trust who were given it.
#[derive(Debug)]
pub struct SelfSigned {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: String,
    /// SHA-256 of the certificate as browsers show it, to be compared by eye.
    pub fingerprint: String,
    /// Its end.
    pub until: UtcMs,
}

/// Makes one for these host names and addresses, valid from an hour before `now`.
///
/// # Errors
/// When there is no name, too many, or one that can't stand in a certificate.
pub fn self_signed(names: &[String], now: UtcMs) -> anyhow::Result<SelfSigned> {
    let n = names.len();
    ensure!((1..=NAMES_MAX).contains(&n), "expected 1 to {NAMES_MAX} names, got {n}");
    for name in names {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '*');
        let fits = !name.is_empty() && name.len() <= 253 && name.chars().all(good);
        ensure!(fits, "expected a host name or an address, got `{name}`");
        let address = name.parse::<std::net::IpAddr>().is_ok();
        ensure!(address || !name.contains(':'), "`{name}`: leave the port out");
    }
    let mut params = rcgen::CertificateParams::new(names.to_vec())?;
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(rcgen::DnType::CommonName, names.first().map_or("", String::as_str));
    subject.push(rcgen::DnType::OrganizationName, "Mingluo");
    params.distinguished_name = subject;
    // Not an authority: whoever trusts it trusts this one server and nothing that it might sign.
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    // Clocks on a county's network are rarely exact.
    let from_s = now.0.div_euclid(1000).saturating_sub(3_600);
    let until_s = from_s.saturating_add(i64::from(VALID_DAYS).saturating_mul(86_400));
    let at = |seconds: i64| anyhow::Ok(Duration::from_secs(u64::try_from(seconds)?));
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + at(from_s)?;
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + at(until_s)?;
    let key = rcgen::KeyPair::generate()?;
    let signed = params.self_signed(&key)?;
    let digest = crate::model::Sha256::of(signed.der());
    let pairs: Vec<String> = digest.0.iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(SelfSigned {
        certificate: signed.pem(),
        key: key.serialize_pem(),
        fingerprint: pairs.join(":"),
        until: UtcMs(until_s.saturating_mul(1000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_stage(left_ms: i64, expect: Option<i64>) {
        assert_eq!(stage(UtcMs(1_000), UtcMs(1_000 + left_ms)), expect, "{left_ms}");
    }

    #[test]
    fn an_end_is_warned_of_at_its_stages() {
        for (left_ms, expect) in [
            (91 * DAY_MS, None),
            (90 * DAY_MS, Some(90)),
            (31 * DAY_MS, Some(90)),
            (30 * DAY_MS, Some(30)),
            (7 * DAY_MS, Some(7)),
            (DAY_MS, Some(1)),
            (1, Some(1)),
            (0, Some(0)),
            (-1, Some(0)),
        ] {
            check_stage(left_ms, expect);
        }
        assert_eq!(warning(UtcMs(0), UtcMs(100 * DAY_MS)), None);
        let told = warning(UtcMs(0), UtcMs(20 * DAY_MS + 5)).unwrap();
        assert!(told.contains("20 days") && told.contains("mingluo keys tls"), "{told}");
        assert!(warning(UtcMs(5), UtcMs(4)).unwrap().contains("has expired"));
    }

    #[test]
    fn names_that_no_certificate_holds_are_refused() {
        for name in ["", "a b", "https://a", "10.0.0.1:8721", "a/b", "鸣锣", "a\nb"] {
            let told = self_signed(&[name.to_owned()], UtcMs(0)).unwrap_err().to_string();
            assert!(told.contains(name) || told.contains("port"), "{name}: {told}");
        }
        assert!(self_signed(&[], UtcMs(0)).is_err());
        let many = vec!["a".to_owned(); NAMES_MAX + 1];
        assert!(self_signed(&many, UtcMs(0)).unwrap_err().to_string().contains("101"));
    }
}
