//! Who may do what at the embedded broker.

use super::{FAR, NEIGHBOUR, OWN, Site, in_s, topic};
use crate::wire::{Login, PATIENCE, SILENCE, Wire, is_silent, next_input};
use mingluo::deliver::{LinkInput, Noticed};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{ConnectReturnCode, LastWill, SubscribeReasonCode};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_in_without_the_password_of_the_terminal_it_claims_to_be() {
    let mut site = Site::start().await;
    let broker = site.broker.local_addr();
    let good = site.login(OWN);
    let password = good.user.clone().unwrap().1;
    let check = async |login: Login| {
        let refused = Wire::connect(broker, &login).await.err().flatten();
        assert!(
            matches!(
                refused,
                Some(ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized)
            ),
            "{refused:?}"
        );
    };
    check(Login::anonymous(OWN)).await;
    check(Login::of(OWN, "")).await;
    check(Login::of(OWN, "guess")).await;
    check(Login::of(NEIGHBOUR, &password)).await;
    check(Login::of("430621999999-001", &password)).await;
    check(Login::of("mingluo-gateway", &password)).await;
    check(Login { client: NEIGHBOUR.into(), ..good.clone() }).await;
    // An alias of the same number would be a second session beside the first.
    let alias = "430621100001-+01";
    check(Login { client: alias.into(), user: Some((alias.into(), password)), ..good }).await;
    assert_eq!(site.count(Noticed::LoginRefused), 8);
    let _in = site.terminal(OWN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_publishes_only_as_itself() {
    let mut site = Site::start().await;
    let mut own = site.terminal(OWN).await;
    for leaf in ["acknowledgement", "status"] {
        assert!(own.publish(&topic(OWN, leaf), b"mine", false).await, "{leaf}");
        let (topic, payload, from) = (topic(OWN, leaf), b"mine".to_vec(), Some(OWN.to_owned()));
        let expect = LinkInput::Message { topic, payload, from };
        assert_eq!(next_input(&mut site.inputs).await, expect);
    }
    own.leave().await;
    site.expect_disconnected(OWN).await;
    let mut far = site.terminal(FAR).await;
    far.subscribe(&topic(FAR, "order")).await.unwrap();
    let foreign = [
        (topic(NEIGHBOUR, "acknowledgement"), false),
        (topic(NEIGHBOUR, "status"), false),
        (topic(OWN, "order"), false),
        (topic(OWN, "receipt"), false),
        (topic(FAR, "order"), false),
        ("m/v1/area/430621000000/order".to_owned(), false),
        ("$SYS/broker/x".to_owned(), false),
        ("m/v1".to_owned(), false),
        // Its own topics, but to be kept by the broker for whoever comes later.
        (topic(OWN, "status"), true),
        (topic(OWN, "acknowledgement"), true),
    ];
    let mut n_refused = 0;
    for (topic, retain) in foreign {
        let mut own = site.terminal(OWN).await;
        assert!(!own.publish(&topic, b"forged", retain).await, "{topic} was acknowledged");
        n_refused += 1;
        assert_eq!(site.count(Noticed::PublishRefused), n_refused, "{topic}");
        site.expect_disconnected(OWN).await;
    }
    assert_eq!(far.next(SILENCE).await, None, "nothing of it reached a terminal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_hears_only_what_concerns_it() {
    let mut site = Site::start().await;
    let mut own = site.terminal(OWN).await;
    for filter in [
        topic(OWN, "order"),
        topic(OWN, "receipt"),
        "m/v1/area/430621100001/order".into(),
        "m/v1/area/430621100000/order".into(),
        "m/v1/area/430621000000/order".into(),
    ] {
        let answer = own.subscribe(&filter).await;
        assert_eq!(answer, Some(SubscribeReasonCode::Success(QoS::AtLeastOnce)), "{filter}");
    }
    let foreign = [
        "#",
        "+/+/+/+/+",
        "m/v1/#",
        "m/v1/terminal/+/order",
        "m/v1/terminal/+/acknowledgement",
        "m/v1/area/+/order",
        "m/v1/area/430621104000/order",
        "m/v1/terminal/430621100001-002/order",
        "m/v1/terminal/430621100001-001/acknowledgement",
        "m/v1/terminal/430621100001-001/#",
        "$SYS/#",
        "$share/g/m/v1/terminal/430621100001-001/order",
        "$exclusive/m/v1/terminal/430621100001-001/order",
        "m/v1/gateway/#",
    ];
    for filter in foreign {
        let answer = own.subscribe(filter).await;
        assert_eq!(answer, Some(SubscribeReasonCode::Failure), "{filter}");
    }
    assert_eq!(site.count(Noticed::SubscribeRefused), u64::try_from(foreign.len()).unwrap());
    // What was refused brings nothing, what was granted does.
    assert!(site.order(&topic(NEIGHBOUR, "order"), b"foreign", in_s(60)).await);
    assert!(site.order("m/v1/area/430621104000/order", b"foreign", in_s(60)).await);
    assert!(site.order("m/v1/area/430621100000/order", b"mine", in_s(60)).await);
    assert_eq!(own.next(PATIENCE).await.unwrap().1, b"mine");
    assert_eq!(own.next(SILENCE).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_will_has_no_more_rights_than_its_terminal() {
    let mut site = Site::start().await;
    let broker = site.broker.local_addr();
    let mut far = site.terminal(FAR).await;
    far.subscribe(&topic(FAR, "order")).await.unwrap();
    far.subscribe("m/v1/area/430621000000/order").await.unwrap();
    let with_will = |site: &Site, topic: &str, length: usize, retain: bool| {
        let will = LastWill::new(topic, vec![7; length], QoS::AtLeastOnce, retain);
        Login { will: Some(will), ..site.login(OWN) }
    };
    for (topic, length, retain) in [
        (topic(FAR, "order"), 8, false),
        (topic(FAR, "status"), 8, false),
        ("m/v1/area/430621000000/order".to_owned(), 8, false),
        (topic(OWN, "status"), 8, true),
        (topic(OWN, "status"), 1_025, false),
    ] {
        let login = with_will(&site, &topic, length, retain);
        // Let it die at once where it should never have come in.
        let refused = Wire::connect(broker, &login).await.map(drop).err().flatten();
        assert_eq!(refused, Some(ConnectReturnCode::NotAuthorized), "{topic} {length} {retain}");
    }
    assert_eq!(site.count(Noticed::WillRefused), 5);
    assert_eq!(far.next(SILENCE).await, None, "no will reached another terminal");
    let login = with_will(&site, &topic(OWN, "status"), 8, false);
    let own = Wire::connect(broker, &login).await.unwrap();
    site.expect_connected(OWN).await;
    drop(own);
    site.expect_disconnected(OWN).await;
    assert!(is_silent(&mut site.inputs).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_longer_than_a_frame_gets_in_and_others_go_on() {
    let mut site = Site::start().await;
    let mut neighbour = site.terminal(NEIGHBOUR).await;
    let mut own = site.terminal(OWN).await;
    assert!(own.publish(&topic(OWN, "status"), &[0; 1_024], false).await, "a whole frame");
    let _message = next_input(&mut site.inputs).await;
    assert!(!own.publish(&topic(OWN, "status"), &[0; 1_025], false).await, "one byte more");
    site.noticed(Noticed::PayloadTooLong, 1).await;
    site.expect_disconnected(OWN).await;
    let mut own = site.terminal(OWN).await;
    assert!(!own.publish(&topic(OWN, "status"), &vec![0; 1_000_000], false).await, "a clip");
    site.noticed(Noticed::ProtocolFault, 1).await;
    site.expect_disconnected(OWN).await;
    let nonsense: [&[u8]; 4] = [
        &[0x30, 0x02, 0x00, 0x09],
        &[0x3d, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x00, 0x00],
        &[0x82, 0x04, 0x00, 0x01, 0xff, 0xff],
    ];
    for bytes in nonsense {
        let mut own = site.terminal(OWN).await;
        own.raw(bytes).await;
        assert!(own.is_ended().await, "{bytes:?}");
        site.expect_disconnected(OWN).await;
    }
    assert!(neighbour.publish(&topic(NEIGHBOUR, "status"), b"good", false).await);
    let LinkInput::Message { payload, .. } = next_input(&mut site.inputs).await else {
        panic!("expected the neighbour's message");
    };
    assert_eq!(payload, b"good");
}
