//! HTTPS both ways with an authority of the province's own: each side shows a certificate of it, and whoever
//! has none, or another authority's, is not heard.

use super::{World, message, order};
use mingluo::model::{BrdState, EbdKind, ResultCode};
use mingluo::simulate::UpperTls;
use mingluo::tls::{posting_client, posting_client_as};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::time::Duration;

const WAIT_MAX: Duration = Duration::from_secs(10);

/// An authority, with its certificate in a file.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
    file: PathBuf,
}

impl Authority {
    fn new(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let file = dir.join(format!("{name}.pem"));
        std::fs::write(&file, made.pem()).unwrap();
        Self { params, key, file }
    }

    /// Certificate and key of somebody at this machine.
    fn issue(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let made = params.signed_by(&key, &issuer).unwrap();
        let (certificate, private) =
            (dir.join(format!("{name}.crt")), dir.join(format!("{name}.pem")));
        std::fs::write(&certificate, made.pem()).unwrap();
        mingluo::secrets::write_private(&private, key.serialize_pem().as_bytes()).unwrap();
        (certificate, private)
    }
}

#[test]
fn both_sides_speak_https_with_a_private_authority_and_strangers_are_not_heard() {
    let mut issued = None;
    let mut world = World::start_with("platform-tls", |dir| {
        let authority = Authority::new(dir, "province");
        let (certificate, key) = authority.issue(dir, "upper-tls");
        let county = authority.issue(dir, "county-tls");
        let stranger = Authority::new(dir, "stranger");
        let other = stranger.issue(dir, "other-tls");
        issued = Some((authority.file.clone(), county, stranger.file, other));
        Some(UpperTls { certificate, key, authorities: authority.file })
    });
    let (province, county, stranger, other) = issued.unwrap();
    let text = |path: &Path| path.display().to_string();
    let listen = world.listen();
    for (key, value) in [
        ("platform.url", format!("https://{}/", world.upper.local)),
        ("platform.ca_file", text(&province)),
        ("platform.client_certificate_file", text(&county.0)),
        ("platform.client_key_file", text(&county.1)),
        ("platform.tls_certificate_file", text(&county.0)),
        ("platform.tls_key_file", text(&county.1)),
        ("platform.tls_client_ca_file", text(&province)),
    ] {
        world.gateway.set(key, &value);
    }
    let (code, told) = world.gateway.cli(&["check"]);
    assert_eq!(code, 0, "{told}");
    world.url = format!("https://{listen}/");
    world.gateway.restart();
    world.wait(30, "a heartbeat", |_, kind| kind == EbdKind::ConnectionCheck);
    let (id, saying, files) = message(&order(1, 3, 600));
    let (code, desc) = world.send(saying, &files);
    assert_eq!(code, ResultCode::Good, "{desc}");
    world.wait_state(30, &id, BrdState::Failed);

    // Who has no certificate, or that of another authority, gets no answer; nor does plain HTTP.
    let url = world.url.clone();
    let post = |client: reqwest::Client, url: &str| {
        let request = client.post(url).body("x");
        world.gateway.wait_for(async move { request.send().await.map(|answer| answer.status()) })
    };
    let nobody = posting_client(&url, Some(&province), WAIT_MAX).unwrap();
    assert!(post(nobody, &url).is_err(), "without a certificate");
    let pair = Some((other.0.as_path(), other.1.as_path()));
    let foreign = posting_client_as(&url, Some(&province), pair, WAIT_MAX).unwrap();
    assert!(post(foreign, &url).is_err(), "with that of another authority");
    let plain = format!("http://{listen}/");
    let status = post(posting_client(&plain, None, WAIT_MAX).unwrap(), &plain);
    assert_eq!(status.unwrap().as_u16(), 400, "plain HTTP is told so");
    let pair = Some((county.0.as_path(), county.1.as_path()));
    let known = posting_client_as(&url, Some(&province), pair, WAIT_MAX).unwrap();
    assert_eq!(post(known, &url).unwrap().as_u16(), 200, "the control: a certificate of ours");

    // We in turn do not tell anything to a server that the province did not vouch for.
    world.gateway.kill();
    while world.upper.inbox.try_recv().is_ok() {}
    world.gateway.set("platform.ca_file", &text(&stranger));
    world.gateway.restart();
    world.gateway.sleep_ms(4_000);
    assert!(world.upper.inbox.try_recv().is_err(), "it told a server of another authority");
    world.gateway.stop();
}
