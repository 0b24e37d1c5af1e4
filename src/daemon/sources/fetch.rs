//! Reads documents of a source over HTTP, within limits: size, time, redirects, and where an address may
//! lead. A feed names addresses; they must not make this machine knock at doors inside the county's network.

use super::unpack;
use crate::clock;
use crate::config::SourceSettings;
use crate::model::UtcMs;
use crate::tls;
use anyhow::{Context, bail};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{self, HeaderMap};
use reqwest::{StatusCode, Url};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Longest time for one document, seconds.
const FETCH_S_MAX: u64 = 30;
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 3;
/// Longest wait that a server may ask for, seconds.
const RETRY_AFTER_S_MAX: u64 = 3_600;

/// What came.
pub(super) enum Fetched {
    /// The same as last time.
    Unchanged,
    /// A document.
    Document {
        /// At most one byte more than asked for.
        bytes: Vec<u8>,
        /// Where it was in the end, redirected or not: its links are relative to that.
        url: Box<Url>,
        /// `Content-Type`.
        kind: Option<String>,
        etag: Option<String>,
        modified: Option<String>,
    },
}

/// Why nothing came.
#[derive(Debug)]
pub(super) struct FetchFault {
    pub(super) why: String,
    /// Asking again brings the same.
    pub(super) lasting: bool,
    /// How long the server wants to be left alone.
    pub(super) wait: Option<Duration>,
}

fn fault(why: String, lasting: bool) -> FetchFault {
    FetchFault { why, lasting, wait: None }
}

/// Where addresses may lead.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Bounds {
    /// The host that is allowed wherever it is; empty = none.
    pub(in crate::daemon) host: String,
    /// Its port.
    pub(in crate::daemon) port: u16,
    /// Whether every network is allowed.
    pub(in crate::daemon) private: bool,
}

impl Bounds {
    /// Whether an address may be asked; names are looked at again when they are resolved.
    pub(in crate::daemon) fn allow(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("expected http or https, got {}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user or password".into());
        }
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        if self.private {
            return Ok(());
        }
        if host == self.host {
            let known = port == self.port || matches!(port, 80 | 443);
            return if known {
                Ok(())
            } else {
                Err(format!("port {port} is not that of the source"))
            };
        }
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) if !is_public(address) => {
                Err(format!("{address} is no public address (`private_addresses` is off)"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Whether an address is on the open internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let special =
                a == 0 || a >= 240 || (a, b, c) == (192, 0, 0) || (a == 198 && b & 0xFE == 18);
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_documentation()
                || shared
                || special)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments().first().copied().unwrap_or_default();
            let inner = v6.to_ipv4_mapped().is_none_or(|v4| is_public(IpAddr::V4(v4)));
            // Global unicast alone, and neither tunnels nor translations of IPv4.
            let translated = matches!(first, 0x2002) || v6.segments().starts_with(&[0x2001, 0]);
            v6.to_ipv4_mapped().is_some() && inner
                || (0x2000..=0x3FFF).contains(&first) && !translated && v6 != Ipv6Addr::UNSPECIFIED
        }
    }
}

/// Resolves names, and hides addresses where a feed must not lead.
struct Names(Bounds);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let bounds = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if bounds.private || name.as_str() == bounds.host {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let public: Vec<SocketAddr> =
                found.into_iter().filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                let why =
                    format!("{} has no public address (`private_addresses` is off)", name.as_str());
                return Err(why.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// A caller that goes nowhere beyond `bounds`, redirected or not.
pub(in crate::daemon) fn bounded_client(
    bounds: &Bounds,
    url: &str,
    trusted: Option<&std::path::Path>,
    wait_max: Duration,
) -> anyhow::Result<reqwest::Client> {
    let ours = bounds.clone();
    let redirects = reqwest::redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS_MAX {
            return attempt.error(format!("more than {REDIRECTS_MAX} redirects"));
        }
        match ours.allow(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(why) => attempt.error(why),
        }
    });
    let names = Arc::new(Names(bounds.clone()));
    tls::reading_client(url, trusted, wait_max, redirects, names)
}

/// Reads documents of one source.
pub(super) struct Fetcher {
    client: reqwest::Client,
    pub(super) url: Url,
    bounds: Bounds,
    /// User and password, or a token, for the source itself and nobody else.
    login: Option<(String, String)>,
    token: Option<String>,
}

impl Fetcher {
    /// A fetcher for a source with `url`.
    ///
    /// # Errors
    /// When the address is none, or a file can't be read.
    pub(super) fn new(settings: &SourceSettings) -> anyhow::Result<Self> {
        let url = Url::parse(&settings.url).context("url")?;
        let host = url.host_str().context("url: expected a host")?.to_owned();
        let port = url.port_or_known_default().context("url: expected a port")?;
        let bounds = Bounds { host, port, private: settings.private_addresses };
        let (trusted, wait) = (settings.ca_file.as_deref(), Duration::from_secs(FETCH_S_MAX));
        let client = bounded_client(&bounds, &settings.url, trusted, wait)?;
        let secret = |file: &std::path::Path| {
            let read = std::fs::read_to_string(file);
            read.map(|text| text.trim().to_owned())
                .with_context(|| format!("reading {}", file.display()))
        };
        let password = settings.password_file.as_deref().map(secret).transpose()?;
        let login = settings.user.clone().zip(password);
        let token = settings.token_file.as_deref().map(secret).transpose()?;
        if token.as_deref().is_some_and(|token| token.is_empty() || !token.is_ascii()) {
            bail!("token_file: expected a token in ASCII");
        }
        Ok(Self { client, url, bounds, login, token })
    }

    /// The address that a link of a feed at `from` means, seen from there through the bases around it.
    pub(super) fn linked(
        &self,
        from: &Url,
        bases: &[String],
        link: &str,
    ) -> Result<Url, FetchFault> {
        let joined =
            bases.iter().map(String::as_str).chain([link]).try_fold(from.clone(), |url, next| {
                url.join(next).map_err(|why| fault(format!("{next}: {why}"), true))
            });
        let url = joined?;
        self.bounds.allow(&url).map_err(|why| fault(format!("{url}: {why}"), true))?;
        Ok(url)
    }

    /// Reads a document of at most `bytes_max`, or learns that it is the same as last time.
    pub(super) async fn get(
        &self,
        url: &Url,
        bytes_max: usize,
        (etag, modified): (Option<&str>, Option<&str>),
    ) -> Result<Fetched, FetchFault> {
        let mut request = self.client.get(url.clone()).header(
            header::ACCEPT,
            "application/cap+xml, application/atom+xml, application/json, application/xml;q=0.9, */*;q=0.1",
        );
        for (name, value) in [(header::IF_NONE_MATCH, etag), (header::IF_MODIFIED_SINCE, modified)]
        {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        if url.origin() == self.url.origin() {
            if let Some((user, password)) = &self.login {
                request = request.basic_auth(user, Some(password));
            }
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
        }
        let answer = request.send().await.map_err(|why| fault(causes(&why), false))?;
        let status = answer.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::Unchanged);
        }
        if status != StatusCode::OK {
            // A feed may be there before its alerts are; and a sign-in or a rule of a server is mended.
            let lasting = matches!(status.as_u16(), 400 | 405 | 406 | 410 | 451);
            let wait = retry_after(answer.headers(), clock::now_utc());
            return Err(FetchFault { why: format!("the server answered {status}"), lasting, wait });
        }
        let told = |name: header::HeaderName| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (kind, etag) = (told(header::CONTENT_TYPE), told(header::ETAG));
        let modified = told(header::LAST_MODIFIED);
        let url = Box::new(answer.url().clone());
        let bytes = body(answer, bytes_max).await?;
        // Nothing packed is asked for; some servers know nothing else.
        let bytes = unpack::unpacked(bytes, bytes_max).map_err(|why| fault(why, false))?;
        Ok(Fetched::Document { bytes, url, kind, etag, modified })
    }
}

/// At most one byte more than `bytes_max`, which tells that it was too long.
async fn body(answer: reqwest::Response, bytes_max: usize) -> Result<Vec<u8>, FetchFault> {
    bytes_of(answer, bytes_max).await.map_err(|why| fault(why, false))
}

/// At most one byte more than `bytes_max`, which tells that it was too long.
pub(in crate::daemon) async fn bytes_of(
    mut answer: reqwest::Response,
    bytes_max: usize,
) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|why| causes(&why))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > bytes_max {
            bytes.truncate(bytes_max + 1);
            break;
        }
    }
    Ok(bytes)
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: UtcMs) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let until = || {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        u64::try_from(UtcMs(date.as_millisecond()).since_ms(now) / 1_000).ok()
    };
    let seconds = text.parse().ok().or_else(until)?;
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_S_MAX)))
}

/// A fault with everything behind it, which is where the reason stands.
pub(in crate::daemon) fn causes(fault: &reqwest::Error) -> String {
    let mut told = fault.to_string();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(fault);
    while let Some(cause) = next {
        told.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, private: bool, allowed: bool) {
        let bounds = Bounds { host: "feed.example.cn".into(), port: 8_080, private };
        let got = bounds.allow(&Url::parse(url).unwrap());
        assert_eq!(got.is_ok(), allowed, "{url} {private}: {got:?}");
    }

    #[test]
    fn a_server_says_how_long_in_seconds_or_by_a_date() {
        // Sun, 06 Nov 1994 08:49:37 GMT.
        let now = UtcMs(784_111_777_000);
        for (told, expect_s) in [
            ("40", Some(40)),
            ("99999", Some(RETRY_AFTER_S_MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, told.parse().unwrap());
            let got = retry_after(&headers, now);
            assert_eq!(got, expect_s.map(Duration::from_secs), "{told}");
        }
    }

    #[test]
    fn a_feed_leads_to_itself_and_to_the_open_internet() {
        for url in [
            "http://feed.example.cn:8080/a",
            "https://feed.example.cn/a",
            "http://8.8.8.8/",
            "http://other.example.cn:81/",
            "http://[2400:3200::1]/",
        ] {
            check(url, false, true);
        }
        for url in [
            "http://feed.example.cn:22/",
            "http://127.0.0.1/",
            "http://10.0.0.1/",
            "http://192.168.1.1:8080/",
            "http://172.16.0.9/",
            "http://169.254.169.254/",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[2002:a00:1::]/",
            "http://2130706433/",
            "http://0x7f.1/",
            "ftp://feed.example.cn/",
            "file:///etc/passwd",
            "http://u:p@feed.example.cn:8080/",
        ] {
            check(url, false, false);
        }
        check("http://10.0.0.1/", true, true);
        check("file:///etc/passwd", true, false);
    }
}
