//! Console and API over HTTPS with a certificate of their own: made, checked, served, and what
//! strangers do instead of a handshake.

use crate::process::{Gateway, wait_until, wire, wire_get};
use crate::wire::{Folder, certificate};
use mingluo::tls::trusting_client;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version,
};

const CERTIFICATE: &str = "keys/tls.crt";
const KEY: &str = "keys/tls.key";

/// A gateway whose `gateway.toml` names certificate and key; nothing made, nothing started.
fn prepared(name: &str) -> Gateway {
    let mut gateway = Gateway::prepare(name);
    gateway.set("http.tls_certificate_file", CERTIFICATE);
    gateway.set("http.tls_key_file", KEY);
    gateway
}

fn https(gateway: &Gateway) -> SocketAddr {
    gateway.listeners()[1].1
}

/// GET over TLS of this version alone; gives the head of the answer.
fn get_with(
    to: SocketAddr,
    trusted: &Path,
    tls: &'static SupportedProtocolVersion,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[tls])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(to)?);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_certificate_is_made_served_and_trusted_by_those_who_have_it() {
    let mut gateway = prepared("https");
    let (code, told) = gateway.cli(&["check"]);
    assert!(code == 0 && told.contains("tls.crt is not there yet"), "{told}");
    let (code, told) = gateway.cli(&["run"]);
    assert!(code == 78 && told.contains("mingluo keys tls"), "{code} {told}");

    let make = ["keys", "tls", "--name", "localhost,127.0.0.1", "--name", "console.county"];
    let (code, told) = gateway.cli(&make);
    assert!(code == 0 && told.contains("SHA-256") && told.contains("825 days"), "{told}");
    let trusted = gateway.configs().join(CERTIFICATE);
    let mode = std::fs::metadata(gateway.configs().join(KEY)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, told) = gateway.cli(&make);
    assert!(code != 0 && told.contains("exists already"), "a key in use stays: {told}");
    let (code, told) = gateway.cli(&["check"]);
    assert!(code == 0 && !told.contains("tls"), "{told}");

    gateway.restart();
    let to = https(&gateway);
    for tls in [&version::TLS12, &version::TLS13] {
        let answer = get_with(to, &trusted, tls).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{tls:?}: {answer}");
    }
    let url = format!("https://{to}/readyz");
    let answer = gateway.wait_for(async {
        let caller = trusting_client(&trusted).unwrap();
        caller.get(url).send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    });
    assert_eq!((&answer["ready"], &answer["certificate_warning"]), (&true.into(), &().into()));
    let metrics = wire_get(gateway.listeners()[0].1, "/metrics").1;
    let valid = metrics.lines().find(|line| line.starts_with("mingluo_certificate_valid_s{"));
    let valid_s: i64 = valid.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((824 * 86_400..=825 * 86_400).contains(&valid_s), "{valid_s}");

    let (url, ca) = (format!("https://{to}"), trusted.display().to_string());
    let list = ["broadcast", "--url", &url];
    let (code, told) = gateway.cli_with_key(&[&list[..], &["waiting"]].concat());
    assert!(code != 0 && told.contains("--ca-file"), "{told}");
    let (code, told) = gateway.cli_with_key(&[&list[..], &["--ca-file", &ca, "waiting"]].concat());
    assert_eq!(code, 0, "{told}");
    gateway.stop();
}

#[test]
fn strangers_are_told_refused_or_timed_out() {
    let mut gateway = prepared("https-hostile");
    assert_eq!(gateway.cli(&["keys", "tls", "--name", "127.0.0.1"]).0, 0);
    gateway.restart();
    let (to, trusted) = (https(&gateway), gateway.configs().join(CERTIFICATE));
    // Who forgets the s is told so.
    let (status, answer) = wire_get(to, "/");
    assert!(status == 400 && answer.contains("https://"), "{answer}");
    // Each holds a place: silence, half a handshake, a handshake byte by byte.
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(to).unwrap()).collect();
    let mut halves: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(to).unwrap()).collect();
    for stream in &mut halves {
        stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
    }
    let mut slow = TcpStream::connect(to).unwrap();
    slow.write_all(&[0x16, 3, 1, 2, 0]).unwrap();
    // Garbage ends at once.
    for garbage in [&[0x16; 600][..], &[0x16, 3, 1, 0xff, 0xff, 0][..], &[0x80; 64], &[0; 1]] {
        let answer = wire(to, garbage).1;
        assert!(!answer.contains("200"), "{answer}");
    }
    // Others are served meanwhile, and a stranger to the certificate is not.
    assert!(get_with(to, &trusted, &version::TLS13).unwrap().starts_with("HTTP/1.1 200"));
    let folder = Folder::new("https-stranger");
    let (stranger, _, _) = certificate(&folder, "stranger");
    assert!(get_with(to, &stranger, &version::TLS13).is_err());
    // Bytes that keep coming do not keep a handshake alive.
    let ended = || slow.write_all(&[0]).is_err();
    wait_until(60, ended, "a handshake byte by byte is cut off");
    for mut stream in silent.into_iter().chain(halves) {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let timed_out = ended.is_err_and(|fault| fault.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!timed_out, "a silent connection is still open");
    }
    assert!(get_with(to, &trusted, &version::TLS12).unwrap().starts_with("HTTP/1.1 200"));
    gateway.stop();
}

#[test]
fn check_names_every_fault_of_certificate_and_key() {
    let mut gateway = prepared("https-check");
    let folder = Folder::new("https-check-files");
    let check = |gateway: &Gateway, exit: i32, expect: &str| {
        let (code, told) = gateway.cli(&["check"]);
        assert!(code == exit && told.contains(expect), "{code}: `{expect}` is not in {told}");
    };
    gateway.set("http.tls_key_file", "");
    check(&gateway, 78, "`http.tls_certificate_file`: needs `tls_key_file`");
    let (_, certificate_file, key) = certificate(&folder, "one");
    let (_, _, other) = certificate(&folder, "other");
    for file in [&key, &other] {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let set = |gateway: &mut Gateway, certificate: &Path, key: &Path| {
        gateway.set("http.tls_certificate_file", &certificate.display().to_string());
        gateway.set("http.tls_key_file", &key.display().to_string());
    };
    set(&mut gateway, &certificate_file, &key);
    check(&gateway, 0, "ok");
    set(&mut gateway, &certificate_file, &other);
    check(&gateway, 78, "do not belong together");
    set(&mut gateway, &certificate_file, Path::new("absent.key"));
    check(&gateway, 78, "absent.key");
    set(&mut gateway, &key, &key);
    check(&gateway, 78, "found none");
    set(&mut gateway, &certificate_file, &certificate_file);
    std::fs::set_permissions(&certificate_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    check(&gateway, 78, "reading the key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    set(&mut gateway, &certificate_file, &key);
    check(&gateway, 78, "chmod 600");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    // A certificate that ended, and one that is about to.
    let now = mingluo::clock::now_utc();
    for (days_ago, expect) in [(826, "has expired"), (800, "expires in 24 days")] {
        let made = mingluo::tls::self_signed(&["a".into()], now.plus_s(-days_ago * 86_400));
        let made = made.unwrap();
        std::fs::write(&certificate_file, made.certificate).unwrap();
        std::fs::write(&key, made.key).unwrap();
        check(&gateway, 0, expect);
    }
}
