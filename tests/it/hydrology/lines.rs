//! Stations on a serial line, and stations that must be asked.

use super::{
    Gateway, Path, PathBuf, STATIONS, Station, alerts, bytes_of, check_of, free, minutes_ago, now,
    report, telegram, wait_until,
};
use crate::visitor::{Visitor, add};
use std::os::unix::fs::symlink;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{SerialPort, SerialPortBuilderExt, SerialStream};

/// Longest wait for the gateway on the other side of a line.
const LIMIT: Duration = Duration::from_secs(60);

/// The stations' side of a line whose port is a link at `path`.
fn line(path: &Path) -> SerialStream {
    let (stream, slave) = SerialStream::pair().unwrap();
    let name = slave.name().unwrap();
    drop(slave);
    let _none_before = std::fs::remove_file(path);
    symlink(name, path).unwrap();
    stream
}

/// Reads telegrams of `n` bytes until one is right; a port that nobody has open yet reads as broken.
async fn heard(stream: &mut SerialStream, n: usize) -> Vec<u8> {
    let read = async {
        let mut bytes = Vec::new();
        loop {
            let mut piece = [0; 64];
            match stream.read(&mut piece).await {
                Ok(read) if read > 0 => bytes.extend(&piece[..read]),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            if let Some(at) = bytes.windows(2).position(|two| two == [0x7E, 0x7E])
                && bytes.len() >= at + n
            {
                return bytes[at..at + n].to_vec();
            }
        }
    };
    tokio::time::timeout(LIMIT, read).await.expect("the gateway speaks on the line")
}

/// Sends until the gateway confirms it.
async fn confirmed(stream: &mut SerialStream, bytes: &[u8]) -> Vec<u8> {
    for _ in 0..60 {
        let _nobody_yet = stream.write_all(bytes).await;
        let answer = tokio::time::timeout(Duration::from_secs(1), heard(stream, 25)).await;
        // What it confirmed before may still be on its way.
        if let Ok(answer) = answer
            && answer[14..16] == bytes[14..16]
        {
            return answer;
        }
    }
    panic!("no confirm on the line")
}

fn with_line(name: &str, more: &str) -> (Gateway, PathBuf) {
    let gateway = Gateway::prepare(name);
    std::fs::write(gateway.configs().join("stations.csv"), STATIONS).unwrap();
    let path = gateway.configs().join("station-line");
    let file = gateway.configs().join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = format!("\n[[stations.lines]]\nport = \"{}\"\n{more}\n", path.display());
    std::fs::write(&file, text + &line).unwrap();
    (gateway, path)
}

#[test]
fn a_station_on_a_line_is_read_locked_and_read_again_after_it_was_pulled() {
    let (mut gateway, path) = with_line("station-line", "baud = 9600");
    gateway.set("stations.enabled", "true");
    // Nothing is there yet: the gateway starts all the same and looks again.
    gateway.restart();
    let mut first = gateway.wait_for(async { line(&path) });
    let answer = gateway.wait_for(confirmed(&mut first, &telegram(1, 34_200)));
    assert_eq!(answer[..8], bytes_of("7E7E006123456701")[..], "{answer:02X?}");
    assert_eq!((answer[13], answer[22]), (0x02, 0x1B), "{answer:02X?}");
    let told = alerts(&gateway);
    assert_eq!(told[0]["headline"], "示例河道站水位超过警戒水位，洪水橙色预警", "{told:?}");
    let second = gateway.wait_for(async {
        tokio_serial::new(path.display().to_string(), 9_600).open_native_async().err()
    });
    assert!(second.is_some(), "a second gateway can't have the port");
    // Noise on the line is told, and the next telegram read.
    gateway.wait_for(async { first.write_all(b"\x55noise").await.unwrap() });
    gateway.wait_for(confirmed(&mut first, &telegram(2, 34_300)));
    assert!(gateway.get("/record?limit=1000").to_string().contains("alert_rejected"));
    // The adapter is pulled and put back.
    drop(first);
    let mut again = gateway.wait_for(async { line(&path) });
    gateway.wait_for(confirmed(&mut again, &telegram(3, 35_300)));
    let told = alerts(&gateway);
    assert_eq!(told[0]["headline"], "示例河道站水位超过保证水位，洪水红色预警", "{told:?}");
    gateway.stop();
}

#[test]
fn a_station_that_waits_to_be_asked_is_asked_and_its_answer_warns() {
    let (mut gateway, path) = with_line("station-asked", "asked = [\"61234567\"]");
    std::fs::write(gateway.configs().join("password"), "abcd\n").unwrap();
    gateway.set("stations.enabled", "true");
    gateway.set("stations.ask_password_file", "password");
    let mut stream = gateway.wait_for(async { line(&path) });
    add(&gateway, "zhang", "张值班", "officer", "430621000000");
    gateway.restart();
    let mut zhang = Visitor::signed_in(&gateway, "zhang");
    let question = gateway.wait_for(heard(&mut stream, 25));
    // Station, centre, password, function, length; serial number and time; ENQ.
    assert_eq!(question[..14], bytes_of("7E7E006123456701ABCD37800802")[..], "{question:02X?}");
    assert_eq!((question[14..16].to_vec(), question[22]), (vec![0, 1], 0x05), "{question:02X?}");
    assert_eq!(question[23..], check_of(&question[..23]).to_be_bytes());
    let mut says = |words: &[&str]| {
        let page = zhang.get("/console/stations").whole;
        let part = page.split_once("id=\"lines\"").map_or("", |(_, part)| part);
        words.iter().all(|word| part.contains(word))
    };
    assert!(says(&["正常，自", "9600 baud", "61234567", "等待应答，至"]), "a question is open");
    let answer = report("0061234567", 0x37, 1, &minutes_ago(0), "392300034100");
    gateway.wait_for(async { stream.write_all(&answer).await.unwrap() });
    wait_until(30, || alerts(&gateway).len() == 1, "the answer is above its threshold");
    assert!(says(&["已应答", "<b>34.1</b>", "最近召测"]), "people see what it answered");
    // The exchange is over: no confirm, no second question before its time.
    let more = gateway.wait_for(async {
        tokio::time::timeout(Duration::from_secs(2), heard(&mut stream, 2)).await
    });
    assert!(more.is_err(), "the answer ends the exchange: {more:02X?}");
    gateway.stop();
}

/// By TCP a station is asked once it is connected, with the password of its own telegrams.
#[test]
fn a_connected_station_is_asked() {
    let mut gateway = Gateway::prepare("tcp-asked");
    std::fs::write(gateway.configs().join("stations.csv"), STATIONS).unwrap();
    let listen = free();
    gateway.set("stations.enabled", "true");
    gateway.set("stations.listen", &listen.to_string());
    gateway.set("stations.asked", "61234567");
    gateway.restart();
    let mut station = Station::connect(listen);
    let time = now();
    let mut alive =
        bytes_of(&format!("7E7E0700612345671A2B2F000802 0001{time}03").replace(' ', ""));
    alive.extend(check_of(&alive).to_be_bytes());
    station.write(&alive);
    let question = station.read::<25>();
    assert_eq!(question[..14], bytes_of("7E7E0061234567071A2B37800802")[..], "{question:02X?}");
    let answer = report("0061234567", 0x37, 1, &minutes_ago(0), "392300035500");
    station.write(&answer);
    wait_until(30, || alerts(&gateway).len() == 1, "the answer is above its threshold");
    // What it sends by itself is confirmed as ever.
    station.report(2, 35_600);
    gateway.stop();
}

#[test]
fn faults_of_lines_and_questions_are_told() {
    let (mut gateway, _) =
        with_line("line-faults", "asked = [\"GEO-1\", \"61239999\", \"a b\"]\nspeed = 1");
    gateway.set("stations.enabled", "true");
    gateway.set("stations.ask_every_min", "0");
    gateway.set("stations.ask_password_file", "none");
    let (code, said) = gateway.cli(&["check"]);
    assert_eq!(code, 78, "{said}");
    for expected in ["expected the id of a station, got `a b`", "speed", "ask_every_min"] {
        assert!(said.contains(expected), "{said}\ndoes not say {expected}");
    }
    let (mut gateway, path) = with_line("line-faults-2", "asked = [\"GEO-1\", \"61239999\"]");
    let file = gateway.configs().join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let twice = format!("\n[[stations.lines]]\nport = \"{}\"\n", path.display());
    std::fs::write(&file, text + &twice).unwrap();
    gateway.set("stations.enabled", "true");
    gateway.set("stations.ask_password_file", "none");
    let (code, said) = gateway.cli(&["check"]);
    assert_eq!(code, 78, "{said}");
    for expected in [
        "stations: asked GEO-1",
        "stations: asked 61239999",
        "stands twice",
        "stations.ask_password_file",
    ] {
        assert!(said.contains(expected), "{said}\ndoes not say {expected}");
    }
}
