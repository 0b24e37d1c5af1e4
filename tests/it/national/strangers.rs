//! Whoever connects: noise, foreign codes, a terminal that breaks the protocol, one that is there
//! twice. Everything is counted, nothing panics, and the rest is served on.

use super::code;
use super::site::{AREA, Site, beat, closed, read, result};
use mingluo::deliver::national::control::{Control, request};
use mingluo::deliver::national::packet::Packet;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_foreign_code_is_answered_59_counted_and_closed() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    stream.write_all(&beat(code(AREA, 9), 77)).await.unwrap();
    assert_eq!(result(&read(&mut stream).await), (true, 77, 59));
    closed(&mut stream).await;
    site.noticed("national_foreign_code").await;
    site.noticed("national_session_closed").await;
    assert_eq!(site.link.n_online(), 0);
}

#[tokio::test]
async fn noise_is_skipped_up_to_a_limit_and_a_packet_behind_it_is_read() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    stream.write_all(&beat(code(AREA, 1), 5)).await.unwrap();
    assert_eq!(result(&read(&mut stream).await), (true, 5, 0));
    site.noticed("national_bad_bytes").await;
    site.presence(true).await;
    // One that goes on like this is closed.
    let mut bad = beat(code(AREA, 1), 6);
    let last = bad.len() - 1;
    bad[last] ^= 1;
    for _ in 0..40 {
        // It may be closed already.
        let _closed = stream.write_all(&bad).await;
    }
    for _ in 0..16 {
        site.noticed("national_bad_bytes").await;
    }
    site.noticed("national_session_closed").await;
    site.presence(false).await;
    closed(&mut stream).await;
}

#[tokio::test]
async fn who_connects_anew_takes_the_place_and_the_old_end_is_no_absence() {
    let mut site = Site::start();
    let mut old = site.connect().await;
    old.write_all(&beat(code(AREA, 1), 1)).await.unwrap();
    site.presence(true).await;
    let mut new = site.connect().await;
    new.write_all(&beat(code(AREA, 1), 1)).await.unwrap();
    site.presence(true).await;
    closed(&mut old).await;
    assert_eq!(site.link.n_online(), 1);
    drop(new);
    site.presence(false).await;
    assert_eq!(site.link.n_online(), 0);
}

#[tokio::test]
async fn clock_and_period_are_set_and_answers_nobody_asked_for_prove_nothing() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    stream.write_all(&beat(code(AREA, 1), 1)).await.unwrap();
    assert_eq!(result(&read(&mut stream).await), (true, 1, 0));
    let set = read(&mut stream).await;
    let Ok(Control::Set(settings)) = Control::decode(set.kind, false, &set.body) else {
        panic!("{set:?}")
    };
    assert_eq!(settings.len(), 2);
    let query = read(&mut stream).await;
    assert!(matches!(Control::decode(query.kind, false, &query.body), Ok(Control::Query(_))));
    site.presence(true).await;
    let own = code(AREA, 1);
    let answer = Control::Answer { to: 1, result: 0, text: String::new() };
    let packet =
        Packet { session: 4_000_000_000, is_answer: true, ..request(own, Vec::new(), &answer) };
    stream.write_all(&packet.encode().unwrap()).await.unwrap();
    site.noticed("national_unasked_answer").await;
}
