//! The distribution of latencies as an SVG: one rising line per row of the table.

use core::fmt::Write;

const WIDTH: u32 = 800;
const HEIGHT: u32 = 420;
const MARGIN: u32 = 60;
/// Room right of the curves for their names.
const NAMES: u32 = 260;
const COLOURS: [&str; 6] = ["#777777", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#a05a2c"];

/// Draws cumulative shares over milliseconds.
pub(super) fn distribution(title: &str, lines: &[(String, Vec<u64>)]) -> String {
    let longest_ms =
        lines.iter().filter_map(|(_, all)| all.iter().max()).max().copied().unwrap_or(1).max(1);
    let (inner_w, inner_h) = (u64::from(WIDTH - 2 * MARGIN), u64::from(HEIGHT - 2 * MARGIN));
    let mut svg = String::new();
    // Writing to a String can't fail.
    let _ok = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/><text x=\"{MARGIN}\" y=\"24\" font-size=\"15\">{title}</text>",
        WIDTH + NAMES
    );
    for quarter in 0..=4_u64 {
        let y = u64::from(HEIGHT - MARGIN) - inner_h * quarter / 4;
        let x = u64::from(MARGIN) + inner_w * quarter / 4;
        let _ok = write!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} %</text>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{} ms</text>",
            WIDTH - MARGIN,
            MARGIN - 6,
            y + 4,
            quarter * 25,
            HEIGHT - MARGIN + 18,
            longest_ms * quarter / 4
        );
    }
    for (number, (name, all)) in lines.iter().enumerate() {
        let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("#000");
        let mut sorted = all.clone();
        sorted.sort_unstable();
        let n = u64::try_from(sorted.len()).unwrap_or(1).max(1);
        let step = (sorted.len() / 200).max(1);
        let points: Vec<String> = sorted
            .iter()
            .enumerate()
            .filter(|(place, _)| place % step == 0 || *place + 1 == sorted.len())
            .map(|(place, ms)| {
                let share = u64::try_from(place + 1).unwrap_or(0);
                let x = u64::from(MARGIN) + inner_w * ms / longest_ms;
                let y = u64::from(HEIGHT - MARGIN) - inner_h * share / n;
                format!("{x},{y}")
            })
            .collect();
        let line = u64::try_from(number).unwrap_or(0);
        let _ok = write!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
            points.join(" "),
            WIDTH - MARGIN + 12,
            u64::from(MARGIN) + 12 + 16 * line
        );
    }
    svg.push_str("</svg>\n");
    svg
}
