//! Start, stop and TLS of the embedded broker.

use super::{OWN, Site, topic};
use crate::wire::{Folder, Wire, certificate, next_input};
use mingluo::deliver::{BrokerError, LinkInput};
use std::net::SocketAddr;

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_told_at_start() {
    let site = Site::start().await;
    let listen = site.broker.local_addr();
    let Err(fault) = Site::start_at(listen, None).await else { panic!("two on one port") };
    assert!(matches!(fault, BrokerError::Listen { .. }), "{fault}");
    let text = fault.to_string();
    assert!(text.contains(&listen.to_string()) && text.contains("in use"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_every_session_and_frees_the_port() {
    let mut site = Site::start().await;
    let listen = site.broker.local_addr();
    for round in 0..3 {
        let mut own = site.terminal(OWN).await;
        let mut unknown = tokio::net::TcpStream::connect(listen).await.unwrap();
        site.broker.close().await;
        assert!(own.is_ended().await, "round {round}: the session outlived its broker");
        assert_eq!(site.inputs.recv().await, None, "nothing comes out any more");
        site.broker.close().await;
        // A second start in the same process, at once, on the same port.
        site = Site::start_at(listen, None).await.expect("the port is free");
        assert_eq!(site.broker.local_addr(), listen);
        let _closed = tokio::io::AsyncWriteExt::shutdown(&mut unknown).await;
    }
    let mut own = site.terminal(OWN).await;
    assert!(own.publish(&topic(OWN, "status"), b"here", false).await);
    assert!(matches!(next_input(&mut site.inputs).await, LinkInput::Message { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn terminals_connect_by_tls_and_only_to_whom_they_trust() {
    let folder = Folder::new("broker-tls");
    let (ca, chain, key) = certificate(&folder, "broker");
    let (stranger, _, stranger_key) = certificate(&folder, "stranger");
    let listen: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut site = Site::start_at(listen, Some((chain.clone(), key))).await.unwrap();
    let (broker, login) = (site.broker.local_addr(), site.login(OWN));
    let mut own = Wire::connect_tls(broker, &ca, &login).await.expect("TLS with its own CA");
    site.expect_connected(OWN).await;
    assert!(own.publish(&topic(OWN, "status"), b"sealed", false).await);
    assert!(matches!(next_input(&mut site.inputs).await, LinkInput::Message { .. }));
    assert!(Wire::connect_tls(broker, &stranger, &login).await.is_none(), "another authority");
    assert!(Wire::connect(broker, &login).await.is_err(), "without TLS");
    let check = async |chain: &std::path::Path, key: &std::path::Path| {
        let tls = Some((chain.to_path_buf(), key.to_path_buf()));
        let Err(fault) = Site::start_at(listen, tls).await else { panic!("{chain:?} {key:?}") };
        assert!(matches!(fault, BrokerError::Tls(_)), "{fault}");
    };
    check(&folder.0.join("missing.pem"), &stranger_key).await;
    check(&chain, &folder.0.join("missing.key")).await;
    check(&chain, &stranger_key).await;
    check(&folder.write("empty.pem", ""), &stranger_key).await;
}
