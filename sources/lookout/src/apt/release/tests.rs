use super::*;
use crate::apt::signed::Signed;

const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str) -> Result<Release, ReleaseError> {
    let signed = Signed::detached(text.as_bytes().to_vec(), Vec::new());
    Release::parse(&VerifiedRelease::trusted(signed))
}

fn debian(extra: &str) -> Release {
    let text = format!(
        "Origin: Debian\nSuite: oldstable\nCodename: bookworm\n\
         Date: Sat, 11 Jul 2026 10:16:37 UTC\nAcquire-By-Hash: yes\n{extra}SHA256:\n \
         {HASH}        0 main/source/Sources\n {HASH} 20 main/source/Sources.gz\n \
         {HASH} 32 main/source/Sources.xz\n {HASH} 17 contrib/binary-amd64/Packages.xz\n"
    );
    parse(&text).unwrap()
}

fn at(now: &str) -> Expectation<'static> {
    Expectation { name: "bookworm", last: None, now: now.parse().unwrap(), check_dates: true }
}

const NOON: &str = "2026-07-11T12:00:00Z";

#[test]
fn the_fields_of_debians_release_are_read() {
    let release = debian("Valid-Until: Sat, 18 Jul 2026 10:16:37 UTC\n");
    assert_eq!(release.date.to_string(), "2026-07-11T10:16:37Z");
    assert_eq!(release.valid_until.unwrap().to_string(), "2026-07-18T10:16:37Z");
    assert!(release.by_hash);
    assert_eq!(release.check(&at(NOON)), Ok(()));
    assert_eq!(release.check(&Expectation { name: "oldstable", ..at(NOON) }), Ok(()));
}

#[test]
fn dates_are_read_in_the_ways_that_archives_write_them() {
    for date in [
        "Sat, 11 Jul 2026 10:16:37 UTC",
        "Sat, 11 Jul 2026 10:16:37 GMT",
        "Sat, 11 Jul 2026 12:16:37 +0200",
        "Mon, 11 Jul 2026 10:16:37 +0000",
    ] {
        let release = parse(&format!("Date: {date}\nSHA256:\n")).unwrap();
        assert_eq!(release.date.to_string(), "2026-07-11T10:16:37Z", "{date}");
    }
}

#[test]
fn an_index_is_offered_with_its_smallest_form_first() {
    let release = debian("");
    let sources = release.index(&IndexName::new("main", "source")).unwrap();
    let forms: Vec<_> = sources.forms.iter().map(|(form, sum)| (*form, sum.size)).collect();
    assert_eq!(forms, [(Compression::Xz, 32), (Compression::Gzip, 20), (Compression::None, 0)]);
    assert_eq!(sources.plain.unwrap().size, 0);

    let packages = release.index(&IndexName::new("contrib", "amd64")).unwrap();
    assert!(packages.plain.is_none());
    assert!(release.index(&IndexName::new("main", "amd64")).is_none());
}

#[test]
fn packages_of_architecture_all_are_watched_where_they_have_an_index_of_their_own() {
    let wanted = |release: &Release, architectures: &[&str]| -> Vec<String> {
        let indexes = architectures.iter().map(|architecture| IndexName::new("main", architecture));
        let names = release.wanted(indexes);
        names.iter().map(ToString::to_string).collect()
    };
    let debian_does_not =
        debian("Architectures: all amd64\nNo-Support-for-Architecture-all: Packages\n");
    assert_eq!(wanted(&debian_does_not, &["amd64"]), ["main/binary-amd64/Packages"]);

    let others_do = debian("Architectures: all amd64\n");
    assert_eq!(
        wanted(&others_do, &["amd64", "source", "all"]),
        ["main/source/Sources", "main/binary-all/Packages", "main/binary-amd64/Packages"]
    );
    assert_eq!(wanted(&others_do, &["source"]), ["main/source/Sources"]);
}

#[test]
fn another_suite_is_refused() {
    let error = debian("").check(&Expectation { name: "trixie", ..at(NOON) }).unwrap_err();
    assert!(matches!(error, ReleaseError::OtherSuite { .. }), "{error}");
    assert_eq!(error.to_string(), "the Release file is of oldstable or bookworm, not of trixie");
}

#[test]
fn an_expired_release_is_refused_unless_dates_do_not_matter() {
    let release = debian("Valid-Until: Sat, 11 Jul 2026 11:00:00 UTC\n");
    assert!(matches!(release.check(&at(NOON)), Err(ReleaseError::Expired(_))));
    assert_eq!(release.check(&at("2026-07-11T10:30:00Z")), Ok(()));
    assert_eq!(release.check(&Expectation { check_dates: false, ..at(NOON) }), Ok(()));
}

#[test]
fn a_date_that_goes_back_is_refused_and_the_same_date_is_not() {
    let release = debian("");
    let last = |text: &str| Some(text.parse().unwrap());
    let later = Expectation { last: last("2026-07-11T10:16:38Z"), check_dates: false, ..at(NOON) };
    assert!(matches!(release.check(&later), Err(ReleaseError::WentBack { .. })));
    assert_eq!(
        release.check(&Expectation { last: last("2026-07-11T10:16:37Z"), ..at(NOON) }),
        Ok(())
    );
}

#[test]
fn a_date_that_is_still_to_come_is_refused() {
    let early = at("2026-07-11T09:00:00Z");
    assert!(matches!(debian("").check(&early), Err(ReleaseError::FromTheFuture(_))));
    assert_eq!(debian("").check(&at("2026-07-11T09:30:00Z")), Ok(()));
}

#[test]
fn files_that_are_no_release_are_refused() {
    let date = "Date: Sat, 11 Jul 2026 10:16:37 UTC\n";
    for text in [
        String::new(),
        "<html>\n".to_owned(),
        date.to_owned(),
        "Date: yesterday\nSHA256:\n".to_owned(),
        format!("{date}Valid-Until: never\nSHA256:\n"),
        format!("{date}SHA256:\n zz 1 main/source/Sources\n"),
        format!("{date}SHA256:\n {HASH} -1 main/source/Sources\n"),
        format!("{date}SHA256:\n {HASH} 1\n"),
        format!("{date}MD5Sum:\n {HASH} 1 main/source/Sources\n"),
    ] {
        assert!(matches!(parse(&text), Err(ReleaseError::BadField(_))), "{text:?}");
    }
}
