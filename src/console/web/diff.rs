//! What changed between two texts, clause by clause, for the eyes of who approves.

use maud::{Markup, html};

/// Clauses of one text that are compared; longer texts are shown as wholly replaced.
const CLAUSES_MAX: usize = 400;

/// A run of clauses.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Run {
    Same(String),
    Gone(String),
    New(String),
}

/// Both texts in one: what is gone struck out, what is new underlined.
pub(super) fn words(before: &str, after: &str) -> Markup {
    html! {
        @for run in runs(before, after) {
            @match run {
                Run::Same(text) => (text),
                Run::Gone(text) => del { (text) },
                Run::New(text) => ins { (text) },
            }
        }
    }
}

/// Both texts in one, line by line.
pub(super) fn lines(before: &str, after: &str) -> Markup {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let mut runs = Vec::new();
    compare(&old, &new, &mut runs);
    let each = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    html! {
        ul.diff {
            @for run in &runs {
                @match run {
                    Run::Same(text) => @for line in each(text) { li.same { (line) } },
                    Run::Gone(text) => @for line in each(text) { li { del { (line) } } },
                    Run::New(text) => @for line in each(text) { li { ins { (line) } } },
                }
            }
        }
    }
}

fn runs(before: &str, after: &str) -> Vec<Run> {
    let ends = |c: char| "。！？；，、：,.!?;:\n".contains(c);
    let old: Vec<&str> = before.split_inclusive(ends).collect();
    let new: Vec<&str> = after.split_inclusive(ends).collect();
    let mut runs = Vec::new();
    if old.len().max(new.len()) > CLAUSES_MAX {
        replaced(&old, &new, &mut runs);
    } else {
        compare(&old, &new, &mut runs);
    }
    runs
}

/// The longest run that both have, and what stands on both sides of it.
fn compare(old: &[&str], new: &[&str], runs: &mut Vec<Run>) {
    let (at_old, at_new, n) = longest(old, new);
    if n == 0 {
        return replaced(old, new, runs);
    }
    let (old_left, old_rest) = old.split_at_checked(at_old).unwrap_or_default();
    let (new_left, new_rest) = new.split_at_checked(at_new).unwrap_or_default();
    compare(old_left, new_left, runs);
    let (same, old_right) = old_rest.split_at_checked(n).unwrap_or_default();
    runs.push(Run::Same(same.concat()));
    compare(old_right, new_rest.get(n..).unwrap_or_default(), runs);
}

fn longest(old: &[&str], new: &[&str]) -> (usize, usize, usize) {
    let mut best = (0, 0, 0);
    for at_old in 0..old.len() {
        for at_new in 0..new.len() {
            let pairs = old.iter().skip(at_old).zip(new.iter().skip(at_new));
            let n = pairs.take_while(|(a, b)| a == b).count();
            if n > best.2 {
                best = (at_old, at_new, n);
            }
        }
    }
    best
}

fn replaced(old: &[&str], new: &[&str], runs: &mut Vec<Run>) {
    if !old.is_empty() {
        runs.push(Run::Gone(old.concat()));
    }
    if !new.is_empty() {
        runs.push(Run::New(new.concat()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str, expect: &str) {
        let shown: String = runs(before, after)
            .into_iter()
            .map(|run| match run {
                Run::Same(text) => text,
                Run::Gone(text) => format!("[-{text}]"),
                Run::New(text) => format!("[+{text}]"),
            })
            .collect();
        assert_eq!(shown, expect);
    }

    #[test]
    fn clauses_are_kept_gone_or_new() {
        check("", "", "");
        check("", "转移。", "[+转移。]");
        check("河水上涨，请转移。", "河水上涨，请转移。", "河水上涨，请转移。");
        check(
            "河水上涨，请转移。",
            "河水上涨，请马上转移。",
            "河水上涨，[-请转移。][+请马上转移。]",
        );
        check("甲。乙。丙。", "甲。丙。丁。", "甲。[-乙。]丙。[+丁。]");
        let long = "急，".repeat(CLAUSES_MAX + 1);
        check(&long, "停。", &format!("[-{long}][+停。]"));
    }
}
