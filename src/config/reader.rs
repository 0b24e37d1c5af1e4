//! Reads TOML tables key by key and remembers where everything stands, so that all faults of a file
//! are found in one go, unknown keys included.

use super::{ConfigFault, FILE_BYTES_MAX};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

/// Characters of the file that a fault of its syntax repeats.
const PLACE_CHARS_MAX: usize = 40;

/// Faults and warnings as they are found.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: RefCell<Vec<ConfigFault>>,
    warnings: RefCell<Vec<ConfigFault>>,
    /// Files of which nothing could be read, each with the one fault that says so: what follows from
    /// it is not told.
    unreadable: RefCell<BTreeMap<String, ConfigFault>>,
}

impl Faults {
    pub(super) fn push(
        &self,
        file: &str,
        line: Option<u32>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let fault =
            ConfigFault { file: file.to_owned(), line, what: what.into(), remedy: remedy.into() };
        self.faults.borrow_mut().push(fault);
    }

    pub(super) fn warn(
        &self,
        file: &str,
        line: Option<u32>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let fault =
            ConfigFault { file: file.to_owned(), line, what: what.into(), remedy: remedy.into() };
        self.warnings.borrow_mut().push(fault);
    }

    /// Lines of a file at which there is a fault by now.
    pub(super) fn lines_of(&self, file: &str) -> BTreeSet<u32> {
        let faults = self.faults.borrow();
        faults.iter().filter(|fault| fault.file == file).filter_map(|fault| fault.line).collect()
    }

    /// A fault after which nothing else is known of the file.
    pub(super) fn unreadable(&self, file: &str, what: String, remedy: impl Into<String>) {
        let fault = ConfigFault { file: file.to_owned(), line: None, what, remedy: remedy.into() };
        self.unreadable.borrow_mut().insert(file.to_owned(), fault);
    }

    pub(super) fn into_lists(self) -> (Vec<ConfigFault>, Vec<ConfigFault>) {
        let mut lists = (self.faults.into_inner(), self.warnings.into_inner());
        let unreadable = self.unreadable.into_inner();
        lists.0.retain(|fault| !unreadable.contains_key(&fault.file));
        lists.1.retain(|fault| !unreadable.contains_key(&fault.file));
        lists.0.extend(unreadable.into_values());
        for list in [&mut lists.0, &mut lists.1] {
            list.sort();
            list.dedup();
        }
        lists
    }
}

/// The bytes of a file in the directory; a fault and `None` when it can't be read.
pub(super) fn read_file(dir: &Path, name: &str, faults: &Faults) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(dir.join(name))
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => {
            let what = format!("cannot be read: {error}");
            faults.unreadable(name, what, format!("put {name} into {}", dir.display()));
            None
        }
        Ok(n_bytes) if u64::try_from(n_bytes).unwrap_or(u64::MAX) > FILE_BYTES_MAX => {
            let what = format!("is longer than {FILE_BYTES_MAX} bytes");
            faults.unreadable(name, what, "check that this is the right file");
            None
        }
        Ok(_) => Some(bytes),
    }
}

/// A TOML file as text; its tables are parsed on demand.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: &'static str,
    text: String,
}

impl Document {
    pub(super) fn open(dir: &Path, file: &'static str, faults: &Faults) -> Self {
        let bytes = read_file(dir, file, faults).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            faults.unreadable(file, "is not UTF-8".to_owned(), "save the file as UTF-8");
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Self { file, text }
    }

    pub(super) fn parse(&self, faults: &Faults) -> DeTable<'_> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let line = error.span().map(|span| line_of(&self.text, span.start));
            let place = error.span().and_then(|span| self.text.get(span)).unwrap_or_default();
            let place: String =
                place.lines().next().unwrap_or_default().chars().take(PLACE_CHARS_MAX).collect();
            let mut what = error.message().to_lowercase();
            if !place.trim().is_empty() {
                what = format!("{what} at `{}`", place.trim());
            }
            faults.push(self.file, line, what, "correct the TOML");
        }
        root.into_inner()
    }

    /// The keys of the file's top level.
    pub(super) fn keys<'d>(
        &'d self,
        root: &'d DeTable<'d>,
        overrides: Option<&'d BTreeMap<String, String>>,
        faults: &'d Faults,
    ) -> Keys<'d> {
        Keys {
            file: self.file,
            text: &self.text,
            table: Some(root),
            path: String::new(),
            line: None,
            asked: Vec::new(),
            overrides,
            faults,
        }
    }
}

fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    let n_breaks = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(n_breaks + 1).unwrap_or(u32::MAX)
}

/// One table: asked key by key, then finished, when every key nobody asked for is a fault.
pub(super) struct Keys<'d> {
    file: &'static str,
    text: &'d str,
    table: Option<&'d DeTable<'d>>,
    path: String,
    line: Option<u32>,
    asked: Vec<&'static str>,
    overrides: Option<&'d BTreeMap<String, String>>,
    faults: &'d Faults,
}

enum Found<'d> {
    Toml(&'d Spanned<DeValue<'d>>),
    Environment(&'d str),
}

impl<'d> Keys<'d> {
    /// Line of the table's head.
    pub(super) fn line(&self) -> Option<u32> {
        self.line
    }

    fn find(&mut self, key: &'static str) -> Option<Found<'d>> {
        self.asked.push(key);
        let full = self.full(key);
        if let Some(value) = self.overrides.and_then(|overrides| overrides.get(&full)) {
            return Some(Found::Environment(value));
        }
        let table = self.table?;
        let (_, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Found::Toml(value))
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Line of a key's value, when it stands in the file.
    pub(super) fn line_of(&self, key: &str) -> Option<u32> {
        let (name, _) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(line_of(self.text, name.span().start))
    }

    /// A fault at `key`.
    pub(super) fn fault(&self, key: &str, what: &str, remedy: impl Into<String>) {
        let overridden = self.overrides.is_some_and(|all| all.contains_key(&self.full(key)));
        let what = format!("`{}`: {what}", self.full(key));
        if overridden {
            self.faults.push("environment", None, what, remedy);
        } else {
            self.faults.push(self.file, self.line_of(key).or(self.line), what, remedy);
        }
    }

    /// A warning at `key`.
    pub(super) fn warn(&self, key: &str, what: &str, remedy: &str) {
        let overridden = self.overrides.is_some_and(|all| all.contains_key(&self.full(key)));
        let what = format!("`{}`: {what}", self.full(key));
        if overridden {
            self.faults.warn("environment", None, what, remedy);
        } else {
            self.faults.warn(self.file, self.line_of(key).or(self.line), what, remedy);
        }
    }

    fn missing(&self, key: &str, expected: &str) {
        self.fault(key, &format!("is missing, expected {expected}"), format!("add `{key} = …`"));
    }

    fn wrong(&self, key: &str, expected: &str, got: &str) {
        self.fault(key, &format!("expected {expected}, got {got}"), "correct the value");
    }

    pub(super) fn text_opt(&mut self, key: &'static str) -> Option<String> {
        match self.find(key)? {
            Found::Environment(value) => Some(value.to_owned()),
            Found::Toml(value) => {
                let text = value.get_ref().as_str().map(str::to_owned);
                if text.is_none() {
                    self.wrong(key, "text in quotes", value.get_ref().type_str());
                }
                text
            }
        }
    }

    /// Text; `None` as default = required.
    pub(super) fn text(&mut self, key: &'static str, default: Option<&str>) -> String {
        let present = self.is_present(key);
        match (self.text_opt(key), default) {
            (Some(text), _) => text,
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                if !present {
                    self.missing(key, "text");
                }
                String::new()
            }
        }
    }

    /// Whether a key is set, in the file or from the environment.
    pub(super) fn is_present(&self, key: &str) -> bool {
        self.line_of(key).is_some()
            || self.overrides.is_some_and(|all| all.contains_key(&self.full(key)))
    }

    /// A whole number in `range`; `None` as default = required.
    pub(super) fn number<T: TryFrom<i64> + Default>(
        &mut self,
        key: &'static str,
        default: Option<T>,
        range: RangeInclusive<i64>,
    ) -> T {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let number = match self.find(key) {
            None => {
                return default.unwrap_or_else(|| {
                    self.missing(key, &expected);
                    T::default()
                });
            }
            Some(Found::Environment(value)) => value.trim().parse::<i64>().map_err(|_| value),
            Some(Found::Toml(value)) => match value.get_ref().as_integer() {
                Some(number) => {
                    let digits = number.as_str();
                    i64::from_str_radix(digits, number.radix()).map_err(|_| digits)
                }
                None => Err(value.get_ref().type_str()),
            },
        };
        match number {
            Ok(number) if range.contains(&number) => {
                T::try_from(number).unwrap_or_else(|_| T::default())
            }
            Ok(number) => {
                self.wrong(key, &expected, &number.to_string());
                T::default()
            }
            Err(got) => {
                self.wrong(key, &expected, got);
                T::default()
            }
        }
    }

    /// A required decimal number in `range`; the lower end after a fault.
    pub(super) fn decimal(&mut self, key: &'static str, range: RangeInclusive<f64>) -> f64 {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let text = match self.find(key) {
            None => {
                self.missing(key, &expected);
                return *range.start();
            }
            Some(Found::Environment(value)) => value,
            Some(Found::Toml(value)) => {
                let value = value.get_ref();
                let whole = value.as_integer().map(DeInteger::as_str);
                let decimal = value.as_float().map(DeFloat::as_str);
                whole.or(decimal).unwrap_or_else(|| value.type_str())
            }
        };
        match text.parse::<f64>() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.wrong(key, &expected, text);
                *range.start()
            }
        }
    }

    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let got = match self.find(key) {
            None => return default,
            Some(Found::Environment("true")) => return true,
            Some(Found::Environment("false")) => return false,
            Some(Found::Environment(other)) => other,
            Some(Found::Toml(value)) => match value.get_ref().as_bool() {
                Some(flag) => return flag,
                None => value.get_ref().type_str(),
            },
        };
        self.wrong(key, "true or false", got);
        default
    }

    /// A list of texts; absent = empty.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let value = match self.find(key) {
            None => return Vec::new(),
            Some(Found::Environment(list)) => {
                return list.split(',').map(|item| item.trim().to_owned()).collect();
            }
            Some(Found::Toml(value)) => value,
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, "a list of texts", value.get_ref().type_str());
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong(key, "a list of texts", item.get_ref().type_str()),
            }
        }
        texts
    }

    /// One of named values; `None` as default = required.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        default: Option<T>,
        options: &[(&str, T)],
        otherwise: T,
    ) -> T {
        let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        let present = self.is_present(key);
        let Some(text) = self.text_opt(key) else {
            if !present && default.is_none() {
                self.missing(key, &expected);
            }
            return default.unwrap_or(otherwise);
        };
        let found = options.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            self.wrong(key, &expected, &format!("`{text}`"));
        }
        found.map_or(otherwise, |(_, value)| *value)
    }

    /// A sub-table; absent = empty.
    pub(super) fn table(&mut self, key: &'static str) -> Keys<'d> {
        self.asked.push(key);
        let entry =
            self.table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
        let table = match entry.map(|(_, value)| value.get_ref()) {
            Some(DeValue::Table(table)) => Some(table),
            Some(other) => {
                self.wrong(key, "a table", other.type_str());
                None
            }
            None => None,
        };
        self.inner(table, self.full(key), self.line_of(key))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.line_of(key).is_some()
    }

    /// A list of tables; absent = empty.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Keys<'d>> {
        self.asked.push(key);
        let entry =
            self.table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
        let Some((_, value)) = entry else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, "a list of tables", value.get_ref().type_str());
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            let line = Some(line_of(self.text, item.span().start));
            match item.get_ref().as_table() {
                Some(table) => tables.push(self.inner(Some(table), self.full(key), line)),
                None => self.wrong(key, "a list of tables", item.get_ref().type_str()),
            }
        }
        tables
    }

    fn inner(&self, table: Option<&'d DeTable<'d>>, path: String, line: Option<u32>) -> Keys<'d> {
        Keys {
            file: self.file,
            text: self.text,
            table,
            path,
            line,
            asked: Vec::new(),
            overrides: self.overrides,
            faults: self.faults,
        }
    }

    /// Every key that nobody asked for is a fault.
    pub(super) fn finish(self) {
        for (name, _) in self.table.into_iter().flat_map(DeTable::iter) {
            let key = name.get_ref();
            if !self.asked.iter().any(|asked| asked == key) {
                self.fault(key, "is not a known key", self.did_you_mean(key));
            }
        }
        let prefix = if self.path.is_empty() { return } else { format!("{}.", self.path) };
        for key in self.overrides.into_iter().flat_map(BTreeMap::keys) {
            let own = key.strip_prefix(&prefix);
            if let Some(own) = own.filter(|own| !self.asked.contains(own)) {
                self.fault(own, "is not a known key", self.did_you_mean(own));
            }
        }
    }

    fn did_you_mean(&self, key: &str) -> String {
        let alike = |asked: &&&'static str| {
            let shared = asked.chars().zip(key.chars()).take_while(|(a, b)| a == b).count();
            shared >= 4 || key.len() >= 4 && (asked.contains(key) || key.contains(**asked))
        };
        match self.asked.iter().find(alike) {
            Some(asked) => format!("did you mean `{asked}`? otherwise remove it"),
            None => format!("remove it; known here: {}", self.asked.join(", ")),
        }
    }
}
