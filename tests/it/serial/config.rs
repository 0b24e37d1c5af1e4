//! `[serial]` of a configuration: every fault said, links of terminals on no line taken back.

use mingluo::config::{Config, ConfigFault, Loaded};
use mingluo::model::{LinkKind, TerminalId};
use std::collections::BTreeMap;
use std::path::Path;

/// Loads `configs/dev` with these lines, and these links for the first three terminals.
fn load(name: &str, serial: &str, links: [&str; 3]) -> Result<Loaded, Vec<ConfigFault>> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
    let dir = std::env::temp_dir().join(format!("mingluo-serial-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for file in ["areas.toml", "policy.toml", "contacts.csv"] {
        std::fs::copy(from.join(file), dir.join(file)).unwrap();
    }
    let gateway = std::fs::read_to_string(from.join("gateway.toml")).unwrap();
    std::fs::write(dir.join("gateway.toml"), format!("{gateway}\n{serial}\n")).unwrap();
    let terminals = std::fs::read_to_string(from.join("terminals.csv")).unwrap();
    let mut links = links.into_iter();
    let rows = terminals.lines().map(|row| {
        if row.contains(",mqtt,")
            && let Some(links) = links.next()
        {
            return row.replace(",mqtt,", &format!(",{links},"));
        }
        row.to_owned()
    });
    std::fs::write(dir.join("terminals.csv"), rows.collect::<Vec<_>>().join("\n")).unwrap();
    let audio = from.parent().unwrap().parent().unwrap().join("audio-samples");
    let overrides = BTreeMap::from([("render.audio_dir".to_owned(), audio.display().to_string())]);
    let loaded = Config::load_with(&dir, &overrides);
    std::fs::remove_dir_all(&dir).unwrap();
    loaded
}

fn ids() -> Vec<TerminalId> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
    let loaded = Config::load_with(&dir, &BTreeMap::new()).unwrap();
    loaded.network.terminals.keys().take(3).copied().collect()
}

fn line(port: &str, terminals: &[String]) -> String {
    format!("[[serial.lines]]\nport = \"{port}\"\nbaud = 9600\nterminals = {terminals:?}\n")
}

#[test]
fn a_line_is_read_and_warned_of_when_nothing_fits() {
    let ids = ids();
    let on = [format!("{}@1", ids[0]), format!("{}@9", ids[1])];
    let serial = format!("{}clip_s_max = 30\n", line("/dev/ttyS9", &on));
    let loaded = load("good", &serial, ["serial", "mqtt serial", "mqtt serial"]).unwrap();
    let line = &loaded.config.serial.lines[0];
    assert_eq!((line.setup.baud, line.setup.units, line.terminals[1]), (9_600, 28, (9, ids[1])));
    let links = |at: usize| loaded.network.terminals[&ids[at]].links.clone();
    assert_eq!(links(0), [LinkKind::Serial]);
    assert_eq!(links(1), [LinkKind::Mqtt, LinkKind::Serial]);
    assert_eq!(links(2), [LinkKind::Mqtt], "it is on no line");
    let warned = loaded.warnings.iter().filter(|w| w.what.contains("more than clip_s_max")).count();
    assert_eq!(warned, 2, "{:?}", loaded.warnings);
}

#[test]
fn every_fault_of_a_line_is_said() {
    let ids = ids();
    let both = ["mqtt serial", "mqtt serial", "mqtt"];
    let at = |text: &str| format!("{}@{text}", ids[0]);
    for (name, serial, links, fault) in [
        (
            "form",
            line("/dev/a", &[ids[0].to_string()]),
            both,
            "expected a terminal and its address",
        ),
        ("range", line("/dev/a", &[at("248")]), both, "expected a terminal and its address"),
        ("twice", line("/dev/a", &[at("1"), format!("{}@1", ids[1])]), both, "stands twice"),
        ("none", line("/dev/a", &[]), both, "is empty"),
        ("link", line("/dev/a", &[format!("{}@1", ids[2])]), both, "at address 1 of /dev/a"),
        (
            "port",
            line("/dev/a", &[at("1")]) + &line("/dev/a", &[format!("{}@1", ids[1])]),
            both,
            "port /dev/a stands twice",
        ),
        (
            "lines",
            line("/dev/a", &[at("1")]) + &line("/dev/b", &[at("1")]),
            both,
            "at address 1 of /dev/b",
        ),
        ("only", String::new(), ["serial", "mqtt", "mqtt"], "has only a serial link"),
    ] {
        let faults = load(name, &serial, links).unwrap_err();
        let said = faults.iter().any(|known| known.what.contains(fault));
        assert!(said, "{name}: {faults:?}");
    }
}
