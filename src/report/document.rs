//! Pages as a PDF 1.7 file, with the characters that are used embedded as one composite font
//! (ISO 32000-1 §9.7): the numbers of glyphs are the codes of the text, and a table leads back to
//! characters, so that text can be searched and copied.

use super::ReportFault;
use super::font::FontFile;
use super::layout::{Item, PAGE_HEIGHT, PAGE_WIDTH};
use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use std::collections::BTreeMap;
use subsetter::GlyphRemapper;
use ttf_parser::{Face, RawFace, Tag};

/// Name of the font inside the file; six letters mark a subset.
const FONT_NAME: &[u8] = b"MINGLU+Chinese";
/// The font on a page.
const FONT: Name<'static> = Name(b"F1");
/// Codes are numbers of glyphs, two bytes each.
const IDENTITY: Name<'static> = Name(b"Identity-H");
/// What the numbers of glyphs mean: nothing beyond this font.
const SYSTEM: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// How hard streams are packed, 0 to 10.
const LEVEL: u8 = 6;

/// A character in the font that goes with the file.
#[derive(Clone, Copy)]
struct Glyph {
    number: u16,
    /// Thousandths of the size.
    width: f32,
}

/// Numbers of the parts of the file.
struct Numbers(i32);

impl Numbers {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// Draws pages.
///
/// # Errors
/// When the font can't be cut.
pub(super) fn draw(
    pages: &[Vec<Item>],
    title: &str,
    font: &FontFile,
) -> Result<Vec<u8>, ReportFault> {
    let mut numbers = Numbers(0);
    let (catalog, tree, info) = (numbers.next(), numbers.next(), numbers.next());
    let mut pdf = Pdf::new();
    let (glyphs, font_number) = embed(&mut pdf, &mut numbers, pages, font)?;
    let mut kids = Vec::new();
    for page in pages {
        let (number, content) = (numbers.next(), numbers.next());
        let mut written = pdf.page(number);
        written.media_box(Rect::new(0.0, 0.0, PAGE_WIDTH, PAGE_HEIGHT)).parent(tree);
        written.contents(content).resources().fonts().pair(FONT, font_number);
        written.finish();
        let packed = compress_to_vec_zlib(&content_of(page, &glyphs), LEVEL);
        pdf.stream(content, &packed).filter(Filter::FlateDecode);
        kids.push(number);
    }
    let count = i32::try_from(kids.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(kids).count(count);
    pdf.catalog(catalog).pages(tree).lang(TextStr("zh-CN"));
    let maker = format!("Mingluo {}", env!("CARGO_PKG_VERSION"));
    pdf.document_info(info).title(TextStr(title)).creator(TextStr(&maker));
    Ok(pdf.finish())
}

/// Cuts the font down to the characters of all pages. Gives their glyphs and the font's number.
fn embed(
    pdf: &mut Pdf,
    numbers: &mut Numbers,
    pages: &[Vec<Item>],
    font: &FontFile,
) -> Result<(BTreeMap<char, Glyph>, Ref), ReportFault> {
    let face = font.face()?;
    let mut remapper = GlyphRemapper::new();
    let mut glyphs = BTreeMap::new();
    for letter in pages.iter().flatten().flat_map(letters) {
        glyphs.entry(letter).or_insert_with(|| {
            let old = face.glyph_index(letter).unwrap_or_default();
            let advance = face.glyph_hor_advance(old).unwrap_or_else(|| face.units_per_em());
            let width = f32::from(advance) * 1000.0 / f32::from(face.units_per_em());
            Glyph { number: remapper.remap(old.0), width }
        });
    }
    let fault = |fault: &dyn std::fmt::Debug| {
        ReportFault::Font(format!("the font can't be cut down: {fault:?}"))
    };
    let cut = subsetter::subset(&font.bytes, font.index, &remapper).map_err(|e| fault(&e))?;
    let raw = RawFace::parse(&cut, 0).map_err(|e| fault(&e))?;
    let compact = raw.table(Tag::from_bytes(b"CFF "));
    let (composite, single, descriptor, file, back) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next(), numbers.next());
    pdf.type0_font(composite)
        .base_font(Name(FONT_NAME))
        .encoding_predefined(IDENTITY)
        .descendant_font(single)
        .to_unicode(back);
    let mut described = pdf.cid_font(single);
    let kind = if compact.is_some() { CidFontType::Type0 } else { CidFontType::Type2 };
    described.subtype(kind).base_font(Name(FONT_NAME)).system_info(SYSTEM);
    described.font_descriptor(descriptor).default_width(1000.0);
    if compact.is_none() {
        described.cid_to_gid_map_predefined(Name(b"Identity"));
    }
    let mut widths = described.widths();
    let by_number: BTreeMap<u16, f32> =
        glyphs.values().map(|glyph| (glyph.number, glyph.width)).collect();
    for (number, width) in by_number {
        widths.consecutive(number, [width]);
    }
    widths.finish();
    described.finish();
    describe(pdf, descriptor, file, &face, compact.is_some());
    let packed = compress_to_vec_zlib(compact.unwrap_or(&cut), LEVEL);
    let mut stream = pdf.stream(file, &packed);
    stream.filter(Filter::FlateDecode);
    if compact.is_some() {
        stream.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
    }
    stream.finish();
    let mut characters = UnicodeCmap::new(Name(b"Back"), SYSTEM);
    glyphs.iter().for_each(|(letter, glyph)| characters.pair(glyph.number, *letter));
    pdf.cmap(back, &characters.finish());
    Ok((glyphs, composite))
}

fn describe(pdf: &mut Pdf, number: Ref, file: Ref, face: &Face<'_>, compact: bool) {
    let scale = |units: i16| f32::from(units) * 1000.0 / f32::from(face.units_per_em());
    let around = face.global_bounding_box();
    let around = Rect::new(
        scale(around.x_min),
        scale(around.y_min),
        scale(around.x_max),
        scale(around.y_max),
    );
    let mut descriptor = pdf.font_descriptor(number);
    descriptor
        .name(Name(FONT_NAME))
        .flags(FontFlags::SYMBOLIC)
        .bbox(around)
        .italic_angle(0.0)
        .ascent(scale(face.ascender()))
        .descent(scale(face.descender()))
        .cap_height(scale(face.capital_height().unwrap_or_else(|| face.ascender())))
        .stem_v(80.0);
    if compact {
        descriptor.font_file3(file);
    } else {
        descriptor.font_file2(file);
    }
}

fn letters(item: &Item) -> impl Iterator<Item = char> + '_ {
    let words = match item {
        Item::Text { words, .. } => words.as_str(),
        Item::Rule { .. } | Item::Shade { .. } => "",
    };
    words.chars()
}

/// What is drawn on one page; the file counts from the foot. Grounds go first, so that no word is
/// covered.
fn content_of(page: &[Item], glyphs: &BTreeMap<char, Glyph>) -> Vec<u8> {
    let mut content = Content::new();
    content.set_fill_gray(0.91);
    for item in page {
        if let Item::Shade { x, y, width, height } = item {
            content.rect(*x, PAGE_HEIGHT - y - height, *width, *height).fill_nonzero();
        }
    }
    content.set_fill_gray(0.0).set_line_width(0.5);
    for item in page {
        match item {
            Item::Shade { .. } => {}
            Item::Rule { x, y, width } => {
                let y = PAGE_HEIGHT - y;
                content.move_to(*x, y).line_to(x + width, y).stroke();
            }
            Item::Text { x, y, size, words } => {
                let codes: Vec<u8> = words
                    .chars()
                    .filter_map(|letter| glyphs.get(&letter))
                    .flat_map(|glyph| glyph.number.to_be_bytes())
                    .collect();
                content.begin_text().set_font(FONT, *size).next_line(*x, PAGE_HEIGHT - y);
                content.show(Str(&codes)).end_text();
            }
        }
    }
    content.finish().into_vec()
}
