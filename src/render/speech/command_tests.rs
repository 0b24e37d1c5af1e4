//! Programs that speak, fail, hang, flood, babble and leave children behind.

use super::*;
use crate::model::Codec;
use crate::render::encode::encode;
use crate::render::samples::narrow;

/// A sound file of half a second, as a program would find it.
fn sound_file(name: &str) -> PathBuf {
    let mono = (0..8_000).map(|n| narrow((f64::from(n) * 0.2).sin() * 0.4)).collect();
    let bytes = encode(&Samples { rate_hz: 16_000, mono }, Codec::Wav).unwrap();
    let path = std::env::temp_dir().join(format!("mingluo-{name}-{}.wav", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Runs a small shell script as the voice.
fn run(script: &str, arguments: &[&str], time_ms: u64) -> Result<Samples, SpeechFault> {
    let mut argv: Vec<String> = ["/bin/sh", "-c", script, "voice"].map(str::to_owned).into();
    argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let time_max = Duration::from_millis(time_ms);
    let config = CommandConfig { argv, time_max, wav_bytes_max: 200_000 };
    let voice = CommandVoice::new(config, 1.25);
    let got = voice.speak("暴雨\u{1b}[2J红色", "local", Duration::from_secs(60));
    assert_eq!(voice.running.load(Ordering::Acquire), 0);
    got
}

fn check_fault(script: &str, parts: &[&str]) {
    let fault = run(script, &[], 30_000).expect_err(script).to_string();
    for part in parts {
        assert!(fault.contains(part), "{script}: {fault}");
    }
    assert!(!fault.contains('\n') && fault.chars().count() < 500, "{fault}");
}

/// Whether a process is alive.
fn alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z")
}

#[test]
fn a_program_speaks_by_pipes_or_by_files() {
    let file = sound_file("good");
    let wav = file.display().to_string();
    // The text arrives as it is, without control characters.
    let by_pipes = format!("[ \"$(cat)\" = '暴雨[2J红色' ] && cat {wav}");
    assert_eq!(run(&by_pipes, &[], 30_000).unwrap().duration_ms(), 500);
    let by_files = format!("grep -q 暴雨 \"$1\" && cp {wav} \"$2\" && echo done");
    assert!(run(&by_files, &["{text_file}", "{wav_file}"], 30_000).is_ok());
    // Not reading the text is no fault, and neither is talking without end about it.
    assert!(run(&format!("cat {wav}"), &[], 30_000).is_ok());
    let chatty =
        format!("cat {wav}; i=0; while [ $i -lt 3000 ]; do echo chatter $i >&2; i=$((i+1)); done");
    assert!(run(&chatty, &[], 30_000).is_ok());
    let placeholders = format!("[ \"$1 $2\" = 'local -s1.25' ] && cat {wav}");
    assert!(run(&placeholders, &["{voice}", "-s{speed}"], 30_000).is_ok());
    // A shell sees no more than what it is given.
    let secret =
        format!("[ -z \"$CARGO_MANIFEST_DIR$USER\" ] && [ \"$HOME\" = \"$PWD\" ] && cat {wav}");
    assert!(run(&secret, &[], 30_000).is_ok());
    std::fs::remove_file(file).unwrap();
}

#[test]
fn failing_programs_tell_why() {
    check_fault("echo no such voice >&2; exit 3", &["exit status: 3", "no such voice"]);
    check_fault("kill -9 $$", &["signal: 9"]);
    check_fault("echo hello", &["no usable sound", "expected"]);
    check_fault("true", &["no usable sound", "no bytes"]);
    check_fault("cat /dev/zero", &["more than 200000 bytes"]);
    check_fault("trap '' PIPE; cat /dev/zero 2>/dev/null; sleep 60", &["more than 200000 bytes"]);
    let absent = CommandConfig {
        argv: vec!["/no/such/program".to_owned()],
        time_max: Duration::from_secs(5),
        wav_bytes_max: 1_000,
    };
    let absent = CommandVoice::new(absent, 1.0).speak("雨", "", Duration::from_secs(5));
    assert!(matches!(absent, Err(SpeechFault::Failed(why)) if why.contains("No such file")));
}

#[test]
fn a_file_that_is_too_large_or_absent_is_refused() {
    let big = run("head -c 300000 /dev/zero > \"$1\"", &["{wav_file}"], 30_000);
    assert!(big.unwrap_err().to_string().contains("more than 200000 bytes"));
    let none = run("true", &["{wav_file}"], 30_000);
    assert!(none.unwrap_err().to_string().contains("no usable sound"));
}

#[test]
fn what_hangs_is_killed_with_all_it_started() {
    let notes = std::env::temp_dir().join(format!("mingluo-pids-{}", std::process::id()));
    let note = notes.display();
    let script = format!("sleep 300 & echo $! > {note}; echo $$ >> {note}; sleep 300");
    assert_eq!(run(&script, &[], 1_500), Err(SpeechFault::Late(1_500)));
    let pids = std::fs::read_to_string(&notes).unwrap();
    assert_eq!(pids.lines().count(), 2, "{pids}");
    // The system takes a moment to bury them.
    let buried = || pids.lines().all(|pid| !alive(pid));
    while !buried() {
        std::thread::yield_now();
    }
    std::fs::remove_file(&notes).unwrap();
}

#[test]
fn children_left_behind_are_killed_and_waited_for_by_nobody() {
    let file = sound_file("children");
    let notes = std::env::temp_dir().join(format!("mingluo-left-{}", std::process::id()));
    // The child holds the pipe open: without killing it, the end of the sound would never come.
    let script = format!("sleep 300 & echo $! > {}; cat {}", notes.display(), file.display());
    assert!(run(&script, &[], 30_000).is_ok());
    let pid = std::fs::read_to_string(&notes).unwrap();
    while alive(&pid) {
        std::thread::yield_now();
    }
    std::fs::remove_file(&notes).unwrap();
    std::fs::remove_file(file).unwrap();
}

#[test]
fn no_folder_stays_behind() {
    let marker = format!("mingluo-speech-{}-", std::process::id());
    let folder = Folder::make().unwrap();
    assert!(folder.0.display().to_string().contains(&marker));
    std::fs::write(folder.0.join("text.txt"), "雨").unwrap();
    let path = folder.0.clone();
    drop(folder);
    assert!(!path.exists());
}
