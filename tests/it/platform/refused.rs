//! What is no package leaves a row: too long, broken off, unreadable, and what was too much for the minute.

use super::World;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Bytes of a package.
const PACKAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.listen()).unwrap()
}

fn head(n_bytes: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {n_bytes}\r\n\r\n")
}

#[test]
fn what_is_no_whole_package_is_on_record_with_its_size_and_sender() {
    let mut world = World::start("platform-refused");
    world.gateway.restart();
    // Longer than the limit, and sent to its end: the answer says so.
    let n_bytes = PACKAGE_BYTES_MAX + 100_000;
    let mut stream = connect(&world);
    stream.write_all(head(n_bytes).as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; n_bytes]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    assert!(text.contains("<ResultCode>5</ResultCode>"), "a receipt says why: {text}");
    // Broken off: nobody is there any more to hear an answer.
    let mut stream = connect(&world);
    stream.write_all(head(1_000_000).as_bytes()).unwrap();
    stream.write_all(&[b'y'; 70_000]).unwrap();
    drop(stream);
    // No package at all.
    let mut stream = connect(&world);
    stream.write_all(head(5).as_bytes()).unwrap();
    stream.write_all(b"no\xFFno").unwrap();
    let mut byte = [0; 12];
    stream.read_exact(&mut byte).unwrap();
    crate::process::wait_until(20, || world.rejections().len() == 3, "three rows");
    let rows = world.rejections();
    let check = |row: &str, words: &[&str]| {
        for word in words {
            assert!(row.contains(word), "`{word}` is not in {row}");
        }
    };
    let of = |word: &str| {
        rows.iter().find(|row| row.contains(word)).unwrap_or_else(|| panic!("{word}: {rows:?}"))
    };
    let long = format!("got {n_bytes}");
    check(of(&long), &["the first 1048576 are kept", "sent from 127.0.0.1"]);
    let kept = mingluo::model::Sha256::of(&vec![b'x'; 1024 * 1024]).to_string();
    check(of(&long), &[&kept]);
    let digest = mingluo::model::Sha256::of(&[b'y'; 70_000]).to_string();
    check(
        of("broke off after 70000 bytes"),
        &["tells 1000000 bytes", "sent from 127.0.0.1", &digest],
    );
    check(of(&mingluo::model::Sha256::of(b"no\xFFno").to_string()), &["sent from 127.0.0.1"]);
    // More than a minute may hold: counted, on record as a number.
    for _ in 0..70 {
        let mut stream = connect(&world);
        stream.write_all(head(1).as_bytes()).unwrap();
        stream.write_all(b"z").unwrap();
        stream.read_exact(&mut byte).unwrap();
    }
    let n_rows = world.rejections().len();
    assert!(n_rows < 73, "{n_rows}");
    world.gateway.sleep_ms(1_500);
    world.gateway.stop();
    let url = format!("sqlite:{}", world.gateway.record().display());
    let rows = mingluo::record::open_read_only(&url).unwrap().read(1, 100_000).unwrap();
    let shed = rows.iter().filter(|row| row.kind == "alerts_shed");
    let shed: Vec<String> =
        shed.map(|row| String::from_utf8_lossy(&row.body).into_owned()).collect();
    assert!(shed.iter().any(|body| body.contains("platform_unreadable")), "{shed:?}");
}
