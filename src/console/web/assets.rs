//! Style sheets, scripts and the icon: part of the program, named by their content, so that a browser may
//! keep them for ever and a new version is never mixed with an old one.

use crate::model::Sha256;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

/// One file.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

/// All of them. What is not ours stands in `assets/README.md` with version, licence and digest.
const ASSETS: [Asset; 7] = [
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/console.css"),
    },
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/console.js"),
    },
    Asset {
        name: "compose.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/compose.js"),
    },
    Asset {
        name: "map.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/map.js"),
    },
    Asset {
        name: "voice.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/voice.js"),
    },
    Asset {
        name: "speak.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/speak.js"),
    },
    Asset { name: "gong.svg", kind: "image/svg+xml", bytes: include_bytes!("assets/gong.svg") },
];

/// The first digits of the digest of all files together: one name for one state of all, so that modules
/// may import each other by their relative names.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let whole: Vec<u8> = ASSETS.iter().flat_map(|asset| asset.bytes).copied().collect();
    let digits = Sha256::of(&whole).to_string();
    digits.chars().take(16).collect()
});

/// Where a page finds the file.
pub(super) fn path(name: &str) -> String {
    format!("/console/assets/{}/{name}", *EDITION)
}

/// The file.
pub(super) async fn file(Path((edition, name)): Path<(String, String)>) -> Response {
    let found = ASSETS.iter().find(|asset| asset.name == name && edition == *EDITION);
    match found {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(asset) => {
            let kept = "public, max-age=31536000, immutable";
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, kept)];
            (headers, asset.bytes).into_response()
        }
    }
}
