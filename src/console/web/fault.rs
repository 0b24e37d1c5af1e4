//! A page that says what went wrong and offers a way on. Both languages, because it can come before
//! anybody has said which one is theirs.

use crate::console::Problem;
use crate::daemon::CoreFault;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, html};

/// What went wrong, with the way on.
#[derive(Debug, Clone)]
pub(super) struct PageFault {
    status: StatusCode,
    zh: String,
    en: String,
    next: (String, &'static str, &'static str),
}

impl PageFault {
    pub(super) fn new(status: StatusCode, zh: impl Into<String>, en: impl Into<String>) -> Self {
        let next = ("/console/".to_owned(), "回到总览", "back to the overview");
        Self { status, zh: zh.into(), en: en.into(), next }
    }

    /// Another way on than the overview.
    pub(super) fn next(mut self, path: &str, zh: &'static str, en: &'static str) -> Self {
        self.next = (path.to_owned(), zh, en);
        self
    }

    /// There is no such thing.
    pub(super) fn not_found() -> Self {
        let en = "There is nothing here; it may have ended, or the address is wrong.";
        Self::new(StatusCode::NOT_FOUND, "这里没有内容：可能已经结束，或者地址有误。", en)
    }

    /// This role may not.
    pub(super) fn forbidden() -> Self {
        let en = "Your role does not include this. Ask a system administrator.";
        Self::new(StatusCode::FORBIDDEN, "您的角色没有这项权限，请联系系统管理员。", en)
    }

    /// A form without its token: another page may have sent it.
    pub(super) fn forged() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "这个请求不是从本系统的页面发出的，或页面已过期。没有执行任何操作，请返回重试。",
            "This request did not come from a page of this system, or the page is too old. Nothing was done; \
             go back and try again.",
        )
    }

    /// The form can't be read.
    pub(super) fn malformed(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!(
                "提交的内容有误，没有执行任何操作：{}",
                super::chinese::said(super::words::Tongue::Zh, why)
            ),
            format!("The form can't be read, nothing was done: {why}"),
        )
    }
}

impl From<CoreFault> for PageFault {
    fn from(fault: CoreFault) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "网关正忙或正在停止，请稍后重试。",
            format!("The gateway is busy or stopping: {fault}."),
        )
    }
}

impl From<Problem> for PageFault {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let zh = match super::chinese::chinese(&problem.detail) {
            Some(why) => format!("{}：{why}。", problem.title),
            // Why stands below in English.
            None => format!("{}。", problem.title),
        };
        Self::new(status, zh, problem.detail)
    }
}

impl IntoResponse for PageFault {
    fn into_response(self) -> Response {
        let (path, zh, en) = &self.next;
        let page = html! {
            (DOCTYPE)
            html lang="zh-CN" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.status.as_u16()) " · 鸣锣" }
                    link rel="icon" href=(super::assets::path("gong.svg")) type="image/svg+xml";
                    link rel="stylesheet" href=(super::assets::path("console.css"));
                }
                body.plain {
                    main.card.narrow {
                        h1 { (self.status.as_u16()) }
                        p.big { (self.zh) }
                        p lang="en" { (self.en) }
                        p { a.button href=(path) { (zh) " · " span lang="en" { (en) } } }
                    }
                }
            }
        };
        (self.status, page).into_response()
    }
}
