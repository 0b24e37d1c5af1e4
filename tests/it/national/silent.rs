//! Silent tests at the socket: what is asked makes no sound, and only what a terminal returns to it is
//! its finding.

use super::over::{answer, batch, control, greeted, say};
use super::site::Site;
use mingluo::deliver::LinkInput;
use mingluo::deliver::national::NationalWord;
use mingluo::deliver::national::control::{Control, Setting};
use mingluo::deliver::national::returned::Returned;
use mingluo::model::{Finding, RefusalCode, SilentTestId};
use mingluo_bridge::message::{Check, Order, Target};
use tokio::net::TcpStream;

const TEST: u64 = 1_783_785_600_001;

async fn check(site: &Site, check: u64, volume_percent: Option<u8>) {
    let target = Target::Area(430_621_000_000);
    let (issued_at_ms, expires_ms) = (1, i64::MAX);
    let order = Order::Check(Check { check, target, issued_at_ms, expires_ms, volume_percent });
    assert_eq!(site.link.deliver(&batch(check, &order)).await.to.len(), 1);
}

/// How the terminal says it is: state 1 idle, 2 at work, 3 broken; and its fault code.
async fn is(stream: &mut TcpStream, state: u8, fault: u8, session: u32) {
    let values = vec![(1, vec![60]), (6, vec![state]), (7, vec![fault])];
    say(stream, &Returned::Answer { result: 0, values }, session).await;
}

async fn found(site: &mut Site, expect: (u64, Finding, u32)) {
    let input = site.next().await;
    let (test, finding, sequence) = (SilentTestId(expect.0), expect.1, expect.2);
    let expect = NationalWord::Tested { test, finding, sequence };
    assert!(
        matches!(&input, LinkInput::National { word, .. } if *word == expect),
        "{input:?}, not {expect:?}"
    );
}

#[tokio::test]
async fn a_terminal_that_says_it_is_well_is_able_and_one_that_does_not_is_not() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    greeted(&mut site, &mut stream).await;
    // What it says of itself unasked by a test is none's finding: the first is that of the greeting.
    is(&mut stream, 3, 9, 1).await;
    for (number, (state, fault, finding)) in [
        (1, 0, Finding::Able),
        (2, 0, Finding::Able),
        (3, 4, Finding::Failed("it is broken, fault code 4".into())),
    ]
    .into_iter()
    .enumerate()
    {
        let test = TEST + u64::try_from(number).unwrap();
        // The one before it is read before it is asked.
        stream_is_read(&mut site, &mut stream).await;
        check(&site, test, None).await;
        let asked = super::site::read(&mut stream).await;
        assert!(matches!(control(&asked), Control::Query(_)), "nothing that sounds: {asked:?}");
        is(&mut stream, state, fault, 40).await;
        found(&mut site, (test, finding, 40)).await;
    }
}

/// Waits until the gateway has read everything: its answer to a heartbeat comes behind.
async fn stream_is_read(site: &mut Site, stream: &mut TcpStream) {
    use super::site::{AREA, beat, read, result};
    use tokio::io::AsyncWriteExt;
    stream.write_all(&beat(super::code(AREA, 1), 99)).await.unwrap();
    assert_eq!(result(&read(stream).await), (true, 99, 0));
    assert!(site.heard.is_empty(), "no word of it is a finding: {:?}", site.heard.try_recv());
}

#[tokio::test]
async fn a_volume_goes_before_the_question_and_a_refusal_is_the_finding() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    greeted(&mut site, &mut stream).await;
    stream_is_read(&mut site, &mut stream).await;
    let volume = |percent| Control::Set(vec![Setting::Volume(percent)]);
    check(&site, TEST, Some(60)).await;
    let asked = super::site::read(&mut stream).await;
    assert_eq!(control(&asked), volume(60));
    answer(&mut stream, &asked, 0).await;
    let asked = super::site::read(&mut stream).await;
    assert!(matches!(control(&asked), Control::Query(_)));
    is(&mut stream, 1, 0, 41).await;
    found(&mut site, (TEST, Finding::Able, 41)).await;
    // It does not take the volume: it is asked nothing more.
    check(&site, TEST + 1, Some(70)).await;
    let asked = super::site::read(&mut stream).await;
    answer(&mut stream, &asked, 34).await;
    let failed = Finding::Failed("34 system ".into());
    found(&mut site, (TEST + 1, failed, asked.session)).await;
    // It does not know the question.
    check(&site, TEST + 2, None).await;
    let asked = super::site::read(&mut stream).await;
    assert!(matches!(control(&asked), Control::Query(_)));
    answer(&mut stream, &asked, 55).await;
    let refused = Finding::Refused(RefusalCode::Content);
    found(&mut site, (TEST + 2, refused, asked.session)).await;
    // One that is only told its volume again answers nobody's test.
    check(&site, SilentTestId::RETELL.0, Some(80)).await;
    let asked = super::site::read(&mut stream).await;
    assert_eq!(control(&asked), volume(80));
    answer(&mut stream, &asked, 0).await;
    stream_is_read(&mut site, &mut stream).await;
    check(&site, TEST + 3, Some(81)).await;
    assert_eq!(control(&super::site::read(&mut stream).await), volume(81), "no question before it");
}
