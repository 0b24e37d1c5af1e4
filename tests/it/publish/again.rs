//! Messages that come again, because their sender never learned that they were taken: on record once.

use super::{Site, yellow};
use crate::process::wait_until;
use rumqttc::mqttbytes::QoS;

const OWN: &str = "sources/geology/alerts";

#[test]
fn what_was_recorded_before_a_kill_is_recorded_once() {
    let mut site = Site::start("publish-kill");
    let mut geology = site.geology();
    let texts = [yellow("killed-1"), "no alert at all".to_owned()];
    for text in &texts {
        site.gateway.wait_for(geology.publish_blindly(OWN, text.as_bytes()));
    }
    let taken = |site: &Site| (site.n_rows("alert_accepted"), site.n_rows("alert_rejected"));
    wait_until(30, || taken(&site) == (1, 1), "both are on record");
    site.gateway.kill();
    site.gateway.restart();
    let mut geology = site.geology();
    for (text, qos) in texts.iter().zip([QoS::AtLeastOnce, QoS::ExactlyOnce]) {
        let again = geology.publish_again(OWN, text.as_bytes(), qos);
        assert!(site.gateway.wait_for(again), "it is acknowledged at last: {text}");
    }
    assert_eq!((taken(&site), site.n_rows("alert_repeated")), ((1, 1), 0));
    // New words that say they come again are new all the same.
    let again = geology.publish_again(OWN, b"no alert either", QoS::AtLeastOnce);
    assert!(site.gateway.wait_for(again));
    assert_eq!(taken(&site), (1, 2));
    site.gateway.stop();
    assert_eq!(site.gateway.cli(&["record", "verify"]).0, 0);
}

/// A publisher that sends one after the other while the gateway is killed at any moment: each is on record
/// exactly once.
#[test]
fn nothing_is_lost_or_doubled_whenever_the_gateway_is_killed() {
    const N: usize = 30;
    let mut site = Site::start("publish-kills");
    let mut geology = site.geology();
    for n in 0..N {
        let text = yellow(&format!("kill-{n}"));
        if n % 10 != 5 {
            assert!(site.publish(&mut geology, OWN, text.as_bytes()), "{n}");
            continue;
        }
        site.gateway.wait_for(geology.publish_blindly(OWN, text.as_bytes()));
        // Before it is read, while it is recorded, or just after.
        site.gateway.sleep_ms(u64::try_from(n).unwrap());
        site.gateway.kill();
        site.gateway.restart();
        geology = site.geology();
        let again = geology.publish_again(OWN, text.as_bytes(), QoS::AtLeastOnce);
        assert!(site.gateway.wait_for(again), "{n}");
    }
    assert_eq!((site.n_rows("alert_accepted"), site.n_rows("alert_repeated")), (N, 0));
}

/// The second session of one client id takes the place of the first, as the protocol wants it.
#[test]
fn a_sensor_that_connects_again_takes_its_own_place() {
    let site = Site::start("publish-twice");
    let mut first = site.geology();
    assert!(site.publish(&mut first, OWN, yellow("first").as_bytes()));
    let mut second = site.geology();
    assert!(site.gateway.wait_for(first.is_ended()), "the first is ended");
    assert!(site.publish(&mut second, OWN, yellow("second").as_bytes()));
    assert_eq!(site.n_rows("alert_accepted"), 2);
}
