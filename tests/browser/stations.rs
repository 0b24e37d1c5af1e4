//! 水雨情测站 in a real browser: a serial line that is down, and a station that was asked and answered.

use crate::office::{OFFICER, Office, in_current};
use crate::page::{DESKTOP, PHONE};
use crate::process::free;
use crate::sight;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

fn bytes_of(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// A telegram with its check.
fn telegram(hex: &str) -> Vec<u8> {
    let mut bytes = bytes_of(hex);
    let check = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS).checksum(&bytes);
    bytes.extend(check.to_be_bytes());
    bytes
}

/// A station that keeps its connection alive, is asked, and answers with a level of 33.512 m.
fn asked(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let now = jiff::tz::Offset::constant(8).to_datetime(jiff::Timestamp::now());
    let (time, observed) = (now.strftime("%y%m%d%H%M%S"), now.strftime("%y%m%d%H%M"));
    let alive = format!("7E7E0700612345671A2B2F0008020001{time}03");
    stream.write_all(&telegram(&alive)).unwrap();
    let mut question = [0; 25];
    stream.read_exact(&mut question).unwrap();
    assert_eq!(question[10], 0x37, "{question:02X?}");
    let body = format!("0001{time}F1F1006123456748F0F0{observed}392300033512");
    let n = body.len() / 2;
    let answer = format!("7E7E0100612345670000370{n:03X}02{body}03");
    stream.write_all(&telegram(&answer)).unwrap();
    stream
}

#[test]
fn lines_and_questions_are_seen_with_what_was_answered() {
    in_current("station-lines", |browser| {
        let listen = free();
        let office = Office::open_with("station-lines", |gateway| {
            let rows = "id,name,kind,area,warns,latitude,longitude,silent_after_min,thresholds\n\
                61234567,示例河道站,河道,430621100000,,,,90,警戒 橙 水位>=34.0\n\
                61234568,示例雨量站,雨量,430621104000,,,,90,\n";
            std::fs::write(gateway.configs().join("stations.csv"), rows).expect("a file");
            gateway.set("stations.enabled", "true");
            gateway.set("stations.listen", &listen.to_string());
            gateway.set("stations.asked", "61234567");
            let file = gateway.configs().join("gateway.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let port = gateway.configs().join("no-such-port");
            let line = format!(
                "\n[[stations.lines]]\nport = \"{}\"\nasked = [\"61234568\"]\n",
                port.display()
            );
            std::fs::write(&file, text + &line).unwrap();
        });
        let _station = asked(listen);
        let mut page = office.signed_in(browser, &OFFICER);
        page.wait_until("the answer is shown", || {
            page.go("/console/stations");
            page.reads("已应答")
        });
        let main = page.text("main");
        for words in
            ["测站串口线路", "中断，自", "没有这个串口设备", "61234568", "最近召测", "33.512"]
        {
            assert!(main.contains(words), "`{words}` is not in {main}");
        }
        let row = page.text("#questions ~ table tbody tr");
        assert!(row.contains("61234567") && row.contains("127.0.0.1"), "{row}");
        for (size, screen) in [("desk", DESKTOP), ("phone", PHONE)] {
            page.screen(screen);
            for scheme in ["light", "dark"] {
                page.prefers(scheme);
                page.shot(&format!("lines-{scheme}-{size}"));
                let wrong = [sight::weak_contrasts(&page), sight::too_wide(&page)].concat();
                assert!(wrong.is_empty(), "{wrong:?}");
            }
        }
    });
}
