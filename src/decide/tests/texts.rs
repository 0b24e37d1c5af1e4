use crate::decide::text::{MESSAGE_CHARS_MAX, Slots, bad_slots, fill};

fn check(template: &str, headline: &str, description: &str, instruction: &str, want: &str) {
    let slots = Slots {
        headline: headline.into(),
        description: description.into(),
        instruction: instruction.into(),
        sender: "县气象台".into(),
        ..Slots::default()
    };
    let (text, notes) = fill(template, &slots);
    assert_eq!(text, want);
    assert!(notes.is_empty() && !text.contains(['{', '}']));
}

#[test]
fn each_thing_once_and_no_slot_left() {
    let plain = "注意。{headline}。{description}{instruction}";
    check(plain, "暴雨红色预警", "将有暴雨", "请防范", "注意。暴雨红色预警。将有暴雨。请防范。");
    check(
        plain,
        "暴雨红色预警。",
        "暴雨红色预警：将有暴雨。",
        "",
        "注意。暴雨红色预警：将有暴雨。",
    );
    check(plain, "标题", "将有暴雨，请防范！", "请防范", "注意。标题。将有暴雨，请防范！");
    check(plain, "", "", "", "注意。");
    check("{headline}。{description}", "", "只有内容", "", "只有内容。");
    check("{nonsense}{headline}。", "标题", "", "", "标题。");
    check("{headline}。{broken", "标题", "", "", "标题。");
    check(
        "{sender}提醒：{headline}。",
        "县气象台发布大风预警",
        "",
        "",
        "提醒：县气象台发布大风预警。",
    );
    check(plain, "暴雨[IV级/一般]", "{headline}", "见 https://a.b/c", "注意。暴雨。headline。见。");
    check(plain, "暴雨[IV级", "一\n 二", "", "注意。暴雨IV级。一二。");
    let tagged = "<p>雨<b>很大</b><br/>快走<img src='a'></p>";
    check(plain, "暴雨", tagged, "", "注意。暴雨。雨很大快走。");
    check(plain, "暴雨", "雨量<50毫米，风力>8级", "", "注意。暴雨。雨量50毫米，风力8级。");
    check(plain, "暴雨", "雨量<b中断", "", "注意。暴雨。雨量b中断。");
    check(plain, "Warning", "Move to higher ground.", "", "注意。Warning。Move to higher ground.");
}

#[test]
fn long_texts_end_with_a_sentence() {
    let slots = Slots { description: "将有暴雨。".repeat(900), ..Slots::default() };
    let (text, notes) = fill("{description}", &slots);
    assert_eq!(text.chars().count(), MESSAGE_CHARS_MAX);
    assert!(text.ends_with('。'));
    assert_eq!(notes[0].code, "text_cut");
    let endless = Slots { description: "雨".repeat(5_000), ..Slots::default() };
    assert_eq!(fill("{description}", &endless).0.chars().count(), MESSAGE_CHARS_MAX);
}

#[test]
fn templates_with_faults() {
    for (template, want) in [
        ("{headline}好", 0),
        ("没有", 0),
        ("{title}{headline}", 1),
        ("{headline", 1),
        ("headline}", 1),
        ("{}", 1),
    ] {
        assert_eq!(bad_slots(template).len(), want, "{template}");
    }
}
