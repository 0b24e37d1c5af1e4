//! The audit on paper and in spreadsheets: CSV, XLSX and a PDF to be signed. Everything is written
//! as it is read, one ladder at a time, so that a year of data needs no more memory than a day.

mod asked;
mod csv_form;
mod directory;
mod document;
mod font;
mod layout;
mod local;
mod missed;
mod pdf;

mod table;
mod xlsx;
mod zip;

pub(crate) use asked::word;
pub use asked::{Asked, parse_time};
pub use csv_form::safe;
pub use directory::{Directory, TerminalName};
pub use font::{FONT_PLACES, find_font};
pub use local::local_time;
pub use missed::MISSED_LISTED_MAX;

use crate::model::{Sha256, UtcMs};
use crate::record::JournalError;
use crate::record::audit::{Audit, Filter};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::PathBuf;

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A table that every program reads: UTF-8 with a mark, so that WPS and Excel show Chinese.
    Csv,
    /// A workbook: the counts, and the table with filters.
    Xlsx,
    /// The report to be signed: counts by township, and who was not reached.
    Pdf,
}

impl Form {
    /// Its media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
        }
    }

    /// Ending of its files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
        }
    }
}

/// What a report says about itself.
#[derive(Debug, Clone)]
pub struct Heading {
    /// Name at its top, such as `岳阳县`.
    pub county: String,
    /// What was asked for.
    pub filter: Filter,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub made_at: UtcMs,
    /// The font of a PDF; `None` = the first of [`FONT_PLACES`] that is there.
    pub font_file: Option<PathBuf>,
}

impl Heading {
    /// A name for the file.
    #[must_use]
    pub fn file_name(&self, form: Form) -> String {
        let made = local_time(self.made_at);
        let digits: String = made.chars().filter(char::is_ascii_digit).take(14).collect();
        format!("mingluo-audit-{digits}.{}", form.extension())
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportFault {
    /// The record can't be read.
    #[error(transparent)]
    Record(#[from] JournalError),
    /// The receiver is gone, or the disk is full.
    #[error("writing the report: {0}")]
    Write(#[from] std::io::Error),

    /// There is no font with Chinese characters.
    #[error("{0}")]
    Font(String),
    /// The document could not be made.
    #[error("making the PDF: {0}")]
    Pdf(String),
}

/// Writes a report of everything its filter lets through. Gives the number of ladders in it.
///
/// # Errors
/// When the record can't be read, the receiver takes no more, or a PDF finds no font.
pub fn write(
    audit: &Audit,
    form: Form,
    heading: &Heading,
    directory: &Directory,
    out: &mut (dyn Write + Send),
) -> Result<u64, ReportFault> {
    audit.at_once(|audit| match form {
        Form::Csv => csv_form::write(audit, heading, directory, out),
        Form::Xlsx => xlsx::write(audit, heading, directory, out),
        Form::Pdf => pdf::write(audit, heading, directory, out),
    })
}

/// Writes the table as CSV to a receiver that stays on this thread.
///
/// # Errors
/// As [`write()`].
pub fn write_csv(
    audit: &Audit,
    heading: &Heading,
    directory: &Directory,
    out: &mut dyn Write,
) -> Result<u64, ReportFault> {
    audit.at_once(|audit| csv_form::write(audit, heading, directory, out))
}

/// The record's state as it stands under a report.
fn proof_line(audit: &Audit) -> Result<(u64, Sha256, u64), ReportFault> {
    let as_of = audit.as_of()?;
    Ok((as_of.seq, as_of.hash, as_of.n_unread))
}
