//! Texts for speech chips: encodings, and pieces that end where a reader would breathe.

/// How a chip reads bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// GB/T 2312.
    Gb2312,
    /// GBK.
    Gbk,
    /// Big5.
    Big5,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first (SYN6658 only).
    Utf16Be,
}

impl Encoding {
    /// Its byte in a frame.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Gb2312 => 0,
            Self::Gbk => 1,
            Self::Big5 => 2,
            Self::Utf16Le => 3,
            Self::Utf16Be => 4,
        }
    }

    pub(super) fn read(byte: u8) -> Option<Self> {
        [Self::Gb2312, Self::Gbk, Self::Big5, Self::Utf16Le, Self::Utf16Be]
            .into_iter()
            .find(|encoding| encoding.byte() == byte)
    }
}

/// Letters to bytes.
pub trait Letters {
    /// Which encoding this is.
    fn encoding(&self) -> Encoding;
    /// Writes a letter, 4 bytes at most; gives how many. 0: the encoding has no such letter.
    fn encode(&self, letter: char, out: &mut [u8; 4]) -> usize;
}

/// UTF-16, low byte first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf16Le;

/// UTF-16, high byte first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf16Be;

impl Letters for Utf16Le {
    fn encoding(&self) -> Encoding {
        Encoding::Utf16Le
    }
    fn encode(&self, letter: char, out: &mut [u8; 4]) -> usize {
        utf16(letter, out, u16::to_le_bytes)
    }
}

impl Letters for Utf16Be {
    fn encoding(&self) -> Encoding {
        Encoding::Utf16Be
    }
    fn encode(&self, letter: char, out: &mut [u8; 4]) -> usize {
        utf16(letter, out, u16::to_be_bytes)
    }
}

fn utf16(letter: char, out: &mut [u8; 4], bytes: fn(u16) -> [u8; 2]) -> usize {
    let mut units = [0; 2];
    let units = letter.encode_utf16(&mut units);
    let all = units.iter().flat_map(|unit| bytes(*unit));
    out.iter_mut().zip(all).map(|(to, from)| *to = from).count()
}

/// Whether a letter may reach a chip: brackets would change volume or voice, control characters
/// mean nothing to a listener.
pub(super) fn speakable(letter: char) -> bool {
    !matches!(letter, '[' | ']') && !letter.is_control()
}

/// How good a place behind `letter` is to end a piece, with what comes next.
fn rank(letter: char, next: Option<char>) -> u8 {
    match letter {
        '。' | '！' | '？' | '；' | '!' | '?' | ';' | '\n' => 3,
        '，' | '、' | '：' | '）' | '”' => 2,
        // A comma or a point within a number is none.
        ',' | ':' | '.' if !next.is_some_and(|next| next.is_ascii_digit()) => 2,
        ' ' => 2,
        _ => {
            let word = |letter: char| letter.is_ascii_alphanumeric() || ".,:%℃".contains(letter);
            u8::from(!(word(letter) && next.is_some_and(word)))
        }
    }
}

/// Cuts the first piece off a text: as much as `bytes_max` encoded bytes hold, ending behind a
/// sentence, or else a phrase, or else a word, or else any letter. Never within a letter. Gives
/// piece and rest; the piece is empty only when the text is or when not even one letter fits.
#[must_use]
pub fn split<'a>(text: &'a str, bytes_max: usize, letters: &impl Letters) -> (&'a str, &'a str) {
    let mut used = 0;
    // The last place of each rank.
    let mut places = [0; 4];
    let mut rest = text.char_indices().peekable();
    while let Some((at, letter)) = rest.next() {
        let mut bytes = [0; 4];
        used += if speakable(letter) { letters.encode(letter, &mut bytes) } else { 0 };
        if used > bytes_max {
            let best = places.iter().rev().find(|place| **place > 0).copied().unwrap_or(0);
            return text.split_at_checked(best).unwrap_or(("", text));
        }
        let next = rest.peek().map(|(_, next)| *next);
        if let Some(place) = places.get_mut(usize::from(rank(letter, next))) {
            *place = at + letter.len_utf8();
        }
    }
    (text, "")
}
