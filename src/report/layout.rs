//! Pages as lists of things to draw: pure, so that page breaks can be tested without a font.

/// Width of a page, points (A4).
pub(super) const PAGE_WIDTH: f32 = 595.28;
/// Height of a page, points (A4).
pub(super) const PAGE_HEIGHT: f32 = 841.89;
/// White around the text, points.
pub(super) const MARGIN: f32 = 48.0;
/// Room below the text for the page number, points.
const FOOT: f32 = 24.0;
/// Distance of lines, in sizes of the font.
const LEADING: f32 = 1.5;

/// Something to draw; points from the left upper corner, y of a text is its base line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// Words.
    Text { x: f32, y: f32, size: f32, words: String },
    /// A line.
    Rule { x: f32, y: f32, width: f32 },
    /// A light ground.
    Shade { x: f32, y: f32, width: f32, height: f32 },
}

/// A column of a table: heading, its share of the width, and whether it holds numbers.
pub(super) type Column<'a> = (&'a str, f32, bool);

/// Pages that grow downwards.
#[derive(Debug)]
pub(super) struct Layout {
    pages: Vec<Vec<Item>>,
    y: f32,
}

/// Width of words in a font of Chinese characters, points: theirs are square, others about half.
pub(super) fn width(words: &str, size: f32) -> f32 {
    let share = |letter: char| match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' => 0.3,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' => 0.68,
        letter if letter.is_ascii() => 0.56,
        _ => 1.0,
    };
    words.chars().map(share).sum::<f32>() * size
}

impl Layout {
    pub(super) fn new() -> Self {
        Self { pages: vec![Vec::new()], y: MARGIN }
    }

    /// All pages.
    pub(super) fn pages(self) -> Vec<Vec<Item>> {
        self.pages
    }

    fn draw(&mut self, item: Item) {
        if let Some(page) = self.pages.last_mut() {
            page.push(item);
        }
    }

    fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    /// Begins a new page unless so much room is left.
    pub(super) fn keep(&mut self, height: f32) {
        if self.y + height > PAGE_HEIGHT - MARGIN - FOOT {
            self.turn();
        }
    }

    /// White.
    pub(super) fn space(&mut self, height: f32) {
        self.y += height;
    }

    /// One line in the middle.
    pub(super) fn centred(&mut self, words: &str, size: f32) {
        self.keep(size * LEADING);
        self.y += size * LEADING;
        let x = ((PAGE_WIDTH - width(words, size)) / 2.0).max(MARGIN);
        let words = words.to_owned();
        self.draw(Item::Text { x, y: self.y, size, words });
    }

    /// A paragraph, broken where the line is full.
    pub(super) fn paragraph(&mut self, words: &str, size: f32) {
        for line in broken(words, size, PAGE_WIDTH - 2.0 * MARGIN) {
            self.keep(size * LEADING);
            self.y += size * LEADING;
            self.draw(Item::Text { x: MARGIN, y: self.y, size, words: line });
        }
    }

    /// A table with its heading on every page.
    pub(super) fn table(
        &mut self,
        columns: &[Column<'_>],
        rows: impl IntoIterator<Item = Vec<String>>,
        size: f32,
    ) {
        let height = size * 1.9;
        self.keep(3.0 * height);
        self.heading(columns, size, height);
        for row in rows {
            if self.y + height > PAGE_HEIGHT - MARGIN - FOOT {
                self.turn();
                self.heading(columns, size, height);
            }
            self.row(columns, &row, size, height);
        }
    }

    fn heading(&mut self, columns: &[Column<'_>], size: f32, height: f32) {
        let ground = PAGE_WIDTH - 2.0 * MARGIN;
        self.draw(Item::Rule { x: MARGIN, y: self.y, width: ground });
        self.draw(Item::Shade { x: MARGIN, y: self.y, width: ground, height });
        let names: Vec<String> = columns.iter().map(|(name, _, _)| (*name).to_owned()).collect();
        self.row(columns, &names, size, height);
    }

    fn row(&mut self, columns: &[Column<'_>], cells: &[String], size: f32, height: f32) {
        const PADDING: f32 = 3.0;
        let ground = PAGE_WIDTH - 2.0 * MARGIN;
        let all: f32 = columns.iter().map(|(_, share, _)| share).sum();
        let mut x = MARGIN;
        for ((_, share, is_number), cell) in columns.iter().zip(cells) {
            let room = ground * share / all;
            let words = fitting(cell, size, room - 2.0 * PADDING);
            let left = if *is_number { room - PADDING - width(&words, size) } else { PADDING };
            let y = self.y + height * 0.68;
            self.draw(Item::Text { x: x + left.max(PADDING), y, size, words });
            x += room;
        }
        self.y += height;
        self.draw(Item::Rule { x: MARGIN, y: self.y, width: ground });
    }

    /// Lines to sign on, side by side.
    pub(super) fn signatures(&mut self, names: &[&str], size: f32) {
        let height = size * 5.0;
        self.keep(height);
        self.y += height * 0.7;
        let count = names.iter().map(|_| 1.0).sum::<f32>();
        let room = (PAGE_WIDTH - 2.0 * MARGIN) / count;
        let mut x = MARGIN;
        for name in names {
            let label = format!("{name}：");
            let from = x + width(&label, size);
            self.draw(Item::Text { x, y: self.y, size, words: label });
            self.draw(Item::Rule { x: from, y: self.y + 2.0, width: x + room - 12.0 - from });
            x += room;
        }
        self.y += height * 0.3;
    }
}

/// The beginning that fits, with an ellipsis when something was left out.
fn fitting(words: &str, size: f32, room: f32) -> String {
    if width(words, size) <= room {
        return words.to_owned();
    }
    let mut kept = String::new();
    for letter in words.chars() {
        kept.push(letter);
        if width(&kept, size) + size > room {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

fn broken(words: &str, size: f32, room: f32) -> Vec<String> {
    let mut lines = vec![String::new()];
    for letter in words.chars() {
        let Some(line) = lines.last_mut() else { break };
        if letter == '\n' {
            lines.push(String::new());
            continue;
        }
        line.push(letter);
        if width(line, size) > room {
            line.pop();
            // No line begins with what closes the one before.
            let closes = matches!(letter, '。' | '，' | '；' | '、' | '）' | '：');
            let carried = if closes { line.pop() } else { None };
            lines.push(carried.into_iter().chain([letter]).collect());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_begins_with_what_closes_one() {
        let lines = broken("一二三四五六七八九十。甲", 10.0, 100.0);
        assert_eq!(lines, ["一二三四五六七八九", "十。甲"]);
    }

    #[test]
    fn nothing_is_drawn_outside_of_a_page() {
        let mut layout = Layout::new();
        layout.centred("岳阳县应急广播播发回执审计报告", 20.0);
        layout.paragraph(&"很长的一段话，".repeat(100), 10.0);
        let rows = (0..500).map(|n| vec![format!("{n}"), "荣家湾镇".repeat(30), "9".repeat(40)]);
        layout.table(&[("编号", 1.0, true), ("乡镇", 2.0, false), ("数", 1.0, true)], rows, 9.0);
        layout.signatures(&["值班员", "带班领导", "审计员"], 11.0);
        let pages = layout.pages();
        assert!(pages.len() > 10, "{} pages", pages.len());
        for (number, page) in pages.iter().enumerate() {
            let mut headings = 0;
            for item in page {
                let (right, bottom) = match item {
                    Item::Text { x, y, size, words } => (x + width(words, *size), *y),
                    Item::Rule { x, y, width } => (x + width, *y),
                    Item::Shade { x, y, width, height } => (x + width, y + height),
                };
                assert!(right <= PAGE_WIDTH - MARGIN + 1.0, "page {number}: {item:?}");
                assert!(bottom <= PAGE_HEIGHT - MARGIN, "page {number}: {item:?}");
                headings += usize::from(matches!(item, Item::Shade { .. }));
            }
            assert!(headings == 1 || number + 1 == pages.len(), "page {number} has no heading");
        }
        let shown = |n: usize| {
            let words = n.to_string();
            let is = |item: &Item| matches!(item, Item::Text { words: w, .. } if *w == words);
            pages.iter().flatten().any(is)
        };
        assert!((0..500).all(shown), "a row is missing");
    }
}
