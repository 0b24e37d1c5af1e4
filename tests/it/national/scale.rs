//! Three thousand terminals, three hundred of them at a time.

use super::{PLATFORM, code};
use mingluo::clock;
use mingluo::deliver::national::{Member, National, NationalConfig, NationalWord};
use mingluo::deliver::{KeyRing, LinkInput, Outgoing, Publish};
use mingluo::model::{
    Address, AreaCode, BroadcastId, LinkKind, NationalCode, OrderKind, Step, TerminalId,
};
use mingluo::simulate::{NationalFaults, NationalFleet, NationalFleetConfig};
use mingluo_bridge::message::{Class, Clip, Codec, Manifest, Order, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

const N_TERMINALS: usize = 3_000;
const N_BURST: usize = 300;
const LIMIT: Duration = Duration::from_secs(120);

fn terminal(n: usize) -> (TerminalId, Member) {
    let text = format!("430621{:06}", 100_001 + n / 90);
    let area = AreaCode::parse(&text).unwrap();
    let number = n % 90 + 1;
    let id = TerminalId::new(area, u16::try_from(number).unwrap()).unwrap();
    (id, Member { code: code(&text, number), area })
}

fn play(counter: u64) -> Order {
    let now = clock::now_utc();
    let clip = Clip { codec: Codec::Mp3, sha256: [7; 32], clip_bytes: 9, duration_ms: 9 };
    Order::Play(Manifest {
        counter,
        class: Class::Live,
        drill_armed: false,
        priority: 200,
        target: Target::Area(430_621_000_000),
        issued_at_ms: now.0,
        not_before_ms: now.0,
        expires_ms: now.plus_s(600).0,
        volume_percent: None,
        repeats: 1,
        interval_s: 0,
        stagger_ms: 0,
        clips: [clip].into_iter().collect(),
    })
}

fn batch(counter: u64, to: &[TerminalId]) -> Outgoing {
    let payload = KeyRing::new(&[1; 32], [2; 32]).seal_order(&play(counter)).unwrap();
    let expires_at = Some(clock::now_utc().plus_s(600));
    let publish = Publish { topic: String::new(), payload, expires_at };
    Outgoing {
        broadcast: BroadcastId(counter),
        kind: OrderKind::Play,
        link: LinkKind::National,
        hazard: None,
        to: to.iter().map(|id| Address::Terminal(*id)).collect(),
        publishes: vec![publish; to.len()],
    }
}

/// Waits for so many words that count.
async fn wait_for(
    heard: &mut mpsc::Receiver<LinkInput>,
    n: usize,
    counts: impl Fn(&NationalWord) -> bool,
) {
    let mut seen = 0;
    let wait = async {
        while seen < n {
            let input = heard.recv().await.expect("the link lives");
            let word =
                if let LinkInput::National { word, .. } = &input { Some(word) } else { None };
            let word = word.unwrap_or_else(|| panic!("{input:?}"));
            seen += usize::from(counts(word));
        }
    };
    let whole = tokio::time::timeout(LIMIT, wait).await;
    assert!(whole.is_ok(), "{seen} of {n}");
}

#[test]
fn three_thousand_are_served_by_one_signature_for_sixteen() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(three_thousand());
}

async fn three_thousand() {
    let (inputs, mut heard) = mpsc::channel(16_384);
    let n_signed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_signed);
    let members: BTreeMap<TerminalId, Member> = (0..N_TERMINALS).map(terminal).collect();
    let codes: Vec<NationalCode> = members.values().map(|member| member.code).collect();
    let all: Vec<TerminalId> = members.keys().copied().collect();
    let config = NationalConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        platform: NationalCode::parse(PLATFORM).unwrap(),
        members,
        // Nobody is there: each says that it could not play, which is a second word of each.
        clip_url: "http://127.0.0.1:9/clips".into(),
        heartbeat_s: 60,
        silent_s: 200,
        signer: Some(Arc::new(move |_: &[u8]| {
            counted.fetch_add(1, Ordering::Relaxed);
            Some([1; 64])
        })),
        certificate: [0; 6],
        now: clock::now_utc,
    };
    let link = National::start(config, inputs).unwrap();
    let fleet = NationalFleetConfig {
        gateway: link.local_addr().unwrap(),
        time_scale: 1,
        verifier: None,
        faults: NationalFaults::default(),
    };
    // Whole bursts at once: 300 connect in the same moment, ten times.
    let mut fleets = Vec::new();
    for burst in codes.chunks(N_BURST) {
        fleets.push(NationalFleet::start(&fleet, burst));
        let up = |word: &NationalWord| *word == NationalWord::Presence(true);
        wait_for(&mut heard, burst.len(), up).await;
    }
    assert_eq!(link.n_online(), N_TERMINALS);
    let is = |word: &NationalWord, step: fn(&Step) -> bool| matches!(word, NationalWord::Report(report) if step(&report.step));
    let mut figures = Vec::new();
    for (counter, to) in [(1_783_785_600_000, &all[..N_BURST]), (1_783_785_700_000, &all[..])] {
        let before = n_signed.load(Ordering::Relaxed);
        let since = clock::Monotonic::start();
        let taken = link.deliver(&batch(counter, to)).await;
        let sent_ms = since.elapsed_ms();
        assert_eq!((taken.to.len(), taken.n_refused), (to.len(), 0));
        let signatures = n_signed.load(Ordering::Relaxed) - before;
        assert_eq!(signatures, to.len().div_ceil(16), "one signature for sixteen");
        // Each took it and, without audio, says that it could not play.
        let said = |step: &Step| matches!(step, Step::Received | Step::Failed(_));
        wait_for(&mut heard, 2 * to.len(), |word| is(word, said)).await;
        figures.push(format!(
            "{} terminals: sent in {sent_ms} ms, all answered in {} ms",
            to.len(),
            since.elapsed_ms()
        ));
    }
    println!("{}", figures.join("; "));
    // Who is away is told, not lost.
    fleets.pop();
    let gone = |word: &NationalWord| *word == NationalWord::Presence(false);
    wait_for(&mut heard, N_BURST, gone).await;
    let taken = link.deliver(&batch(1_783_785_800_000, &all)).await;
    assert_eq!((taken.to.len(), taken.n_refused), (N_TERMINALS - N_BURST, N_BURST));
    link.close();
}
