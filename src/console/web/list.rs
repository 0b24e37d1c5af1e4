//! What lists have in common: the choice above them, the rows or the words that there are none, and the way
//! to the rows that come after.

use super::layout::{Place, page};
use super::visitor::Visitor;
use crate::console::Console;
use maud::{Markup, html};

/// The address of the rows after `at`, with the same choice.
pub(super) fn next(at: (&str, &str), chosen: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(at.0, at.1).extend_pairs(chosen);
    format!("?{}", query.finish())
}

/// One of several, as a form asks for it.
pub(super) fn select(name: &str, chosen: &str, options: &[(&str, &str)]) -> Markup {
    html! { select name=(name) {
        @for (value, text) in options { option value=(value) selected[chosen == *value] { (text) } }
    } }
}

/// The table, or the words when it has no rows; and a button to the next ones.
pub(super) fn rows(
    (is_empty, none): (bool, &str),
    table: &Markup,
    next: Option<(&str, String)>,
) -> Markup {
    html! {
        @if is_empty { p.empty { (none) } } @else { (table) }
        @if let Some((text, address)) = next { p { a.button href=(address) { (text) } } }
    }
}

/// The page of a part of the gateway that is off, with how to turn it on and the way back.
pub(super) fn off(
    console: &Console,
    visitor: &Visitor,
    (here, title): (Place, &str),
    why: &str,
) -> Markup {
    let back = visitor.say("系统", "System");
    let body = html! { p { a href="/console/system" { "← " (back) } } p.empty { (why) } };
    page(console, visitor, here, title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_choice() {
        let chosen = [("by", "张三&x=1"), ("only", "")];
        let expect = "?before=7&by=%E5%BC%A0%E4%B8%89%26x%3D1&only=";
        assert_eq!(next(("before", "7"), &chosen), expect);
    }
}
