//! Who goes first at a terminal (GD/J 089-2018 B.2: emergency over daily, upper level over lower;
//! GD/J 079-2018 §5.10 leaves the rest to the local government).
//!
//! | priority | what |
//! |---|---|
//! | 230 | earthquake early warning |
//! | 200 | red warning, or manual emergency of that level |
//! | 175 | orange |
//! | 150 | yellow |
//! | 125 | blue |
//! | 110 | warning without a level |
//! | 90 | all-clear |
//! | 40 to 60 | drill: above daily, so that it can be practised, below everything real |
//! | 20 | daily broadcast, notices |
//!
//! A manual emergency counts 5 more than an alert of its level: a person on the spot knows more.

use super::manual::Urgency;
use crate::model::{Class, Level, Priority};

/// Of an earthquake early warning: it is about seconds.
pub(super) const EARTHQUAKE: Priority = Priority(230);
/// Of an all-clear.
pub(super) const ALL_CLEAR: Priority = Priority(90);
const DAILY: u8 = 20;
const DRILL: u8 = 40;
const NO_LEVEL: u8 = 110;
const BLUE: u8 = 125;
const LEVEL_STEP: u8 = 25;
const MANUAL_BONUS: u8 = 5;

fn rank(level: Level) -> u8 {
    match level {
        Level::Blue => 0,
        Level::Yellow => 1,
        Level::Orange => 2,
        Level::Red => 3,
    }
}

/// Priority of a warning or manual broadcast; `manual` is `None` for a warning.
#[must_use]
pub fn priority(class: Class, level: Option<Level>, manual: Option<Urgency>) -> Priority {
    let bonus = if manual.is_some() { MANUAL_BONUS } else { 0 };
    Priority(match (class, manual) {
        (Class::Live, Some(Urgency::Daily)) => DAILY,
        (Class::Drill, Some(Urgency::Daily)) => DRILL,
        (Class::Drill, _) => DRILL + level.map_or(0, |level| 5 * (rank(level) + 1)),
        (Class::Live, _) => level.map_or(NO_LEVEL, |level| BLUE + LEVEL_STEP * rank(level)) + bonus,
    })
}
