//! Thousands of stations on the real daemon: nothing is lost, and what it takes. The normal run has a
//! few of them; `cargo test --test it -- --ignored five_thousand --nocapture` has all.

use super::*;
use mingluo::clock::Monotonic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream as Tcp;

/// Connections beside one a station.
const SPARE: usize = 1_000;
/// Crossings of each measurement.
const CROSSINGS: usize = 20;
/// Reports of every station before the measurement.
const ROUNDS: u16 = 4;
const BELOW_MM: u32 = 33_000;
const ABOVE_MM: u32 = 34_500;

/// A station on its connection.
struct Remote {
    number: usize,
    serial: u16,
    stream: Tcp,
}

fn id(number: usize) -> String {
    format!("{}", 62_000_000 + number)
}

impl Remote {
    async fn connect(listen: SocketAddr, number: usize) -> Self {
        let stream = Tcp::connect(listen).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { number, serial: 0, stream }
    }

    /// Sends a report and waits for its confirm: then it is kept, and what it told is on record.
    async fn report(&mut self, level_mm: u32) -> Duration {
        self.serial += 1;
        // Level and voltage: two readings.
        let elements = format!("3923{level_mm:08}38121220");
        let address = format!("00{}", id(self.number));
        let bytes = report(&address, 0x32, self.serial, &minutes_ago(0), &elements);
        let watch = Monotonic::start();
        self.stream.write_all(&bytes).await.unwrap();
        let mut answer = [0; 25];
        let read = self.stream.read_exact(&mut answer);
        tokio::time::timeout(Duration::from_secs(120), read).await.expect("confirmed").unwrap();
        assert_eq!(
            (answer[14..16].to_vec(), answer[22]),
            (self.serial.to_be_bytes().to_vec(), 0x1B)
        );
        watch.elapsed()
    }
}

/// What `percent` of the times do not exceed, microseconds.
fn percentile(times: &[Duration], percent: usize) -> u128 {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_micros()
}

fn per_s(n: usize, watch: &Monotonic) -> usize {
    n * 1_000 / usize::try_from(watch.elapsed_ms().max(1)).unwrap()
}

fn tenths(part: u128, whole: u128) -> String {
    let tenths = part * 10 / whole.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Crossings one after the other; gives the time of each from the first byte to the alert on record.
async fn cross(stations: &mut [Remote]) -> Vec<Duration> {
    let mut times = Vec::new();
    for station in stations {
        times.push(station.report(ABOVE_MM).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    times
}

/// All at once report `ROUNDS` times.
async fn rounds(stations: Vec<Remote>) -> Vec<Remote> {
    let all = stations.into_iter().map(|mut station| {
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                station.report(BELOW_MM).await;
            }
            station
        })
    });
    let all: Vec<_> = all.collect();
    let mut back = Vec::new();
    for station in all {
        back.push(station.await.unwrap());
    }
    back
}

/// All report on and on until told; gives how often they did.
fn flood(stations: Vec<Remote>, over: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<usize>> {
    let one = |mut station: Remote| {
        let over = Arc::clone(over);
        tokio::spawn(async move {
            let mut n = 0;
            while !over.load(Ordering::Relaxed) {
                station.report(BELOW_MM).await;
                n += 1;
            }
            n
        })
    };
    stations.into_iter().map(one).collect()
}

/// More connections than there is room for: the most silent goes, who comes is served.
async fn overfill(listen: SocketAddr, n: usize) {
    let mut oldest = Remote::connect(listen, 0).await;
    oldest.report(BELOW_MM).await;
    let mut idle = Vec::new();
    for _ in 0..n + SPARE {
        idle.push(Tcp::connect(listen).await.unwrap());
    }
    let mut newest = Remote::connect(listen, 1).await;
    newest.report(BELOW_MM).await;
    let mut byte = [0];
    let ended = oldest.stream.read(&mut byte);
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "the most silent is ended: {ended:?}");
    newest.report(BELOW_MM).await;
    drop(idle);
}

#[expect(clippy::print_stdout, reason = "a measurement shows its figures")]
fn load(name: &str, n: usize) {
    let head = STATIONS.lines().next().unwrap();
    let row = |number| {
        let id = id(number);
        format!("{id},示例{id}站,河道,430621100000,,,,90,警戒 蓝 水位>=34.0; 涨水 蓝 涨幅>=9/24h\n")
    };
    let stations = format!("{head}\n{}", (0..n).map(row).collect::<String>());
    let (mut gateway, listen) = ready_with(name, &stations);
    let base_kib = gateway.memory_peak_kib();
    let (n_flood, idle, busy, all_per_s, flood_per_s) = gateway.wait_for(async {
        let mut all = Vec::new();
        for number in 0..n {
            all.push(Remote::connect(listen, number).await);
        }
        let watch = Monotonic::start();
        let mut all = rounds(all).await;
        let all_per_s = per_s(n * usize::from(ROUNDS), &watch);
        let mut first = all.split_off(n - 2 * CROSSINGS);
        let mut second = first.split_off(CROSSINGS);
        let idle = cross(&mut first).await;
        let over = Arc::new(AtomicBool::new(false));
        let n_flood = Arc::new(AtomicUsize::new(0));
        let watch = Monotonic::start();
        let flooding = flood(all, &over);
        let busy = cross(&mut second).await;
        over.store(true, Ordering::Relaxed);
        for station in flooding {
            n_flood.fetch_add(station.await.unwrap(), Ordering::Relaxed);
        }
        let n_flood = n_flood.load(Ordering::Relaxed);
        let flood_per_s = per_s(n_flood, &watch);
        (n_flood, idle, busy, all_per_s, flood_per_s)
    });
    let peak_kib = gateway.memory_peak_kib();
    // Every confirm came; every crossing is an alert, once.
    let told = gateway.get("/record?limit=1000").to_string();
    assert_eq!(told.matches("\"kind\":\"alert_accepted\"").count(), 2 * CROSSINGS, "{told}");
    gateway.wait_for(overfill(listen, n));
    let kib = peak_kib.saturating_sub(base_kib);
    let [idle_50, idle_99] = [50, 99].map(|percent| percentile(&idle, percent));
    let [busy_50, busy_99] = [50, 99].map(|percent| percentile(&busy, percent));
    println!(
        "{n} stations connected: {all_per_s} reports/s all at once ({} readings/s), {flood_per_s} of {n_flood} \
         while crossings were measured; {kib} KiB more memory, {} KiB a station; from crossing to \
         alert p50 {idle_50} us and p99 {idle_99} us alone, {} and {} times that in the flood",
        all_per_s * 2,
        kib / u64::try_from(n).unwrap(),
        tenths(busy_50, idle_50),
        tenths(busy_99, idle_99)
    );
    gateway.kill();
    gateway.restart();
    let views = gateway.get("/stations?limit=1000").to_string();
    assert_eq!(views.matches("\"value\":12.2").count(), n.min(1_000), "every last value is back");
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn a_hundred_and_fifty_stations_at_once() {
    load("load-150", 150);
}

#[test]
#[ignore = "minutes of both processors"]
fn five_thousand_stations_at_once() {
    load("load-5000", 5_000);
}
