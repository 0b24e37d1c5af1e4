//! Messages against receivers that refuse, fail, are silent for ever, or hide behind a certificate.

use super::*;
use crate::daemon::core::{CoreMessage, core_queue};
use crate::model::{AreaCode, BroadcastId, CallId, CallStage, CalledPerson, UtcMs};
use crate::secrets;
use crate::tls;
use crate::tls::{posting_client, self_signed};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tokio_rustls::TlsAcceptor;

fn order(call: u64, answer_by: UtcMs) -> CallOrder {
    CallOrder {
        call: CallId(call),
        place: 0,
        broadcast: BroadcastId(7),
        person: CalledPerson {
            name: "村支书".into(),
            role: "责任人".into(),
            telephone: "119".into(),
            stage: CallStage::Village,
            digest: None,
        },
        area: AreaCode::parse("430621100001").unwrap(),
        area_name: "荣家湾镇某村".into(),
        text: "请转移".into(),
        drill: false,
        token: Some("secret".into()),
        answer_by,
    }
}

/// A receiver with this answer at its n-th request, the last one for all after it.
struct Receiver {
    at: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
}

async fn receiver(statuses: &[u16]) -> Receiver {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let bodies = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(axum::serve(listener, router(statuses, &bodies)).into_future());
    Receiver { at, bodies }
}

fn router(statuses: &[u16], bodies: &Arc<Mutex<Vec<String>>>) -> Router {
    let (statuses, bodies) = (statuses.to_vec(), Arc::clone(bodies));
    let take = async move |body: String| {
        let mut bodies = bodies.lock().unwrap();
        bodies.push(body);
        let status = statuses.get(bodies.len() - 1).or(statuses.last()).copied().unwrap();
        StatusCode::from_u16(status).unwrap()
    };
    Router::new().route("/sms", post(take))
}

fn poster(url: &str, client: reqwest::Client) -> (Poster, mpsc::Receiver<CoreMessage>) {
    let (core, inputs) = core_queue();
    let (url, public_url) = (url.to_owned(), "http://console.test".to_owned());
    let metrics = Arc::new(Metrics::default());
    let webhook = Webhook::new(client, url, [7; 32]);
    (Poster { webhook, public_url, core, metrics }, inputs)
}

/// How often it was posted, what the core was told, and whether it was given up.
async fn check(statuses: &[u16], answer_in_s: i64, n_posts: usize, taken: bool) {
    let receiver = receiver(statuses).await;
    let url = format!("http://{}/sms", receiver.at);
    let client = posting_client(&url, None, Duration::from_secs(5)).unwrap();
    let (poster, mut inputs) = poster(&url, client);
    poster.deliver(order(9, clock::now_utc().plus_s(answer_in_s))).await;
    let told = inputs.try_recv().ok();
    let took = matches!(&told, Some(CoreMessage::Happened(Input::CallTook(CallId(9), 0))));
    assert_eq!((receiver.bodies.lock().unwrap().len(), took), (n_posts, taken), "{statuses:?}");
    assert_eq!(alarms(&poster.metrics, "call_not_sent"), u64::from(!taken), "{statuses:?}");
}

/// How often an alarm was raised.
fn alarms(metrics: &Metrics, kind: &str) -> u64 {
    let text = metrics.text().unwrap();
    let line = text.lines().find(|line| line.contains("alarms") && line.contains(kind));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_message_is_tried_again_until_it_is_taken_or_refused_for_good() {
    check(&[200], 600, 1, true).await;
    check(&[503, 202], 600, 2, true).await;
    check(&[429, 204], 600, 2, true).await;
    for never in [400, 401, 403, 404, 410, 422] {
        check(&[never], 600, 1, false).await;
    }
    // A redirect leads to somebody else: it is not followed, and no answer of a receiver.
    check(&[302], 600, 1, false).await;
}

#[tokio::test]
async fn nothing_is_tried_after_the_next_level_is_called() {
    // The second try would come after a second, the third two seconds later.
    check(&[503], 0, 1, false).await;
    check(&[503], 2, 2, false).await;
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/sms", listener.local_addr().unwrap());
    drop(listener);
    let client = posting_client(&url, None, Duration::from_secs(5)).unwrap();
    let (poster, mut inputs) = poster(&url, client);
    poster.deliver(order(9, clock::now_utc())).await;
    assert!(inputs.try_recv().is_err());
    assert_eq!(alarms(&poster.metrics, "call_not_sent"), 1);
}

#[test]
fn a_full_queue_and_no_receiver_raise_their_alarms() {
    let metrics = Arc::new(Metrics::default());
    let (sender, mut queue) = mpsc::channel(2);
    let desk = CallDesk { queue: Some(sender), metrics: Arc::clone(&metrics) };
    for call in 1..=4 {
        desk.push(order(call, UtcMs(0)));
    }
    let mut kept = Vec::new();
    while let Ok(order) = queue.try_recv() {
        kept.push(order.call.0);
    }
    assert_eq!((kept, alarms(&metrics, "call_queue_full")), (vec![1, 2], 2));
    CallDesk { queue: None, metrics: Arc::clone(&metrics) }.push(order(5, UtcMs(0)));
    assert_eq!(alarms(&metrics, "call_no_webhook"), 1);
}

/// A receiver behind a certificate of its own.
fn secret(dir: &Path, bodies: &Arc<Mutex<Vec<String>>>) -> (SocketAddr, PathBuf) {
    use crate::daemon::serve::{Listener, bind, local, serve};
    let made = self_signed(&["127.0.0.1".to_owned()], clock::now_utc()).unwrap();
    let (certificate, key) = (dir.join("sms.crt"), dir.join("sms.key"));
    secrets::write_private(&certificate, made.certificate.as_bytes()).unwrap();
    secrets::write_private(&key, made.key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(tls::server(&certificate, &key).unwrap());
    let listener = bind("test", "127.0.0.1:0".parse().unwrap()).unwrap();
    let at = local(&listener).unwrap();
    let (stop, stopping) = watch::channel(false);
    let router = router(&[200], bodies);
    tokio::spawn(async move {
        serve(Listener::with_tls(listener, Some(acceptor)), router, 8, stopping).await;
        drop(stop);
    });
    (at, certificate)
}

#[tokio::test]
async fn a_receiver_over_https_is_trusted_by_its_certificate_alone() {
    let dir = std::env::temp_dir().join(format!("mingluo-sms-{}", std::process::id()));
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let (at, certificate) = secret(&dir, &bodies);
    let url = format!("https://{at}/sms");
    let client = posting_client(&url, Some(&certificate), Duration::from_secs(5)).unwrap();
    let (trusting, mut inputs) = poster(&url, client);
    trusting.deliver(order(9, clock::now_utc().plus_s(60))).await;
    assert!(inputs.try_recv().is_ok(), "it was taken");
    assert!(bodies.lock().unwrap()[0].contains("http://console.test/call/secret"));
    // Who does not know the certificate hands the message to nobody.
    let other = self_signed(&["127.0.0.1".to_owned()], clock::now_utc()).unwrap();
    let strange = dir.join("other.crt");
    std::fs::write(&strange, other.certificate).unwrap();
    let client = posting_client(&url, Some(&strange), Duration::from_secs(5)).unwrap();
    let (doubting, mut inputs) = poster(&url, client);
    doubting.deliver(order(9, clock::now_utc())).await;
    assert!(inputs.try_recv().is_err());
    assert_eq!(bodies.lock().unwrap().len(), 1);
    assert_eq!(alarms(&doubting.metrics, "call_not_sent"), 1);
    std::fs::remove_dir_all(&dir).unwrap();
}
