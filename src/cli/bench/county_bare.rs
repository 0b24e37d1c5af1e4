//! The yardstick of the county's response: a program that holds one connection to each national terminal and
//! one to mosquitto, and sends orders made beforehand. No plan, no record, no acknowledgement.

use super::bare::{order, session};
use super::county::{Fleets, Sends};
use super::stage::{Counts, Stage};
use crate::clock;
use crate::daemon::clips;
use crate::deliver::national::control::{Auxiliary, Class, Control, Start, request};
use crate::deliver::national::packet::Signature;
use crate::deliver::national::{EbmId, Found, Stream};
use crate::deliver::order_topic;
use crate::model::{Address, ClipRef, Codec, NationalCode, UtcMs};
use crate::render::ClipStore;
use crate::simulate::Session;
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Terminals that share a packet and its signature, as they do in the gateway.
const TARGETS: usize = 16;
/// Plays of an order, its length in milliseconds, and bytes of its audio at 32 kbit/s.
const REPEATS: usize = 3;
const CLIP_MS: u32 = 20_000;
const MP3_BYTES: usize = 80_000;
/// How long an order is valid, seconds.
const VALID_S: i64 = 600;
/// Rest between the last connection and the sends.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures one round of sends.
///
/// # Errors
/// When a terminal does not come, or gets no order.
pub(super) async fn send(stage: &Stage, dir: &Path, counts: Counts) -> anyhow::Result<Sends> {
    let settings = &stage.loaded.config;
    let store = Arc::new(ClipStore::open(&dir.join("clips"), u64::MAX)?);
    let audio = std::fs::read(settings.render.audio_dir.join("rainstorm-red.opus"))?;
    let opus = store.put(Codec::Opus, &audio, CLIP_MS)?;
    // Terminals of the simulation look at digest and length alone.
    let mp3 = store.put(Codec::Mp3, &vec![0; MP3_BYTES], CLIP_MS)?;
    let listener = TcpListener::bind(settings.http.terminal_listen).await?;
    let serving = tokio::spawn(axum::serve(listener, clips::router(store)).into_future());
    let listen = settings.national.listen.context("national.listen")?;
    let (arrived, arrivals) = mpsc::channel(counts.national.max(1));
    let accepting = tokio::spawn(accept(TcpListener::bind(listen).await?, arrived));
    let mut publisher = session(stage.broker()?, "publisher").await?;
    let fleets = Fleets::start(stage, counts)?;
    let mut terminals = all_of(arrivals, counts.national).await?;
    fleets.connected().await?;
    tokio::time::sleep(SETTLE).await;
    let codes: Vec<NationalCode> = terminals.keys().copied().collect();
    let packets = packets(stage, &mp3, &codes)?;
    let began = clock::now_utc();
    publish(stage, &opus, began, &mut publisher).await?;
    for (group, packet) in codes.chunks(TARGETS).zip(&packets) {
        for code in group {
            let stream = terminals.get_mut(code).context("its connection")?;
            stream.write_all(packet).await?;
        }
    }
    let sends = fleets.ordered(began).await;
    serving.abort();
    accepting.abort();
    sends
}

async fn publish(
    stage: &Stage,
    clip: &ClipRef,
    now: UtcMs,
    publisher: &mut Session,
) -> anyhow::Result<()> {
    let settings = &stage.loaded.config;
    let keys = crate::daemon::key_ring(&settings.keys)?;
    for area in &stage.loaded.network.served {
        let sealed = keys.seal_order(&order(clip, area.number(), now))?;
        let topic = order_topic(&settings.mqtt.prefix, Address::Area(*area));
        publisher.publish(&topic, &sealed).await?;
    }
    Ok(())
}

/// Everybody's connection, by the code of its first packet.
async fn all_of(
    mut arrivals: mpsc::Receiver<(NationalCode, TcpStream)>,
    n: usize,
) -> anyhow::Result<BTreeMap<NationalCode, TcpStream>> {
    let mut all = BTreeMap::new();
    while all.len() < n {
        let next = tokio::time::timeout(Duration::from_secs(120), arrivals.recv()).await;
        let next = next.with_context(|| format!("{} of {n} national terminals came", all.len()))?;
        let (code, stream) = next.context("the listener ended")?;
        all.insert(code, stream);
    }
    Ok(all)
}

async fn accept(listener: TcpListener, arrived: mpsc::Sender<(NationalCode, TcpStream)>) {
    while let Ok((stream, _)) = listener.accept().await {
        let arrived = arrived.clone();
        tokio::spawn(async move {
            if let Some(known) = first_packet(stream).await {
                // Nobody waits any more when all are there.
                let _gone = arrived.send(known).await;
            }
        });
    }
}

async fn first_packet(mut stream: TcpStream) -> Option<(NationalCode, TcpStream)> {
    let (mut packets, mut bytes, mut code) = (Stream::default(), [0; 2_048], None);
    stream.set_nodelay(true).ok()?;
    while code.is_none() {
        let n_bytes = stream.read(&mut bytes).await.ok().filter(|n_bytes| *n_bytes > 0)?;
        packets.take(bytes.get(..n_bytes)?, |found| {
            if let Found::Packet(packet) = found {
                code = Some(packet.source);
            }
        });
    }
    Some((code?, stream))
}

/// The starts of all groups, as they go on the wire.
fn packets(stage: &Stage, clip: &ClipRef, codes: &[NationalCode]) -> anyhow::Result<Vec<Vec<u8>>> {
    let settings = &stage.loaded.config;
    let platform = settings.national.platform.context("national.platform")?;
    let signer = if settings.national.sign {
        Some(crate::daemon::national::signer(settings)?)
    } else {
        None
    };
    let now_s = u32::try_from(clock::now_utc().as_s())?;
    let data = format!("{}/{}", settings.http.public_clip_url, clip.sha256).into_bytes();
    let start = Control::Start(Start {
        ebm: EbmId::new(platform, *b"20260712", 42).context("a name")?,
        class: Class::Emergency,
        level: 1,
        event: *b"11B03",
        volume_percent: None,
        start_s: now_s,
        end_s: now_s.saturating_add(u32::try_from(VALID_S)?),
        audio: vec![Auxiliary { kind: 2, data }; REPEATS],
    });
    let certificate = settings.national.certificate;
    let packet = |(number, group): (usize, &[NationalCode])| -> anyhow::Result<Vec<u8>> {
        let mut packet = request(platform, group.to_vec(), &start);
        packet.session = u32::try_from(number)?;
        if let Some(signer) = &signer {
            let part = packet.signed_part(now_s, certificate)?;
            let value = signer(&part).context("a signature")?;
            packet.signature = Some(Signature { at_s: now_s, certificate, value });
        }
        Ok(packet.encode()?)
    };
    codes.chunks(TARGETS).enumerate().map(packet).collect()
}
