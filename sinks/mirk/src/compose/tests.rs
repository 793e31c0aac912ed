//! What rooms are posted next: single messages, digests, and when. Stories have a file of their
//! own, and so have arbitrary sequences.

mod sequences;
mod stories;

use std::convert::Infallible;

use jiff::SignedDuration;
use serde_json::json;

use super::*;

const EVENTS_URL: &str = "https://events.example.org";

fn style() -> Style {
    Style {
        room: "#archive:example.org".to_owned(),
        prefix: String::new(),
        msgtype: MessageType::Notice,
        stories: StoryStyle::Edit,
        limits: Limits {
            burst: 3,
            per_minute: 6,
            digest_after: SignedDuration::from_secs(30),
            digest: true,
        },
        events_url: None,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn digest(row: i64) -> Digest {
    Digest::of(&row.to_le_bytes())
}

/// An accepted package that came at the beginning of time.
fn entry(row: i64) -> Entry {
    Entry {
        row,
        added: at(0),
        digest: digest(row),
        seq: u64::try_from(row).ok().map(Seq),
        time: "2026-11-25T10:02:03Z".to_owned(),
        problem: None,
        line: Body {
            text: format!("package-{row} accepted"),
            html: format!("<b>package-{row}</b> accepted"),
        },
        links: Vec::new(),
        plural: phrase("packages accepted"),
        subject: Some(format!("package-{row}")),
        stage: None,
        is_held: false,
    }
}

fn phrase(text: &str) -> Phrase {
    Phrase { text: text.to_owned(), html: format!("<em>{text}</em>") }
}

fn entries(count: i64) -> Vec<Entry> {
    (1..=count).map(entry).collect()
}

fn step(row: i64) -> Entry {
    let key = StoryKey { name: "job".to_owned(), key: "[\"1\"]".to_owned() };
    Entry { stage: Some(key), ..entry(row) }
}

fn root(has_thread: bool) -> Root {
    let line = Body { text: "job begun".to_owned(), html: "<b>job</b> begun".to_owned() };
    let first = Step { time: "2026-11-25T09:00:00Z".to_owned(), line };
    Root { event_id: "$root".to_owned(), first, has_thread }
}

/// What is next, where no story has a message yet.
fn plain_next(style: &Style, waiting: &[Entry], budget: &mut Budget, now: Timestamp) -> Next {
    let none = |_: &StoryKey| Ok::<_, Infallible>(None);
    next(style, waiting, none, budget, now).unwrap()
}

/// The only message that is posted now.
fn only(style: &Style, waiting: &[Entry]) -> NewMessage {
    match plain_next(style, waiting, &mut Budget::default(), at(60)) {
        Next::Post(messages) => <[NewMessage; 1]>::try_from(messages).unwrap().into_iter().next(),
        other => panic!("nothing is posted: {other:?}"),
    }
    .unwrap()
}

/// What becomes of steps of a story that has a message.
fn continued(style: &Style, steps: &[Entry], has_thread: bool) -> Vec<NewMessage> {
    let root = |_: &StoryKey| Ok::<_, Infallible>(Some(root(has_thread)));
    match next(style, steps, root, &mut Budget::default(), at(0)).unwrap() {
        Next::Post(messages) => messages,
        other => panic!("nothing is posted: {other:?}"),
    }
}

fn text(message: &NewMessage) -> &str {
    message.content["body"].as_str().unwrap()
}

fn html(message: &NewMessage) -> &str {
    message.content["formatted_body"].as_str().unwrap()
}

fn kinds(messages: &[NewMessage]) -> Vec<MessageKind> {
    messages.iter().map(|message| message.kind).collect()
}

fn assert_bounded(content: &Json) {
    for part in [content, &content["m.new_content"]].into_iter().filter(|part| !part.is_null()) {
        for form in ["body", "formatted_body"] {
            let length = part[form].as_str().unwrap().len();
            assert!(length <= MAX_BODY_BYTES, "{form} has {length} bytes");
        }
    }
    // Encryption turns three bytes into four and adds a little; events have at most 65,536.
    let length = content.to_string().len();
    assert!(length * 4 / 3 + 1_000 < 65_536, "the content has {length} bytes");
}

#[test]
fn a_room_for_which_nothing_waits_gets_nothing() {
    assert_eq!(plain_next(&style(), &[], &mut Budget::default(), at(0)), Next::Idle);
}

#[test]
fn an_event_alone_becomes_a_message_of_its_own() {
    let message = only(&style(), &[entry(7)]);
    assert_eq!((message.kind, &message.entries[..]), (MessageKind::Single, &[7][..]));
    assert_eq!(message.begins, None);
    let expected = json!({
        "msgtype": "m.notice",
        "body": "package-7 accepted",
        "format": "org.matrix.custom.html",
        "formatted_body": "<b>package-7</b> accepted",
        "m.mentions": {},
        "org.laniakea.mirk": { "txn": message.txn, "events": [digest(7).to_string()] },
    });
    assert_eq!(message.content, expected);
}

#[test]
fn a_prefix_is_text_and_never_markup() {
    let style = Style { prefix: "[<b>&\"'] ".to_owned(), ..style() };
    let message = only(&style, &[entry(1)]);
    assert_eq!(text(&message), "[<b>&\"'] package-1 accepted");
    assert_eq!(html(&message), "[&lt;b&gt;&amp;&quot;&#39;] <b>package-1</b> accepted");
    let digest = only(&style, &entries(4));
    assert!(html(&digest).starts_with("[&lt;b&gt;&amp;&quot;&#39;] <b>4</b>"), "{digest:?}");
}

#[test]
fn an_event_that_is_not_believed_says_so_first() {
    let doubtful = Entry { problem: Some("unknown <signer>".to_owned()), ..entry(1) };
    let message = only(&style(), &[doubtful]);
    assert_eq!(text(&message), "[not verified: unknown <signer>] package-1 accepted");
    assert_eq!(
        html(&message),
        "<b>[not verified: unknown &lt;signer&gt;]</b> <b>package-1</b> accepted"
    );
}

#[test]
fn links_follow_the_text_and_the_event_is_the_last() {
    let style = Style { events_url: Some(format!("{EVENTS_URL}/")), ..style() };
    let link = Link { label: "job".to_owned(), url: "https://builds.example.org/1".to_owned() };
    let message = only(&style, &[Entry { links: vec![link], ..entry(1) }]);
    let event = format!("{EVENTS_URL}/events/{}", digest(1));
    assert_eq!(
        text(&message),
        format!("package-1 accepted · job: https://builds.example.org/1 · event: {event}")
    );
    assert!(html(&message).ends_with(&format!(" · <a href=\"{event}\">event</a>")));
}

#[test]
fn a_text_that_is_too_long_is_cut_and_keeps_what_stands_around_it() {
    let style =
        Style { prefix: "\"".repeat(200), events_url: Some(EVENTS_URL.to_owned()), ..style() };
    for long in ["x".repeat(10_000), "\"&'<".repeat(1_000), "日本".repeat(5_000)] {
        let line = Body { html: format!("<b>{}</b>", escape(&long)), text: long };
        let problem = Some("no trusted signature".to_owned());
        let message = only(&style, &[Entry { problem, line, ..entry(1) }]);
        assert_bounded(&message.content);
        let event = format!("{EVENTS_URL}/events/{}", digest(1));
        assert!(text(&message).ends_with(&format!("… · event: {event}")), "{}", text(&message));
        assert!(text(&message).contains("[not verified: no trusted signature] "));
    }
}

#[test]
fn clients_find_no_addresses_in_a_text_that_was_cut() {
    let line = Body {
        text: "https://evil.example/ ".repeat(300),
        html: "<code>https://evil.example/</code> ".repeat(300),
    };
    let message = only(&style(), &[Entry { line, ..entry(1) }]);
    assert_bounded(&message.content);
    let html = html(&message);
    assert!(html.starts_with("<code>https://evil") && html.ends_with("…</code>"), "{html}");
    assert_eq!(html.matches("</code>").count(), 1);
}

#[test]
fn events_of_one_kind_are_one_line_with_their_subjects() {
    let message = only(&style(), &entries(4));
    assert_eq!((message.kind, &message.entries[..]), (MessageKind::Digest, &[1, 2, 3, 4][..]));
    assert_eq!(text(&message), "4 packages accepted: package-1, package-2, package-3, package-4");
    assert_eq!(
        html(&message),
        "<b>4</b> <em>packages accepted</em>: package-1, package-2, package-3, package-4"
    );
    assert_eq!(message.content["m.mentions"], json!({}));
    assert_eq!(message.content[MARK]["events"].as_array().unwrap().len(), 4);
}

#[test]
fn events_of_several_kinds_are_lines_in_the_order_in_which_the_kinds_came() {
    let mut waiting = entries(5);
    waiting[1].plural = phrase("packages removed");
    waiting[2].plural = phrase("builds failed");
    waiting[4].plural = phrase("packages removed");
    let message = only(&style(), &waiting);
    assert_eq!(
        text(&message),
        "5 events\n\
         2 packages accepted: package-1, package-4\n\
         2 packages removed: package-2, package-5\n\
         package-3 accepted"
    );
    assert_eq!(html(&message).matches("<br>").count(), 3);
}

#[test]
fn a_subject_is_named_once_and_subjects_beyond_twelve_are_counted() {
    let mut waiting = entries(15);
    waiting[14].subject = Some("package-1".to_owned());
    waiting[13].subject = None;
    let message = only(&style(), &waiting);
    let shown = text(&message);
    assert!(shown.ends_with("package-11, package-12 and 1 more"), "{shown}");
    assert_eq!(shown.matches("package-1,").count(), 1, "{shown}");
    for entry in &mut waiting {
        entry.subject = None;
    }
    assert_eq!(text(&only(&style(), &waiting)), "15 packages accepted");
}

#[test]
fn subjects_are_no_markup_and_no_addresses() {
    let mut waiting = entries(4);
    waiting[0].subject = Some("<script>".to_owned());
    waiting[1].subject = Some("https://evil.example/?a&b".to_owned());
    waiting[2].subject = Some("@room".to_owned());
    let message = only(&style(), &waiting);
    let html = html(&message);
    assert!(html.contains("&lt;script&gt;"), "{html}");
    assert!(html.contains("<code>https://evil.example/?a&amp;b"), "{html}");
    assert!(html.contains("<code>@room"), "{html}");
}

#[test]
fn kinds_beyond_twenty_are_counted() {
    let mut waiting = entries(25);
    for entry in &mut waiting {
        entry.plural = phrase(&format!("kind {}", entry.row));
    }
    let message = only(&style(), &waiting);
    assert!(text(&message).starts_with("25 events\npackage-1 accepted\n"), "{}", text(&message));
    assert!(text(&message).ends_with("\npackage-20 accepted\nand 5 more"), "{}", text(&message));
    assert_eq!(message.entries.len(), 25);
}

#[test]
fn events_that_are_not_believed_are_summed_up_apart() {
    let mut waiting = entries(5);
    for entry in &mut waiting[3..] {
        entry.problem = Some("unknown signer".to_owned());
    }
    assert_eq!(
        text(&only(&style(), &waiting)),
        "5 events\n3 packages accepted: package-1, package-2, package-3\n\
         [not verified] 2 packages accepted: package-4, package-5"
    );
}

#[test]
fn a_digest_leads_to_the_page_with_its_events() {
    let style = Style { events_url: Some(EVENTS_URL.to_owned()), ..style() };
    let mut waiting = entries(6);
    waiting[1].seq = None;
    let message = only(&style, &waiting);
    let url = format!("{EVENTS_URL}/events?after=0&before=7");
    assert!(text(&message).ends_with(&format!(" · details: {url}")), "{}", text(&message));
    let link = format!(" · <a href=\"{}\">details</a>", url.replace('&', "&amp;"));
    assert!(html(&message).ends_with(&link), "{}", html(&message));
    for entry in &mut waiting {
        entry.seq = None;
    }
    assert!(!text(&only(&style, &waiting)).contains("details"));
}

#[test]
fn a_digest_of_as_many_hostile_events_as_there_can_be_fits_into_a_message() {
    let nasty = ["\\".repeat(120), "\"".repeat(120), "&@ ".repeat(40), "日".repeat(120)];
    for (kinds, nasty) in [1, 19, 500].into_iter().flat_map(|n| nasty.iter().map(move |s| (n, s))) {
        let style = Style {
            prefix: "\"".repeat(200),
            events_url: Some(format!("{EVENTS_URL}/{}", "x".repeat(200))),
            ..style()
        };
        let mut waiting = entries(500);
        for entry in &mut waiting {
            let name = format!("{nasty}{}", entry.row);
            entry.line = Body { html: escape(&name), text: name.clone() };
            entry.plural = phrase(&format!("{} {}", escape(nasty), entry.row % kinds));
            entry.subject = Some(name);
        }
        let message = only(&style, &waiting);
        assert_bounded(&message.content);
        assert_eq!(message.entries.len(), 500);
        assert!(text(&message).contains("details: "), "{}", text(&message));
    }
}

#[test]
fn one_kind_whose_line_has_no_room_is_counted() {
    let mut waiting = entries(5);
    waiting[0].line = Body { text: "x".repeat(5_000), html: "x".repeat(5_000) };
    waiting[0].plural = phrase("templates");
    let message = only(&style(), &waiting);
    assert_eq!(
        text(&message),
        "5 events\n4 packages accepted: package-2, package-3, package-4, package-5\nand 1 more"
    );
}

#[test]
fn a_burst_comes_as_single_messages_and_what_is_more_as_one_digest() {
    let (style, mut budget) = (style(), Budget::default());
    let mut waiting = entries(3);
    while !waiting.is_empty() {
        let Next::Post(messages) = plain_next(&style, &waiting, &mut budget, at(0)) else {
            panic!("a burst of three is allowed");
        };
        assert_eq!(kinds(&messages), [MessageKind::Single]);
        waiting.remove(0);
    }
    let waiting = entries(2);
    assert_eq!(plain_next(&style, &waiting, &mut budget, at(1)), Next::Wait(at(30)));
    assert_eq!(plain_next(&style, &waiting, &mut budget, at(9)), Next::Wait(at(30)));
    // Meanwhile two messages have become allowed.
    let Next::Post(messages) = plain_next(&style, &waiting, &mut budget, at(20)) else {
        panic!("the budget covers what waits");
    };
    assert_eq!(kinds(&messages), [MessageKind::Single]);
}

#[test]
fn more_than_the_budget_covers_waits_for_the_window_and_is_summed_up() {
    let (style, mut budget) = (style(), Budget::default());
    let waiting = entries(4);
    assert_eq!(plain_next(&style, &waiting, &mut budget, at(0)), Next::Wait(at(30)));
    let Next::Post(messages) = plain_next(&style, &waiting, &mut budget, at(30)) else {
        panic!("the window is over");
    };
    assert_eq!(kinds(&messages), [MessageKind::Digest]);
}

#[test]
fn the_window_ends_early_when_no_more_events_fit_into_one_digest() {
    let waiting = entries(i64::try_from(MAX_ENTRIES).unwrap());
    let Next::Post(messages) = plain_next(&style(), &waiting, &mut Budget::default(), at(0)) else {
        panic!("a digest is full");
    };
    assert_eq!(messages[0].entries.len(), MAX_ENTRIES);
}

#[test]
fn digests_too_wait_for_a_message_to_become_allowed() {
    let limits = Limits { burst: 1, per_minute: 1, ..style().limits };
    let (style, mut budget) = (Style { limits, ..style() }, Budget::default());
    assert!(matches!(plain_next(&style, &[entry(1)], &mut budget, at(0)), Next::Post(_)));
    assert_eq!(plain_next(&style, &entries(2), &mut budget, at(45)), Next::Wait(at(60)));
    assert!(matches!(plain_next(&style, &entries(2), &mut budget, at(60)), Next::Post(_)));
}

#[test]
fn a_room_without_digests_gets_a_message_for_each_event_at_once() {
    let limits = Limits { digest: false, ..style().limits };
    let (style, mut budget) = (Style { limits, ..style() }, Budget::default());
    let waiting = entries(50);
    for at_row in 0..waiting.len() {
        let Next::Post(messages) = plain_next(&style, &waiting[at_row..], &mut budget, at(0))
        else {
            panic!("no message waits");
        };
        assert_eq!(kinds(&messages), [MessageKind::Single]);
    }
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_waiting() {
    for hours in [1, 24, 24 * 365] {
        let (style, mut budget) = (style(), Budget::default());
        let waiting = entries(4);
        let mut now = at(-3_600 * hours);
        let start = now;
        while let Next::Wait(until) = plain_next(&style, &waiting, &mut budget, now) {
            assert!(until > now);
            now = until;
            assert!(now.duration_since(start) < SignedDuration::from_mins(2), "it waits on");
        }
    }
}

#[test]
fn a_clock_that_was_set_forward_makes_no_more_messages_than_a_burst() {
    let (style, mut budget) = (style(), Budget::default());
    assert!(matches!(plain_next(&style, &[entry(1)], &mut budget, at(0)), Next::Post(_)));
    let later = at(3_600 * 24 * 365);
    let waiting: Vec<Entry> =
        entries(4).into_iter().map(|entry| Entry { added: later, ..entry }).collect();
    assert!(matches!(plain_next(&style, &waiting, &mut budget, later), Next::Wait(_)));
}

#[test]
fn what_came_while_the_room_was_left_alone_is_summed_up_at_once_however_little_it_is() {
    let held = |row| Entry { is_held: true, ..entry(row) };
    let message =
        |waiting: &[Entry]| match plain_next(&style(), waiting, &mut Budget::default(), at(0)) {
            Next::Post(mut messages) => messages.remove(0),
            other => panic!("nothing is posted: {other:?}"),
        };
    assert_eq!(message(&[held(1), held(2)]).kind, MessageKind::Digest);
    assert_eq!(message(&[held(1), held(2), entry(3)]).entries, [1, 2, 3]);
    assert_eq!(message(&[held(1)]).kind, MessageKind::Single);
    assert_eq!(message(&[held(1), entry(2)]).kind, MessageKind::Single);

    let limits = Limits { digest: false, ..style().limits };
    let style = Style { limits, ..style() };
    let next = plain_next(&style, &[held(1), held(2)], &mut Budget::default(), at(0));
    assert!(matches!(next, Next::Post(messages) if messages[0].kind == MessageKind::Single));
}
