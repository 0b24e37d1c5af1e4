//! One terminal, two links: the core sends by the preferred, by the other after silence, and one
//! play is on record with the link that told of it.

use mingluo::config::Config;
use mingluo::decide::{ManualRequest, Rules, Urgency};
use mingluo::deliver::Pace;
use mingluo::gateway::{Action, Gateway, Input, RequestId, State};
use mingluo::model::{
    Acknowledgement, Actor, Address, AreaCode, BroadcastId, Chime, Class, ClipRef, Codec, LinkKind,
    Outcome, Role, Sha256, Spoken, Step, TerminalId, UtcMs,
};
use mingluo::record::entry::Entry;
use std::collections::BTreeMap;
use std::path::Path;

/// 2026-06-01T10:00:00+08:00, outside quiet hours.
const START: UtcMs = UtcMs(1_780_279_200_000);

struct County {
    gateway: Gateway,
    broadcast: BroadcastId,
    both: TerminalId,
    now: UtcMs,
    sent: Vec<(i64, LinkKind, Vec<Address>)>,
    acknowledged: Vec<LinkKind>,
}

impl County {
    /// A county in which one terminal has both links and a broadcast to it begins.
    fn new(links: &[LinkKind]) -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
        let mut loaded = Config::load_with(&dir, &BTreeMap::new()).unwrap();
        let both = *loaded.network.terminals.keys().next().unwrap();
        loaded.network.terminals.get_mut(&both).unwrap().links = links.to_vec();
        let served: Vec<AreaCode> = loaded.network.served.clone();
        let rules = Rules::new(loaded.network, loaded.policy);
        let gateway = Gateway::open(rules, Pace::default(), State::default());
        let (sent, acknowledged) = (Vec::new(), Vec::new());
        let broadcast = BroadcastId(0);
        let mut county = Self { gateway, broadcast, both, now: START, sent, acknowledged };
        let manual = ManualRequest {
            text: Some("请立即转移".into()),
            recording: None,
            areas: Vec::new(),
            terminals: vec![both],
            polygon: None,
            groups: Vec::new(),
            class: Class::Live,
            level: None,
            urgency: Urgency::Emergency,
            chime: Chime::None,
            voice: None,
            repeats: 1,
            interval_s: 0,
            volume_percent: None,
            valid_s: 600,
            requested_by: "值班员".into(),
            allowed_areas: served.clone(),
        };
        let officer =
            |name: &str| Actor { name: name.into(), role: Role::Officer, areas: served.clone() };
        county.input(Input::Manual(RequestId(1), officer("值班员"), Box::new(manual)));
        if county.broadcast.0 == 0 {
            let plan = *county.gateway.state().pending.keys().next().expect("a plan waits");
            county.input(Input::Approve(RequestId(2), officer("带班"), plan, 0));
        }
        let clip = ClipRef {
            sha256: Sha256::of(b"clip"),
            codec: Codec::Opus,
            clip_bytes: 40_000,
            duration_ms: 10_000,
        };
        let spoken = Spoken { voice: "recording".into(), fallback_reason: None, render_ms: 1 };
        county.input(Input::Rendered(county.broadcast, vec![clip], spoken));
        county
    }

    fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for action in self.gateway.step(self.now, input) {
                match action {
                    Action::Render(order) => self.broadcast = order.broadcast,
                    Action::Send { broadcast, to, kind, link, .. } => {
                        let second = self.now.since_ms(START) / 1_000;
                        self.sent.push((second, link, to.clone()));
                        inputs.push(Input::LinkTook { broadcast, to, kind, link });
                    }
                    Action::Record(Entry::Acknowledged { report }) => {
                        self.acknowledged.push(report.link);
                    }
                    Action::Record(_)
                    | Action::Reply(..)
                    | Action::Receipt(..)
                    | Action::Call(_)
                    | Action::Alarm(_) => {}
                }
            }
        }
    }

    fn wait(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now = self.now.plus_s(1);
            self.input(Input::Wake);
        }
    }

    fn report(&mut self, step: Step, link: LinkKind, sequence: u32) {
        self.input(Input::Acknowledged(Acknowledgement {
            terminal: self.both,
            broadcast: self.broadcast,
            step,
            received_at: Some(self.now),
            playing_at: None,
            ended_at: None,
            plays: 0,
            heard: false,
            sequence,
            link,
            content: None,
        }));
    }

    fn links_used(&self) -> Vec<LinkKind> {
        self.sent.iter().map(|(_, link, _)| *link).collect()
    }
}

#[test]
fn silence_on_the_preferred_link_brings_the_other() {
    let mut county = County::new(&[LinkKind::Mqtt, LinkKind::Serial]);
    county.wait(14);
    assert!(county.links_used().iter().all(|link| *link == LinkKind::Mqtt), "{:?}", county.sent);
    county.wait(16);
    let first = county.sent.iter().find(|(_, link, _)| *link == LinkKind::Serial);
    let (second, ..) = first.unwrap_or_else(|| panic!("{:?}", county.sent));
    assert!((15..=30).contains(second), "{:?}", county.sent);
    county.report(Step::Received, LinkKind::Serial, 1);
    county.report(Step::Played, LinkKind::Serial, 2);
    // The same word by the other link is no news.
    county.report(Step::Played, LinkKind::Mqtt, 2);
    assert_eq!(county.acknowledged, [LinkKind::Serial, LinkKind::Serial]);
    let state = &county.gateway.state().broadcasts[&county.broadcast];
    assert_eq!(state.deliveries[&county.both].outcome, Outcome::Played);
    let n_sent = county.sent.len();
    county.wait(60);
    assert_eq!(county.sent.len(), n_sent, "nothing is sent after the end");
}

#[test]
fn a_link_known_to_be_down_is_not_waited_for() {
    let mut county = County::new(&[LinkKind::Mqtt, LinkKind::Serial]);
    county.sent.clear();
    county.input(Input::Presence(county.both, false));
    county.wait(14);
    assert!(!county.sent.is_empty());
    assert!(county.links_used().iter().all(|link| *link == LinkKind::Serial), "{:?}", county.sent);
    // The silent line too: nothing is sent into the void, and what comes back gets its order at once.
    county.input(Input::LinePresence(county.both, false));
    county.sent.clear();
    county.wait(30);
    assert_eq!(county.links_used(), []);
    county.input(Input::LinePresence(county.both, true));
    assert_eq!(county.links_used(), [LinkKind::Serial]);
    // The line flickers while the network works: no second copy by the line.
    county.input(Input::Presence(county.both, true));
    county.report(Step::Received, LinkKind::Mqtt, 1);
    county.sent.clear();
    county.input(Input::LinePresence(county.both, false));
    county.input(Input::LinePresence(county.both, true));
    assert_eq!(county.links_used(), []);
}

#[test]
fn a_serial_terminal_is_reached_by_its_line_alone() {
    let mut county = County::new(&[LinkKind::Serial]);
    county.wait(100);
    assert!(county.sent.len() > 3);
    assert!(county.links_used().iter().all(|link| *link == LinkKind::Serial), "{:?}", county.sent);
}
