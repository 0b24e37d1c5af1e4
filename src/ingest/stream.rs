//! A stream of bytes from stations is cut into telegrams. After a telegram whose check is wrong the
//! search goes on inside of it: a wrong length must not swallow the next.

use super::{sl651, szy206};

/// What a stream begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// More must come.
    More,
    /// A telegram by SL 651 of so many bytes.
    Sl651(usize),
    /// A telegram by SZY 206 of so many bytes.
    Szy206(usize),
    /// So many bytes belong to no telegram.
    Junk(usize),
}

/// Looks at the front of a stream.
#[must_use]
pub fn cut(bytes: &[u8]) -> Cut {
    match at_front(bytes) {
        Cut::Junk(_) => Cut::Junk(1 + to_next(bytes.get(1..).unwrap_or_default())),
        cut @ (Cut::More | Cut::Sl651(_) | Cut::Szy206(_)) => cut,
    }
}

/// How many bytes to drop of a telegram that is wrong, so that one inside of it is found.
#[must_use]
pub fn after_wrong(telegram: &[u8]) -> usize {
    let rest = telegram.get(1..).unwrap_or_default();
    let is_start = |at: usize| {
        let inside = rest.get(at..).unwrap_or_default();
        // Inside a telegram only what is whole or could be goes for the next.
        inside.starts_with(&[0x7E, 0x7E])
    };
    1 + (0..rest.len()).find(|at| is_start(*at)).unwrap_or(rest.len())
}

fn at_front(bytes: &[u8]) -> Cut {
    let (length, of): (Option<usize>, fn(usize) -> Cut) = match bytes.first() {
        None => return Cut::More,
        Some(0x68) => (szy206::length(bytes), Cut::Szy206),
        // Four in a row: the end mark of a maker before the next start.
        Some(0x7E) if bytes.starts_with(&[0x7E; 3]) => return Cut::Junk(1),
        Some(0x7E | 0x01) => (sl651::length(bytes), Cut::Sl651),
        Some(_) => return Cut::Junk(1),
    };
    match length {
        None => Cut::More,
        Some(0) => Cut::Junk(1),
        Some(length) if length > bytes.len() => Cut::More,
        Some(length) => of(length),
    }
}

/// How many bytes before a telegram could begin.
fn to_next(bytes: &[u8]) -> usize {
    (0..bytes.len())
        .find(|at| {
            let rest = bytes.get(*at..).unwrap_or_default();
            !matches!(at_front(rest), Cut::Junk(_))
        })
        .unwrap_or(bytes.len())
}
