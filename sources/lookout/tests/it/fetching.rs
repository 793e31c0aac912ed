//! How files are fetched: no more than needed, and from wherever they can be had.

use std::fs;

use crate::support::{Answer, Archive, Lookout, Server, binary, pack};

const MORNING: &str = "2026-11-01T06:00:00Z";
const NOON: &str = "2026-11-01T12:00:00Z";

fn hello(version: &str) -> String {
    binary("hello", version, "amd64", "hello")
}

fn served() -> (Archive, Server, Lookout) {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(MORNING);
    let server = Server::new(archive.root());
    let lookout = Lookout::of(&server.url(), &archive.gpg.keyring());
    (archive, server, lookout)
}

/// The paths below the suite, without the hashes.
fn paths(requests: &[String]) -> Vec<String> {
    let short = |request: &String| {
        let (path, status) = request.split_once(' ').unwrap();
        let path = path.split("/dists/x/").nth(1).unwrap();
        let path = path.split_once("SHA256/").map_or(path, |(directory, _)| directory);
        format!("{path} {status}")
    };
    requests.iter().map(short).collect()
}

#[test]
fn a_look_at_an_archive_that_did_not_change_costs_one_conditional_request() {
    let (_archive, server, lookout) = served();
    lookout.look().unwrap();
    assert_eq!(paths(&server.requests()), ["InRelease 200", "main/binary-amd64/by-hash/ 200"]);
    for _ in 0..3 {
        assert_eq!(lookout.look().unwrap().len(), 0);
        assert_eq!(paths(&server.requests()), ["InRelease 304"]);
    }
}

#[test]
fn a_server_without_validators_sends_the_release_and_no_index() {
    let (archive, _, _) = served();
    let server = Server::without_validators(archive.root());
    let lookout = Lookout::of(&server.url(), &archive.gpg.keyring());
    lookout.look().unwrap();
    server.requests();
    assert_eq!(lookout.look().unwrap().len(), 0);
    assert_eq!(paths(&server.requests()), ["InRelease 200"]);
}

#[test]
fn only_the_indexes_that_changed_are_fetched() {
    let (mut archive, server, mut lookout) = served();
    lookout.config.archives[0].components.push("contrib".to_owned());
    archive.index("contrib/binary-amd64/Packages", &[binary("y", "1", "all", "y")]);
    archive.publish(MORNING);
    lookout.look().unwrap();
    server.requests();
    archive.packages(&[hello("2.0")]).publish(NOON);
    assert_eq!(lookout.look().unwrap().len(), 2);
    assert_eq!(paths(&server.requests()), ["InRelease 200", "main/binary-amd64/by-hash/ 200"]);
}

#[test]
fn an_archive_without_by_hash_or_xz_is_read_as_it_is() {
    let (mut archive, server, lookout) = served();
    archive.fields = archive.fields.replace("Acquire-By-Hash: yes\n", "");
    archive.forms = vec![".gz"];
    archive.publish(MORNING);
    lookout.look().unwrap();
    archive.forms = vec![""];
    archive.packages(&[hello("2.0")]).publish(NOON);
    assert_eq!(lookout.look().unwrap().len(), 2);
    assert_eq!(
        paths(&server.requests()),
        [
            "InRelease 200",
            "main/binary-amd64/Packages.gz 200",
            "InRelease 200",
            "main/binary-amd64/Packages 200",
        ]
    );
}

#[test]
fn where_a_file_is_missing_the_next_best_is_taken() {
    let (archive, server, lookout) = served();
    fs::remove_dir_all(archive.suite().join("main/binary-amd64/by-hash")).unwrap();
    fs::remove_file(archive.suite().join("main/binary-amd64/Packages.xz")).unwrap();
    lookout.look().unwrap();
    assert_eq!(
        paths(&server.requests()),
        [
            "InRelease 200",
            "main/binary-amd64/by-hash/ 404",
            "main/binary-amd64/Packages.xz 404",
            "main/binary-amd64/by-hash/ 404",
            "main/binary-amd64/Packages.gz 200",
        ]
    );
}

#[test]
fn a_broken_connection_or_server_is_tried_again_later() {
    let (mut archive, server, lookout) = served();
    lookout.look().unwrap();
    archive.fields = archive.fields.replace("Acquire-By-Hash: yes\n", "");
    archive.packages(&[hello("2.0")]).publish(NOON);
    for (path, answer, message) in [
        ("InRelease", Answer::Status(503), "was answered with status 503"),
        ("InRelease", Answer::CutOff(100), "could not read InRelease"),
        ("InRelease", Answer::Bytes(b"<html>Sign in".to_vec()), "makes no sense"),
        ("main/binary-amd64/Packages.xz", Answer::CutOff(20), "the index could not be read"),
        ("main/binary-amd64/Packages.xz", Answer::Status(403), "was answered with status 403"),
        ("main/binary-amd64/Packages.xz", Answer::Bytes(vec![b'x'; 9_000]), "could not use"),
    ] {
        server.answer(&format!("/dists/x/{path}"), answer);
        let error = lookout.look().unwrap_err();
        assert!(error.contains(message), "{path}: {error}");
        assert_eq!(lookout.take_events().len(), 0);
        server.heal();
    }
    assert_eq!(lookout.look().unwrap().len(), 2);
}

#[test]
fn a_server_that_says_not_modified_for_ever_is_found_out_by_valid_until() {
    let (mut archive, server, lookout) = served();
    archive.fields += "Valid-Until: Sun, 08 Nov 2026 12:00:00 UTC\n";
    archive.publish(NOON);
    lookout.look().unwrap();
    server.requests();
    lookout.clock.set("2026-11-09T00:00:00Z".parse().unwrap());
    let error = lookout.look().unwrap_err();
    assert!(error.contains("has expired"), "{error}");
    assert_eq!(paths(&server.requests()), ["InRelease 304"]);
}

#[test]
fn another_mirror_of_the_same_archive_changes_nothing() {
    let (archive, _, mut lookout) = served();
    lookout.look().unwrap();
    let mirror = Server::new(archive.root());
    lookout.config.archives[0].url = mirror.url();
    assert_eq!(lookout.look().unwrap().len(), 0);
    assert_eq!(lookout.look().unwrap().len(), 0);
    assert_eq!(paths(&mirror.requests()), ["InRelease 200", "InRelease 304"]);
}

#[test]
fn plain_http_goes_through_a_proxy_in_absolute_form() {
    let (archive, _, _) = served();
    let proxy = Server::new(archive.root());
    let lookout = Lookout::new(&format!(
        "[[archive]]\nname = \"test\"\nurl = \"http://archive.invalid\"\nsuites = [\"x\"]\n\
         components = [\"main\"]\narchitectures = [\"amd64\"]\nsigned_by = \"{}\"\nproxy = \"{}\"\n",
        archive.gpg.keyring().display(),
        proxy.url()
    ));
    lookout.look().unwrap();
    assert_eq!(proxy.requests()[0], "http://archive.invalid/dists/x/InRelease 200");
}

/// Puts what APT would have downloaded into a directory.
fn lists_of(archive: &Archive, url: &str, extension: &str) -> tempfile::TempDir {
    let lists = tempfile::tempdir().unwrap();
    let host = url.trim_start_matches("http://");
    let put = |name: &str, bytes: &[u8]| {
        let name = format!("{host}_dists_x_{}", name.replace('/', "_"));
        fs::write(lists.path().join(name), bytes).unwrap();
    };
    put("InRelease", &archive.read("InRelease"));
    let plain = archive.read("main/binary-amd64/Packages");
    // APT packs anew what it keeps: in two parts here, so that the bytes are others.
    let half = if extension == ".lz4" { plain.len() } else { plain.len() / 2 };
    let packed = [pack(extension, &plain[..half]), pack_rest(extension, &plain[half..])].concat();
    put(&format!("main/binary-amd64/Packages{extension}"), &packed);
    lists
}

fn pack_rest(extension: &str, bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() { Vec::new() } else { pack(extension, bytes) }
}

fn with_lists(lists: &tempfile::TempDir) -> String {
    format!("lists_dir = \"{}\"\n", lists.path().display())
}

#[test]
fn an_index_that_apt_has_downloaded_is_not_downloaded_again() {
    for extension in ["", ".lz4", ".gz", ".xz"] {
        let (mut archive, server, _) = served();
        let lists = lists_of(&archive, &server.url(), extension);
        let keyring = archive.gpg.keyring();
        let lookout = Lookout::with(&server.url(), &keyring, &with_lists(&lists));
        lookout.look().unwrap();
        assert_eq!(paths(&server.requests()), ["InRelease 200"], "{extension}");

        // A newer one is not in the lists.
        archive.packages(&[hello("2.0")]).publish(NOON);
        assert_eq!(lookout.look().unwrap().len(), 2, "{extension}");
        assert_eq!(paths(&server.requests()), ["InRelease 200", "main/binary-amd64/by-hash/ 200"]);
    }
}

#[test]
fn apts_lists_serve_where_the_archive_cannot_be_reached() {
    let (archive, _, _) = served();
    let url = "http://127.0.0.1:9";
    let lists = lists_of(&archive, url, ".lz4");
    let lookout = Lookout::with(url, &archive.gpg.keyring(), &with_lists(&lists));
    assert_eq!(lookout.look().unwrap().len(), 0);
    assert_eq!(lookout.look().unwrap().len(), 0);

    let nothing = tempfile::tempdir().unwrap();
    let lookout = Lookout::with(url, &archive.gpg.keyring(), &with_lists(&nothing));
    assert!(
        lookout
            .look()
            .unwrap_err()
            .contains("could not fetch http://127.0.0.1:9/dists/x/InRelease")
    );
}

#[test]
fn apts_lists_are_not_believed_for_being_there() {
    let (archive, server, _) = served();
    let lists = lists_of(&archive, &server.url(), "");
    for entry in fs::read_dir(lists.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with("Packages") {
            fs::write(path, hello("6.6.6")).unwrap();
        }
    }
    let lookout = Lookout::with(&server.url(), &archive.gpg.keyring(), &with_lists(&lists));
    lookout.look().unwrap();
    let requests = paths(&server.requests());
    assert_eq!(requests, ["InRelease 200", "main/binary-amd64/by-hash/ 200"], "the right one");

    let stranger = Archive::new();
    let lookout = Lookout::with("http://127.0.0.1:9", &stranger.gpg.keyring(), &with_lists(&lists));
    assert!(lookout.look().is_err());
}

#[test]
fn an_address_for_apt_alone_is_read_from_its_lists() {
    let (archive, _, _) = served();
    let lists = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        fs::write(lists.path().join(format!("_etc_mirrors.list_dists_x_{name}")), bytes).unwrap();
    };
    put("InRelease", &archive.read("InRelease"));
    put("main_binary-amd64_Packages", &archive.read("main/binary-amd64/Packages"));
    let url = "mirror+file:/etc/mirrors.list";
    let lookout = Lookout::with(url, &archive.gpg.keyring(), &with_lists(&lists));
    assert_eq!(lookout.look().unwrap().len(), 0);
}
