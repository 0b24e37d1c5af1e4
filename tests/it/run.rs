//! Start and stop of the daemon: health that answers when everything else is stuck, addresses that
//! are taken, SIGTERM in mid-broadcast, a core that never ends.

use crate::process::{Gateway, wait_until, wire_get};
use mingluo::daemon::Daemon;
use mingluo::simulate::Misbehaviour;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use tokio::runtime::{Builder, Runtime};

/// A runtime with a single thread to block.
fn one_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Blocks the core's thread until the sender is dropped.
fn block_core(runtime: &Runtime, daemon: &Daemon) -> mpsc::Sender<()> {
    let (release, blocked) = mpsc::channel::<()>();
    let core = daemon.core.clone();
    drop(runtime.spawn(async move {
        let look = core.look(move |_| {
            let _released = blocked.recv();
        });
        let _ended = look.await;
    }));
    release
}

fn is_ready(status: SocketAddr) -> bool {
    wire_get(status, "/readyz").0 == 200
}

/// Waits until the status plane says that it is not ready for this reason.
fn wait_unready(status: SocketAddr, why: &str) {
    let says = || {
        let (code, body) = wire_get(status, "/readyz");
        code == 503 && body.contains(why)
    };
    wait_until(40, says, why);
}

#[test]
fn the_status_plane_answers_while_core_and_api_are_stuck() {
    let gateway = Gateway::prepare("status");
    let runtime = one_thread();
    let daemon = runtime.block_on(Daemon::start(gateway.loaded())).unwrap();
    let (status, http) = (daemon.status, daemon.http);
    wait_until(20, || is_ready(status), "ready");
    assert_eq!(wire_get(http, "/healthz").0, 200, "at the API's address too");

    let release = block_core(&runtime, &daemon);
    wait_unready(status, "the core is stuck: it last turned");
    assert_eq!(wire_get(status, "/healthz").0, 503);
    let (code, metrics) = wire_get(status, "/metrics");
    assert!(code == 200 && metrics.contains("mingluo_core_silent_ms"), "{metrics}");
    assert!(wire_get(http, "/readyz").1.contains("the core is stuck"), "the API's thread turns");
    drop(release);
    wait_until(20, || is_ready(status), "ready again");

    let (release, blocked) = mpsc::channel::<()>();
    drop(runtime.spawn(async move {
        let _released = blocked.recv();
    }));
    wait_unready(status, "the API is stuck: it last turned");
    drop(release);
    wait_until(20, || is_ready(status), "ready again");
    runtime.block_on(daemon.stop()).unwrap();
}

#[test]
fn a_core_that_never_ends_does_not_keep_the_process() {
    let gateway = Gateway::prepare("stuck");
    let runtime = one_thread();
    let daemon = runtime.block_on(Daemon::start(gateway.loaded())).unwrap();
    let release = block_core(&runtime, &daemon);
    let ended = runtime.block_on(daemon.stop());
    assert!(ended.unwrap_err().to_string().contains("a restart replays"));
    drop(release);
}

#[test]
fn an_address_that_is_taken_is_named_and_nothing_is_left_half_started() {
    let gateway = Gateway::prepare("taken");
    for (key, address) in gateway.listeners() {
        let holder = TcpListener::bind(address).unwrap();
        let (code, said) = gateway.cli(&["run"]);
        assert_eq!(code, 69, "{key}: {said}");
        for expect in [&address.to_string(), "in use", key.split('.').next_back().unwrap()] {
            assert!(said.contains(expect), "{key}: `{expect}` is not in {said}");
        }
        drop(holder);
    }
    let url = format!("sqlite:{}", gateway.record().display());
    let rows = mingluo::record::open_read_only(&url).unwrap().read(1, 10).unwrap();
    assert!(rows.is_empty(), "a start that failed is not on record: {rows:?}");
    // Inside one process too, the addresses are free again at once.
    let runtime = one_thread();
    let (_, last) = gateway.listeners()[3];
    let holder = TcpListener::bind(last).unwrap();
    let refused = runtime.block_on(Daemon::start(gateway.loaded())).err().expect("refused");
    assert_eq!(refused.exit, 69);
    drop(holder);
    for (key, address) in gateway.listeners() {
        assert!(TcpListener::bind(address).is_ok(), "{key} is still taken");
    }
    let daemon = runtime.block_on(Daemon::start(gateway.loaded())).unwrap();
    runtime.block_on(daemon.stop()).unwrap();
}

/// SIGTERM in mid-broadcast, with a watcher and an idle connection open: the process ends by itself
/// with 0, the record is whole, and the next start goes on without a second play.
#[test]
fn sigterm_in_mid_broadcast_then_the_next_start_goes_on() {
    let mut gateway = Gateway::start("sigterm");
    let fleet = gateway.fleet(Misbehaviour::default());
    let n_online = u64::try_from(fleet.n_connecting).unwrap();
    let connected = || fleet.stats.connected.load(Ordering::Relaxed) >= n_online;
    wait_until(60, connected, "all terminals connect");
    let (_, http) = gateway.listeners()[1];
    let idle = std::net::TcpStream::connect(http).unwrap();
    let watcher = gateway.watch();
    let answer = gateway.post_alert("Red");
    let broadcast = answer["broadcasts"][0].as_str().expect("red goes out by itself").to_owned();
    let sent = || {
        let view = gateway.get(&format!("/broadcasts/{broadcast}"));
        view["counts"]["waiting"].as_u64() == Some(0)
    };
    wait_until(60, sent, "orders are out");
    gateway.stop_within(12);
    drop((idle, watcher));
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0, "the record is whole");
    gateway.restart();
    let played = || {
        let view = gateway.get(&format!("/broadcasts/{broadcast}"));
        view["counts"]["played"].as_u64() == Some(n_online)
    };
    wait_until(150, played, "every terminal played");
    let view = gateway.get(&format!("/broadcasts/{broadcast}"));
    let repeats = u32::try_from(view["repeats"].as_u64().unwrap()).unwrap();
    let tally = fleet.stats.tally_of(broadcast.parse().unwrap());
    for (terminal, plays) in &tally.sounded {
        assert_eq!(*plays, repeats, "{terminal} played {plays} times, {repeats} were ordered");
    }
    gateway.stop_within(12);
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}
