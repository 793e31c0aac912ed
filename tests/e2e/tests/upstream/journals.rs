//! An upstream that comes back with another journal, and an own journal that is another.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use laniakea_e2e::{RunningRelay, Signal, binary, until};
use laniakea_event::SignedEvent;

use crate::{ID, archive, has_events, journal, relay, submit};

/// The files of the journal, without what the relay keeps beside it.
fn move_journal(from: &Path, to: &Path) {
    for file in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        if from.join(file).exists() {
            fs::rename(from.join(file), to.join(file)).unwrap();
        }
    }
}

fn copy_journal(from: &Path, to: &Path) {
    fs::copy(from.join("journal.sqlite"), to.join("journal.sqlite")).unwrap();
}

fn data(relay: &RunningRelay) -> PathBuf {
    relay.directory().join("data")
}

#[tokio::test]
async fn an_upstream_with_another_journal_is_read_on_and_nothing_comes_twice() {
    let archive = archive();
    let mut internal = relay("internal", &archive).run();
    let mut public = relay("public", &archive).follow(&internal, "").run();
    let away = tempfile::tempdir().unwrap();
    let publisher = internal.publisher(64);
    let events: Vec<_> = (0..30).map(|_| archive.event(ID)).collect();
    for event in &events[..20] {
        publisher.submit(event.bytes().to_vec()).await.unwrap();
    }
    has_events(&public, 20);
    internal.stop(Signal::TERM);
    move_journal(&data(&internal), away.path());
    internal.start();
    // Sources send again what they do not know to have arrived.
    for event in &events[15..] {
        publisher.submit(event.bytes().to_vec()).await.unwrap();
    }
    public.process().line("the upstream has another journal");
    has_events(&public, 30);
    let expected: Vec<_> = events.iter().map(SignedEvent::digest).collect();
    assert_eq!(journal(&public).await, expected);
    // And over a restart of the follower, which then knows the position alone.
    public.stop(Signal::TERM);
    internal.stop(Signal::TERM);
    let away = tempfile::tempdir().unwrap();
    move_journal(&data(&internal), away.path());
    internal.start();
    public.start();
    let more = submit(&internal, &archive, ID, 5).await;
    has_events(&public, 35);
    assert_eq!(journal(&public).await[30..], more);
}

#[tokio::test]
async fn an_older_copy_of_the_own_journal_is_filled_again_from_the_upstream() {
    let archive = archive();
    let internal = relay("internal", &archive).run();
    let mut public = relay("public", &archive).follow(&internal, "").run();
    submit(&internal, &archive, ID, 10).await;
    has_events(&public, 10);
    public.stop(Signal::TERM);
    let copy = tempfile::tempdir().unwrap();
    copy_journal(&data(&public), copy.path());
    public.start();
    submit(&internal, &archive, ID, 10).await;
    has_events(&public, 20);
    public.stop(Signal::TERM);
    // Back to the copy, beside a position that is further.
    let away = tempfile::tempdir().unwrap();
    move_journal(&data(&public), away.path());
    copy_journal(copy.path(), &data(&public));
    public.start();
    public.process().line("reading it from its beginning");
    has_events(&public, 20);
    assert_eq!(journal(&public).await, journal(&internal).await);
    // The same with a journal that is new.
    public.stop(Signal::TERM);
    let away = tempfile::tempdir().unwrap();
    move_journal(&data(&public), away.path());
    public.start();
    has_events(&public, 20);
    assert_eq!(journal(&public).await, journal(&internal).await);
}

#[tokio::test]
async fn a_damaged_position_stops_the_start_and_can_be_removed() {
    let archive = archive();
    let internal = relay("internal", &archive).run();
    let mut public = relay("public", &archive).follow(&internal, "").run();
    submit(&internal, &archive, ID, 1).await;
    has_events(&public, 1);
    public.stop(Signal::TERM);
    let cursor = data(&public).join("upstream/internal.cursor");
    assert!(fs::read_to_string(&cursor).unwrap().contains(":1\n"));
    fs::write(&cursor, "damaged\n").unwrap();
    let output = Command::new(binary("lighthouse"))
        .args(["run", "--config"])
        .arg(public.directory().join("lighthouse.toml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("internal.cursor is damaged; remove it to begin anew"), "{said}");
    fs::remove_file(&cursor).unwrap();
    public.start();
    until("the duplicate", || (public.counter("upstream_duplicates") == 1).then_some(()));
    assert_eq!(public.status().last.0, 1);
}
