//! Stations over real sockets: a telegram above 保证 becomes an alert and by plan a broadcast, once,
//! whatever restarts come between; and the telegrams of real senders.

mod lines;
mod load;
mod restart;

use crate::process::{Gateway, free, wait_until};
use mingluo::ingest::sl651;
use mingluo::model::UtcMs;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

const STATIONS: &str = "id,name,kind,area,warns,latitude,longitude,silent_after_min,thresholds
61234567,示例河道站,河道,430621100000,,,,90,警戒 橙 水位>=34.0; 保证 红 水位>=35.0
GEO-1,示例滑坡点,地质,430621104000,,29.1,113.1,240,滑坡 黄 位移变化>=5/24h & 雨量>=30/24h
";

/// CRC-16 of the standard, written again: bit by bit, so that a slip of the product shows.
fn check_of(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 }
            },
        )
    })
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// Now in Beijing, `YYMMDDHHmmSS`.
fn now() -> String {
    let local = jiff::tz::Offset::constant(8).to_datetime(jiff::Timestamp::now());
    local.strftime("%y%m%d%H%M%S").to_string()
}

/// So many minutes ago in Beijing, `YYMMDDHHmm`.
fn minutes_ago(minutes: i64) -> String {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    jiff::tz::Offset::constant(8).to_datetime(at).strftime("%y%m%d%H%M").to_string()
}

/// A telegram of a station with these elements, observed at a time.
fn report(address: &str, function: u8, serial: u16, observed: &str, elements: &str) -> Vec<u8> {
    let time = now();
    let body = format!("{serial:04X}{time}F1F1{address}48F0F0{observed}{elements}");
    let n = body.len() / 2;
    let mut all = bytes_of(&format!("7E7E01{address}0000{function:02X}0{n:03X}02{body}03"));
    all.extend(check_of(&all).to_be_bytes());
    all
}

/// A report of the river with this level, millimetres.
fn telegram(serial: u16, level_mm: u32) -> Vec<u8> {
    let elements = format!("3923{level_mm:08}38121220");
    report("0061234567", 0x32, serial, &minutes_ago(0), &elements)
}

struct Station(TcpStream);

impl Station {
    fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(stream)
    }

    /// Sends a report in two pieces and reads the confirm.
    fn report(&mut self, serial: u16, level_mm: u32) {
        self.send("0061234567", serial, &telegram(serial, level_mm));
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn send(&mut self, address: &str, serial: u16, bytes: &[u8]) {
        self.0.write_all(&bytes[..20]).unwrap();
        self.0.flush().unwrap();
        self.0.write_all(&bytes[20..]).unwrap();
        let answer = self.read::<25>();
        let head = bytes_of(&format!("7E7E{address}01"));
        assert_eq!(answer[..8], head[..], "{answer:02X?}");
        assert_eq!(answer[14..16], serial.to_be_bytes(), "{answer:02X?}");
        assert_eq!((answer[13], answer[22]), (0x02, 0x1B), "{answer:02X?}");
        assert_eq!(answer[23..], check_of(&answer[..23]).to_be_bytes(), "{answer:02X?}");
    }
}

fn alerts(gateway: &Gateway) -> Vec<Value> {
    gateway.get("/alerts")["alerts"].as_array().unwrap().clone()
}

fn ready(name: &str) -> (Gateway, SocketAddr) {
    ready_with(name, STATIONS)
}

fn ready_with(name: &str, stations: &str) -> (Gateway, SocketAddr) {
    let mut gateway = Gateway::prepare(name);
    std::fs::write(gateway.configs().join("stations.csv"), stations).unwrap();
    let listen = free();
    gateway.set("stations.enabled", "true");
    gateway.set("stations.listen", &listen.to_string());
    gateway.restart();
    (gateway, listen)
}

#[test]
fn a_river_above_its_level_becomes_a_broadcast_once() {
    let (mut gateway, listen) = ready("river");
    let mut station = Station::connect(listen);
    station.report(1, 33_500);
    assert_eq!(alerts(&gateway).len(), 0, "below every threshold");
    // The reading is taken when its confirm is here: alert and broadcast are on record already.
    station.report(2, 35_120);
    let told = alerts(&gateway);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["headline"], "示例河道站水位超过保证水位，洪水红色预警");
    assert_eq!((&told[0]["level"], &told[0]["disposition"]), (&json!("red"), &json!("planned")));
    let broadcast = told[0]["broadcasts"][0].to_string().trim_matches('"').to_owned();
    assert_ne!(broadcast, "null", "red goes out by itself");
    let view = gateway.get(&format!("/broadcasts/{broadcast}"));
    assert_eq!(view["response_plan"], "flood-red", "{view}");
    assert!(view["counts"]["targeted"].as_u64().unwrap() > 0, "{view}");
    // The station repeats, the gateway is killed, the river stays high: nothing is said again.
    station.report(2, 35_120);
    gateway.kill();
    gateway.restart();
    let mut station = Station::connect(listen);
    station.report(3, 35_200);
    assert_eq!(alerts(&gateway).len(), 1, "{:?}", alerts(&gateway));
    let stations = gateway.get("/stations");
    let river =
        stations["stations"].as_array().unwrap().iter().find(|s| s["station"] == "61234567");
    let river = river.expect("it is listed");
    assert_eq!(river["warnings"][0]["rule"], "保证", "{river}");
    assert_eq!((&river["silent"], river["values"].as_array().unwrap().len()), (&json!(false), 2));
    // It falls: the broadcast is cancelled.
    station.report(4, 33_000);
    let told = alerts(&gateway);
    assert_eq!(
        (told.len(), &told[0]["headline"]),
        (2, &json!("示例河道站洪水预警解除")),
        "{told:?}"
    );
    let ended = || {
        let view = gateway.get(&format!("/broadcasts/{broadcast}"));
        !view["cancellation"].is_null()
    };
    wait_until(20, ended, "the broadcast is cancelled");
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn wrong_bytes_go_on_record_and_the_next_telegram_is_read() {
    let (mut gateway, listen) = ready("wrong-bytes");
    let mut station = Station::connect(listen);
    let mut wrong = telegram(7, 35_500);
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    station.0.write_all(&wrong).unwrap();
    station.0.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    station.report(8, 33_000);
    let record = gateway.get("/record?limit=1000").to_string();
    let n_rejected = record.matches("\"kind\":\"alert_rejected\"").count();
    assert_eq!(n_rejected, 2, "the telegram and what was no telegram: {record}");
    assert_eq!(alerts(&gateway).len(), 0, "a telegram with a wrong check warns of nothing");
    // Whoever says nothing but rubbish is cut off.
    let mut rubbish = Station::connect(listen);
    let _cut = rubbish.0.write_all(&wrong.repeat(40));
    let mut rest = Vec::new();
    let ended = rubbish.0.read_to_end(&mut rest);
    assert!(ended.is_ok() || ended.is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock));
    station.report(9, 33_100);
    gateway.stop();
}

#[test]
fn readings_by_http_within_the_areas_of_the_key() {
    let (mut gateway, _) = ready("readings");
    let at = |minutes: i64| {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let geology = json!({ "GEO-1": {
        "L1_GP_1": { at(30): { "gpsTotalX": 10.0 }, at(1): { "gpsTotalX": "17.5" } },
        "L3_YL_1": { at(30): { "value": 1, "totalValue": 100.0 }, at(1): { "totalValue": 133.0 } },
    }});
    let source = gateway.source();
    let (code, answer) = gateway.post("/readings", &source, geology.to_string());
    assert_eq!((code, &answer["taken"]), (202, &json!(4)), "{answer}");
    assert_eq!(answer["alerts"].as_array().unwrap().len(), 1, "{answer}");
    let told = alerts(&gateway);
    assert_eq!(told[0]["headline"], "示例滑坡点位移变化过快，地质灾害黄色预警");
    let waits = told[0]["disposition"] == "awaiting_approval";
    assert!(waits, "yellow goes to a person: {told:?}");

    let unknown = json!({ "readings": [{ "station": "X9", "quantity": "stage", "value": 1,
        "observed_at": at(0) }] });
    let (code, answer) = gateway.post("/readings", &source, unknown.to_string());
    assert_eq!((code, &answer["unknown"]), (202, &json!(["X9"])), "{answer}");
    let (code, answer) = gateway.post("/readings", &source, "{\"readings\":[{}]}".into());
    assert_eq!(code, 422, "{answer}");
    assert!(answer.to_string().contains("readings[1]/station"), "{answer}");
    assert_eq!(gateway.post("/readings", "nobody", unknown.to_string()).0, 401);
    let elsewhere =
        ["keys", "create", "--name", "far", "--role", "source", "--area", "430621105000"];
    let (code, far) = gateway.cli(&elsewhere);
    assert_eq!(code, 0, "{far}");
    gateway.stop();
    gateway.restart();
    let (code, answer) = gateway.post("/readings", far.trim(), geology.to_string());
    assert_eq!((code, &answer["outside"]), (202, &json!(["GEO-1"])), "{answer}");
    gateway.stop();
}

#[test]
fn stations_are_off_unless_configured_and_check_knows_every_fault() {
    let mut gateway = Gateway::prepare("station-faults");
    let faulty = "id,name,kind,area,warns,latitude,longitude,silent_after_min,thresholds
a b,,海洋,43,,91,,3,警戒 紫 水位>=1
61234567,一,河道,430621100000,110000000000,,,,
61234567,一,河道,430621100000,,,,,
0061234567,一,河道,430621100000,,,,,警戒 橙 水位>=35; 保证 红 水位>=34
61234568,二,河道,430621100000,,,,,上游 橙 雨量:X-9>=35/3h; 下游 蓝 水位:61234568>=34
";
    std::fs::write(gateway.configs().join("stations.csv"), faulty).unwrap();
    assert_eq!(gateway.cli(&["check"]).0, 0, "it is not read while it is off");
    gateway.set("stations.enabled", "true");
    gateway.set("stations.listen", "8730");
    let (code, said) = gateway.cli(&["check"]);
    assert_eq!(code, 78, "{said}");
    let expected = [
        "id: expected 1 to 40 letters and digits, got `a b`",
        "name: expected 1 to 30 characters, got 0",
        "kind: expected 河道, 水库, 雨量, 闸坝 or 地质, got `海洋`",
        "area: expected a 12-digit area code, got `43`",
        "expected latitude and longitude in degrees, got `91`, ``",
        "silent_after_min: expected 5 to 20160 minutes, got `3`",
        "expected a level 红, 橙, 黄 or 蓝, got 紫",
        "warns: 110000000000 is not served here",
        "保证 is the higher warning and begins at 34",
        "expected an address with port, got `8730`",
        "thresholds: 上游 looks at station X-9",
    ];
    for expected in expected {
        assert!(said.contains(expected), "{said}\ndoes not say {expected}");
    }
    std::fs::write(gateway.configs().join("stations.csv"), STATIONS).unwrap();
    gateway.set("stations.listen", "");
    assert_eq!(gateway.cli(&["check"]).0, 0);
}

#[test]
fn the_command_reads_telegrams_and_the_sample_has_no_fault() {
    let mut gateway = Gateway::prepare("read-telegrams");
    let file = gateway.configs().join("telegrams.txt");
    let good = "7E7E02001234567804D232002B020012141205110002F1F1001234567848F0F01412051100\
                2019000100261900010039230001442038121220039FE1";
    let szy = "681568B34406070001C0AAAAAAAAAA004040000000000101E516";
    std::fs::write(&file, format!("{good}\n{szy}\n")).unwrap();
    let name = file.display().to_string();
    let (code, said) = gateway.cli(&["stations", "read", &name]);
    assert_eq!(code, 0, "{said}");
    for expected in ["定时报", "39 Z 河道水位 14.420 m  (2014-12-05 11:00:00)", "SZY 206"] {
        assert!(said.contains(expected), "{said}\ndoes not say {expected}");
    }
    std::fs::write(&file, good.replace("14420", "14421")).unwrap();
    let (code, said) = gateway.cli(&["stations", "read", &name]);
    assert!(code == 1 && said.contains("offset 58: check: expected"), "{said}");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let overrides = [("stations.enabled".to_owned(), "true".to_owned())].into();
    let loaded = mingluo::config::Config::load_with(&shipped, &overrides).unwrap();
    assert_eq!(loaded.stations.len(), 4);
    gateway.set("stations.enabled", "false");
}

/// Real telegrams, kept outside of this repository.
fn corpus() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    std::env::var_os("MINGLUO_SHARED").map_or(beside, PathBuf::from).join("corpus")
}

#[test]
#[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
fn every_real_telegram_is_answered_rightly() {
    let folder = corpus().join("sl651");
    let Ok(good) = std::fs::read_to_string(folder.join("telegrams_ok.txt")) else {
        println!("SKIPPED: no corpus; set MINGLUO_SHARED to the folder that holds corpus/sl651");
        return;
    };
    let (mut n_good, mut n_levels) = (0, 0);
    for line in good.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let bytes = bytes_of(fields[2]);
        let frame = sl651::frame(&bytes).unwrap_or_else(|wrong| panic!("{line}: {wrong:?}"));
        let telegram = sl651::telegram(&frame).unwrap_or_else(|wrong| panic!("{line}: {wrong:?}"));
        assert_eq!(telegram.upward, fields[0] == "UP", "{line}");
        assert_eq!(format!("{:02X}", telegram.function), fields[1], "{line}");
        assert_eq!(
            mingluo::ingest::stream::cut(&bytes),
            mingluo::ingest::stream::Cut::Sl651(bytes.len())
        );
        let beyond = telegram.oddities.iter().any(|odd| odd.what.contains("goes beyond the end"));
        assert!(!beyond, "{line}: {:?}", telegram.oddities);
        let report = sl651::readings(&telegram, UtcMs(1_780_272_000_000)).expect("a station");
        n_levels += report.readings.iter().filter(|r| r.point == "Z").count();
        n_good += 1;
    }
    let mut n_bad = 0;
    let bad = std::fs::read_to_string(folder.join("telegrams_bad.txt")).unwrap();
    for line in bad.lines().filter(|line| !line.starts_with('#')) {
        let hex = line.split('\t').next().unwrap();
        if hex.len() % 2 == 1 {
            continue;
        }
        let wrong = sl651::frame(&bytes_of(hex)).expect_err(line);
        assert!(wrong.faults.iter().all(|fault| fault.element.starts_with("offset ")), "{line}");
        n_bad += 1;
    }
    println!("{n_good} telegrams read, {n_levels} levels, {n_bad} refused");
    assert!(n_good >= 30 && n_bad >= 20 && n_levels >= 7, "{n_good} {n_bad} {n_levels}");
    for name in ["geo_type2_crack.json", "geo_status.json"] {
        let bytes = std::fs::read(corpus().join("geology").join(name)).unwrap();
        let read = mingluo::ingest::readings::readings(&bytes, UtcMs(1_780_272_000_000));
        assert!(read.is_ok(), "{name}: {read:?}");
    }
}
