//! API keys made and revoked on screen.

use super::*;
use crate::model::ApiKeyLine;

fn key(name: &str, secret: &str) -> ApiKeyLine {
    ApiKeyLine {
        name: name.into(),
        role: Role::Source,
        areas: vec![code(COUNTY)],
        sha256: Sha256::of(secret.as_bytes()),
        expires: Some(NOON.plus_s(86_400)),
    }
}

fn administrator() -> Actor {
    actor("管系统", Role::Administrator)
}

fn make(county: &mut County, by: &Actor, key: ApiKeyLine) -> Answer {
    county.ask(by, Ask::MakeKey(Box::new(key)))
}

#[test]
fn an_administrator_makes_and_revokes_keys_on_record() {
    let mut county = default_county();
    for nobody in [leader("李带班"), officer("张三"), actor("季技术", Role::Technician)] {
        let answer = make(&mut county, &nobody, key("水文站", "one"));
        assert!(matches!(answer, Answer::Denied(_)), "{nobody:?}: {answer:?}");
    }
    let far = Actor { areas: vec![code(VILLAGE_A)], ..administrator() };
    assert!(matches!(make(&mut county, &far, key("水文站", "one")), Answer::Denied(_)));
    assert_eq!(
        make(&mut county, &administrator(), key(" 水文站 ", "one")),
        Answer::Done(Vec::new())
    );
    let digest = Sha256::of(b"one");
    let known = |county: &County| county.gateway.state().api_keys[&digest].clone();
    assert_eq!(
        (known(&county).key.name.as_str(), known(&county).by.as_str()),
        ("水文站", "管系统")
    );
    assert!(known(&county).is_good(NOON) && !known(&county).is_good(NOON.plus_s(86_400)));
    let revoke = |why: &str| Ask::RevokeKey(digest, why.into());
    assert!(matches!(county.ask(&leader("李带班"), revoke("外泄外泄")), Answer::Denied(_)));
    assert_eq!(codes(&county.ask(&administrator(), revoke("漏"))), ["reason_too_short"]);
    assert_eq!(county.ask(&administrator(), revoke("密钥外泄")), Answer::Done(Vec::new()));
    assert!(!known(&county).is_good(NOON));
    assert!(matches!(county.ask(&administrator(), revoke("密钥外泄")), Answer::NotFound(_)));
    county.restart(rules());
    assert_eq!(known(&county).revoked.unwrap().2, "密钥外泄");
}

#[test]
fn every_fault_of_a_key_is_told() {
    let mut county = default_county();
    let mut check = |change: &dyn Fn(&mut ApiKeyLine), expect: &[&str]| {
        let mut key = key("水文站", "two");
        change(&mut key);
        assert_eq!(codes(&make(&mut county, &administrator(), key)), expect);
    };
    check(&|key| key.name = " ".into(), &["bad_name"]);
    check(&|key| key.name = "水".repeat(33), &["bad_name"]);
    check(&|key| key.areas = vec![code("430621999999")], &["unknown_area"]);
    check(&|key| key.expires = Some(NOON), &["bad_expiry"]);
    let all = |key: &mut ApiKeyLine| {
        key.name.clear();
        key.areas.clear();
        key.expires = Some(NOON.plus_s(20 * 366 * 86_400));
    };
    check(&all, &["bad_name", "bad_areas", "bad_expiry"]);
}
