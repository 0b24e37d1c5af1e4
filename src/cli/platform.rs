//! `mingluo platform`: keys towards the upper emergency-broadcast platform, and a simulated one with
//! which a county rehearses the joint test.

use crate::clock;
use crate::daemon::{Party, Receipt, Saying, Trust, certificates, self_signed};
use crate::ingest::ebd::{Body, OmdRequest, Params, Profile, local_time, unhex};
use crate::model::{EbdKind, PackageSignature, UtcMs};
use crate::secrets;
use crate::simulate::{EbmOrder, FromCounty, UpperPlatform, UpperTls, ebm};
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `mingluo platform`.
#[derive(Debug, Args)]
pub struct PlatformArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make an SM2 key and a certificate that it signs itself, for a rehearsal 联调用密钥与证书
    Keys(KeysArgs),
    /// A simulated upper platform 模拟上级平台: sends, receives and prints
    Simulate(Box<SimulateArgs>),
}

#[derive(Debug, Args)]
struct KeysArgs {
    /// Serial number of the certificate, 12 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    serial: String,
    /// Last month in which it is valid
    #[arg(long, value_name = "YYYY-MM")]
    until: String,
    /// Key file to make
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Certificate file to make
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
}

#[derive(Debug, Args)]
struct SimulateArgs {
    /// Where packages of the county are taken
    #[arg(long, default_value = "127.0.0.1:8761")]
    listen: SocketAddr,
    /// Where the county takes packages; without it nothing is sent
    #[arg(long)]
    url: Option<String>,
    /// Resource code of the simulated platform
    #[arg(long, default_value = "24300000000000101010101")]
    code: String,
    /// Resource code of the county's platform
    #[arg(long)]
    county: String,
    /// SM2 key file of the simulated platform
    #[arg(long)]
    key: PathBuf,
    /// Its certificate
    #[arg(long)]
    certificate: PathBuf,
    /// Certificates of the county
    #[arg(long)]
    trusted: PathBuf,
    /// Send a heartbeat
    #[arg(long)]
    heartbeat: bool,
    /// Ask for data, such as `EBRDTInfo`; repeatable
    #[arg(long, value_name = "TYPE")]
    ask: Vec<String>,
    /// Send a message with this title
    #[arg(long)]
    title: Option<String>,
    /// Its words
    #[arg(long, default_value = "")]
    text: String,
    /// Its area code, repeatable
    #[arg(long = "area", value_name = "CODE")]
    areas: Vec<String>,
    /// 1 actual, 2 cancel, 3 platform drill, 4 front-end drill, 5 terminal drill
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=5))]
    msg_type: u8,
    /// Event code
    #[arg(long, default_value = "11B03")]
    event: String,
    /// 1 red, 2 orange, 3 yellow, 4 blue
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=4))]
    severity: u8,
    /// Number of the day
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=9_999))]
    number: u16,
    /// Message to stop or to replace
    #[arg(long, value_name = "EBMID")]
    related: Option<String>,
    /// Seconds it is valid
    #[arg(long, default_value_t = 3_600)]
    valid_s: i64,
    /// Sound that comes along
    #[arg(long, value_name = "FILE")]
    mp3: Option<PathBuf>,
    /// PEM certificate, to speak HTTPS both ways; with --tls-key and --ca
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "ca"])]
    tls_certificate: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// PEM certificates of the authorities that must vouch for the county's
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    ca: Option<PathBuf>,
    /// Stop after this many seconds; default: until interrupted
    #[arg(long)]
    seconds: Option<u64>,
}

/// Runs the subcommand.
///
/// # Errors
/// When files can't be read or written, or the county does not answer.
pub(crate) fn run(args: &PlatformArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    match &args.what {
        What::Keys(args) => keys(args, out),
        What::Simulate(args) => {
            super::start_log(false, "warn");
            super::runtime()?.block_on(simulate(args, out))
        }
    }
}

fn keys(args: &KeysArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let serial = unhex(&args.serial).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    let serial = serial.context("--serial: expected 12 hexadecimal digits")?;
    let until = args.until.split_once('-');
    let until = until.and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)));
    let (year, month): (i16, i8) = until.context("--until: expected a month such as 2027-12")?;
    ensure!(
        (2000..=2255).contains(&year) && (1..=12).contains(&month),
        "--until: expected a month from 2000-01 to 2255-12"
    );
    ensure!(!args.certificate.exists(), "{} exists already", args.certificate.display());
    secrets::create_sm2_key(&args.key)?;
    let key = secrets::read_sm2_key(&args.key)?;
    let made = self_signed(&key, serial, (year, month))?;
    let line = format!("{}\n", crate::ingest::ebd::hex(&made.bytes()));
    secrets::write_private(&args.certificate, line.as_bytes())?;
    writeln!(out, "{}\n{}", args.key.display(), args.certificate.display())?;
    writeln!(
        out,
        "证书可交给对方；密钥不可外传 The certificate may be given away, the key may not."
    )?;
    Ok(0)
}

fn party(args: &SimulateArgs) -> anyhow::Result<Party> {
    let key = secrets::read_sm2_key(&args.key)?;
    let own = certificates(&args.certificate)?.into_iter().next().context("no certificate")?;
    let trust = Trust::new(key, own, certificates(&args.trusted)?)?;
    let profile = if Profile::Y2016.is_code(&args.code) { Profile::Y2016 } else { Profile::Y2018 };
    ensure!(profile.is_code(&args.code), "--code: expected 23 or 18 digits");
    Ok(Party {
        profile,
        code: args.code.clone(),
        peer: args.county.clone(),
        trust: Arc::new(trust),
        allow_unsigned: false,
        last_number: Arc::default(),
    })
}

async fn simulate(args: &SimulateArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let files = (args.tls_certificate.clone(), args.tls_key.clone(), args.ca.clone());
    let secured = match files {
        (Some(certificate), Some(key), Some(authorities)) => {
            Some(UpperTls { certificate, key, authorities })
        }
        _ => None,
    };
    let mut upper = UpperPlatform::start_with(args.listen, party(args)?, secured.as_ref())?;
    writeln!(out, "listening 监听 {}", upper.local)?;
    for (what, saying, files) in sayings(args)? {
        let url = args.url.as_deref().context("--url: where does the county take packages?")?;
        let Receipt { code, desc } = upper.send(url, saying, &files).await?;
        writeln!(out, "sent {what}: {} {desc}", code.number())?;
    }
    let limit = Duration::from_secs(args.seconds.unwrap_or(u64::from(u32::MAX)));
    let end = tokio::time::sleep(limit);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            _ = tokio::signal::ctrl_c() => break,
            came = upper.inbox.recv() => match came {
                Some(received) => writeln!(out, "{}", line(&received))?,
                None => break,
            },
        }
        out.flush()?;
    }
    upper.stop().await;
    Ok(0)
}

/// What goes out: its name for people, what it says, its programme files.
type Out = (String, Saying, Vec<(String, Vec<u8>)>);

fn sayings(args: &SimulateArgs) -> anyhow::Result<Vec<Out>> {
    let now: UtcMs = clock::now_utc();
    let mut all = Vec::new();
    if args.heartbeat {
        let saying = Saying::new(EbdKind::ConnectionCheck, Body::Check { at: now });
        all.push(("ConnectionCheck".to_owned(), saying, Vec::new()));
    }
    if let Some(title) = &args.title {
        let sound = args.mp3.as_ref().map(std::fs::read).transpose().context("--mp3")?;
        let order = EbmOrder {
            platform: args.code.clone(),
            number: args.number,
            msg_type: args.msg_type,
            related: args.related.clone(),
            event: args.event.clone(),
            severity: args.severity,
            title: title.clone(),
            text: args.text.clone(),
            areas: args.areas.clone(),
            valid_s: args.valid_s,
            sound,
        };
        let (ebm, files) = ebm(&order, now);
        let what = format!("EBM {}", ebm.id);
        all.push((what, Saying::new(EbdKind::Ebm, Body::Ebm(Box::new(ebm))), files));
    }
    for name in &args.ask {
        let what = EbdKind::parse(name).with_context(|| format!("--ask: no type `{name}`"))?;
        let body = Body::Request(OmdRequest { what, params: Params::default() });
        all.push((
            format!("OMDRequest {name}"),
            Saying::new(EbdKind::OmdRequest, body),
            Vec::new(),
        ));
    }
    Ok(all)
}

/// A package of the county in one line.
fn line(received: &FromCounty) -> String {
    let FromCounty { package, signature } = received;
    let signed = match signature {
        PackageSignature::Verified { certificate } => format!("签名有效 {certificate}"),
        PackageSignature::Unsigned => "未签名".to_owned(),
        PackageSignature::Bad { why } => format!("签名无效：{why}"),
    };
    let said = match &package.body {
        Body::State(state) => {
            format!("{} 状态{} {}", state.ebm, state.state.number(), state.desc)
        }
        Body::Log(_, items) => items
            .iter()
            .map(|item| {
                format!("{} 状态{} {}", item.state.ebm, item.state.state.number(), item.state.desc)
            })
            .collect::<Vec<_>>()
            .join("; "),
        Body::Records(_, records) => format!("{} 条", records.len()),
        Body::Result { code, desc } => format!("{} {desc}", code.number()),
        Body::Ebm(_) | Body::StateRequest { .. } | Body::Request(_) | Body::Check { .. } => {
            String::new()
        }
    };
    let (at, kind) = (local_time(package.envelope.sent), package.envelope.kind.name());
    format!("{at} {kind} [{signed}] {said}")
}
