//! The whole gateway and a terminal that comes late, and comes twice.

use super::{OWN, in_s};
use crate::process::{Gateway, alert, wait_until};
use crate::wire::{Login, PATIENCE, SILENCE, Wire};
use mingluo::deliver::KeyRing;
use mingluo::model::TerminalId;
use mingluo_bridge::frame::{self, Ed25519Verifier, HmacKey, Kind};
use mingluo_bridge::message::{Activity, Order, Status};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A real terminal's session, by hand.
struct Late {
    broker: SocketAddr,
    keys: KeyRing,
    id: TerminalId,
}

impl Late {
    fn topic(leaf: &str) -> String {
        format!("mingluo/v1/terminal/{OWN}/{leaf}")
    }

    async fn connect(&self) -> Wire {
        let login = Login::of(OWN, &self.keys.terminal_password(self.id));
        let mut wire = Wire::connect(self.broker, &login).await.expect("a registered terminal");
        for filter in [
            Self::topic("order"),
            "mingluo/v1/area/430621100001/order".into(),
            "mingluo/v1/area/430621000000/order".into(),
        ] {
            wire.subscribe(&filter).await.unwrap();
        }
        wire
    }

    /// Says that it is there.
    async fn appear(&self, wire: &mut Wire) {
        let status = Status {
            terminal: self.id.number(),
            online: true,
            activity: Activity::Idle,
            clock_ms: in_s(0).0,
            counter_highest: 0,
            boot_count: 1,
            software: "late".try_into().unwrap(),
            codecs: 1,
            volume_percent: 80,
            armed_for_drill: false,
        };
        let key = self.keys.terminal_key(self.id);
        let mut frame = [0; frame::FRAME_BYTES_MAX];
        let signer = HmacKey::new(self.keys.key_id(), &key);
        let used = frame::seal(Kind::Status, &status, &signer, &mut frame).unwrap();
        // Orders may overtake the answer, so nobody waits for it.
        wire.publish_blindly(&Self::topic("status"), &frame[..used]).await;
    }

    /// What it is told, up to `last` and a while beyond: plays and cancels by the broadcast's number.
    async fn orders(&self, wire: &mut Wire, last: Told) -> Vec<Told> {
        let verifier = Ed25519Verifier::new(self.keys.key_id(), &self.keys.public_key()).unwrap();
        let mut orders = Vec::new();
        loop {
            let wait = if orders.contains(&last) { SILENCE } else { PATIENCE * 6 };
            let Some((_, bytes)) = wire.next(wait).await else { break };
            orders.push(match frame::open::<Order>(Kind::Order, &bytes, &verifier).unwrap() {
                Order::Play(play) => ("play", play.counter),
                Order::Cancel(cancel) => ("cancel", cancel.broadcast.unwrap_or(0)),
                Order::Query(query) => ("query", query.broadcast),
                Order::Keep(_) => ("keep", 0),
                Order::Time(_) => ("time", 0),
                Order::Live(live) => ("live", live.counter),
                Order::Part(part) => ("part", part.broadcast),
                Order::Check(check) => ("check", check.check),
            });
        }
        assert!(orders.contains(&last), "expected {last:?}, got {orders:?}");
        orders
    }
}

/// A kind of order and the broadcast it is about.
type Told = (&'static str, u64);

fn broadcast(answer: &Value) -> u64 {
    answer["broadcasts"][0].as_str().expect("red goes out by itself").parse().unwrap()
}

#[test]
fn a_late_terminal_hears_what_is_valid_and_nothing_else() {
    let gateway = Gateway::start("late");
    let (broker, keys) = gateway.broker();
    let late = Late { broker, keys, id: TerminalId::parse(OWN).unwrap() };
    let post = |text: String| gateway.post("/alerts", &gateway.source(), text).1;
    let cancel = |id: u64| {
        let reason = json!({ "reason": "解除" }).to_string();
        gateway.post(&format!("/broadcasts/{id}/cancel"), &gateway.leader(), reason).0
    };
    // Its group orders went out while nobody was there.
    let sent = |id: u64| {
        let view = || gateway.get(&format!("/broadcasts/{id}"));
        wait_until(
            60,
            || view()["counts"]["sent"].as_u64().unwrap_or(0) > 0,
            "group orders go out",
        );
    };
    let over = broadcast(&post(alert("late-1", "Red", "Alert", "")));
    sent(over);
    assert_eq!(cancel(over), 200);
    let valid = broadcast(&post(alert("late-2", "Red", "Alert", "").replace("11B03", "11B05")));
    sent(valid);
    let mut old = gateway.wait_for(async {
        let mut old = late.connect().await;
        late.appear(&mut old).await;
        let orders = late.orders(&mut old, ("play", valid)).await;
        assert!(!orders.contains(&("play", over)), "{orders:?}: {over} is cancelled");
        old
    });
    // It comes again before its old session is gone, and is still there for the gateway.
    let mut new = gateway.wait_for(async {
        let new = late.connect().await;
        assert!(old.is_ended().await);
        tokio::time::sleep(SILENCE * 3).await;
        new
    });
    let there = gateway.get("/terminals?area=430621100001");
    let there = there["terminals"].as_array().unwrap().iter().find(|one| one["terminal"] == OWN);
    assert_eq!(there.expect("it is registered")["presence"], "online");
    assert_eq!(cancel(valid), 200);
    let _orders = gateway.wait_for(late.orders(&mut new, ("cancel", valid)));
}
