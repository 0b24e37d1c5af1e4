//! Which rule changed what: the trace that `mingluo say --explain` shows.

/// One span of the text that a rule replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Name of the rule, such as `clock time`.
    pub rule: &'static str,
    /// The span as written.
    pub before: String,
    /// The span as said; empty = it is not spoken.
    pub after: String,
}

/// Notes that `rule` made `after` of `before`; a longer run of one rule that silences is one entry.
pub(super) fn note(fired: &mut Vec<Fired>, rule: &'static str, before: &str, after: &str) {
    if before == after {
        return;
    }
    match fired.last_mut() {
        Some(last) if last.rule == rule && last.after.is_empty() && after.is_empty() => {
            last.before.push_str(before);
        }
        _ => fired.push(Fired { rule, before: before.to_owned(), after: after.to_owned() }),
    }
}
