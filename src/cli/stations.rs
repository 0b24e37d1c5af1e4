//! `mingluo stations`: what telegrams of stations say.

use crate::clock;
use crate::ingest::sl651::{self, Assembled, Assembler, Telegram, Value};
use crate::ingest::stream::{self, Cut};
use crate::ingest::szy206;
use crate::model::{Fault, Rejection, UtcMs};
use anyhow::Context;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `mingluo stations`.
#[derive(Debug, Args)]
pub struct StationsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print what telegrams say 解读报文: values, times, faults; SL 651-2014 and SZY 206-2016
    Read(ReadArgs),
}

/// Arguments of `mingluo stations read`.
#[derive(Debug, Args)]
struct ReadArgs {
    /// A file of telegrams: bytes as they came, or hexadecimal text
    file: PathBuf,
    /// Print JSON for machines, one line a telegram
    #[arg(long)]
    json: bool,
}

/// Reads. Exit 1 = something in the file is no telegram.
///
/// # Errors
/// When the file can't be read.
pub(crate) fn run(args: &StationsArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let What::Read(args) = &args.what;
    let mut bytes = bytes_of(&args.file)?;
    let mut packets = Assembler::default();
    let mut exit = 0;
    let now = clock::now_utc();
    while !bytes.is_empty() {
        let (said, used) = match stream::cut(&bytes) {
            Cut::Sl651(n) => {
                let telegram = bytes.get(..n).unwrap_or_default();
                match sl651(telegram, now, &mut packets) {
                    Ok(said) => (said, n),
                    Err(wrong) => (Said::Wrong(wrong), stream::after_wrong(telegram)),
                }
            }
            Cut::Szy206(n) => {
                let read = szy206::read(bytes.get(..n).unwrap_or_default(), now);
                (read.map_or_else(Said::Wrong, |read| Said::Szy206(Box::new(read))), n)
            }
            Cut::Junk(n) => (wrong("expected a telegram of SL 651 or SZY 206"), n),
            Cut::More => (wrong("the telegram is not whole"), stream::after_wrong(&bytes)),
        };
        if matches!(said, Said::Wrong(_)) {
            exit = super::EXIT_FAILED;
        }
        if args.json {
            json(&said, out)?;
        } else {
            text(&said, out)?;
        }
        bytes.drain(..used.clamp(1, bytes.len()));
    }
    Ok(exit)
}

/// What a stretch of bytes says.
enum Said {
    Sl651(Box<Telegram>),
    Packet(Box<Telegram>),
    Szy206(Box<szy206::Szy206>),
    Wrong(Rejection),
}

fn wrong(what: &str) -> Said {
    let fault = Fault { line: None, element: "offset 0".into(), what: what.into() };
    Said::Wrong(Rejection { faults: vec![fault], too_large: false })
}

fn sl651(bytes: &[u8], now: UtcMs, packets: &mut Assembler) -> Result<Said, Rejection> {
    let frame = sl651::frame(bytes)?;
    if !frame.upward {
        return sl651::telegram(&frame).map(Box::new).map(Said::Sl651);
    }
    match packets.take(now, frame.clone()) {
        Assembled::Whole(whole) => sl651::telegram(&whole).map(Box::new).map(Said::Sl651),
        Assembled::Waiting | Assembled::Missing(..) | Assembled::Known(_) => {
            sl651::telegram(&frame).map(Box::new).map(Said::Packet)
        }
        Assembled::Refused(rejection) => Err(rejection),
    }
}

/// The file's bytes, or those that its hexadecimal text means.
fn bytes_of(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = super::exit::read_input(file, "a file of telegrams")?;
    let digits: Vec<u8> =
        bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let is_text = !digits.is_empty()
        && digits.len().is_multiple_of(2)
        && digits.iter().all(u8::is_ascii_hexdigit);
    if !is_text {
        return Ok(bytes);
    }
    let pairs = digits.chunks(2).map(|pair| {
        let text = core::str::from_utf8(pair).unwrap_or_default();
        u8::from_str_radix(text, 16)
    });
    pairs.collect::<Result<Vec<u8>, _>>().context("hexadecimal text")
}

fn json(said: &Said, out: &mut impl Write) -> std::io::Result<()> {
    let value = match said {
        Said::Sl651(telegram) => serde_json::json!({ "sl651": telegram }),
        Said::Packet(telegram) => serde_json::json!({ "packet": telegram }),
        Said::Szy206(read) => serde_json::json!({ "szy206": read }),
        Said::Wrong(rejection) => serde_json::json!({ "rejected": rejection }),
    };
    writeln!(out, "{value}")
}

fn text(said: &Said, out: &mut impl Write) -> std::io::Result<()> {
    match said {
        Said::Sl651(telegram) => telegram_text(telegram, out),
        Said::Packet(telegram) => {
            let packet = telegram.packet.map(|packet| (packet.number, packet.total));
            let (number, total) = packet.unwrap_or_default();
            writeln!(
                out,
                "SL 651  测站 {}  第 {number} 包，共 {total} 包，待其余各包",
                telegram.station
            )
        }
        Said::Szy206(read) => {
            let time = time(read.reported_at);
            writeln!(
                out,
                "SZY 206  测站 {}  功能 {:02X}  时间 {time}",
                read.station, read.function
            )?;
            let name = read.quantity.map_or("数值", crate::model::Quantity::zh);
            for value in &read.values {
                match value {
                    Ok(Some(value)) => writeln!(out, "  {name} {value}")?,
                    Ok(None) => writeln!(out, "  {name} 无数据")?,
                    Err(got) => writeln!(out, "  {name} 错误 {got}")?,
                }
            }
            read.alarms.iter().try_for_each(|alarm| writeln!(out, "  报警 {alarm}"))?;
            faults("异常", &read.oddities, out)
        }
        Said::Wrong(rejection) => {
            writeln!(out, "无法识别 rejected:")?;
            faults("错误", &rejection.faults, out)
        }
    }
}

fn telegram_text(telegram: &Telegram, out: &mut impl Write) -> std::io::Result<()> {
    let function = sl651::function_zh(telegram.function);
    let direction = if telegram.upward { "上行" } else { "下行" };
    let serial = telegram.serial.map_or("-".to_owned(), |serial| serial.to_string());
    writeln!(
        out,
        "SL 651  测站 {}  {direction} {:02X} {function}  流水号 {serial}  发报 {}",
        telegram.station,
        telegram.function,
        time(telegram.reported_at)
    )?;
    for element in &telegram.elements {
        let name = if element.zh.is_empty() { "未知要素" } else { &element.zh };
        let value = match &element.value {
            Value::Number(value, decimals) => {
                format!("{value:.*} {}", usize::from(*decimals), element.unit)
            }
            Value::Missing => "无数据".to_owned(),
            Value::Bad(got) => format!("错误 {got}"),
            Value::Bits(bits) => format!("{bits:08X}"),
            Value::Series(values) => {
                let all =
                    values.iter().map(|value| value.map_or("-".to_owned(), |v| v.to_string()));
                all.collect::<Vec<_>>().join(" ")
            }
            Value::StepMinutes(minutes) => format!("{minutes} 分钟"),
            Value::Text(text) => text.clone(),
            Value::Picture(n) => format!("{n} 字节"),
        };
        let (id, at) = (element.id, time(element.observed_at));
        writeln!(out, "  {id:02X} {} {name} {value}  ({at})", element.symbol)?;
    }
    faults("异常", &telegram.oddities, out)
}

fn faults(word: &str, faults: &[Fault], out: &mut impl Write) -> std::io::Result<()> {
    faults.iter().try_for_each(|fault| writeln!(out, "  {word} {}: {}", fault.element, fault.what))
}

/// Beijing time.
fn time(at: Option<UtcMs>) -> String {
    let at = at.and_then(|at| jiff::Timestamp::from_millisecond(at.0).ok());
    at.map_or("无".to_owned(), |at| {
        let local = jiff::tz::Offset::constant(8).to_datetime(at);
        local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    })
}
