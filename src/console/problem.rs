//! Errors of the HTTP interface: RFC 9457 problem details, each with what to do next.

use crate::daemon::{CoreFault, PreviewFault};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem, as the caller sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// Stable name of the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What exactly, and what to do next.
    pub detail: String,
    /// Every fault of an unreadable alert.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<crate::model::Fault>,
}

impl Problem {
    /// Any other.
    #[must_use]
    pub(super) fn of(
        status: StatusCode,
        kind: &str,
        title: &str,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(status, kind, title, detail)
    }

    /// Not now: try again in a moment.
    #[must_use]
    pub fn busy(why: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "网关繁忙，请稍后重发", why)
    }

    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:mingluo:problem:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            faults: Vec::new(),
        }
    }

    /// No or unknown API key.
    #[must_use]
    pub fn unauthorized() -> Self {
        let detail = "send `Authorization: Bearer <API key>`; make one with `mingluo keys create`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "需要有效的 API 密钥", detail)
    }

    /// The key may not do this.
    #[must_use]
    pub fn forbidden(why: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "无权执行此操作", why)
    }

    /// No such thing.
    #[must_use]
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "没有找到", what)
    }

    /// The request can't be read.
    #[must_use]
    pub fn bad_request(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "请求有误", why)
    }

    /// The rules of deciding say no.
    #[must_use]
    pub fn refused(why: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "refused", "按规定不予播发", why)
    }

    /// The body of an alert can't be read.
    #[must_use]
    pub fn rejected(rejection: crate::model::Rejection) -> Self {
        let (status, title) = if rejection.too_large {
            (StatusCode::PAYLOAD_TOO_LARGE, "报文过大，已退回")
        } else {
            (StatusCode::UNPROCESSABLE_ENTITY, "报文无法识别，已退回")
        };
        let detail = "the raw bytes are kept in the record; mend every fault listed and send again";
        let mut problem = Self::new(status, "alert-rejected", title, detail);
        problem.faults = rejection.faults;
        problem
    }

    /// Something broke on our side.
    #[must_use]
    pub fn internal(why: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "网关内部错误", why)
    }
}

impl From<PreviewFault> for Problem {
    fn from(fault: PreviewFault) -> Self {
        let detail = fault.to_string();
        match fault {
            PreviewFault::Busy | PreviewFault::Late => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "试听繁忙，请稍后再试", detail)
            }
            PreviewFault::Words(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "words", "文字无法播报", detail)
            }
            PreviewFault::Render(_) => Self::internal(detail),
        }
    }
}

impl From<CoreFault> for Problem {
    fn from(fault: CoreFault) -> Self {
        Self::busy(fault.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
