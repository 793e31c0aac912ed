//! Messages whose text changes with the state of what they tell of.

use super::*;

fn in_style(stories: StoryStyle) -> Style {
    Style { stories, ..style() }
}

#[test]
fn the_first_step_of_a_story_begins_it() {
    for stories in [StoryStyle::Edit, StoryStyle::Thread] {
        let message = only(&in_style(stories), &[step(1)]);
        assert_eq!(message.kind, MessageKind::Single);
        assert_eq!(message.begins, step(1).stage);
        assert!(message.content["m.relates_to"].is_null());
    }
}

#[test]
fn a_room_without_stories_gets_a_message_for_each_step() {
    let style = in_style(StoryStyle::Off);
    assert_eq!(only(&style, &[step(1)]).begins, None);
    let messages = continued(&style, &[step(2)], true);
    assert_eq!(kinds(&messages), [MessageKind::Single]);
}

#[test]
fn the_next_step_changes_the_message_and_begins_its_thread_with_what_it_said() {
    let messages = continued(&in_style(StoryStyle::Edit), &[step(2)], false);
    assert_eq!(kinds(&messages), [MessageKind::Edit, MessageKind::Thread]);
    let [edit, thread] = &messages[..] else { panic!("two messages") };

    assert_eq!(edit.entries, [0_i64; 0]);
    assert_eq!(text(edit), "* package-2 accepted");
    assert_eq!(html(edit), "* <b>package-2</b> accepted");
    assert_eq!(
        edit.content["m.relates_to"],
        json!({ "rel_type": "m.replace", "event_id": "$root" })
    );
    assert_eq!(
        edit.content["m.new_content"],
        json!({
            "msgtype": "m.notice",
            "body": "package-2 accepted",
            "format": "org.matrix.custom.html",
            "formatted_body": "<b>package-2</b> accepted",
            "m.mentions": {},
        })
    );

    assert_eq!(thread.entries, [2]);
    assert_eq!(text(thread), "2026-11-25 09:00Z job begun\n2026-11-25 10:02Z package-2 accepted");
    assert_eq!(
        html(thread),
        "<code>2026-11-25 09:00Z</code> <b>job</b> begun<br>\
         <code>2026-11-25 10:02Z</code> <b>package-2</b> accepted"
    );
    assert_eq!(
        thread.content["m.relates_to"],
        json!({
            "rel_type": "m.thread",
            "event_id": "$root",
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": "$root" },
        })
    );
    for message in &messages {
        assert_eq!(message.content["m.mentions"], json!({}));
        assert_eq!(message.begins, None);
    }
}

#[test]
fn a_thread_that_has_begun_gets_the_new_step_alone() {
    let messages = continued(&in_style(StoryStyle::Edit), &[step(3)], true);
    assert_eq!(text(&messages[1]), "2026-11-25 10:02Z package-3 accepted");
}

#[test]
fn a_message_that_stays_is_not_told_again_in_its_thread() {
    let messages = continued(&in_style(StoryStyle::Thread), &[step(2)], false);
    assert_eq!(kinds(&messages), [MessageKind::Thread]);
    assert_eq!(text(&messages[0]), "2026-11-25 10:02Z package-2 accepted");
    assert_eq!(messages[0].entries, [2]);
}

#[test]
fn several_steps_at_once_are_one_edit_to_the_newest_and_one_message_in_the_thread() {
    let other = Entry {
        stage: Some(StoryKey { name: "job".to_owned(), key: "[\"2\"]".to_owned() }),
        ..entry(3)
    };
    let waiting = [step(2), other, entry(4), step(5)];
    let messages = continued(&in_style(StoryStyle::Edit), &waiting, true);
    assert_eq!(kinds(&messages), [MessageKind::Edit, MessageKind::Thread]);
    assert_eq!(text(&messages[0]), "* package-5 accepted");
    assert_eq!(messages[1].entries, [2, 5]);
    assert_eq!(text(&messages[1]).lines().count(), 2);
    let events = [digest(2).to_string(), digest(5).to_string()];
    assert_eq!(messages[1].content[MARK]["events"], json!(events));
}

#[test]
fn a_step_costs_nothing_of_what_the_room_may_get() {
    let (style, mut budget) = (in_style(StoryStyle::Edit), Budget::default());
    let told = |_: &StoryKey| Ok::<_, Infallible>(Some(root(true)));
    for row in 1..50 {
        let next = next(&style, &[step(row)], told, &mut budget, at(0)).unwrap();
        assert!(matches!(next, Next::Post(_)), "step {row} waits");
    }
}

#[test]
fn steps_of_stories_that_have_a_message_are_no_part_of_a_digest() {
    let style = in_style(StoryStyle::Edit);
    let mut waiting = entries(6);
    waiting[3] = step(4);
    let told = |_: &StoryKey| Ok::<_, Infallible>(Some(root(true)));
    let Next::Post(messages) =
        next(&style, &waiting, told, &mut Budget::default(), at(30)).unwrap()
    else {
        panic!("the window is over");
    };
    assert_eq!(kinds(&messages), [MessageKind::Digest]);
    assert_eq!(messages[0].entries, [1, 2, 3, 5, 6]);
}

#[test]
fn a_digest_of_what_is_left_when_the_steps_are_gone_is_a_single_message() {
    let mut waiting: Vec<Entry> = (1..=6).map(step).collect();
    waiting[0] = entry(1);
    let told = |_: &StoryKey| Ok::<_, Infallible>(Some(root(true)));
    let next =
        next(&in_style(StoryStyle::Edit), &waiting, told, &mut Budget::default(), at(30)).unwrap();
    let Next::Post(messages) = next else { panic!("the window is over") };
    assert_eq!(kinds(&messages), [MessageKind::Single]);
    assert_eq!(messages[0].entries, [1]);
}

#[test]
fn steps_in_a_digest_begin_no_story() {
    let waiting: Vec<Entry> = (1..=5).map(step).collect();
    let message = only(&in_style(StoryStyle::Edit), &waiting);
    assert_eq!((message.kind, message.begins), (MessageKind::Digest, None));
}

#[test]
fn an_event_that_is_no_step_never_asks_for_a_story() {
    let asked = |_: &StoryKey| Err::<Option<Root>, _>("asked");
    let next = next(&in_style(StoryStyle::Edit), &[entry(1)], asked, &mut Budget::default(), at(0));
    assert!(matches!(next, Ok(Next::Post(_))));
}

#[test]
fn what_finding_the_story_fails_with_is_returned() {
    let failing = |_: &StoryKey| Err::<Option<Root>, _>("the database failed");
    let next =
        next(&in_style(StoryStyle::Edit), &[step(1)], failing, &mut Budget::default(), at(0));
    assert_eq!(next, Err("the database failed"));
}

#[test]
fn hundreds_of_steps_fit_into_one_message_in_the_thread() {
    let steps: Vec<Entry> = (1..=500).map(step).collect();
    let messages = continued(&in_style(StoryStyle::Edit), &steps, false);
    for message in &messages {
        assert_bounded(&message.content);
    }
    assert_eq!(messages[1].entries.len(), 500);
    assert!(text(&messages[1]).ends_with('…'));
}

#[test]
fn a_step_that_is_too_long_for_a_thread_is_cut_and_the_next_ones_are_there_all_the_same() {
    let long = "x@y ".repeat(2_000);
    let line = Body { html: format!("<b>{long}</b>"), text: long };
    for steps in [vec![Entry { line: line.clone(), ..step(2) }, step(3)], vec![step(2), step(3)]] {
        let mut first = root(false);
        if steps[0].line == step(2).line {
            first.first.line = line.clone();
        }
        let style = in_style(StoryStyle::Edit);
        let told = |_: &StoryKey| Ok::<_, Infallible>(Some(first.clone()));
        let Next::Post(messages) =
            next(&style, &steps, told, &mut Budget::default(), at(0)).unwrap()
        else {
            panic!("steps never wait");
        };
        for message in &messages {
            assert_bounded(&message.content);
        }
        let shown = text(&messages[1]);
        assert!(shown.contains("Z x@y x@y"), "{shown}");
        assert!(shown.contains("package-3 accepted"), "{shown}");
    }
}

#[test]
fn an_edit_to_a_long_text_fits_with_its_asterisk() {
    let long = "x".repeat(10_000);
    let line = Body { html: long.clone(), text: long };
    for message in continued(&in_style(StoryStyle::Edit), &[Entry { line, ..step(2) }], false) {
        assert_bounded(&message.content);
    }
}

#[test]
fn transaction_ids_follow_from_the_room_the_kind_and_the_events_alone() {
    let style = in_style(StoryStyle::Edit);
    let later = Entry { added: at(99), row: 99, ..entry(1) };
    assert_eq!(only(&style, &[entry(1)]).txn, only(&style, &[later]).txn);

    let elsewhere = Style { room: "#other:example.org".to_owned(), ..style.clone() };
    let mut all = vec![
        only(&style, &[entry(1)]).txn,
        only(&style, &[entry(2)]).txn,
        only(&elsewhere, &[entry(1)]).txn,
        only(&style, &entries(4)).txn,
        only(&style, &entries(5)).txn,
    ];
    all.extend(continued(&style, &[step(1)], true).into_iter().map(|message| message.txn));
    all.extend(continued(&style, &[step(2)], true).into_iter().map(|message| message.txn));
    for txn in &all {
        assert!(txn.len() == 45 && txn.starts_with("mirk-"), "{txn}");
        assert!(txn.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{txn}");
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!(all.iter().filter(|txn| **txn == only(&style, &[entry(1)]).txn).count(), 1);
}
