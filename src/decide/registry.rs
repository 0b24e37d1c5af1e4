//! What a terminal of the registry must be, whether it stands in a file or is set by a person.

use crate::model::{LinkKind, Network, Terminal};

/// Letters of a terminal's name.
const NAME_CHARS_MAX: usize = 80;

/// One thing wrong with a terminal or a row of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalFault {
    /// Line of the file, from 1; `None` = the file as a whole, or no file.
    pub line: Option<u32>,
    /// What is wrong: expected and got, lower case, no full stop.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// Both for people, in Chinese.
    pub zh: String,
}

impl TerminalFault {
    pub(super) fn new(
        what: impl Into<String>,
        remedy: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self { line: None, what: what.into(), remedy: remedy.into(), zh: zh.into() }
    }
}

/// Every reason why `terminal` can't stand in this county's registry.
#[must_use]
pub fn terminal_faults(network: &Network, terminal: &Terminal) -> Vec<TerminalFault> {
    let mut faults = Vec::new();
    let (id, area) = (terminal.id, terminal.area);
    if !network.areas.contains_key(&area) {
        faults.push(TerminalFault::new(
            format!("{id} stands in area {area} that is not known"),
            "correct the area or add it to areas.toml",
            format!("{id} 所在区域 {area} 未登记，请改正，或先加入 areas.toml"),
        ));
    } else if !network.served.iter().any(|served| served.contains(area)) {
        faults.push(TerminalFault::new(
            format!("{id} stands outside the served areas"),
            "correct the area or `served` in areas.toml",
            format!("{id} 所在区域 {area} 不属于本网关服务范围"),
        ));
    }
    let n_chars = terminal.name.chars().count();
    if n_chars == 0 || n_chars > NAME_CHARS_MAX || terminal.name.chars().any(char::is_control) {
        faults.push(TerminalFault::new(
            format!("{id}: expected a name of 1 to {NAME_CHARS_MAX} characters, got {n_chars}"),
            "say where it stands",
            format!("{id} 名称应为 1 至 {NAME_CHARS_MAX} 字，收到 {n_chars} 字"),
        ));
    }
    if terminal.codecs.is_empty()
        || terminal.links.is_empty()
        || !(1..=100).contains(&terminal.volume_percent)
    {
        faults.push(TerminalFault::new(
            format!("{id}: expected a codec, a link, a volume of 1 to 100"),
            "complete the row",
            format!("{id} 应有编码、链路和 1 至 100 的音量"),
        ));
    }
    faults
}

/// Why `terminal`, whose configuration files say `filed`, can't be set on screen: what hangs on a
/// serial line is wired by `gateway.toml`, and only that can change it.
#[must_use]
pub fn wiring_fault(
    filed: Option<&Terminal>,
    terminal: Option<&Terminal>,
) -> Option<TerminalFault> {
    let serial = |known: &Terminal| {
        known.links.iter().any(|link| matches!(link, LinkKind::Serial | LinkKind::National))
    };
    let is_wired = filed.is_some_and(serial);
    let id = filed.or(terminal)?.id;
    let same = |known: &Terminal| {
        filed.is_some_and(|filed| {
            (filed.area, &filed.links, &filed.codecs, filed.national)
                == (known.area, &known.links, &known.codecs, known.national)
        })
    };
    let fits = match terminal {
        None => !is_wired,
        Some(known) => !(is_wired || serial(known)) || same(known),
    };
    (!fits).then(|| {
        TerminalFault::new(
            format!("{id} hangs on a serial line or on the national link, or would"),
            "change area, codecs and links of such a terminal in terminals.csv and gateway.toml",
            format!(
                "{id} 接在（或将接在）RS-485 线路或国标链路上：它的增减、区域、编码和链路请在 terminals.csv 与 gateway.toml 的 [[serial.lines]]、[national] 中修改"
            ),
        )
    })
}
