//! Feeds of every kind, and seeded mutations of them.

use super::*;

const ATOM: &str = "<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom' xmlns:c='urn:oasis:names:tc:emergency:cap:1.2'>\
<id>x</id><link href='http://a/self'/><updated>2026-06-01T08:00:00+08:00</updated>\
<entry><id>2</id><updated>2026-06-01T09:00:00+08:00</updated><link rel='alternate' type='text/html' href='http://a/2.html'/>\
<link type='application/cap+xml' href='http://a/2.xml?a=1&amp;b=2'/></entry>\
<entry><id>1</id><updated>2026-06-01T08:00:00+08:00</updated><content type='text/xml'><c:alert><c:identifier>i</c:identifier></c:alert></content></entry>\
<entry><id>http://a/3</id><updated>never</updated></entry>\
<entry><title>nothing</title></entry></feed>";

fn kinds(text: &str) -> Vec<String> {
    let word = |entry: &FeedEntry| match &entry.content {
        FeedContent::Alert(text) => format!("alert {text}"),
        FeedContent::Link(link) => format!("link {link}"),
        FeedContent::Nothing(_) => "nothing".to_owned(),
    };
    feed(text.as_bytes(), None).unwrap().entries.iter().map(word).collect()
}

#[test]
fn entries_come_oldest_first_with_their_best_link_or_their_alert() {
    assert_eq!(
        kinds(ATOM),
        [
            "nothing",
            "link http://a/3",
            "alert <c:alert xmlns:c=\"urn:oasis:names:tc:emergency:cap:1.2\"><c:identifier>i</c:identifier></c:alert>",
            "link http://a/2.xml?a=1&b=2",
        ]
    );
    let rss = "<rss version='2.0'><channel><link>http://a</link><item><title>t</title><link>http://a/1.xml</link>\
        <pubDate>Thu, 01 Jan 2026 05:09:13 +0000</pubDate><guid>g</guid></item></channel></rss>";
    let read = feed(rss.as_bytes(), None).unwrap();
    assert_eq!(read.entries[0].updated, Some(UtcMs(1_767_244_153_000)));
    assert_eq!(kinds(rss), ["link http://a/1.xml"]);
    let escaped = "<feed><entry><id>1</id><content>&lt;alert>x&lt;/alert></content></entry></feed>";
    assert_eq!(kinds(escaped), ["alert <alert>x</alert>"]);
    assert_eq!(
        kinds("<alerts><alert a='1'/><alert>b</alert></alerts>"),
        ["alert <alert>b</alert>", "alert <alert a='1'/>"]
    );
    assert_eq!(kinds("<alert>whole</alert>"), ["alert <alert>whole</alert>"]);
    assert!(kinds("<feed/>").is_empty());
}

#[test]
fn words_with_tags_are_no_alert_and_the_link_is_followed() {
    let item = |words: &str| {
        let entry = format!("<id>1</id><link href='http://a/1.xml'/><summary>{words}</summary>");
        kinds(&format!("<feed><entry>{entry}</entry></feed>"))
    };
    for words in [
        "<![CDATA[<p>Red <b>alert</b> for rain</p>]]>",
        "<![CDATA[<!-- alert --><div class='alert'>x</div>]]>",
        "&lt;alerts>x&lt;/alerts>",
        "<![CDATA[<?xml version='1.0'?><alerted/>]]>",
    ] {
        assert_eq!(item(words), ["link http://a/1.xml"], "{words}");
    }
    let alert = "<?xml version='1.0'?>\n<!-- of now --><c:alert>x</c:alert>";
    assert_eq!(item(&format!("<![CDATA[{alert}]]>")), [format!("alert {alert}")]);
}

#[test]
fn links_have_the_bases_around_them() {
    let bases = |text: &str| feed(text.as_bytes(), None).unwrap().entries[0].bases.clone();
    let entry =
        "<entry xml:base='b/?x=1&amp;y'><id>1</id><link xml:base='c/' href='1.xml'/></entry>";
    let none: [&str; 0] = [];
    assert_eq!(
        bases(&format!("<feed xml:base='http://a/'>{entry}</feed>")),
        ["http://a/", "b/?x=1&y", "c/"]
    );
    let before = "<feed><entry xml:base='z/'><id>0</id></entry><entry><id>1</id><link href='1'/></entry></feed>";
    assert_eq!(bases(before), none);
    assert_eq!(
        bases("<rss xml:base='r/'><channel><item><link>1</link></item></channel></rss>"),
        ["r/"]
    );
}

#[test]
fn a_page_for_people_is_no_feed() {
    for page in ["<html><body><p>sign in</p></body></html>", "<error>no</error>"] {
        let rejection = feed(page.as_bytes(), None).unwrap_err();
        assert!(rejection.faults[0].what.contains("expected a feed"), "{rejection:?}");
    }
    assert!(kinds("<rss><channel/></rss>").is_empty());
}

#[test]
fn json_lists_are_cut_as_they_stand() {
    assert_eq!(kinds("{\"a\": \"[}\\\"\"}"), ["alert {\"a\": \"[}\\\"\"}"]);
    assert_eq!(kinds("[{\"a\":[1,2]}, {\"b\":{}} ]"), ["alert {\"b\":{}}", "alert {\"a\":[1,2]}"]);
    assert_eq!(kinds("{\"n\":{\"alerts\":[9]},\"alerts\" : [ {\"a\":1} ]}"), ["alert {\"a\":1}"]);
    assert!(kinds("[]").is_empty());
}

#[test]
fn a_mark_tells_changed_entries_and_what_is_no_feed_is_refused() {
    let marks = |text: &str| -> Vec<String> {
        feed(text.as_bytes(), None).unwrap().entries.into_iter().map(|entry| entry.mark).collect()
    };
    let again = ATOM.replace("2026-06-01T09", "2026-06-01T10");
    let (first, second) = (marks(ATOM), marks(&again));
    assert_eq!(first.iter().filter(|mark| !second.contains(mark)).count(), 1);
    assert!(first.iter().all(|mark| mark.len() == 16));
    for text in
        ["", "x", "{", "<feed>", "<!DOCTYPE f><feed/>", "<feed>&x;</feed>", "<feed><entry></feed>"]
    {
        assert!(feed(text.as_bytes(), None).is_err(), "{text}");
    }
    assert!(feed("<a>".repeat(1_000).as_bytes(), None).is_err());
    let many = format!("<feed>{}</feed>", "<entry/>".repeat(FEED_ENTRIES_MAX + 7));
    let read = feed(many.as_bytes(), None).unwrap();
    assert_eq!((read.entries.len(), read.n_more), (FEED_ENTRIES_MAX, 7));
}

/// Seeded changes: always answered, never a panic, and entries stay within their limit.
#[test]
fn mutated_feeds_are_always_answered() {
    let json = "{\"alerts\":[{\"a\":\"\\\"\"},{\"b\":[{}]}]}";
    let seeds = [ATOM, json, "<rss><channel><item><link>http://a</link></item></channel></rss>"];
    let pieces = [
        "<",
        ">",
        "/>",
        "&",
        "&#0;",
        "<alert>",
        "</alert>",
        "<entry>",
        "]]>",
        "\"",
        "[",
        "{",
        "}",
        "\\",
        "xmlns:a='",
        "中",
    ];
    let mut random = 7_u64;
    let mut next = |n: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % n
    };
    let (mut n_read, mut n_refused) = (0, 0);
    for run in 0..6_000 {
        let mut bytes = seeds[run % seeds.len()].as_bytes().to_vec();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] ^= 1 << next(8),
                1 => drop(bytes.drain(at..(at + next(20)).min(bytes.len()))),
                _ => drop(bytes.splice(at..at, pieces[next(pieces.len())].bytes())),
            }
            if bytes.is_empty() {
                bytes.push(b'<');
            }
        }
        match feed(&bytes, None) {
            Ok(_) => n_read += 1,
            Err(rejection) => {
                assert!(!rejection.faults.is_empty());
                n_refused += 1;
            }
        }
    }
    assert!(n_read > 100 && n_refused > 100, "{n_read} read, {n_refused} refused");
}
