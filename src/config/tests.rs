mod beside;
mod interlock;

use super::*;
use crate::decide::{Decision, Memory, Rules, plan};
use crate::model::{
    Alert, AlertArea, AlertForm, AlertId, Circle, Class, Geocode, Info, Level, MsgType, NameValue,
    PlanId, Position, Scope, Status, UtcMs,
};
use std::path::PathBuf;

const LEVELS: [Level; 4] = [Level::Red, Level::Orange, Level::Yellow, Level::Blue];
const NOON: UtcMs = UtcMs(1_780_286_400_000);

fn shipped(name: &str) -> Loaded {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    match Config::load_with(&dir, &BTreeMap::new()) {
        Ok(loaded) => loaded,
        Err(faults) => {
            panic!("{name}: {}", faults.iter().map(|f| format!("{f}\n")).collect::<String>())
        }
    }
}

/// A copy of the small configuration with one file changed, in a directory of its own.
fn changed(test: &str, file: &str, change: impl Fn(String) -> Vec<u8>) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
    let dir = std::env::temp_dir().join(format!("mingluo-config-{}-{test}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("directory");
    for name in ["gateway.toml", "areas.toml", "terminals.csv", "policy.toml", "contacts.csv"] {
        let text = std::fs::read_to_string(source.join(name)).expect("read");
        let bytes = if name == file { change(text) } else { text.into_bytes() };
        std::fs::write(dir.join(name), bytes).expect("write");
    }
    dir
}

/// Changes a file and checks the faults, each as a part of its text.
fn check(test: &str, file: &str, change: impl Fn(String) -> String, want: &[&str]) {
    let dir = changed(test, file, |text| change(text).into_bytes());
    let loaded = Config::load_with(&dir, &BTreeMap::new());
    std::fs::remove_dir_all(&dir).expect("remove");
    let faults: Vec<String> = match loaded {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(faults.len(), want.len(), "{test}: {faults:#?}");
    for part in want {
        assert!(
            faults.iter().any(|fault| fault.contains(part)),
            "{test}: no {part} in {faults:#?}"
        );
    }
}

#[test]
fn one_cause_is_one_fault() {
    check("utf8", "policy.toml", |_| "# \u{fffd}".to_owned(), &["holds no response plan"]);
    check("no-areas", "areas.toml", |_| String::new(), &["names no area", "holds no area"]);
    let semicolons = |text: String| text.replace(',', ";");
    check("semicolons", "terminals.csv", semicolons, &["separated by semicolons"]);
    let twice = |text: String| text + "\n[mqtt]\nlisten = \"127.0.0.1:1\"\n";
    check("twice", "gateway.toml", twice, &["duplicate key at `mqtt`", "duplicate key"]);
    let gone = std::env::temp_dir().join("mingluo-no-such-directory");
    let faults = Config::load_with(&gone, &BTreeMap::new()).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].what.contains("no such directory"));
}

#[test]
fn addresses_and_files_are_checked_together() {
    let text = "[http]\nlisten = \"127.0.0.1:8722\"\n[status]\nlisten = \"127.0.0.1:18830\"\n\
                [ingest]\nfolder = \"areas.toml\"\n[keys]\napi_keys_file = \"policy.toml\"\n\
                signing_key_file = \"areas.toml\"\n";
    let want = [
        "`http.terminal_listen`: 127.0.0.1:8722 is the same as `http.listen`",
        "`mqtt.listen`: 127.0.0.1:18830 is the same as `status.listen`",
        "`ingest.folder`",
        "`keys.api_keys_file`",
        "`keys.signing_key_file`",
    ];
    check("files", "gateway.toml", |all| format!("{text}{all}"), &want);
    let external = "[mqtt]\nmode = \"external\"\nurl = \"mqtts://broker:99999\"\nuser = \"u\"\n\
                    password_file = \"none\"\ntls_key_file = \"none\"\n";
    let want = [
        "`mqtt.url`: expected a host and a port",
        "`mqtt.tls_ca_file`: is missing",
        "`mqtt.password_file`",
        "`mqtt.tls_key_file`",
        "`mqtt.tls_certificate_file`: needs",
    ];
    check("external", "gateway.toml", |all| all.replace("[mqtt]\n", external), &want);
}

#[test]
fn the_kernels_direction_and_the_algorithm_of_orders() {
    let line = |text: &str| {
        let terminals = "terminals = [\"430621100001-001@1\"]\n";
        let line = format!("\n[[serial.lines]]\nport = \"/dev/ttyS1\"\n{terminals}{text}");
        move |all: String| all + &line
    };
    let file = "gateway.toml";
    let kernel = "direction = \"kernel\"\ndirection_before_ms = 2\ndirection_after_ms = 1\n";
    // The terminals of this configuration have no serial link: that is told beside it.
    let link = "has no serial link";
    check("kernel", file, line(kernel), &[link]);
    let late = "direction = \"kernel\"\ndirection_after_ms = 2\n";
    check(
        "kernel-late",
        file,
        line(late),
        &[link, "direction_after_ms`: terminals may answer 1 ms"],
    );
    let far = "direction = \"kernel\"\ndirection_before_ms = 101\n";
    check("kernel-far", file, line(far), &[link, "expected a whole number from 0 to 100, got 101"]);
    let want = [link, "direction_before_ms`: holds for direction = \"kernel\" alone"];
    check("kernel-not", file, line("direction_before_ms = 1\n"), &want);
    let want = [link, "expected one of automatic, rts, kernel, got `tiocs`"];
    check("kernel-other", file, line("direction = \"tiocs\"\n"), &want);
    let keys = |algorithm: &str, key: &str| {
        let name = format!("mingluo-sm2-{}-{algorithm}-{key}", std::process::id());
        let path = std::env::temp_dir().join(name);
        crate::secrets::write_private(&path, key.repeat(32).as_bytes()).expect("key");
        let path = path.display().to_string();
        let added =
            format!("\n[keys]\norder_algorithm = \"{algorithm}\"\nsm2_key_file = \"{path}\"\n");
        move |all: String| all + &added
    };
    check("sm2", file, keys("sm2", "07"), &[]);
    check("sm2-no-key", file, keys("sm2", "ff"), &["`keys.sm2_key_file`"]);
    check("sm2-unused", file, keys("ed25519", "ff"), &[]);
    let want = ["`keys.order_algorithm`: expected one of ed25519, sm2, got `rsa`"];
    check("sm2-other", file, keys("rsa", "07"), &want);
}

#[test]
fn shipped_configurations_load() {
    let county = shipped("configs");
    assert_eq!(county.network.areas.len(), 224);
    assert!(county.network.terminals.len() >= 204 + 45);
    assert_eq!(county.policy.plans.len(), 56);
    let small = shipped("configs/dev");
    for warning in county.warnings.iter().chain(&small.warnings) {
        assert!(warning.what.contains("fallback recordings"), "{warning}");
    }
    assert_eq!(small.config.record.url, "memory:");
    assert_eq!(small.network.areas.keys().filter(|c| c.number() % 1000 != 0).count(), 10);
}

#[test]
fn gateway_faults_come_all_at_once() {
    check(
        "gateway",
        "gateway.toml",
        |text| {
            text + "volume_percent = 3\nthreads = 0\n[http]\nlisten = \"here\"\n[log]\nformat = 7\n[extra]\n"
        },
        &[
            "gateway.toml:11: `render.volume_percent`: is not a known key",
            "gateway.toml:12: `render.threads`: expected a whole number from 1 to 256, got 0",
            "gateway.toml:14: `http.listen`: expected an address with port, got `here`",
            "`log.format`: expected text in quotes, got integer",
            "`extra`: is not a known key",
        ],
    );
    check(
        "syntax",
        "gateway.toml",
        |text| text + "x = = 1\n",
        &["gateway.toml:11", "extra `=`", "unexpected key"],
    );
    check("missing", "policy.toml", |_| String::new(), &["holds no response plan"]);
}

#[test]
fn area_faults() {
    let area = "\n[[areas]]\ncode = \"430621100\"\nname = \"x\"\n";
    check("short", "areas.toml", |text| text + area, &["expected 12 digits, got `430621100`"]);
    let twice = "\n[[areas]]\ncode = \"430621000000\"\nname = \"岳阳县\"\n";
    check("twice", "areas.toml", |text| text + twice, &["430621000000 stands twice"]);
    let loose = "\n[[areas]]\ncode = \"430621888001\"\nname = \"x\"\nvalid_from = \"soon\"\n";
    check(
        "loose",
        "areas.toml",
        |text| text + loose,
        &["upper area 430621888000", "expected a date, got `soon`"],
    );
    let loops =
        "\n[[areas]]\ncode = \"430621888000\"\nname = \"x\"\naliases = [\"430621888000\"]\n";
    check("loop", "areas.toml", |text| text + loops, &["aliases of 430621888000 lead back"]);
}

#[test]
fn terminal_faults() {
    let add = |row: &'static str| move |text: String| format!("{text}{row}\n");
    let file = "terminals.csv";
    check("id", file, add("1,x,430621100000,,,,,"), &["id: expected an id such as"]);
    check(
        "cells",
        file,
        add("430621100000-900,,4306,91,x,flac,radio,0"),
        &["area:", "name:", "lat_deg:", "lon_deg:", "codecs:", "links:", "volume_percent:"],
    );
    check("same", file, add("430621100000-001,x,430621100000,,,,,"), &["stands twice"]);
    check(
        "far",
        file,
        add("430621100000-900,x,430621100000,113.1,29.1,,,"),
        &["lat_deg: expected"],
    );
    check(
        "out",
        file,
        add("430621100000-900,x,430621100000,39.1,116.1,,,"),
        &["outside the county"],
    );
    check("stray", file, add("430623100000-900,x,430623100000,,,,,"), &["is not known"]);
    check("column", file, |text| text.replace("links", "linkz"), &["unknown column `linkz`"]);
    check("ragged", file, add("430621100000-900,\"岳阳, 县\",430621100000"), &[]);
}

#[test]
fn terminals_from_a_spreadsheet() {
    let with_mark = |text: String| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    check("mark", "terminals.csv", with_mark, &[]);
    let dir =
        changed("gb", "terminals.csv", |text| encoding_rs::GB18030.encode(&text).0.into_owned());
    let loaded = Config::load_with(&dir, &BTreeMap::new()).expect("GB18030");
    std::fs::remove_dir_all(&dir).expect("remove");
    assert_eq!(loaded.network.terminals, shipped("configs/dev").network.terminals);
}

#[test]
fn policy_faults() {
    let file = "policy.toml";
    let replace =
        |from: &'static str, to: &'static str| move |text: String| text.replacen(from, to, 1);
    check(
        "template",
        file,
        replace("template = \"heat-mild\"", "template = \"no\""),
        &["no template `no`"],
    );
    check("slot", file, replace("。{headline}。", "。{title}。"), &["slot `title`"]);
    check("quiet", file, replace("until = \"06:00\"", "until = \"22:00\""), &["equals `from`"]);
    check(
        "clock",
        file,
        replace("until = \"06:00\"", "until = \"6 am\""),
        &["expected a local time"],
    );
    check("level", file, replace("levels = [\"red\"]", "levels = [\"pink\"]"), &["got `pink`"]);
    check("repeats", file, replace("repeats = 3", "repeats = 21"), &["from 1 to 20, got 21"]);
    check(
        "approval",
        file,
        replace("approval = \"automatic\"", "approval = \"maybe\""),
        &["got `maybe`"],
    );
    let song = "repeats = 3\nrecording = \"no-such-song\"";
    check("recording", file, |text| text.replacen("repeats = 3", song, 1), &["`no-such-song`"]);
    let plan = |extra: &str| {
        format!(
            "\n[[plans]]\nname = \"late\"\ntitle = \"x\"\nhazards = [\"11B03\"]\nlevels = [\"red\"]\n\
             approval = \"automatic\"\ntemplate = \"general\"\nfallback_recording = \"x\"\n{extra}"
        )
    };
    check("hidden", file, |text| text + &plan(""), &["`late` is never reached, `rainstorm-red`"]);
    let elsewhere = plan("areas = [\"430999000000\"]\nsenders = [\"x\"]\n");
    check("hidden-too", file, |text| text + &elsewhere, &["never reached", "unknown area"]);
}

#[test]
fn the_environment_goes_over_the_file() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
    let set = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Config::load_with(&dir, &pairs.collect())
    };
    let loaded = set(&[("http.listen", "0.0.0.0:9000"), ("render.threads", "7")]).expect("fine");
    assert_eq!(loaded.config.http.listen.port(), 9000);
    assert_eq!(loaded.config.render.threads, 7);
    for (key, value) in
        [("http.lisen", "x"), ("htp.listen", "x"), ("render.threads", "many"), ("plain", "x")]
    {
        let faults = set(&[(key, value)]).expect_err(key);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].file, "environment", "{faults:?}");
    }
}

fn alert(code: &str, level: Option<Level>, areas: Vec<AlertArea>) -> Alert {
    Alert {
        id: AlertId { sender: "43062141600000".into(), identifier: "x".into(), sent: NOON },
        form: AlertForm::Json,
        sender_name: None,
        status: Status::Actual,
        msg_type: MsgType::Alert,
        scope: Scope::Public,
        source: None,
        restriction: None,
        addresses: None,
        codes: Vec::new(),
        note: None,
        references: Vec::new(),
        incidents: None,
        infos: vec![Info {
            language: "zh-CN".into(),
            categories: Vec::new(),
            event: "预警".into(),
            event_codes: vec![NameValue { name: "eventType".into(), value: code.into() }],
            response_types: Vec::new(),
            urgency: String::new(),
            severity: String::new(),
            level,
            certainty: String::new(),
            effective: None,
            onset: None,
            expires: None,
            sender_name: None,
            headline: Some("预警".into()),
            description: Some("请注意".into()),
            instruction: None,
            speaker_message: None,
            web: None,
            contact: None,
            parameters: Vec::new(),
            resources: Vec::new(),
            areas,
        }],
        oddities: Vec::new(),
    }
}

fn geocode(value: &str) -> AlertArea {
    let geocodes = vec![Geocode { name: "area_code".into(), value: value.into() }];
    AlertArea { desc: String::new(), polygons: Vec::new(), circles: Vec::new(), geocodes }
}

#[test]
fn every_hazard_and_level_has_its_plan() {
    let loaded = shipped("configs");
    let hazards: Vec<String> =
        loaded.policy.plans.iter().flat_map(|plan| plan.hazards.clone()).collect();
    let rules = Rules::new(loaded.network, loaded.policy);
    for hazard in hazards {
        for level in LEVELS {
            let alert = alert(&hazard, Some(level), vec![geocode("430621104000")]);
            let Decision::Plan(plan) = plan(&rules, NOON, &alert, &Memory::default(), PlanId(1))
            else {
                panic!("{hazard} {level:?} has a plan")
            };
            let colour = format!("{level:?}").to_lowercase();
            assert!(plan.response_plan.ends_with(&colour), "{hazard} {level:?}: {plan:?}");
            assert!(!plan.message.text.contains(['{', '}']), "{}", plan.message.text);
        }
    }
}

/// xorshift64*: the same numbers every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }

    fn degrees(&mut self, low: f64, span: f64) -> f64 {
        let part = u32::try_from(self.roll(1_000_000)).expect("small");
        low + span * f64::from(part) / 1e6
    }

    fn position(&mut self) -> Position {
        if self.roll(20) == 0 {
            return Position { lat_deg: f64::NAN, lon_deg: f64::INFINITY };
        }
        Position { lat_deg: self.degrees(28.5, 1.5), lon_deg: self.degrees(112.0, 2.5) }
    }

    fn area(&mut self) -> AlertArea {
        let code = match self.roll(5) {
            0 => "43".to_owned(),
            1 => format!("430621{:06}", self.roll(1_000_000)),
            2 => format!("4306{:02}000000", self.roll(100)),
            3 => format!("430621{:03}000", 100 + self.roll(16)),
            _ => format!("430621{:03}{:03}", 100 + self.roll(16), 200 + self.roll(20)),
        };
        let mut area = geocode(&code);
        match self.roll(4) {
            0 => area.geocodes.clear(),
            1 => {
                let n_corners = self.roll(8);
                area.polygons = vec![(0..n_corners).map(|_| self.position()).collect()];
                area.geocodes.clear();
            }
            2 => {
                let radius_km =
                    [0.0, 1.0, 30.0, f64::NAN, -5.0][usize::try_from(self.roll(5)).expect("small")];
                area.circles = vec![Circle { centre: self.position(), radius_km }];
                area.geocodes.clear();
            }
            _ => {}
        }
        area
    }
}

#[test]
fn random_alerts_stay_inside_and_always_have_somebody() {
    let loaded = shipped("configs");
    let rules = Rules::new(loaded.network, loaded.policy);
    let served = rules.network.served[0];
    let mut dice = Dice(0x6d69_6e67_6c75_6f31);
    let codes = ["11B03", "10203", "11D02", "99", "60100", "11C02", ""];
    let mut n_planned = 0;
    for number in 0..2_000 {
        let code = codes[usize::try_from(dice.roll(7)).expect("small")];
        let level = LEVELS.get(usize::try_from(dice.roll(5)).expect("small")).copied();
        let n_areas = dice.roll(4);
        let mut alert = alert(code, level, (0..n_areas).map(|_| dice.area()).collect());
        alert.status = [Status::Actual, Status::Exercise, Status::Test]
            [usize::try_from(dice.roll(3)).expect("small")];
        let memory = Memory { drill_armed: dice.roll(2) == 0, ..Memory::default() };
        let Decision::Plan(plan) = plan(&rules, NOON, &alert, &memory, PlanId(number)) else {
            continue;
        };
        n_planned += 1;
        for terminal in &plan.terminals {
            assert!(served.contains(rules.network.terminals[terminal].area), "{plan:?}");
        }
        let waits_for_a_place = plan.reasons.iter().any(|reason| reason.code == "unknown_area");
        assert!(!plan.terminals.is_empty() || waits_for_a_place, "{plan:?}");
        if plan.terminals.is_empty() {
            assert_eq!(crate::decide::release(&plan, plan.expires.plus_s(-1)), None);
        }
        if alert.status != Status::Actual {
            assert!(memory.drill_armed && plan.class == Class::Drill, "{plan:?}");
        }
        for area in &plan.areas {
            let inside =
                |id: &crate::model::TerminalId| area.contains(rules.network.terminals[id].area);
            assert!(
                rules
                    .network
                    .terminals
                    .keys()
                    .filter(|id| inside(id))
                    .all(|id| plan.terminals.contains(id))
            );
        }
    }
    assert!(n_planned > 300, "only {n_planned} plans: the dice are loaded");
}

#[test]
fn people_and_calls() {
    let policy = "\n[break_glass]\nroles = [\"auditor\"]\nper_officer_per_day_max = 101\n\
                  countersign_within_s = 5\nsilent = true\n";
    let want = [
        "`break_glass.roles`: expected officer or leader, got `auditor`",
        "`break_glass.per_officer_per_day_max`: expected a whole number from 0 to 100, got 101",
        "`break_glass.countersign_within_s`: expected a whole number from 600 to 604800, got 5",
        "`break_glass.silent`: is not a known key",
    ];
    let own = |text: String| {
        let (head, rest) = text.split_once("[break_glass]").unwrap();
        let (_, tail) = rest.split_once("# Templates").unwrap();
        format!("{head}# Templates{tail}{policy}")
    };
    check("break-glass", "policy.toml", own, &want);
    let call = |text: String| text.replacen("[[plans]]\n", "[[plans]]\ncall = { soon = 1 }\n", 1);
    let want = ["call.answer_within_s`", "call.soon`: is not a known key"];
    check("call", "policy.toml", call, &want);
    let webhook = "[call]\nwebhook_url = \"ftp://sms\"\npublic_url = \"console\"\n\
                   webhook_ca_file = \"areas.toml\"\n";
    let want = [
        "`call.webhook_url`: needs `webhook_key_file`",
        "`call.webhook_url`: expected an address that begins with http:// or https://, got `ftp://sms`",
        "`call.webhook_ca_file`",
        "`call.public_url`: expected an http or https address, got `console`",
    ];
    check("webhook", "gateway.toml", |text| format!("{text}{webhook}"), &want);
    let loaded = shipped("configs");
    let glass = &loaded.policy.break_glass;
    assert_eq!(glass, &crate::model::BreakGlassRules::default(), "the shipped file shows defaults");
    let calling: Vec<&str> = loaded
        .policy
        .plans
        .iter()
        .filter(|plan| plan.call.is_some())
        .map(|plan| plan.name.as_str())
        .collect();
    assert_eq!(calling, ["flash-flood-red", "dyke-red", "reservoir-red"]);
    let invented = |contact: &crate::model::Contact| contact.role.contains("虚构");
    assert!(loaded.network.contacts.iter().all(invented), "nobody who exists is shipped");
}
