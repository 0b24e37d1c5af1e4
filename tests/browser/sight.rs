//! What eyes and screen readers meet on a page.

use crate::page::Page;

fn lines(page: &Page, function: &str) -> Vec<String> {
    let told = page.apply(function, &[]);
    let told = told.as_array().unwrap_or_else(|| page.fail(&format!("expected lines, got {told}")));
    told.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
}

/// Visible texts under the contrast of WCAG 2.1 AA, one line each.
pub(crate) fn weak_contrasts(page: &Page) -> Vec<String> {
    lines(page, include_str!("contrast.js"))
}

/// Fields, buttons, pictures and documents without a name, one line each.
pub(crate) fn unlabelled(page: &Page) -> Vec<String> {
    lines(page, include_str!("labels.js"))
}
