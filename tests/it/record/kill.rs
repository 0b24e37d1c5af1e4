//! A kill is as safe as a stop: what was acknowledged is there.

use super::{Folder, check_holds, open, rows, url};
use mingluo::record::{Journal, Trust, open_read_only};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Path of the record that the child writes.
const RECORD: &str = "MINGLUO_TEST_KILL_RECORD";
/// Kills.
const N_KILLS: u32 = 20;

/// Runs in the child only: appends groups of changing size for ever and tells each durable number.
#[test]
#[ignore = "the child of killed_at_any_moment"]
fn child_appends_until_killed() {
    let Ok(path) = std::env::var(RECORD) else { return };
    let mut journal = open(path.as_ref());
    let mut out = std::io::stdout();
    // A child that nobody kills must end by itself.
    for _ in 0..20_000 {
        let first = journal.head().0 + 1;
        let last = journal.append(&rows(first..first + 1 + first % 97), &[]).unwrap().end - 1;
        if last % 5 == 0 {
            journal.snapshot_save(last, format!("state at {last}").as_bytes()).unwrap();
        }
        writeln!(out, "durable {last}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn killed_at_any_moment() {
    let folder = Folder::new("kill");
    let mut kept = 0;
    for round in 0..N_KILLS {
        let acknowledged = kill_once(&folder);
        assert!(acknowledged > kept, "round {round}: the child wrote nothing");
        // First as an auditor finds it, then as the next gateway finds it.
        let found = open_read_only(&url(&folder.db())).unwrap().verify(&Trust::default()).unwrap();
        assert!(found.is_good(), "round {round}: {found:?}");
        let mut journal = open(&folder.db());
        let head = journal.head().0;
        assert!(head >= acknowledged, "round {round}: {acknowledged} told, {head} kept");
        check_holds(&mut journal, head);
        if let Some((seq, bytes)) = journal.snapshot_latest().unwrap() {
            assert_eq!(bytes, format!("state at {seq}").into_bytes());
        }
        kept = head;
    }
}

/// Starts a child, kills it at a random moment, and gives the last number it told.
fn kill_once(folder: &Folder) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "record::kill::child_appends_until_killed"])
        .env(RECORD, folder.db())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (tell, told) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut last = 0;
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.split("durable ").nth(1) {
                last = number.parse().unwrap();
                let _nobody_waits_any_more = tell.send(());
            }
        }
        last
    });
    let mut random = [0_u8; 3];
    getrandom::fill(&mut random).unwrap();
    for _ in 0..=random[0] % 16 {
        told.recv().expect("the child ended by itself");
    }
    // Up to 10 ms into whatever it does next.
    let wait = u64::from(u16::from_le_bytes([random[1], random[2]])) * 10_000 / 65_536;
    let (_keep, never) = mpsc::channel::<()>();
    let _elapsed = never.recv_timeout(Duration::from_micros(wait));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}
