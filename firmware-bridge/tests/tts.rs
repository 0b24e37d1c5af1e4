//! Speech chips: the vendors' frames, pieces of texts, and emulated chips that lose and garble.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

use mingluo_bridge::tts::{
    Act, Command, Encoding, FRAME_BYTES_MAX, Letters, Speech, SpeechChip, Utf16Be, Utf16Le, frame,
    split,
};

#[path = "target/chip.rs"]
mod chip;
use chip::{Chip, random, words};

/// GBK by `encoding_rs`, as a gateway has it.
struct Gbk(Encoding);

impl Letters for Gbk {
    fn encoding(&self) -> Encoding {
        self.0
    }
    fn encode(&self, letter: char, out: &mut [u8; 4]) -> usize {
        let text = letter.to_string();
        let (bytes, _, lost) = encoding_rs::GBK.encode(&text);
        if lost {
            return 0;
        }
        out[..bytes.len()].copy_from_slice(&bytes);
        bytes.len()
    }
}

const CHIPS: [SpeechChip; 3] = [SpeechChip::Syn6288, SpeechChip::Syn6658, SpeechChip::Xfs5152ce];

fn text_frame(chip: SpeechChip, letters: &impl Letters, text: &str) -> Option<String> {
    let mut parameters = vec![letters.encoding().byte()];
    for letter in text.chars() {
        let mut bytes = [0; 4];
        let used = letters.encode(letter, &mut bytes);
        parameters.extend(&bytes[..used]);
    }
    hex(chip, Command::Speak, &parameters)
}

fn hex(chip: SpeechChip, command: Command, parameters: &[u8]) -> Option<String> {
    let mut out = [0; FRAME_BYTES_MAX];
    let used = frame(chip, command, parameters, &mut out)?;
    Some(out[..used].iter().map(|byte| format!("{byte:02X}")).collect())
}

#[test]
fn frames_are_those_of_the_manuals() {
    use SpeechChip::{Syn6288, Syn6658, Xfs5152ce};
    let (gb, gbk) = (Gbk(Encoding::Gb2312), Gbk(Encoding::Gbk));
    let spoken = [
        (text_frame(Syn6658, &gb, "宇音天下"), "FD000A0100D3EED2F4CCECCFC2"),
        (text_frame(Syn6658, &gbk, "宇音天下"), "FD000A0101D3EED2F4CCECCFC2"),
        (text_frame(Syn6658, &Utf16Le, "宇音天下"), "FD000A0103875BF39729590B4E"),
        (text_frame(Syn6658, &Utf16Be, "宇音天下"), "FD000A01045B8797F359294E0B"),
        (text_frame(Syn6658, &gbk, "[v8]"), "FD000601015B76385D"),
        (text_frame(Syn6288, &gb, "宇音天下"), "FD000B0100D3EED2F4CCECCFC2C1"),
        (text_frame(Syn6288, &gbk, "宇音天下"), "FD000B0101D3EED2F4CCECCFC2C0"),
        (text_frame(Syn6288, &gbk, "[v11]"), "FD000801015B7631315D85"),
        (text_frame(Xfs5152ce, &gbk, "宇音天下"), "FD000A0101D3EED2F4CCECCFC2"),
    ];
    let told = [
        (Syn6658, Command::Stop, "FD000102"),
        (Syn6658, Command::Pause, "FD000103"),
        (Syn6658, Command::Resume, "FD000104"),
        (Syn6658, Command::State, "FD000121"),
        (Syn6658, Command::Standby, "FD000188"),
        (Syn6658, Command::Wake, "FD0001FF"),
        (Syn6288, Command::Stop, "FD000202FD"),
        (Syn6288, Command::Pause, "FD000203FC"),
        (Syn6288, Command::Resume, "FD000204FB"),
        (Syn6288, Command::State, "FD000221DE"),
        (Syn6288, Command::Standby, "FD00028877"),
    ];
    for (got, want) in spoken {
        assert_eq!(got.as_deref(), Some(want));
    }
    for (chip, command, want) in told {
        assert_eq!(hex(chip, command, &[]).as_deref(), Some(want));
    }
    assert_eq!(hex(Syn6288, Command::Baud, &[1]).as_deref(), Some("FD00033101CE"));
    assert_eq!(hex(Syn6288, Command::Wake, &[]), None, "it has none");
    assert_eq!(text_frame(Syn6288, &Utf16Be, "宇"), None, "nor this encoding");
    assert_eq!(text_frame(Syn6288, &gbk, &"宇".repeat(101)), None, "201 bytes and one");
    assert!(text_frame(Syn6288, &gbk, &"宇".repeat(100)).is_some());
}

#[test]
fn pieces_end_where_a_reader_breathes() {
    let check = |text: &str, bytes_max: usize, want: &[&str]| {
        let (mut rest, mut got) = (text, Vec::new());
        while !rest.is_empty() {
            let (piece, after) = split(rest, bytes_max, &Utf16Le);
            assert!(!piece.is_empty());
            got.push(piece);
            rest = after;
        }
        assert_eq!(got, want);
    };
    check("今夜有暴雨。请上山，莫停留。", 20, &["今夜有暴雨。", "请上山，莫停留。"]);
    check("请上山，莫停留", 12, &["请上山，", "莫停留"]);
    check("水位235.5米", 10, &["水位", "235.5", "米"]);
    check("没有标点也不断字", 6, &["没有标", "点也不", "断字"]);
    check("123456789", 8, &["1234", "5678", "9"]);
}

#[test]
fn pieces_never_exceed_the_limit_nor_split_a_letter() {
    const LETTERS: [char; 16] =
        ['雨', '水', '。', '，', '1', '.', 'a', '𠮷', ' ', '[', '\n', '！', '米', 'é', '9', '\0'];
    let mut seed = 4;
    for round in 0..20_000 {
        let length = random(&mut seed) % 120;
        let text: String = (0..length)
            .map(|_| LETTERS[usize::try_from(random(&mut seed) % 16).unwrap()])
            .collect();
        let bytes_max = 4 + usize::try_from(random(&mut seed) % 200).unwrap();
        check(&text, bytes_max, &Utf16Le, round);
        check(&text, bytes_max, &Gbk(Encoding::Gbk), round);
    }
}

fn check(text: &str, bytes_max: usize, letters: &impl Letters, round: u32) {
    let (mut rest, mut whole) = (text, String::new());
    while !rest.is_empty() {
        let (piece, after) = split(rest, bytes_max, letters);
        assert!(!piece.is_empty(), "round {round}: no progress");
        let plain = piece.chars().filter(|letter| !"[]\n\0".contains(*letter));
        let bytes: usize = plain.map(|letter| letters.encode(letter, &mut [0; 4])).sum();
        assert!(bytes <= bytes_max, "round {round}: {bytes} of {bytes_max} bytes");
        whole.push_str(piece);
        rest = after;
    }
    assert_eq!(whole, text, "round {round}");
}

/// Speaks a text; gives the end and how long it took, in ms.
fn speak(chip: &mut Chip, text: &str) -> (Result<(), &'static str>, i64) {
    let mut speech = Speech::new(chip.chip, Utf16Le, 80, 0);
    for now_ms in (0..3_600_000).step_by(10) {
        let mut heard = chip.pass(now_ms);
        match speech.act(now_ms, text) {
            Act::Wait => {}
            Act::Send(bytes) => heard.extend(chip.told(now_ms, bytes)),
            Act::Done => return (Ok(()), now_ms),
            Act::Failed(why) => return (Err(why), now_ms),
        }
        for byte in heard {
            speech.hear(now_ms, byte);
        }
    }
    panic!("an hour is enough for everything")
}

const WARNING: &str = "临湘市气象台发布暴雨红色预警：预计未来3小时内，羊楼司镇降雨量将达100毫米以上。\
    请低洼地带和山边的群众立即转移到安全地点！不要[v0]在河道停留，不要过漫水桥。接到通知的干部请逐户清点，\
    将老人和孩子先送上山，再关好电闸。转移之后请留在高处，等候下一次广播，不要自行返回家中取东西。";

#[test]
fn a_warning_is_spoken_whole_and_in_order() {
    for chip in CHIPS {
        let mut chip = Chip::new(chip, 1);
        assert_eq!(speak(&mut chip, WARNING).0, Ok(()));
        let volume = if chip.chip == SpeechChip::Syn6288 { "[v12]" } else { "[v8]" };
        let want = WARNING.replace(['[', ']'], "");
        assert!(words(&chip).starts_with(volume));
        assert_eq!((words(&chip).replace(volume, ""), chip.cut_off), (want, 0), "{:?}", chip.chip);
        let pieces = if chip.chip == SpeechChip::Syn6288 { 2 } else { 1 };
        assert!(chip.spoken.len() >= pieces);
    }
    let mut chip = Chip::new(SpeechChip::Syn6658, 1);
    assert_eq!(speak(&mut chip, "[]\n").0, Ok(()), "nothing to say");
    assert_eq!(chip.spoken, Vec::<Vec<u8>>::new());
}

#[test]
fn lost_and_garbled_answers_cut_nothing_off() {
    let mut ended = 0;
    for seed in 0..300 {
        for chip in CHIPS {
            let mut chip = Chip { lost: 15, garbled: 10, damaged: 10, ..Chip::new(chip, seed) };
            let (end, _) = speak(&mut chip, WARNING);
            assert_eq!(chip.cut_off, 0, "seed {seed}");
            if end.is_ok() {
                ended += 1;
                assert!(words(&chip).ends_with(&WARNING[WARNING.len() - 30..]), "seed {seed}");
            }
        }
    }
    assert!(ended > 800, "{ended} of 900");
}

#[test]
fn a_dead_a_deaf_and_an_endless_chip_are_given_up() {
    let mut dead = Chip { lost: 100, ..Chip::new(SpeechChip::Syn6658, 1) };
    assert_eq!(speak(&mut dead, "水").0, Err("the speech chip is silent"));
    let mut deaf = Chip { damaged: 100, ..Chip::new(SpeechChip::Syn6288, 1) };
    let (end, took_ms) = speak(&mut deaf, "水");
    assert_eq!(end, Err("the speech chip does not understand"));
    assert!(took_ms < 2_000);
    let mut speech = Speech::new(SpeechChip::Xfs5152ce, Utf16Le, 50, 0);
    let mut failed = None;
    for now_ms in (0..60_000).step_by(10) {
        match speech.act(now_ms, "水") {
            Act::Failed(why) => {
                failed = Some((why, now_ms));
                break;
            }
            Act::Send(_) => {
                speech.hear(now_ms, 0x41);
                speech.hear(now_ms, 0x4E);
            }
            Act::Wait | Act::Done => {}
        }
    }
    assert!(failed.is_some_and(|(why, at)| why == "the speech chip does not end" && at < 13_000));
}

#[test]
fn a_chip_that_started_anew_gets_the_piece_again() {
    let mut speech = Speech::new(SpeechChip::Syn6658, Utf16Le, 100, 0);
    let mut sent = Vec::new();
    for now_ms in (0..350).step_by(10) {
        if let Act::Send(bytes) = speech.act(now_ms, "水") {
            sent.push(bytes.to_vec());
        }
        match now_ms {
            30 => speech.hear(now_ms, 0x41),
            100 => speech.hear(now_ms, 0x4A),
            _ => {}
        }
    }
    assert_eq!(sent.len(), 3, "{sent:02x?}");
    assert_eq!(sent[1], sent[2]);
}
