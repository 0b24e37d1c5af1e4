//! The rules of the normaliser, one file an idea, in the order in which they are asked.

pub(super) mod call;
pub(super) mod date;
pub(super) mod earth;
pub(super) mod hours;
pub(super) mod letters;
pub(super) mod level;
pub(super) mod list;
pub(super) mod quantity;
pub(super) mod road;
pub(super) mod sign;
pub(super) mod two;
pub(super) mod unit;
pub(super) mod web;

use super::cursor::{Cursor, Said};

/// A rule: its name, and what it makes of the text at a place, `None` = not its business.
pub(super) type Rule = (&'static str, fn(&Cursor<'_>) -> Option<Said>);

/// All rules. The first that reads wins, so the particular ones stand before the general ones.
pub(super) const RULES: &[Rule] = &[
    ("plain character", sign::plain),
    ("web address", web::address),
    ("e-mail address", web::mail),
    ("list number", list::item),
    ("telephone number", call::telephone),
    ("date", date::full),
    ("year and month", date::year_month),
    ("month and day", date::month_day),
    ("clock time", hours::clock),
    ("year", date::year),
    ("day or hour", date::part),
    ("coordinate", earth::coordinate),
    ("magnitude", earth::magnitude),
    ("road number", road::road),
    ("kilometre stone", road::stone),
    ("number on a door", road::door),
    ("level", level::level),
    ("range sign", quantity::range),
    ("sign of a number", quantity::signed),
    ("fraction", quantity::fraction),
    ("percentage", quantity::percent),
    ("ratio", quantity::ratio),
    ("long number", quantity::long),
    ("two that is counted", two::two),
    ("quantity", quantity::quantity),
    ("per", unit::per),
    ("unit", unit::alone),
    ("known abbreviation", letters::known),
    ("letters with digits", letters::with_digits),
    ("foreign word, not spoken", letters::foreign),
    ("letters", letters::spelled),
    ("enclosed number", list::circled),
    ("blank", sign::blank),
    ("punctuation", sign::pause),
    ("sign", sign::sign),
    ("sign without words, not spoken", sign::silent),
];
