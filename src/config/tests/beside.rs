//! What the configuration has to do with the screen and with telephones.

use super::*;
use crate::decide::policy_text;
use crate::model::{PolicyContent, PolicyPart};

/// What the screen writes out for the file is what the file says.
#[test]
fn the_text_of_a_part_is_read_back_the_same() {
    let mut policy = shipped("configs/dev").policy;
    for plan in &mut policy.plans {
        // Signs that a file must escape.
        plan.senders = vec!["a\"b\\c".into()];
        plan.recording = Some("general-red".into());
    }
    let dir = changed("round", "policy.toml", |text| {
        let (head, _) = text.split_once("[[templates]]").expect("templates");
        let mut out = head.to_owned();
        for template in &policy.templates {
            let part = PolicyPart::Template(template.name.clone());
            out.push_str(&policy_text(&policy.content(&part).expect("it is there")));
        }
        for plan in &policy.plans {
            out.push_str(&policy_text(&PolicyContent::Plan(Box::new(plan.clone()))));
        }
        out.into_bytes()
    });
    let audio = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples").display().to_string();
    let read = Config::load_with(&dir, &BTreeMap::from([("render.audio_dir".to_owned(), audio)]));
    std::fs::remove_dir_all(&dir).expect("remove");
    assert_eq!(read.expect("no fault").policy, policy);
}

#[test]
fn links_of_calls_lead_to_a_name_the_console_answers_to() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
    let check = |url: &str, hosts: &str, expect: Option<&str>| {
        let over = [("call.public_url", url), ("http.hosts", hosts)];
        let over = over.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let warnings = Config::load_with(&dir, &over).expect("no fault").warnings;
        let told = warnings.iter().find(|warning| warning.what.contains("public_url"));
        assert_eq!(told.is_some(), expect.is_some(), "{url} {hosts}: {warnings:?}");
        if let Some((told, expect)) = told.zip(expect) {
            assert!(told.what.contains(expect), "{told}");
        }
    };
    check("https://mingluo.county.cn", "", Some("which is not in `hosts` of [http]"));
    check("https://mingluo.county.cn:8443/x?y", "gong,Mingluo.County.cn", None);
    check("http://mingluo.county.cn.evil.cn/", "mingluo.county.cn", Some("evil"));
    check("http://10.6.2.1:8721", "", None);
    check("http://[fd00::1]:8721", "", None);
    check("http://localhost:8721", "", None);
    check("http://0.0.0.0:8721", "", Some("no telephone reaches"));
    check("http://[::]:8721", "", Some("no telephone reaches"));
}
