//! A restart is a replay: a watcher that is restarted before every report says what its twin says
//! that never was.

use super::tests::{Desk, above, id, minute};
use super::*;

/// Pseudo-random numbers, the same each time.
struct Dice(u32);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % n.max(1)
    }

    fn tenths(&mut self, n: u32) -> f64 {
        f64::from(self.below(n)) / 10.0
    }
}

/// Weather that makes everything happen: rivers that rise and leap, counters that are reset, slopes
/// that move while it rains elsewhere, late and doubled reports, days without any.
struct Weather {
    dice: Dice,
    at: i64,
    stage: f64,
    rain: [f64; 2],
    slope: [f64; 2],
    last: Option<ReadingReport>,
}

impl Weather {
    fn next(&mut self) -> ReadingReport {
        let dice = &mut self.dice;
        if dice.below(12) == 0
            && let Some(last) = self.last.clone()
        {
            return last;
        }
        self.at += i64::from(1 + dice.below(40)) + if dice.below(40) == 0 { 1_700 } else { 0 };
        let late = if dice.below(8) == 0 { i64::from(dice.below(50)) } else { 0 };
        let gauge = dice.below(3) == 0;
        self.stage += dice.tenths(15) - 0.7;
        let leap = if dice.below(10) == 0 { 9.0 } else { 0.0 };
        let storm = if self.at / 500 % 2 == 0 { 140 } else { 4 };
        self.rain = self.rain.map(|rain| rain + self.dice.tenths(storm));
        if self.dice.below(60) == 0 {
            self.rain[usize::from(gauge)] = 0.0;
        }
        self.slope = self.slope.map(|slope| slope + self.dice.tenths(14) - 0.5);
        let station = if gauge { above() } else { id() };
        let (rain, other) = (self.rain[usize::from(gauge)], self.dice.tenths(30));
        let minutes = if self.dice.below(2) == 0 { 5 } else { 60 };
        let mut values = vec![(Quantity::RainTotal, rain), (Quantity::Rain { minutes }, other)];
        if !gauge {
            values.push((Quantity::Stage, self.stage + leap));
            values.push((Quantity::Displacement, self.slope[0]));
            values.push((Quantity::Tilt, self.slope[1]));
        }
        let reading = |(quantity, value)| Reading {
            station: station.clone(),
            point: String::new(),
            quantity,
            value,
            observed_at: minute(self.at - late),
            quality: Quality::Good,
        };
        let report = ReadingReport {
            station: station.clone(),
            reported_at: None,
            received_at: minute(self.at),
            readings: values.into_iter().map(reading).collect(),
            alarms: None,
        };
        self.last = Some(report.clone());
        report
    }
}

/// Reports until the restarted one says something else; and how much was said.
fn run(seed: u32, steps: usize, forgets: bool) -> (Option<usize>, usize, String) {
    let mut weather = Weather {
        dice: Dice(seed),
        at: 0,
        stage: 33.0,
        rain: [0.0; 2],
        slope: [0.0; 2],
        last: None,
    };
    let (mut whole, mut restarted) = (Desk::new(), Desk::new());
    restarted.forgets = forgets;
    for step in 0..steps {
        let report = weather.next();
        restarted.restart();
        let again = restarted.watcher.resume(report.received_at);
        restarted.tell(&again, report.received_at);
        let (one, other) = (whole.report(&report), restarted.report(&report));
        if (&one, &whole.told) != (&other, &restarted.told) {
            return (Some(step), whole.told.len(), format!("{one:#?}\n{other:#?}"));
        }
    }
    (None, whole.told.len(), whole.told.join("\n"))
}

#[test]
fn restarted_at_every_step_it_says_the_same() {
    for seed in 1..5 {
        let (differs, n_told, told) = run(seed * 77_777, 1_200, false);
        assert_eq!(differs, None, "seed {seed}: {told}");
        assert!(n_told > 40, "seed {seed}: only {n_told} were told");
        for kind in [
            "3小时内降雨",
            "龙门雨量站24小时内降雨",
            "超过保证水位",
            "位移24小时",
            "倾角24小时",
            "解除",
        ] {
            assert!(told.contains(kind), "seed {seed}: nothing of {kind}");
        }
    }
}

/// The test above can fail: without its windows a watcher says something else soon.
#[test]
fn without_its_windows_it_says_something_else() {
    for seed in 1..5 {
        let (differs, ..) = run(seed * 77_777, 3_000, true);
        assert!(differs.is_some(), "seed {seed}: forgetting the windows did not show");
    }
}

/// Killed between keeping the windows and telling: the start tells it, unless it is old.
#[test]
fn what_was_kept_and_not_told_is_told_at_the_start() {
    let check = |after_min: i64, expect: usize| {
        let mut desk = Desk::new();
        let reading = Reading {
            station: id(),
            point: "Z".into(),
            quantity: Quantity::Stage,
            value: 35.5,
            observed_at: minute(0),
            quality: Quality::Good,
        };
        let taken = desk.watcher.put(&ReadingReport {
            station: id(),
            reported_at: None,
            received_at: minute(0),
            readings: vec![reading],
            alarms: None,
        });
        let change = taken.changes.first().unwrap();
        let samples = change.put.into_iter().collect();
        let kept = WindowKept { sensor: change.sensor.clone(), samples, suspect: None };
        desk.restart();
        assert_eq!(desk.watcher.restore(vec![kept]), []);
        assert_eq!(desk.watcher.resume(minute(after_min)).len(), expect, "{after_min} minutes");
    };
    check(1, 1);
    check(60, 1);
    check(61, 0);
}

#[test]
fn windows_of_stations_that_are_gone_are_given_back() {
    let sensor = Sensor {
        station: StationId::parse("GONE").unwrap(),
        point: "Z".into(),
        quantity: Quantity::Stage,
    };
    let kept = WindowKept { sensor: sensor.clone(), samples: Vec::new(), suspect: None };
    assert_eq!(Desk::new().watcher.restore(vec![kept]), [sensor]);
}
