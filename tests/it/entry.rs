//! The stored text of entries, frozen: what a record of today says must be read for ever. When one
//! of these fails, the code is wrong, not the test. Fields and variants are only ever added.

use mingluo::record::entry::Entry;

/// Reads a stored text, and writes the same again.
fn check(kind: &str, fields: &str) {
    let stored = format!(r#"{{"entry":"{kind}",{fields}}}"#);
    let entry = Entry::from_body(stored.as_bytes()).unwrap_or_else(|fault| {
        panic!("`{kind}` can't be read any more: {fault}");
    });
    assert_eq!(entry.kind(), kind);
    let written = String::from_utf8(entry.to_body().unwrap()).unwrap();
    assert_eq!(written, stored, "`{kind}` is written otherwise");
}

#[test]
fn what_officers_do_with_plans() {
    let content = r#"{"text":"水","recording":null,"repeats":2,"volume_percent":90,"expires":1780290000000,"areas":["430621100001"],"terminals":["430621100001-001"]}"#;
    check(
        "plan_edited",
        &format!(
            r#""plan":7,"revision":1,"by":"李四","before":{content},"after":{content},"needs_other":true"#
        ),
    );
    check(
        "glass_broken",
        r#""broadcast":8,"plan":7,"by":"张三","reason":"溃坝在即","countersign_by":1780376400000"#,
    );
    check("countersigned", r#""broadcast":8,"by":"赵六","role":"leader""#);
    check("countersign_overdue", r#""broadcast":8"#);
    check("resent", r#""of":8,"broadcast":9,"urged":3,"by":"张三""#);
    check("resent", r#""of":8,"broadcast":null,"urged":3,"by":"张三""#);
    check("plan_escalated", r#""plan":7,"asked":["李四","王五"]"#);
}

#[test]
fn roster_and_groups() {
    let shift = r#"{"id":1,"post":"leader","person":"赵六","telephone":"0730-7612345","area":"430621000000","from":1780272000000,"until":1780358400000}"#;
    check("roster_changed", &format!(r#""set":[{shift}],"removed":[2],"by":"赵六""#));
    let group = r#"{"name":"沿江","owner":"张三","areas":["430621100002"],"terminals":["430621100001-001"]}"#;
    check("group_set", &format!(r#""group":{group},"by":"张三""#));
    check("group_removed", r#""name":"沿江","by":"张三""#);
}

#[test]
fn programmes() {
    let programme = |calendar: &str, except: &str| {
        format!(
            r#"{{"name":"安全","text":"水","recording":null,"voice":null,"areas":["430621100002"],"terminals":[],"groups":[],"calendar":{calendar},"at_minutes":[450,1080],"from":"2026-06-01","until":"2026-06-30",{except}"repeats":1,"interval_s":0,"volume_percent":null,"tolerance_s":60,"valid_s":600}}"#
        )
    };
    for calendar in [
        r#"{"kind":"daily"}"#,
        r#"{"kind":"weekly","weekdays":[1,5]}"#,
        r#"{"kind":"dates","dates":["2026-06-01"]}"#,
        r#"{"kind":"yearly","days":[{"month":5,"day":12}]}"#,
        r#"{"kind":"month","month":6}"#,
    ] {
        for except in ["", r#""except":["2026-06-22"],"#] {
            let programme = programme(calendar, except);
            let fields = format!(r#""programme":{programme},"by":"张三","second_person":true"#);
            check("programme_set", &fields);
        }
    }
    check("programme_approved", r#""name":"安全","by":"李四""#);
    check("programme_removed", r#""name":"安全","by":"李四""#);
    check("programme_started", r#""name":"安全","due":1780288200000,"broadcast":9"#);
    let reason = r#"{"code":"missed","text":"到点时网关未运行"}"#;
    check("programme_skipped", &format!(r#""name":"安全","due":1780288200000,"reason":{reason}"#));
}

#[test]
fn calls() {
    let digest = "ab".repeat(32);
    let person = format!(
        r#"{{"name":"村支书","role":"责任人","telephone":"119","stage":"village","digest":"{digest}"}}"#
    );
    check(
        "call_made",
        &format!(
            r#""call":10,"broadcast":9,"area":"430621100001","persons":[{person}],"answer_by":1780286700000"#
        ),
    );
    check("call_sent", r#""call":10,"place":0"#);
    check(
        "call_escalated",
        &format!(r#""call":10,"persons":[{person}],"answer_by":1780286700000"#),
    );
    for how in [
        r#"{"link":{"person":"村支书"}}"#,
        r#"{"terminal_button":{"terminal":"430621100001-001"}}"#,
        r#"{"officer":{"by":"张三"}}"#,
    ] {
        check("call_answered", &format!(r#""call":10,"how":{how}"#));
    }
    check("call_unanswered", r#""call":10,"reason":"time""#);
}

#[test]
fn changes_of_the_policy() {
    let template = |text: &str| format!(r#"{{"template":{{"name":"t","text":"{text}"}}}}"#);
    let change = format!(
        r#"{{"version":2,"before":{},"after":{},"file":{},"reason":"汛期","returns_to":1}}"#,
        template("水"),
        template("快走"),
        template("水")
    );
    check("policy_proposed", &format!(r#""change":{change},"by":"李四","role":"leader""#));
    check("policy_approved", r#""part":"template/t","version":2,"by":"赵六""#);
    check("policy_withdrawn", r#""part":"plan/rainstorm-red","version":2,"by":"赵六""#);
    check("policy_refused", r#""part":"plan/a","version":2,"by":"赵六","reason":"与预案不符""#);
    // What is new has nothing before it and nothing in the file; what goes away names itself once more.
    let added = format!(
        r#"{{"version":1,"after":{},"reason":"汛期","returns_to":null,"deed":"add","stands_before":"rain-red"}}"#,
        template("水")
    );
    check("policy_proposed", &format!(r#""change":{added},"by":"李四","role":"leader""#));
    let removed = format!(
        r#"{{"version":2,"before":{0},"after":{0},"file":{0},"reason":"不用","returns_to":null,"deed":"remove"}}"#,
        template("水")
    );
    check("policy_proposed", &format!(r#""change":{removed},"by":"李四","role":"leader""#));
    let plan = r#"{"plan":{"name":"a","title":"甲","hazards":["11B03"],"event_words":[],"levels":["red"],"senders":[],"areas":["430621000000"],"approval":"one-person","decide_within_s":120,"after_deadline":"release","chime":"red","template":"t","voice":"default","recording":null,"fallback_recording":"x","repeats":3,"interval_s":5,"volume_percent":100,"quiet_hours_exempt":true,"playback":"simultaneous","validity_s_max":7200,"on_cancel":"stop","call":{"answer_within_s":300}}}"#;
    let change = format!(
        r#"{{"version":1,"before":{plan},"after":{plan},"file":{plan},"reason":"汛期","returns_to":null}}"#
    );
    check("policy_proposed", &format!(r#""change":{change},"by":"李四","role":"administrator""#));
}

#[test]
fn keys_made_on_screen() {
    let digest = "ab".repeat(32);
    check(
        "key_made",
        &format!(
            r#""key":{{"name":"水文站","role":"source","areas":["430621000000"],"sha256":"{digest}","expires":1780376400000}},"by":"管系统""#
        ),
    );
    check("key_revoked", &format!(r#""sha256":"{digest}","by":"管系统","reason":"密钥外泄""#));
}

#[test]
fn the_latch_the_quarantine_and_what_was_shed() {
    let latch = |hold: &str| {
        format!(r#""areas":["430621000000"],"hold":{hold},"by":"李带班","reason":"误发，正在核实""#)
    };
    for hold in [r#""wait""#, r#""refuse""#, "null"] {
        check("latch_changed", &latch(hold));
    }
    let reason = r#"{"code":"stop_latch","text":"停播锁生效"}"#;
    check("latch_held", &format!(r#""plan":7,"waits_as":8,"reason":{reason}"#));
    check("latch_held", &format!(r#""plan":7,"waits_as":null,"reason":{reason}"#));
    check("rejection_replayed", r#""number":3,"by":"季技术","reason":"读取程序已更新""#);
    check("alerts_shed", r#""by":"气象局","why":"source_pace","n":950"#);
}

/// What was written before a field existed is read with its default.
#[test]
fn older_texts_are_read() {
    let content = r#"{"text":"","recording":null,"repeats":1,"volume_percent":null,"expires":1,"areas":[],"terminals":[]}"#;
    let stored = format!(
        r#"{{"entry":"plan_edited","plan":7,"revision":1,"by":"李四","before":{content},"after":{content}}}"#
    );
    let Entry::PlanEdited { needs_other, .. } = Entry::from_body(stored.as_bytes()).unwrap() else {
        panic!("an edit")
    };
    assert!(!needs_other);
}

#[test]
fn sources() {
    let noted = |note: &str| check("source_noted", &format!(r#""source":"水利局","note":{note}"#));
    noted(r#"{"note":"read","etag":"\"a\"","modified":null,"seen":["0123456789abcdef"]}"#);
    noted(r#"{"note":"silent","since":1780272000000,"why":"404"}"#);
    noted(r#"{"note":"heard"}"#);
}

/// What passes between this gateway and the upper platform; the name of the row says which act it is.
#[test]
fn acts_of_the_upper_platform() {
    let check = |kind: &str, act: &str| {
        let stored = format!(r#"{{"entry":"platform","act":{act}}}"#);
        let entry = Entry::from_body(stored.as_bytes()).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(entry.kind(), kind);
        let written = String::from_utf8(entry.to_body().unwrap()).unwrap();
        assert_eq!(written, stored, "`{kind}` is written otherwise");
    };
    let raw = "ab".repeat(32);
    check(
        "platform_took",
        &format!(
            r#"{{"took":{{"package":{{"id":"10","kind":"ebm","source":"2","dest":"4","sent":1780286400000,"related":null,"signature":{{"verified":{{"certificate":"000000000202"}}}}}},"raw":"{raw}","code":"good","desc":"好","ebm":{{"id":"E","alert":{{"sender":"2","identifier":"E","sent":1780286400000}},"ends":false}}}}}}"#
        ),
    );
    let report = r#"{"ebm":"E","at":1780286400000,"state":"playing","desc":"正在播发","counts":{"targeted":3,"open":1,"playing":1,"played":1,"failed":0,"cancelled":0,"unreachable":0},"areas":["430621000000"],"began":1780286400000,"ended":null,"title":"题","words":"话"}"#;
    for content in ["state", "log"] {
        let content = format!(r#"{{"{content}":{report}}}"#);
        check(
            "platform_queued",
            &format!(r#"{{"queued":{{"sequence":7,"related":"10","content":{content}}}}}"#),
        );
    }
    check("platform_sent", r#"{"sent":{"sequence":7,"code":"good"}}"#);
    check("platform_dropped", r#"{"dropped":{"sequence":7,"reason":"24 小时没有送达"}}"#);
    check("platform_answered", r#"{"answered":{"id":"10","code":"other","desc":"忙"}}"#);
    check("platform_unanswered", r#"{"unanswered":{"sequence":7,"n_tries":2,"why":"refused"}}"#);
}
