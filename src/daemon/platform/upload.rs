//! The body of a POST within its limits. What is too long, breaks off or never ends is no package, but it
//! came: how much, from whom and how it begins is given to those who put it on record.

use crate::ingest::ebd::PACKAGE_BYTES_MAX;
use crate::model::{Fault, Rejection};
use axum::body::Body as HttpBody;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use std::net::IpAddr;
use std::time::Duration;

/// Bytes of a body beyond the package: the heads of its parts.
const HEADS_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body that is taken.
const BODY_BYTES_MAX: usize = PACKAGE_BYTES_MAX + HEADS_BYTES_MAX;
/// Bytes kept of what is refused unread.
pub(super) const KEPT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a body that is too long which are read to its end, and not kept: its sender hears the answer
/// only then, and its size is known. Above it the connection is closed.
const READ_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest time for a body, seconds: answered before the upper platform calls us silent (20 s).
const UPLOAD_S_MAX: u64 = 15;

/// A body that is no package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Its beginning, at most [`KEPT_BYTES_MAX`].
    pub(super) kept: Vec<u8>,
    /// Bytes that came.
    n_read: usize,
    /// `Content-Length`.
    told: Option<u64>,
    why: Why,
}

#[derive(Debug, PartialEq, Eq)]
enum Why {
    TooLong,
    Slow,
    BrokeOff(String),
}

/// Reads a body whole.
///
/// # Errors
/// [`Cut`] with what came of it.
pub(super) async fn upload(body: HttpBody, headers: &HeaderMap) -> Result<Vec<u8>, Cut> {
    upload_within(Duration::from_secs(UPLOAD_S_MAX), body, headers).await
}

async fn upload_within(
    limit: Duration,
    body: HttpBody,
    headers: &HeaderMap,
) -> Result<Vec<u8>, Cut> {
    let told = headers.get(header::CONTENT_LENGTH);
    let told: Option<u64> = told.and_then(|told| told.to_str().ok()?.parse().ok());
    let mut pieces = body.into_data_stream();
    let (mut bytes, mut n_read) = (Vec::new(), 0_usize);
    let reading = async {
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|fault| Why::BrokeOff(fault.to_string()))?;
            n_read = n_read.saturating_add(piece.len());
            if n_read > READ_BYTES_MAX {
                return Err(Why::TooLong);
            }
            // What is too long is kept as far as anything is that nobody vouches for.
            let room = if n_read <= BODY_BYTES_MAX { BODY_BYTES_MAX } else { KEPT_BYTES_MAX };
            let fits = piece.len().min(room.saturating_sub(bytes.len()));
            bytes.extend_from_slice(piece.get(..fits).unwrap_or_default());
        }
        if n_read > BODY_BYTES_MAX { Err(Why::TooLong) } else { Ok(()) }
    };
    let ended = tokio::time::timeout(limit, reading).await;
    let why = match ended.unwrap_or(Err(Why::Slow)) {
        Ok(()) => return Ok(bytes),
        // It was too long before it broke off or took its time.
        Err(_) if n_read > BODY_BYTES_MAX => Why::TooLong,
        Err(why) => why,
    };
    bytes.truncate(KEPT_BYTES_MAX);
    Err(Cut { kept: bytes, n_read, told, why })
}

impl Cut {
    /// What is answered beside the receipt.
    pub(super) fn status(&self) -> StatusCode {
        match self.why {
            Why::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Why::Slow => StatusCode::REQUEST_TIMEOUT,
            Why::BrokeOff(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Name of the alarm.
    pub(super) fn alarm(&self) -> &'static str {
        match self.why {
            Why::TooLong => "platform_too_large",
            Why::Slow | Why::BrokeOff(_) => "platform_cut_off",
        }
    }

    /// The row in the list of what was rejected.
    pub(super) fn rejection(&self) -> Rejection {
        let (n_read, n_kept) = (self.n_read, self.kept.len());
        let told = self.told.map_or_else(|| "no length".to_owned(), |told| format!("{told} bytes"));
        let what = match &self.why {
            Why::TooLong => {
                let over = if n_read > READ_BYTES_MAX { "more than " } else { "" };
                let n_read = n_read.min(READ_BYTES_MAX);
                format!("expected at most {BODY_BYTES_MAX} bytes, got {over}{n_read}")
            }
            Why::Slow => format!("expected the whole in {UPLOAD_S_MAX} s, got {n_read} bytes"),
            Why::BrokeOff(fault) => format!("broke off after {n_read} bytes: {fault}"),
        };
        let what = format!("{what} (its head tells {told}); the first {n_kept} are kept");
        let too_large = self.why == Why::TooLong;
        Rejection { faults: vec![Fault { line: None, element: String::new(), what }], too_large }
    }
}

/// From where something came that is no package: nothing else tells whose it is.
pub(super) fn sent_from(address: Option<IpAddr>) -> Fault {
    let from = address.map_or_else(|| "an unknown address".to_owned(), |from| from.to_string());
    Fault { line: None, element: "HTTP".to_owned(), what: format!("sent from {from}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    /// A body in these pieces, which then ends, breaks, or never ends.
    async fn check(pieces: &[usize], ends: &str, told: Option<&str>) -> Result<usize, Cut> {
        let mut headers = HeaderMap::new();
        if let Some(told) = told {
            headers.insert(header::CONTENT_LENGTH, told.parse().unwrap());
        }
        let pieces = pieces.iter().map(|n| Ok(vec![7; *n])).collect::<Vec<_>>();
        let pieces = stream::iter(pieces);
        let body = match ends {
            "breaks" => {
                HttpBody::from_stream(pieces.chain(stream::iter([Err("the peer is gone")])))
            }
            "never" => HttpBody::from_stream(pieces.chain(stream::pending())),
            _ => HttpBody::from_stream(pieces.map(|piece: Result<Vec<u8>, &str>| piece)),
        };
        let limit = Duration::from_millis(if ends == "never" { 1 } else { 60_000 });
        upload_within(limit, body, &headers).await.map(|bytes| bytes.len())
    }

    fn refused(got: Result<usize, Cut>, status: u16, kept: usize, words: &[&str]) {
        let cut = got.unwrap_err();
        let told = cut.rejection();
        assert_eq!((cut.status().as_u16(), cut.kept.len()), (status, kept), "{told:?}");
        assert_eq!(told.too_large, status == 413);
        for word in words {
            assert!(told.faults[0].what.contains(word), "`{word}` is not in {told:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_whole_body_is_told_with_its_size_and_its_beginning() {
        assert_eq!(check(&[10, 20], "ends", None).await, Ok(30));
        assert_eq!(check(&[BODY_BYTES_MAX], "ends", None).await, Ok(BODY_BYTES_MAX));
        let over = check(&[BODY_BYTES_MAX, 1], "ends", Some("8454145")).await;
        refused(
            over,
            413,
            KEPT_BYTES_MAX,
            &["8454144 bytes, got 8454145", "tells 8454145", "1048576 are kept"],
        );
        let endless = check(&[READ_BYTES_MAX, 1, 5], "never", None).await;
        refused(endless, 413, KEPT_BYTES_MAX, &["more than 67108864", "no length"]);
        let torn = check(&[BODY_BYTES_MAX + 1], "breaks", None).await;
        refused(torn, 413, KEPT_BYTES_MAX, &["got 8454145"]);
        let broken = check(&[100, 11], "breaks", Some("500")).await;
        refused(broken, 400, 111, &["after 111 bytes", "the peer is gone", "tells 500 bytes"]);
        let slow = check(&[9], "never", None).await;
        refused(slow, 408, 9, &["in 15 s, got 9 bytes"]);
        let from = sent_from(Some("10.1.2.3".parse().unwrap()));
        assert!(from.what.contains("10.1.2.3"), "{from:?}");
        assert!(sent_from(None).what.contains("unknown"));
    }
}
