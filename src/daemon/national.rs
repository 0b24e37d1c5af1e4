//! Starts the link to national terminals, as configured.

use crate::clock;
use crate::config::Settings;
use crate::deliver::LinkInput;
use crate::deliver::national::{Member, National, NationalConfig, OrderSigner};
use crate::model::{LinkKind, Network};
use crate::secrets;
use anyhow::Context;
use mingluo_bridge::frame::{Signer, Sm2Signer};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Listens for them; a link that is off when no address is configured.
///
/// # Errors
/// When the address or the key can't be had.
pub(super) fn start(
    settings: &Settings,
    network: &Network,
    inputs: mpsc::Sender<LinkInput>,
) -> anyhow::Result<National> {
    let national = &settings.national;
    let (Some(listen), Some(platform)) = (national.listen, national.platform) else {
        return Ok(National::off());
    };
    let known = network.terminals.values();
    let linked = known.filter(|terminal| terminal.links.contains(&LinkKind::National));
    let member = |code, area| Member { code, area };
    let config = NationalConfig {
        listen,
        platform,
        members: linked
            .filter_map(|known| Some((known.id, member(known.national?, known.area))))
            .collect(),
        clip_url: settings.http.public_clip_url.clone(),
        heartbeat_s: national.heartbeat_s,
        silent_s: national.silent_s,
        signer: if national.sign { Some(signer(settings)?) } else { None },
        certificate: national.certificate,
        now: clock::now_utc,
    };
    National::start(config, inputs).with_context(|| format!("national.listen {listen}"))
}

/// Signs orders with the key of `keys.sm2_key_file`.
///
/// # Errors
/// When it can't be read.
pub(crate) fn signer(settings: &Settings) -> anyhow::Result<OrderSigner> {
    let key = secrets::read_sm2_key(&settings.keys.sm2_key_file)?;
    Ok(Arc::new(move |bytes: &[u8]| {
        let mut value = [0; 64];
        Sm2Signer::new(0, &key).sign(&[], bytes, &mut value).then_some(value)
    }))
}
