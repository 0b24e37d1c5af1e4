//! One emulated terminal: QEMU, its line, its memory, its converter's samples, its relay.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test binary uses its own part"
)]

use super::support::TERMINAL;
use ed25519_dalek::SigningKey;
use mingluo_bridge::frame::{HmacKey, Kind, Sm2Key, open, peek};
use mingluo_bridge::gateway_key::GatewayKey;
use mingluo_bridge::line::{
    ALL, Addressed, Answer, Ask, GATEWAY, Packet, Poll, Progress, encode, read,
};
use mingluo_bridge::message::{Report, Status};
use mingluo_bridge::provision::{Provision, SpeechChip};
use mingluo_bridge::serial::{Deframer, LINE_BYTES_MAX};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

pub const ADDRESS: u8 = 7;
pub const KEY: [u8; 32] = [5; 32];
/// EEPROM of an AT24C64.
const EEPROM_BYTES: usize = 8_192;
/// Sparse; a power of two, as the emulated card wants.
const CARD_BYTES: u64 = 128 << 20;
/// Polls without an answer before the test gives up: the machine may be busy.
const SILENT_POLLS_MAX: u32 = 60;
const ANSWER_WAIT: Duration = Duration::from_millis(400);

/// An answer with its bytes.
#[derive(Debug, Clone)]
pub struct Answered {
    pub clip: Option<Progress>,
    pub sealed: Vec<u8>,
}

impl Answered {
    pub fn report(&self) -> Option<Report> {
        peek(&self.sealed)
            .is_ok_and(|head| head.kind == Kind::Acknowledgement)
            .then(|| open(Kind::Acknowledgement, &self.sealed, &HmacKey::new(1, &KEY)))
            .map(|report| report.expect("a report sealed with the terminal's key"))
    }
}

pub struct Terminal {
    folder: PathBuf,
    image: PathBuf,
    boots: u32,
    child: Option<Child>,
    line: Option<UnixStream>,
    deframer: Deframer,
    got: u8,
    address: u8,
    key: [u8; 32],
    /// Whether its watchdog may start it anew, as in the field: a busy machine may starve the
    /// emulator for longer than the watchdog waits. Else it stands still then, and a test sees it.
    pub restarts: bool,
    /// Every line frame the gateway's side has sent, for replays.
    pub said: Vec<Vec<u8>>,
}

/// The image of this name; the script that runs these tests says where.
pub fn image(name: &str) -> PathBuf {
    image_of("MINGLUO_FIRMWARE", name)
}

fn image_of(variable: &str, name: &str) -> PathBuf {
    let folder = std::env::var(variable).unwrap_or_else(|_| panic!("{variable}: run .ci/firmware"));
    let image = Path::new(&folder).join(name);
    assert!(image.exists(), "{} is missing", image.display());
    image
}

impl Terminal {
    /// A provisioned terminal without power.
    pub fn new(name: &str) -> Self {
        let key: SigningKey = super::support::signing_key();
        let record = Provision {
            terminal: TERMINAL,
            address: ADDRESS,
            areas: [430_621_100_001].into_iter().collect(),
            key_id: 1,
            key: KEY,
            gateway_key: key.verifying_key().to_bytes(),
            volume_percent: 100,
            drills: true,
            speech: None,
            sm2_key: None,
        };
        Self::provisioned(name, &record)
    }

    /// A terminal with this record, without power.
    pub fn provisioned(name: &str, record: &Provision) -> Self {
        let folder = std::env::temp_dir().join(format!("mingluo-{name}-{}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mut eeprom = vec![0xFF; EEPROM_BYTES];
        let bytes = record.encode().unwrap();
        eeprom[..bytes.len()].copy_from_slice(&bytes);
        std::fs::write(folder.join("eeprom"), eeprom).unwrap();
        std::fs::File::create(folder.join("card")).unwrap().set_len(CARD_BYTES).unwrap();
        Self {
            folder,
            image: image("terminal"),
            boots: 0,
            child: None,
            line: None,
            deframer: Deframer::default(),
            got: 0,
            address: record.address,
            key: record.key,
            restarts: false,
            said: Vec::new(),
        }
    }

    /// One with a speech chip, whose side [`Self::chip_line`] is.
    pub fn speaking(name: &str, chip: SpeechChip) -> Self {
        let key: SigningKey = super::support::signing_key();
        let record = Provision {
            terminal: TERMINAL,
            address: ADDRESS,
            areas: [430_621_100_001].into_iter().collect(),
            key_id: 1,
            key: KEY,
            gateway_key: key.verifying_key().to_bytes(),
            volume_percent: 80,
            drills: true,
            speech: Some(chip),
            sm2_key: None,
        };
        Self::provisioned(name, &record)
    }

    /// One that takes orders signed with this SM2 key alone, with the firmware built for it.
    pub fn by_sm2(name: &str, gateway: &Sm2Key) -> Self {
        let GatewayKey::Sm2 { x, y } = gateway.public() else { panic!("an SM2 key") };
        let record = Provision {
            terminal: TERMINAL,
            address: ADDRESS,
            areas: [430_621_100_001].into_iter().collect(),
            key_id: 1,
            key: KEY,
            gateway_key: [0; 32],
            volume_percent: 100,
            drills: true,
            speech: None,
            sm2_key: Some((x, y)),
        };
        let mut terminal = Self::provisioned(name, &record);
        terminal.image = image_of("MINGLUO_FIRMWARE_SM2", "terminal");
        terminal
    }

    /// The speech chip's side of its line.
    pub fn chip_line(&self) -> UnixStream {
        let line = connect(&self.folder.join("chip"));
        line.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        line
    }

    /// Another one, which is not the one the orders are for.
    pub fn neighbour(name: &str) -> Self {
        let key: SigningKey = super::support::signing_key();
        let record = Provision {
            terminal: TERMINAL + 1,
            address: ADDRESS + 1,
            areas: [430_621_100_001].into_iter().collect(),
            key_id: 1,
            key: [6; 32],
            gateway_key: key.verifying_key().to_bytes(),
            volume_percent: 100,
            drills: true,
            speech: None,
            sm2_key: None,
        };
        Self::provisioned(name, &record)
    }

    pub fn with_image(name: &str, image: PathBuf) -> Self {
        let mut terminal = Self::new(name);
        terminal.image = image;
        terminal
    }

    /// Power on, and the test is the line's other side.
    pub fn boot(&mut self) {
        self.power_on();
        let line = connect(&self.line_path());
        line.set_read_timeout(Some(ANSWER_WAIT)).unwrap();
        self.line = Some(line);
        self.deframer = Deframer::default();
        self.got = 0;
    }

    /// Where its line can be had, once.
    pub fn line_path(&self) -> PathBuf {
        self.folder.join("line")
    }

    /// Power on; the line is for somebody else. Every boot has its own file of samples.
    pub fn power_on(&mut self) {
        self.boots += 1;
        let folder = self.folder.display();
        let boots = self.boots;
        for socket in ["line", "chip", "qmp"] {
            let _absent = std::fs::remove_file(self.folder.join(socket));
        }
        let child = Command::new("qemu-system-arm")
            .args(["-M", "lm3s6965evb", "-display", "none", "-monitor", "none"])
            .args(["-action", if self.restarts { "reboot=reset" } else { "reboot=shutdown" }])
            .args(["-action", "shutdown=pause"])
            .args(["-serial", &format!("unix:{folder}/line,server=on,wait=off")])
            .args(["-serial", &format!("file:{folder}/samples{boots}")])
            .args(["-serial", &format!("unix:{folder}/chip,server=on,wait=off")])
            .args(["-drive", &format!("if=sd,format=raw,cache=writeback,file={folder}/card")])
            .args(["-drive", &format!("if=none,id=ee,format=raw,file={folder}/eeprom")])
            .args(["-device", "at24c-eeprom,bus=i2c,address=0x50,rom-size=8192,drive=ee"])
            .args(["-qmp", &format!("unix:{folder}/qmp,server=on,wait=off")])
            .arg("-kernel")
            .arg(&self.image)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("qemu-system-arm starts");
        self.child = Some(child);
    }

    /// Power off at once.
    pub fn cut(&mut self) {
        self.line = None;
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Power off after this time, whatever happens then.
    pub fn cut_after(&mut self, wait: Duration) -> JoinHandle<()> {
        let mut child = self.child.take().expect("power");
        std::thread::spawn(move || {
            pause(wait);
            child.kill().unwrap();
            child.wait().unwrap();
        })
    }

    /// Samples of one boot, from 1.
    pub fn samples(&self, boot: u32) -> Vec<i16> {
        let bytes = std::fs::read(self.folder.join(format!("samples{boot}"))).unwrap_or_default();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// Samples of this boot.
    pub fn sounded(&self) -> Vec<i16> {
        self.samples(self.boots)
    }

    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        // Without power nobody hears it; what is expected then the test knows.
        let _heard = self.line.as_mut().map(|line| line.write_all(bytes));
    }

    pub fn send(&mut self, to: u8, packet: &Packet<'_>) {
        let mut line = [0; LINE_BYTES_MAX];
        let used = encode(to, GATEWAY, packet, &mut line).expect("the packet fits");
        if !matches!(packet, Packet::Poll(_)) {
            self.said.push(line[..used].to_vec());
        }
        self.raw(&line[..used]);
    }

    /// A sealed frame to all.
    pub fn sealed(&mut self, frame: &[u8]) {
        self.send(ALL, &Packet::Sealed(frame));
    }

    /// One poll; `None` when no answer came.
    pub fn poll_once(&mut self, ask: Ask) -> Option<Answered> {
        self.send(self.address, &Packet::Poll(Poll { got: self.got, ask }));
        let mut bytes = [0; 512];
        loop {
            let read_now = self.line.as_mut()?.read(&mut bytes).ok()?;
            for byte in &bytes[..read_now] {
                let Some(frame) = self.deframer.push(*byte) else { continue };
                let Some(Addressed { to: GATEWAY, from, packet }) = read(frame) else {
                    panic!("not an answer: {frame:?}")
                };
                assert_eq!(from, self.address);
                let Packet::Answer(Answer { clip, number, sealed, .. }) = packet else {
                    panic!("not an answer: {packet:?}")
                };
                if number != 0 {
                    self.got = number;
                }
                return Some(Answered { clip, sealed: sealed.to_vec() });
            }
            if read_now == 0 {
                return None;
            }
        }
    }

    /// Polls until an answer comes.
    pub fn poll(&mut self, ask: Ask) -> Answered {
        (0..SILENT_POLLS_MAX).find_map(|_| self.poll_once(ask)).expect("the terminal answers")
    }

    /// Its status. A late answer to an earlier poll is none.
    pub fn status(&mut self) -> Status {
        let own = self.key;
        let key = HmacKey::new(1, &own);
        (0..SILENT_POLLS_MAX)
            .find_map(|_| open(Kind::Status, &self.poll(Ask::Status).sealed, &key).ok())
            .expect("the terminal tells its status")
    }

    /// A command to QEMU's monitor; gives what it prints.
    pub fn monitor(&self, command: &str) -> String {
        let mut stream = connect(&self.folder.join("qmp"));
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let ask = format!(
            "{{\"execute\":\"qmp_capabilities\"}}\n{{\"execute\":\"human-monitor-command\",\
             \"arguments\":{{\"command-line\":\"{command}\"}}}}\n"
        );
        stream.write_all(ask.as_bytes()).unwrap();
        let answers = lines.by_ref().map(|line| line.unwrap());
        answers.filter(|line| line.contains("\"return\"")).nth(1).expect("the monitor answers")
    }

    /// Whether the amplifier's relay is closed: port F, pin 0.
    pub fn relay(&self) -> bool {
        self.monitor("xp /1wx 0x40025004").contains("0x00000001")
    }

    /// Bytes of the stack that were ever used: memory begins as zeros.
    pub fn stack_used(&self, stack_bytes: usize) -> usize {
        let file = self.folder.join("stack");
        // In quotes: the monitor would read the path's slash as a division.
        self.monitor(&format!("pmemsave 0x20000000 {stack_bytes} \\\"{}\\\"", file.display()));
        let bytes = std::fs::read(file).unwrap();
        bytes.len() - bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.cut();
        if !std::thread::panicking() {
            let _gone = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn connect(path: &Path) -> UnixStream {
    for _ in 0..1_000 {
        if let Ok(stream) = UnixStream::connect(path) {
            return stream;
        }
        pause(Duration::from_millis(10));
    }
    panic!("{} does not open", path.display())
}

/// Waits for another process.
#[expect(clippy::disallowed_methods, reason = "there is no event to wait for")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
