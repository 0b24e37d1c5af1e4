//! Previews over the real HTTP: clip, length, airtime, readings; who may, how many at once.

use crate::process::{Gateway, alert, wait_until};
use serde_json::{Value, json};

fn fetched(url: &str) -> Vec<u8> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { reqwest::get(url).await.unwrap().bytes().await.unwrap().to_vec() })
}

fn preview(gateway: &Gateway, body: &Value, expect: u16) -> Value {
    let (status, answer) = gateway.post("/preview", &gateway.leader(), body.to_string());
    assert_eq!(status, expect, "{body}: {answer}");
    answer
}

#[test]
fn an_officer_hears_it_before_anybody_else_does() {
    let mut gateway = Gateway::start("preview");
    let words = json!({ "text": "今晚20:00停水，请做好准备。", "repeats": 3, "interval_s": 10 });
    let first = preview(&gateway, &words, 200);
    let duration_ms = first["duration_ms"].as_u64().unwrap();
    assert!((2_000..60_000).contains(&duration_ms), "{first}");
    assert_eq!(first["sounding_ms"], json!(duration_ms * 3 + 20_000));
    assert!(!first["voice"].as_str().unwrap().is_empty());
    assert!(first["said"].as_str().unwrap().contains("二十"), "{first}");
    assert!(first["readings"].to_string().contains("ting2 shui3"), "{first}");
    assert_eq!(first["unknown"], json!([]));
    // The clip is what its digest says, in every codec.
    let clips = first["clips"].as_array().unwrap();
    assert_eq!(clips.len(), 4);
    for clip in clips {
        let bytes = fetched(clip["url"].as_str().unwrap());
        assert_eq!(json!(bytes.len()), clip["bytes"]);
        let digest = mingluo::model::Sha256::of(&bytes).to_string();
        assert_eq!(clip["sha256"], json!(digest));
        assert!(mingluo::render::recording::decode(&bytes).is_ok());
    }
    assert_eq!(first["clip"]["codec"], "opus");
    let bytes = first["bytes"]["opus"].as_u64().unwrap();
    let frames = bytes.div_ceil(960);
    let serial_ms = ((bytes + frames * 74) * 10_000).div_ceil(9_600);
    assert_eq!(first["airtime_ms"]["serial_9600"], json!(serial_ms), "{first}");
    assert_eq!(first["airtime_ms"]["mqtt"], json!((bytes * 8_000).div_ceil(2_000_000)));
    // Other codec, drill, template, recording.
    let mut drill = words.clone();
    drill["drill"] = json!(true);
    drill["codec"] = json!("adpcm");
    let drill = preview(&gateway, &drill, 200);
    assert!(drill["duration_ms"].as_u64().unwrap() > duration_ms + 2_000, "{drill}");
    assert_eq!(drill["clip"]["bytes"], drill["bytes"]["adpcm"]);
    let recording = preview(&gateway, &json!({ "recording": "flood-red", "chime": "none" }), 200);
    assert_eq!(
        (&recording["voice"], &recording["said"]),
        (&json!("recorded:flood-red"), &json!(""))
    );
    // What can't be previewed says why.
    for (body, part) in [
        (json!({}), "got 0 of them"),
        (json!({ "text": "雨", "recording": "flood-red" }), "got 2 of them"),
        (json!({ "template": "no-such" }), "expected a template out of"),
        (json!({ "plan": "17" }), "expected a waiting plan"),
        (json!({ "text": "雨", "repeats": 0 }), "from 1 to 20"),
    ] {
        let problem = preview(&gateway, &body, 400);
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    // A recording has no words for a speech chip.
    preview(&gateway, &json!({ "recording": "flood-red", "codec": "text" }), 400);
    let empty = preview(&gateway, &json!({ "text": "……" }), 422);
    assert!(empty["detail"].as_str().unwrap().contains("expected words"), "{empty}");
    preview(&gateway, &json!({ "text": "雨".repeat(2_001) }), 422);
    assert_eq!(gateway.post("/preview", &gateway.source(), words.to_string()).0, 403);
    assert_eq!(gateway.post("/preview", "nobody", words.to_string()).0, 401);
    // Nothing of all this was broadcast.
    assert_eq!(gateway.get("/broadcasts")["broadcasts"], json!([]));
    gateway.stop();
}

#[test]
fn templates_and_waiting_plans_can_be_heard() {
    let mut gateway = Gateway::start("preview-plan");
    let policy = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev/policy.toml"),
    )
    .unwrap();
    let at = policy.find("[[templates]]").expect("a template");
    let name = policy[at..].split('"').nth(1).unwrap().to_owned();
    let slots = json!({ "headline": "岳阳县发布暴雨红色预警", "instruction": "请立即转移" });
    let filled = preview(&gateway, &json!({ "template": name, "slots": slots }), 200);
    assert!(filled["text"].as_str().unwrap().contains("请立即转移"), "{filled}");
    let wrong = json!({ "template": name, "slots": { "who": "x" } });
    let wrong = preview(&gateway, &wrong, 400);
    assert!(wrong["detail"].as_str().unwrap().contains("got `who`"), "{wrong}");
    let yellow = alert("preview-1", "Yellow", "Alert", "");
    let (status, answer) = gateway.post("/alerts", &gateway.source(), yellow);
    assert_eq!(status, 202, "{answer}");
    let plans = gateway.get("/plans");
    if let Some(plan) = plans["plans"].get(0) {
        let heard = preview(&gateway, &json!({ "plan": plan["id"] }), 200);
        assert_eq!(heard["text"], plan["text"], "{heard}");
    } else {
        assert_eq!(answer["disposition"], "planned", "a yellow alert waits or goes out: {answer}");
    }
    gateway.stop();
}

#[test]
fn more_previews_than_fit_are_sent_away_and_a_warning_goes_first() {
    let mut gateway = Gateway::start("preview-many");
    let long = "请注意收听天气预报，低洼地带的群众做好转移准备。".repeat(30);
    let (busy, good) = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..12)
            .map(|n| {
                let (gateway, long) = (&gateway, &long);
                scope.spawn(move || {
                    let body = json!({ "text": format!("第{n}条。{long}"), "repeats": 2 });
                    gateway.post("/preview", &gateway.leader(), body.to_string()).0
                })
            })
            .collect();
        gateway.post_alert("Red");
        let rendered = || {
            let all = gateway.get("/broadcasts");
            let state = all["broadcasts"][0]["state"].clone();
            state != "rendering" && !state.is_null()
        };
        wait_until(30, rendered, "the red warning is rendered beside the previews");
        let codes: Vec<u16> = asked.into_iter().map(|one| one.join().unwrap()).collect();
        let count = |wanted: u16| codes.iter().filter(|code| **code == wanted).count();
        assert_eq!(count(200) + count(503), codes.len(), "{codes:?}");
        (count(503), count(200))
    });
    assert!(busy >= 1 && good >= 1, "{busy} sent away, {good} heard");
    gateway.stop();
}

/// A second of a tone, or however many milliseconds, as a wav file.
fn wav(ms: u32) -> Vec<u8> {
    use mingluo::render::{encode::encode, samples::Samples, samples::narrow};
    let mono = (0..ms * 16).map(|n| narrow((f64::from(n) * 0.3).sin() * 0.3)).collect();
    encode(&Samples { rate_hz: 16_000, mono }, mingluo::model::Codec::Wav).unwrap()
}

#[test]
fn a_county_plugs_in_its_own_voice_and_its_own_recordings() {
    let mut gateway = Gateway::start("preview-own");
    let configs = gateway.folder().ancestors().nth(2).unwrap().to_owned();
    let sound = configs.join("voice.wav");
    std::fs::write(&sound, wav(2_000)).unwrap();
    let program = configs.join("voice.sh");
    let speaks = format!("cat > /dev/null; cat {}\n", sound.display());
    std::fs::write(&program, &speaks).unwrap();
    let file = configs.join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let speech = format!(
        "\n[speech]\nengines = [\"command\", \"bank\"]\ncommand = [\"/bin/sh\", \"{}\"]\n\
         command_s_max = 3\n\n[mix]\npre_roll_ms = 1000\n",
        program.display()
    );
    gateway.stop();
    std::fs::write(&file, text + &speech).unwrap();
    gateway.restart();
    let words = json!({ "text": "今晚停水。", "chime": "none" });
    let own = preview(&gateway, &words, 200);
    assert_eq!(own["voice"], "command", "{own}");
    // Pre-roll as configured, two seconds of the program's sound, tail.
    assert_eq!(own["duration_ms"], json!(1_000 + 2_000 + 400));
    std::fs::write(&program, "sleep 60\n").unwrap();
    let other = json!({ "text": "明晚停水。", "chime": "none" });
    let late = preview(&gateway, &other, 200);
    assert_ne!(late["voice"], "command", "{late}");
    let why = late["fallback_reason"].as_str().unwrap();
    assert!(why.contains("command: expected speech within 3000 ms"), "{why}");
    // A recording of the county goes before the shipped one, at once.
    let named = json!({ "recording": "flood-red", "chime": "none" });
    let shipped = preview(&gateway, &named, 200);
    let recordings = configs.join("recordings/岳阳县");
    std::fs::create_dir_all(&recordings).unwrap();
    std::fs::write(recordings.join("flood-red.wav"), wav(3_000)).unwrap();
    let local = preview(&gateway, &named, 200);
    assert_eq!(local["duration_ms"], json!(1_000 + 3_000 + 400), "{shipped}");
    std::fs::write(recordings.join("flood-red.wav"), b"no sound").unwrap();
    let back = preview(&gateway, &named, 200);
    assert_eq!(back["duration_ms"], shipped["duration_ms"]);
    assert!(back["fallback_reason"].to_string().contains("recording `flood-red`"), "{back}");
    gateway.stop();
}
