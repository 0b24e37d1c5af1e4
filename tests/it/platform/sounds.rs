//! Sound that a message names by an address: fetched within limits, never from inside the county's network,
//! and told upstream when the words are spoken instead.

use super::{UPPER, World, message, order, sound};
use mingluo::ingest::ebd::{Auxiliary, Body, sm3_of};
use mingluo::model::ResultCode;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

/// A server of sounds: the bytes by path; `/slow` never answers. Gives where it is and what was asked.
fn server(files: &[(&'static str, Vec<u8>)]) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (files, log) = (files.to_vec(), Arc::clone(&asked));
    drop(std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut line) = (String::new(), String::new());
            reader.read_line(&mut first).unwrap();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            log.lock().unwrap().push(path.clone());
            if path == "/slow.mp3" {
                held.push(stream);
                continue;
            }
            let found = files.iter().find(|(known, _)| *known == path);
            let (status, body) = found.map_or((404, Vec::new()), |(_, body)| (200, body.clone()));
            let head = format!(
                "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _closed = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    }));
    (at, asked)
}

impl World {
    /// Sends a message with sound at an address; gives the words of the answer.
    fn named(&self, number: u16, kind: u8, url: &str, digest: Option<String>) -> String {
        let (_, mut saying, _) = message(&order(number, 1, 600));
        let Body::Ebm(ebm) = &mut saying.body else { panic!("a message") };
        let auxiliary = Auxiliary { kind, desc: url.to_owned(), size: None, digest };
        ebm.contents[0].auxiliaries = vec![auxiliary];
        let (code, desc) = self.send(saying, &[]);
        assert_eq!(code, ResultCode::Good, "{desc}");
        desc
    }

    /// Which voice spoke the last broadcast.
    fn voice(&self) -> String {
        let mut voice = String::new();
        let spoken = || {
            let list = self.gateway.get("/broadcasts");
            let id = list["broadcasts"][0]["id"].as_str().unwrap().to_owned();
            let one = self.gateway.get(&format!("/broadcasts/{id}"));
            voice = one["spoken"]["voice"].as_str().unwrap_or_default().to_owned();
            !voice.is_empty()
        };
        crate::process::wait_until(60, spoken, "it is rendered");
        voice
    }
}

#[test]
fn sound_at_an_address_is_fetched_within_limits_or_told_upstream() {
    let good = sound();
    let long = vec![b'x'; 9 * 1024 * 1024];
    let (at, asked) = server(&[("/a.mp3", good.clone()), ("/long.mp3", long)]);
    let mut world = World::start("platform-sounds");
    world.gateway.set("platform.sound_private_addresses", "true");
    world.gateway.set("platform.sound_wait_s", "2");
    world.gateway.restart();
    let digest = || Some(sm3_of(&good));
    let url = |path: &str| format!("http://{at}/{path}");
    let fetched = world.named(1, 2, &url("a.mp3"), digest());
    assert!(fetched.contains("已自动播发") && !fetched.contains("声音未采用"), "{fetched}");
    assert!(world.voice().contains("ebm-"), "its sound is played");
    let check = |number: u16, kind: u8, path: &str, digest: Option<String>, why: &str| {
        let told = world.named(number, kind, path, digest);
        assert!(told.contains(why), "`{why}` is not in {told}");
    };
    let forged = Some(sm3_of(b"other"));
    check(2, 2, &url("a.mp3"), forged, "SM3");
    check(3, 2, &url("a.mp3"), None, "no digest vouches");
    check(4, 2, &url("absent.mp3"), digest(), "404");
    check(5, 2, &url("long.mp3"), digest(), "longer than 8388608");
    check(6, 2, &url("slow.mp3"), digest(), "within 2 s");
    check(7, 61, "rtp://239.1.1.1:5000", None, "流媒体不播放");
    assert_eq!(asked.lock().unwrap().len(), 6, "{:?}", asked.lock().unwrap());
    let text = world.gateway.get("/alerts").to_string();
    assert!(text.contains(UPPER), "on record: {text}");
    world.gateway.stop();
    // Closed by default: nobody's message makes this machine knock at a door inside.
    world.gateway.set("platform.sound_private_addresses", "false");
    world.gateway.restart();
    let n_asked = asked.lock().unwrap().len();
    let told = world.named(8, 2, &url("a.mp3"), digest());
    assert!(told.contains("声音未采用"), "{told}");
    assert_eq!(asked.lock().unwrap().len(), n_asked, "it was asked all the same");
    // Off is off.
    world.gateway.stop();
    world.gateway.set("platform.sound_private_addresses", "true");
    world.gateway.set("platform.sound_wait_s", "0");
    world.gateway.restart();
    let told = world.named(9, 2, &url("a.mp3"), digest());
    assert!(told.contains("sound_wait_s"), "{told}");
    assert_eq!(asked.lock().unwrap().len(), n_asked);
    world.gateway.stop();
}
