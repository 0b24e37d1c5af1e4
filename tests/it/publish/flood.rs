//! A source that sends without end: it waits, nobody else does, and nothing is lost.

use super::{COUNTY, Site, yellow};
use crate::feeds::cap;
use crate::process::wait_until;
use crate::wire::Login;

/// More than a burst, so that it is slowed down for some seconds.
const N: usize = 800;

#[test]
fn a_flood_waits_and_holds_up_nobody_else() {
    let site = Site::start("publish-flood");
    let mut geology = site.geology();
    let mut sensor = site.connect(&Login { client: "geology/red".into(), ..site.login("geology") });
    let mut weather = site.connect(&site.login("weather"));
    let runtime = site.gateway.wait_for(async { tokio::runtime::Handle::current() });
    let flood = runtime.spawn(async move {
        for n in 0..N {
            let text = yellow(&format!("flood-{n}"));
            geology.publish_blindly("sources/geology/alerts", text.as_bytes()).await;
        }
        geology.acknowledged(N).await
    });
    wait_until(60, || site.why("地质监测").contains("slowed down"), "the flood is slowed down");
    // Another source, and a red one of the same source, are taken at once.
    assert!(site.publish(&mut weather, "sources/weather/alerts", yellow("other").as_bytes()));
    let red = cap("red", "11B03", "Extreme", COUNTY);
    assert!(site.publish(&mut sensor, "sources/geology/alerts", red.as_bytes()));
    assert!(!flood.is_finished(), "they did not wait for its end");
    assert_eq!(site.gateway.wait_for(flood).unwrap(), N, "all of it is acknowledged");
    assert_eq!(site.n_rows("alert_accepted"), N + 2);
    assert_eq!((site.n_rows("alerts_shed"), site.n_rows("alert_rejected")), (0, 0));
}
