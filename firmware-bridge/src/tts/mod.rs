//! Speech chips on a serial line: XFS5152CE, SYN6288, SYN6658. They speak a text of some hundred
//! bytes where no line could carry the sound.
//!
//! Frames and limits: vendor manuals of SYN6658 and SYN6288; for XFS5152CE code that drives it, as its
//! manual was not at hand. No allocation and no tables: UTF-16, which all three take, is here; a
//! gateway that wants GBK brings it as [`Letters`].

mod speech;
mod text;

pub use crate::provision::SpeechChip;
pub use speech::{Act, Speech};
pub use text::{Encoding, Letters, Utf16Be, Utf16Le, split};

/// Longest text of one frame in bytes: the chips that take 4,096 get shorter ones, so that little is
/// lost with one, and a small terminal can hold it.
pub const TEXT_BYTES_MAX: usize = 512;
/// Longest frame in bytes: head 3, command, encoding, text, check byte.
pub const FRAME_BYTES_MAX: usize = TEXT_BYTES_MAX + 6;
const HEAD: u8 = 0xFD;

/// What a chip is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Speak a text. What it speaks already is cut off.
    Speak,
    /// Be silent.
    Stop,
    /// Pause.
    Pause,
    /// Go on.
    Resume,
    /// Say whether it speaks.
    State,
    /// Sleep.
    Standby,
    /// Wake up (not SYN6288: any byte wakes it).
    Wake,
    /// Set the speed of the line (SYN6288 only).
    Baud,
}

impl Command {
    fn byte(self) -> u8 {
        match self {
            Self::Speak => 0x01,
            Self::Stop => 0x02,
            Self::Pause => 0x03,
            Self::Resume => 0x04,
            Self::State => 0x21,
            Self::Baud => 0x31,
            Self::Standby => 0x88,
            Self::Wake => 0xFF,
        }
    }
}

/// What a chip says, one byte at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has just started: what it was told before is lost.
    Started,
    /// The command was understood.
    Good,
    /// The command was not understood.
    Bad,
    /// It speaks.
    Speaking,
    /// It is silent; also said once at the end of a text.
    Idle,
}

impl Answer {
    /// Reads an answer; `None` = noise.
    #[must_use]
    pub fn read(byte: u8) -> Option<Self> {
        match byte {
            0x4A => Some(Self::Started),
            0x41 => Some(Self::Good),
            0x45 => Some(Self::Bad),
            0x4E => Some(Self::Speaking),
            0x4F => Some(Self::Idle),
            _ => None,
        }
    }
}

impl SpeechChip {
    /// Longest text of one frame, bytes.
    #[must_use]
    pub fn text_bytes_max(self) -> usize {
        match self {
            Self::Syn6288 => 200,
            Self::Syn6658 | Self::Xfs5152ce => TEXT_BYTES_MAX,
        }
    }

    /// Highest volume of the text mark `[v..]`.
    #[must_use]
    pub fn volume_max(self) -> u8 {
        match self {
            Self::Syn6288 => 16,
            Self::Syn6658 | Self::Xfs5152ce => 10,
        }
    }

    /// Whether its frames end with a check byte.
    fn checked(self) -> bool {
        self == Self::Syn6288
    }

    fn knows(self, command: Command, encoding: Option<Encoding>) -> bool {
        let command = match command {
            Command::Wake => self != Self::Syn6288,
            Command::Baud => self == Self::Syn6288,
            Command::Speak
            | Command::Stop
            | Command::Pause
            | Command::Resume
            | Command::State
            | Command::Standby => true,
        };
        command && (encoding != Some(Encoding::Utf16Be) || self == Self::Syn6658)
    }
}

/// Makes a frame of a command with its parameters (for speech the encoding, then the text); gives the
/// used length. `None` when the chip does not know it or it is too long.
#[must_use]
pub fn frame(
    chip: SpeechChip,
    command: Command,
    parameters: &[u8],
    out: &mut [u8; FRAME_BYTES_MAX],
) -> Option<usize> {
    let encoding = match (command, parameters.first()) {
        (Command::Speak, Some(byte)) => Some(Encoding::read(*byte & 7)?),
        (Command::Speak, None) => return None,
        (_, _) => None,
    };
    if !chip.knows(command, encoding) || parameters.len() > chip.text_bytes_max() + 1 {
        return None;
    }
    let check = usize::from(chip.checked());
    let counted = u16::try_from(1 + parameters.len() + check).ok()?;
    let [high, low] = counted.to_be_bytes();
    let head = [HEAD, high, low, command.byte()];
    let used = head.len() + parameters.len();
    let plain = out.get_mut(..used)?;
    plain.iter_mut().zip(head.iter().chain(parameters)).for_each(|(to, from)| *to = *from);
    let sum = plain.iter().fold(0, |sum, byte| sum ^ byte);
    if chip.checked() {
        *out.get_mut(used)? = sum;
    }
    Some(used + check)
}
