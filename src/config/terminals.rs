//! `terminals.csv`: one row a terminal, as a spreadsheet saves it (UTF-8 with or without mark, or
//! GB18030 from Excel on a Chinese Windows).

use super::reader::{Faults, read_file};
use crate::decide::{read_registry, sheet_text};
use crate::model::{Network, TerminalId};
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "terminals.csv";

/// Line of each terminal.
pub(super) type TerminalLines = BTreeMap<TerminalId, u32>;

pub(super) fn read(dir: &Path, network: &mut Network, faults: &Faults) -> TerminalLines {
    let mut lines = TerminalLines::new();
    let Some(bytes) = read_file(dir, FILE, faults) else { return lines };
    let read = read_registry(&bytes);
    for fault in read.faults {
        if read.unreadable {
            faults.unreadable(FILE, fault.what, fault.remedy);
        } else {
            faults.push(FILE, fault.line, fault.what, fault.remedy);
        }
    }
    for (line, terminal) in read.rows {
        lines.insert(terminal.id, line);
        network.terminals.insert(terminal.id, terminal);
    }
    lines
}

/// A spreadsheet as text.
pub(super) fn decode(file: &str, bytes: &[u8], faults: &Faults) -> Option<String> {
    sheet_text(bytes).map_err(|fault| faults.unreadable(file, fault.what, fault.remedy)).ok()
}
