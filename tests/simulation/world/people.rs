//! What officers do meanwhile: a programme by the calendar, a release alone with later signatures,
//! resends at any moment.

use super::{Bug, Event, START, World, rules};
use mingluo::decide::{ManualRequest, Urgency};
use mingluo::gateway::{Action, Ask, Input, LatchOrder, LiveAct, Release, RequestId, Speaking};
use mingluo::model::{
    Actor, AreaLevel, BroadcastId, Calendar, Chime, Class, ClipRef, Codec, LatchHold, LocalDate,
    Outcome, Programme, Role, Sha256, Spoken, StopScope, TerminalId,
};
use mingluo::record::entry::Entry;
use std::collections::BTreeSet;

/// Local minute of the programme: ten minutes after the start.
const PROGRAMME_MINUTE: u16 = 10 * 60 + 10;

/// Length of the clip.
const CLIP_MS: u32 = 20_000;
/// Parts of a live speech.
const PARTS: u32 = 30;

fn actor(name: &str, role: Role) -> Actor {
    Actor { name: name.into(), role, areas: rules().network.served }
}

fn manual() -> ManualRequest {
    ManualRequest {
        text: Some("河水上涨，请马上转移".into()),
        recording: None,
        areas: rules().network.served,
        terminals: Vec::new(),
        groups: Vec::new(),
        polygon: None,
        class: Class::Live,
        level: None,
        urgency: Urgency::Emergency,
        chime: Chime::Notice,
        voice: None,
        repeats: 1,
        interval_s: 0,
        volume_percent: None,
        valid_s: 1_800,
        requested_by: "值班员".into(),
        allowed_areas: rules().network.served,
    }
}

fn programme() -> Programme {
    let day = LocalDate::of(START, 480).unwrap();
    let network = rules().network;
    Programme {
        name: "安全生产月".into(),
        text: Some("人人讲安全".into()),
        recording: None,
        voice: None,
        areas: Vec::new(),
        // One terminal, so that nobody else has to approve it.
        terminals: network.terminals.keys().take(1).copied().collect(),
        groups: Vec::new(),
        calendar: Calendar::Daily,
        at_minutes: BTreeSet::from([PROGRAMME_MINUTE]),
        from: day,
        until: day,
        except: BTreeSet::new(),
        repeats: 1,
        interval_s: 0,
        volume_percent: None,
        tolerance_s: 60,
        valid_s: 600,
    }
}

impl World {
    pub(super) fn plan_officers(&mut self) {
        self.at(500, Event::Officer(0));
        let due_ms = 10 * 60_000;
        if !self.mild && self.dice.percent(30) {
            // The gateway dies about when the programme starts.
            let down = due_ms - 2_000 + i64::try_from(self.dice.below(10_000)).unwrap();
            self.at(down, Event::GatewayDown);
            self.at(down + 3_000, Event::GatewayUp);
        }
        if self.dice.percent(30) {
            let at = i64::try_from(self.dice.below(90_000)).unwrap();
            self.at(at, Event::Officer(1));
            self.at(at + 20_000, Event::Officer(2));
            self.at(at + 40_000, Event::Officer(3));
        }
        // Without a throw of the dice, so that everything else is as it was.
        if !self.mild && self.loss.is_multiple_of(2) {
            self.at(20_000 + i64::try_from(self.delay_ms).unwrap() * 20, Event::Officer(5));
        }
        // A latch of the county or of one town, lifted before or after the programme is due.
        if self.delay_ms % 3 == 1 {
            self.at(3_500, Event::Officer(6));
            let lifted_s = if self.loss.is_multiple_of(2) { 200 } else { 700 };
            self.at(lifted_s * 1_000, Event::Officer(7));
        }
        for _ in 0..self.dice.below(4) {
            let at = 10_000 + i64::try_from(self.dice.below(1_200_000)).unwrap();
            self.at(at, Event::Officer(4));
        }
    }

    pub(super) fn officer(&mut self, act: u64) {
        const WHY: &str = "溃坝在即，来不及等";
        let alone =
            self.gateway.as_ref().and_then(|gateway| gateway.state().glass.keys().next().copied());
        let (actor, ask) = match (act, alone) {
            (0, _) => (actor("值班员", Role::Officer), Ask::SetProgramme(Box::new(programme()))),
            (1, _) => {
                let release = Release::Manual(Box::new(manual()));
                (actor("值班员", Role::Officer), Ask::BreakGlass(release, WHY.into()))
            }
            (2, Some(broadcast)) => (actor("副班", Role::Officer), Ask::Countersign(broadcast)),
            (3, Some(broadcast)) => (actor("带班", Role::Leader), Ask::Countersign(broadcast)),
            (6, _) => (actor("带班", Role::Leader), Ask::SetLatch(self.latch())),
            (7, _) => {
                let ask = Ask::LiftLatch(StopScope::All, "已核实解除".into());
                (actor("带班", Role::Leader), ask)
            }
            (4, _) => return self.resend(),
            (5, _) => return self.live(),
            (_, _) => return,
        };
        self.requests += 1;
        self.input(Input::Ask(RequestId(self.requests), actor, Box::new(ask)));
    }

    /// Of the county, or of the town of the first terminal; what comes waits or is refused.
    fn latch(&self) -> LatchOrder {
        let first = rules().network.terminals.values().next().map(|known| known.area);
        let town = first.and_then(|area| area.at(AreaLevel::Township));
        let scope = match town {
            Some(town) if self.delay_ms.is_multiple_of(2) => StopScope::Areas(vec![town]),
            Some(_) | None => StopScope::All,
        };
        let hold = if self.delay_ms % 5 < 3 { LatchHold::Wait } else { LatchHold::Refuse };
        LatchOrder { scope, hold, stop: false, reason: "上级平台误发，正在核实".into() }
    }

    /// The audio of a broadcast, or its opening, is ready.
    pub(super) fn rendered(&mut self, broadcast: u64) {
        let live = self.gateway.as_ref().is_some_and(|gateway| {
            let known = gateway.state().broadcasts.get(&BroadcastId(broadcast));
            known.is_some_and(|known| known.broadcast.speaker().is_some())
        });
        let clip = ClipRef {
            sha256: Sha256::of(&broadcast.to_le_bytes()),
            codec: Codec::Opus,
            clip_bytes: 40_000,
            duration_ms: if live { 2_000 } else { CLIP_MS },
        };
        let spoken = Spoken { voice: "sim".into(), fallback_reason: None, render_ms: 1 };
        self.input(Input::Rendered(BroadcastId(broadcast), vec![clip], spoken));
    }

    /// Somebody will speak, released alone.
    fn live(&mut self) {
        let wanted = ManualRequest { voice: Some("live".into()), text: None, ..manual() };
        let officer = actor("值班员", Role::Officer);
        self.requests += 1;
        let ask = Ask::BreakGlass(Release::Manual(Box::new(wanted)), "来不及打字".into());
        self.input(Input::Ask(RequestId(self.requests), officer, Box::new(ask)));
        let Some(gateway) = &self.gateway else { return };
        let broadcasts = gateway.state().broadcasts.iter();
        let new = broadcasts.rev().find(|(_, state)| state.is_unspoken()).map(|(id, _)| id.0);
        if let Some(new) = new {
            self.soon(5_000, Event::Speak(new, None));
        }
    }

    /// The opening, then a part a second, then the end, unless the page dies or is told that it is over.
    pub(super) fn speak(&mut self, id: BroadcastId, part: Option<u32>) {
        let Some(gateway) = &self.gateway else { return };
        let act = match part {
            None => LiveAct::Begin,
            Some(PARTS) => LiveAct::End("喊话结束".into()),
            Some(number) => {
                let sha256 = Sha256::of(format!("{id}-{number}").as_bytes());
                self.parts.insert(sha256.0, id.0);
                let (codec, clip_bytes, duration_ms) = (Codec::Opus, 2_000, 1_000);
                let clip = ClipRef { sha256, codec, clip_bytes, duration_ms };
                LiveAct::Part { number, spoken_at: self.now, clips: vec![clip] }
            }
        };
        let over = gateway.state().broadcasts.get(&id).is_none_or(|state| {
            part.is_some() && !state.speaking.as_ref().is_some_and(Speaking::goes_on)
        });
        let officer = actor("值班员", Role::Officer);
        self.requests += 1;
        let ask = Box::new(Ask::Live(id, act));
        self.input(Input::Ask(RequestId(self.requests), officer, ask));
        let dies = part == Some(PARTS / 2) && self.dice.percent(30);
        if over || dies || part == Some(PARTS) {
            return;
        }
        let wait_ms = if part.is_none() { 3_000 } else { 1_000 };
        let next = part.map_or(0, |number| number + 1);
        self.soon(wait_ms, Event::Speak(id.0, Some(next)));
    }

    /// Parts of a broadcast that a horn has begun.
    pub(crate) fn n_parts_heard(&self, terminal: TerminalId, broadcast: u64) -> u32 {
        let heard = self
            .heard
            .iter()
            .filter(|(id, sha256)| *id == terminal && self.parts.get(sha256) == Some(&broadcast));
        heard.count().try_into().unwrap()
    }

    /// A resend of any broadcast there is.
    fn resend(&mut self) {
        let Some(gateway) = &self.gateway else { return };
        let all: Vec<BroadcastId> = gateway.state().broadcasts.keys().copied().collect();
        if all.is_empty() {
            return;
        }
        let pick = usize::try_from(self.dice.below(all.len() as u64)).unwrap();
        let of = all[pick];
        let officer = actor("值班员", Role::Officer);
        self.requests += 1;
        if self.bug == Some(Bug::ResendsToAll) {
            let release = Release::Manual(Box::new(manual()));
            let ask = Ask::BreakGlass(release, "planted".into());
            self.input(Input::Ask(RequestId(self.requests), officer, Box::new(ask)));
            let gateway = self.gateway.as_ref().expect("it runs");
            let new = *gateway.state().broadcasts.keys().next_back().expect("there are some");
            if new != of && !all.contains(&new) {
                self.note_resend(of, new);
            }
            return;
        }
        self.input(Input::Ask(RequestId(self.requests), officer, Box::new(Ask::Resend(of))));
    }

    pub(super) fn note_resends(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Record(Entry::Resent { of, broadcast: Some(new), .. }) = action {
                self.note_resend(*of, *new);
            }
        }
    }

    /// Whoever played it, by the horn and by the ledger, is not asked to play it again.
    fn note_resend(&mut self, of: BroadcastId, new: BroadcastId) {
        let Some(gateway) = &self.gateway else { return };
        let broadcasts = &gateway.state().broadcasts;
        let (Some(old), Some(new)) = (broadcasts.get(&of), broadcasts.get(&new)) else { return };
        let again = self.horns.iter().find(|horn| {
            let on_record = old.deliveries.get(&horn.id).map(|delivery| &delivery.outcome);
            horn.sounded.contains_key(&of.0)
                && on_record == Some(&Outcome::Played)
                && new.broadcast.terminals().contains(&horn.id)
        });
        if let Some(horn) = again {
            self.broken.push(format!("{} played {of} and is asked to play it again", horn.id));
        }
    }
}
