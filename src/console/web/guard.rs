//! What every request for a page passes first: the name it was asked under, where a form comes from, and
//! the rules that the browser is to keep (CSP and its kin).

use super::fault::PageFault;
use crate::console::Console;
use crate::console::people::random_token;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// The number that scripts of this answer carry; a script that someone smuggled in does not know it.
#[derive(Debug, Clone)]
pub(super) struct Nonce(pub(super) String);

/// Lets requests through that were made for us, and by our own pages.
pub(super) async fn pages(
    State(console): State<Console>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(nonce) = random_token() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = request.headers();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = match host(headers) {
        Some(host) if !known_host(host, &console.county.hosts) => misdirected(host),
        None => misdirected(""),
        Some(host) if !is_read && !is_same_origin(headers, host) => {
            PageFault::forged().into_response()
        }
        Some(_) => {
            request.extensions_mut().insert(Nonce(nonce.clone()));
            next.run(request).await
        }
    };
    let tiles = console.county.outline.tiles.as_ref().map_or("", |tiles| tiles.origin());
    guarded(response.headers_mut(), &nonce, tiles);
    response
}

/// Host and port as the browser named them.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut named = headers.get_all(header::HOST).iter();
    let host = named.next()?.to_str().ok()?;
    named.next().is_none().then_some(host)
}

/// Whether `host` names us: an address, this machine, or a name from `[http] hosts`. Any other name that
/// leads here may be a stranger's, who would then be of one origin with us.
pub(crate) fn known_host(host: &str, names: &[String]) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && !host.ends_with(']') => (name, port),
        _ => (host, "80"),
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    port.parse::<u16>().is_ok()
        && (address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || names.iter().any(|ours| ours.eq_ignore_ascii_case(name)))
}

fn misdirected(host: &str) -> Response {
    let host: String = host.chars().take(100).collect();
    PageFault::new(
        StatusCode::MISDIRECTED_REQUEST,
        format!("本系统不使用域名“{host}”。请用 IP 地址访问，或由管理员把域名加入 gateway.toml 的 [http] hosts。"),
        format!("This gateway is not known as `{host}`; use its address, or add the name to `hosts` of [http]."),
    )
    .into_response()
}

/// Whether a form comes from a page of ours, by what browsers say and scripts can't forge.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site"))
        && site != "same-origin"
    {
        return false;
    }
    let origin = text(header::ORIGIN).or_else(|| text(header::REFERER));
    let Some(rest) = origin.and_then(|from| from.split_once("://")).map(|(_, rest)| rest) else {
        return false;
    };
    rest.split('/').next().is_some_and(|from| from.eq_ignore_ascii_case(host))
}

fn guarded(headers: &mut HeaderMap, nonce: &str, tiles: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data: blob: {tiles}; \
         media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "microphone=(self), camera=(), geolocation=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_lead_here() {
        let names = ["yj.example.cn".to_owned()];
        for (host, expect) in [
            ("127.0.0.1:8721", true),
            ("10.1.2.3", true),
            ("[::1]:8721", true),
            ("[::1]", true),
            ("localhost:8721", true),
            ("YJ.example.cn", true),
            ("yj.example.cn:443", true),
            ("evil.example", false),
            ("yj.example.cn.evil.example", false),
            ("127.0.0.1:8721@evil.example", false),
            ("127.0.0.1:port", false),
            ("", false),
        ] {
            assert_eq!(known_host(host, &names), expect, "{host}");
        }
    }

    #[test]
    fn forms_come_from_our_own_pages() {
        for (set, expect) in [
            (vec![("origin", "http://10.0.0.1:8721")], true),
            (vec![("referer", "http://10.0.0.1:8721/console/compose")], true),
            (vec![("origin", "http://10.0.0.1:8721"), ("sec-fetch-site", "same-origin")], true),
            (vec![("origin", "http://10.0.0.1:8721"), ("sec-fetch-site", "cross-site")], false),
            (vec![("origin", "http://10.0.0.1:9000")], false),
            (vec![("origin", "http://evil.example")], false),
            (vec![("origin", "null")], false),
            (vec![("referer", "http://evil.example/?http://10.0.0.1:8721/")], false),
            (vec![], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &set {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(is_same_origin(&headers, "10.0.0.1:8721"), expect, "{set:?}");
        }
    }
}
