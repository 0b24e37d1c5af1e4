//! Reading and writing of the protocol's fields. A reader never goes beyond its bytes.

use crate::model::NationalCode;
use std::borrow::Cow;

/// Reads fields one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Bytes behind their length of one byte.
    pub(super) fn sized_1(&mut self) -> Option<&'a [u8]> {
        let n = self.u8()?;
        self.take(usize::from(n))
    }

    /// Bytes behind their length of two bytes.
    pub(super) fn sized_2(&mut self) -> Option<&'a [u8]> {
        let n = self.u16()?;
        self.take(usize::from(n))
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    pub(super) fn code(&mut self) -> Option<NationalCode> {
        self.array().and_then(NationalCode::from_bcd)
    }
}

/// Writes fields one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn all(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.all(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.all(&value.to_be_bytes());
    }

    /// Bytes behind their length of one byte; what does not fit is cut off.
    pub(super) fn sized_1(&mut self, bytes: &[u8]) {
        let n = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        self.u8(n);
        self.all(bytes.get(..usize::from(n)).unwrap_or(bytes));
    }

    /// Bytes behind their length of two bytes; what does not fit is cut off.
    pub(super) fn sized_2(&mut self, bytes: &[u8]) {
        let n = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.u16(n);
        self.all(bytes.get(..usize::from(n)).unwrap_or(bytes));
    }
}

/// A text of a terminal: UTF-8, or GB18030 when it is none, without what can't be seen, at most
/// `chars_max` characters.
pub(super) fn text(bytes: &[u8], chars_max: usize) -> String {
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030.decode(bytes).0,
    };
    text.chars().filter(|char| !char.is_control()).take(chars_max).collect()
}
