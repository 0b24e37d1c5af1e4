//! The table as CSV.

use super::table::{COLUMNS, Cell, Line};
use super::{Directory, Heading, ReportFault, local_time};
use crate::model::BroadcastId;
use crate::record::audit::{Audit, BroadcastLine, Ladder};
use std::io::Write;
use std::ops::ControlFlow;

/// Tells WPS and Excel that this is UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Text that no spreadsheet takes for a formula (CSV injection, CWE-1236).
#[must_use]
pub fn safe(text: &str) -> String {
    let formula = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if text.starts_with(formula) { format!("'{text}") } else { text.to_owned() }
}

pub(super) fn write(
    audit: &Audit,
    heading: &Heading,
    directory: &Directory,
    out: &mut dyn Write,
) -> Result<u64, ReportFault> {
    out.write_all(MARK)?;
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    table.write_record(COLUMNS.map(|(name, _, _)| name)).map_err(fault)?;
    let n_rows = each(audit, heading, directory, |line| {
        let cells = COLUMNS.map(|(_, _, cell)| match cell(line) {
            Cell::Empty => String::new(),
            Cell::Text(text) => safe(&text),
            Cell::Number(number) => number.to_string(),
            Cell::Time(at) => local_time(at),
        });
        table.write_record(cells).map_err(fault)
    })?;
    table.flush()?;
    Ok(n_rows)
}

fn fault(fault: csv::Error) -> ReportFault {
    let told = fault.to_string();
    let csv::ErrorKind::Io(fault) = fault.into_kind() else {
        return ReportFault::Write(std::io::Error::other(told));
    };
    ReportFault::Write(fault)
}

/// Shows each ladder with its broadcast. Gives their count.
pub(super) fn each(
    audit: &Audit,
    heading: &Heading,
    directory: &Directory,
    mut show: impl FnMut(&Line<'_>) -> Result<(), ReportFault>,
) -> Result<u64, ReportFault> {
    let mut n_rows = 0;
    let mut done = Ok(());
    let mut current: Option<BroadcastLine> = None;
    let mut one = |ladder: &Ladder| -> Result<(), ReportFault> {
        if current.as_ref().is_none_or(|line| line.id != ladder.broadcast) {
            current = audit.broadcast(ladder.broadcast)?;
        }
        let Some(broadcast) = &current else { return Err(gone(ladder.broadcast)) };
        show(&Line { ladder, broadcast, directory })
    };
    audit.visit(&heading.filter, |ladder| {
        done = one(&ladder);
        if done.is_err() {
            return ControlFlow::Break(());
        }
        n_rows += 1;
        ControlFlow::Continue(())
    })?;
    done.map(|()| n_rows)
}

/// Every ladder has its broadcast: the projection is damaged otherwise.
fn gone(id: BroadcastId) -> ReportFault {
    let what = format!("the audit's projection has no broadcast {id}; delete it, it is made anew");
    ReportFault::Write(std::io::Error::other(what))
}
