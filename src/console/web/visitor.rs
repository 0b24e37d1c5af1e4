//! Who looks at a page, and the forms they send.

use super::fault::PageFault;
use super::guard::Nonce;
use super::latches::{Held, held};
use super::words::Tongue;
use crate::console::Console;
use crate::console::extract::take;
use crate::console::people::{Flash, Live, Session};
use crate::model::{Actor, Right};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::fmt::Write;

/// The cookie of a session.
pub(super) const SESSION_COOKIE: &str = "mingluo_session";
/// The cookie of a browser from which an account has signed in before.
pub(super) const BROWSER_COOKIE: &str = "mingluo_browser";
/// The cookie of the language.
pub(super) const TONGUE_COOKIE: &str = "mingluo_tongue";
/// The cookie of light and dark.
pub(super) const THEME_COOKIE: &str = "mingluo_theme";
/// Longest form, bytes: 2,000 characters of text and every village of a large county.
const FORM_BYTES_MAX: usize = 1024 * 1024;
/// Fields of a form at the most.
const FIELDS_MAX: usize = 20_000;

/// How a page is to look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// The language.
    pub(super) tongue: Tongue,
    /// `auto`, `light` or `dark`.
    pub(super) theme: &'static str,
    /// What scripts of this answer carry.
    pub(super) nonce: String,
    /// Path and query that were asked for.
    pub(super) path: String,
}

impl Look {
    fn of(parts: &Parts) -> Self {
        let tongue = match cookie(&parts.headers, TONGUE_COOKIE).as_deref() {
            Some("en") => Tongue::En,
            _ => Tongue::Zh,
        };
        let theme = match cookie(&parts.headers, THEME_COOKIE).as_deref() {
            Some("light") => "light",
            Some("dark") => "dark",
            _ => "auto",
        };
        let nonce = parts.extensions.get::<Nonce>().map(|nonce| nonce.0.clone());
        let path = parts.extensions.get::<axum::extract::OriginalUri>();
        let path = path.map_or(&parts.uri, |original| &original.0);
        let path = path.path_and_query().map_or("/console/", |path| path.as_str()).to_owned();
        Self { tongue, theme, nonce: nonce.unwrap_or_default(), path }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Look {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// Somebody who is signed in.
pub(super) struct Visitor {
    /// The session.
    pub(super) session: Session,
    /// Its cookie.
    pub(super) cookie: String,
    /// How the page is to look.
    pub(super) look: Look,
    /// Lines for the head of the page.
    pub(super) flashes: Vec<Flash>,
    /// STOP latches that hold.
    pub(super) latches: Vec<Held>,
}

impl Visitor {
    /// The person.
    pub(super) fn actor(&self) -> &Actor {
        self.session.actor()
    }

    /// The language.
    pub(super) fn tongue(&self) -> Tongue {
        self.look.tongue
    }

    /// The words in the visitor's language.
    pub(super) fn say<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.look.tongue.say(zh, en)
    }

    /// Whether the role holds a right.
    pub(super) fn may(&self, right: Right) -> bool {
        self.actor().role.may(right)
    }

    /// Goes on only with a right.
    ///
    /// # Errors
    /// 403.
    pub(super) fn need(&self, right: Right) -> Result<(), PageFault> {
        if self.may(right) { Ok(()) } else { Err(PageFault::forbidden()) }
    }
}

/// Not signed in: to the sign-in, and back afterwards.
pub(super) struct SignInFirst(Option<String>);

impl IntoResponse for SignInFirst {
    fn into_response(self) -> Response {
        let to = match self.0 {
            Some(path) if path != "/console/" => {
                format!("/console/sign-in?next={}", encoded(&path))
            }
            _ => "/console/sign-in".to_owned(),
        };
        Redirect::to(&to).into_response()
    }
}

impl FromRequestParts<Console> for Visitor {
    type Rejection = SignInFirst;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, SignInFirst> {
        let look = Look::of(parts);
        // Only a page can be come back to.
        let back = (parts.method == axum::http::Method::GET).then(|| look.path.clone());
        let cookie = cookie(&parts.headers, SESSION_COOKIE).ok_or(SignInFirst(back.clone()))?;
        // The stream of a page that stands open is no sign of life, nor does it read the lines.
        let watches = look.path.starts_with("/console/live");
        let live = if watches { Live::Watched } else { Live::Acted };
        let people = &console.people;
        let session = people.sessions.find(people.now_ms(), &cookie, live);
        let session = session.ok_or(SignInFirst(back.clone()))?;
        let is_page = back.is_some() && !watches && !parts.headers.contains_key("x-requested-with");
        let flashes = if is_page { people.sessions.take_flashes(&cookie) } else { Vec::new() };
        // A core that does not answer now is told by the page itself, which asks it too.
        let latches = match watches {
            true => Vec::new(),
            false => console.core.look(held).await.unwrap_or_default(),
        };
        Ok(Self { session, cookie, look, flashes, latches })
    }
}

/// The fields of a form, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// When there are too many fields.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PageFault> {
        let fields: Vec<(String, String)> = form_urlencoded::parse(bytes)
            .take(FIELDS_MAX + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if fields.len() > FIELDS_MAX {
            return Err(PageFault::malformed(&format!("more than {FIELDS_MAX} fields")));
        }
        Ok(Self(fields))
    }

    /// A field that was read elsewhere, such as a part of an upload.
    pub(super) fn push(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// A field before all others of its name.
    pub(super) fn push_first(&mut self, name: &str, value: &str) {
        self.0.insert(0, (name.to_owned(), value.to_owned()));
    }

    /// The first of that name, without white space around it; empty when there is none.
    pub(super) fn one<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// All of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// The first of that name as a value of another kind; `None` when it is empty.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, PageFault> {
        match self.one(name) {
            "" => Ok(None),
            text => {
                let why = || PageFault::malformed(&format!("`{name}` = `{text}`"));
                text.parse().map(Some).map_err(|_| why())
            }
        }
    }
}

/// A form from one of our pages, with the person who sent it. The token in it is checked.
pub(super) struct Posted {
    /// The person.
    pub(super) visitor: Visitor,
    /// What was sent.
    pub(super) fields: Fields,
}

/// The name of the hidden field with the token.
pub(super) const TOKEN_FIELD: &str = "token";

impl FromRequest<Console> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, console)
            .await
            .map_err(IntoResponse::into_response)?;
        let taken = take(Request::from_parts(parts, body), FORM_BYTES_MAX)
            .await
            .map_err(|problem| PageFault::from(problem).into_response())?;
        if taken.too_large {
            let why = format!("more than {FORM_BYTES_MAX} bytes");
            return Err(PageFault::malformed(&why).into_response());
        }
        let fields = Fields::read(&taken.bytes).map_err(IntoResponse::into_response)?;
        if !is_token(&visitor, fields.one(TOKEN_FIELD)) {
            return Err(PageFault::forged().into_response());
        }
        Ok(Self { visitor, fields })
    }
}

/// Whether a form brought the token of this session.
pub(super) fn is_token(visitor: &Visitor, token: &str) -> bool {
    // Compared by digest, so that timing tells nothing.
    use crate::console::people::digest;
    digest(token) == digest(visitor.session.form_token())
}

/// To another page, which shows `text` at its head.
pub(super) fn done(
    console: &Console,
    visitor: &Visitor,
    good: bool,
    text: &str,
    to: &str,
) -> Response {
    let flash = Flash { good, text: text.to_owned() };
    console.people.sessions.flash(&visitor.cookie, flash);
    Redirect::to(to).into_response()
}

/// A cookie of a request.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

/// Sets a cookie; with no `age_s` it goes with the browser. Over HTTPS it stays there.
pub(super) fn set_cookie(
    headers: &mut HeaderMap,
    secure: bool,
    name: &str,
    value: &str,
    age_s: Option<u64>,
) {
    let mut text = format!("{name}={value}; Path=/console; HttpOnly; SameSite=Lax");
    if let Some(age_s) = age_s {
        let _infallible = write!(text, "; Max-Age={age_s}");
    }
    if secure {
        text.push_str("; Secure");
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// A text as part of an address.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A path inside the console from a stranger's hand; anything else leads to the overview.
pub(super) fn inside(path: &str) -> &str {
    let fine = path.starts_with("/console/")
        && !path.contains("..")
        && path.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    if fine { path } else { "/console/" }
}

/// A page that was made for somebody else's fault: 404 for addresses of the console.
pub(super) async fn nowhere() -> PageFault {
    let fault = PageFault::not_found();
    tracing::debug!(status = %StatusCode::NOT_FOUND, "no such page");
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_inside() {
        for (path, expect) in [
            ("/console/broadcasts/7?tab=map", "/console/broadcasts/7?tab=map"),
            ("https://evil.example/console/", "/console/"),
            ("//evil.example/console/", "/console/"),
            ("/console/../api/v1/stop", "/console/"),
            ("/console/\r\nSet-Cookie:x", "/console/"),
            ("/console/\\evil", "/console/"),
            ("", "/console/"),
        ] {
            assert_eq!(inside(path), expect, "{path}");
        }
    }

    #[test]
    fn fields_keep_their_order_and_their_limit() {
        let fields = Fields::read(b"area=1&text=+%E4%BD%A0%E5%A5%BD+&area=2&n=x").unwrap();
        assert_eq!(fields.one("text"), "你好");
        assert_eq!(fields.all("area").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(fields.one("absent"), "");
        assert_eq!(fields.parsed::<u8>("absent").unwrap(), None);
        assert!(fields.parsed::<u8>("n").is_err());
        assert!(Fields::read("a&".repeat(FIELDS_MAX + 1).as_bytes()).is_err());
    }
}
