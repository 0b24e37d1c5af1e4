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

/// What makes the page wider than the screen, one line each.
pub(crate) fn too_wide(page: &Page) -> Vec<String> {
    let function = "() => {
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        const wide = Array.from(document.body.querySelectorAll('*'))
            .filter(e => e.getBoundingClientRect().right > width + 1
                && !Array.from(e.children).some(c => c.getBoundingClientRect().right > width + 1));
        return [`${document.documentElement.scrollWidth} wide, the screen has ${width}: `
            + wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | ')]; }";
    lines(page, function)
}

/// Presses Tab through the page; what can be pressed by mouse and never had the focus, one line each.
/// Parts that follow by themselves are drawn anew meanwhile, so elements are known by what they say.
pub(crate) fn unreached_by_keyboard(page: &Page) -> Vec<String> {
    let all = "() => { window.reached = new Set(); document.activeElement.blur();
        window.sign = e => e.tagName + ' ' + (e.getAttribute('href') || '') + (e.name || '')
            + (e.type === 'radio' ? '' : e.value || '')
            + (e.tagName === 'A' && e.getAttribute('href') ? '' : e.textContent);
        window.wanted = Array.from(document.querySelectorAll(
            'a[href], button, input:not([type=hidden]), select, textarea, summary'))
            .filter(e => e.getClientRects().length > 0 && !e.disabled
                && !(e.tagName !== 'SUMMARY' && e.closest('details:not([open])')))
            .map(window.sign);
        return window.wanted.length; }";
    let n = page.apply(all, &[]).as_u64().unwrap_or(0);
    // More stops than that: what scrolls has one, and so has the window itself.
    for _ in 0..2 * n + 10 {
        page.press("Tab");
        page.eval("window.reached.add(window.sign(document.activeElement)), 1");
    }
    // Of a group of radio buttons one is reached, the arrows reach the others.
    lines(page, "() => window.wanted.filter(e => !window.reached.has(e))")
}
