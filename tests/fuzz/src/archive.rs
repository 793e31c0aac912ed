//! What lookout reads of an APT archive, and of the APT on its machine.

use std::{cmp::Ordering, path::Path};

use jiff::Timestamp;
use lookout::apt::{
    checksum::Checksum,
    fuzzing::{
        is_good_by_gpgv, list_name, parts, read_list, read_settings, read_stanzas, unarmoured_keys,
    },
    index::{Entries, Index, IndexKind, IndexName},
    release::{Expectation, Release},
    signed::Signed,
    sources::{AptSource, SignedBy},
    unpack::{Compression, Expected, read_index},
    verify::VerifiedRelease,
    version::Version,
};

use crate::input::{Input, two_texts};

/// An `InRelease` file: one message and nothing else, or nothing.
pub fn signed_release(bytes: &[u8]) {
    let Ok(signed) = Signed::inline(bytes) else {
        return;
    };
    let (message, signature) = parts(&signed);
    assert!(message.len() + signature.len() <= bytes.len() + 1);
    assert!(signature.starts_with(b"-----BEGIN PGP SIGNATURE-----\n"));
    assert!(signature.ends_with(b"\n-----END PGP SIGNATURE-----\n"));
    let marks = signature.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"-----"));
    assert_eq!(marks.count(), 2, "two signatures");
    // Signed anew it is the same, so that nothing was passed over.
    let mut again = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n".to_vec();
    for line in message.split(|byte| *byte == b'\n') {
        again.extend(if line.starts_with(b"-") { &b"- "[..] } else { b"" });
        again.extend(line);
        again.push(b'\n');
    }
    again.extend(signature);
    let again = Signed::inline(&again).expect("what we wrote");
    assert_eq!(parts(&again), (message, signature));
    release(message);
}

/// A `Release` file that was verified.
pub fn release(bytes: &[u8]) {
    let verified = VerifiedRelease::trusted(Signed::detached(bytes.to_vec(), Vec::new()));
    let Ok(release) = Release::parse(&verified) else {
        return;
    };
    let now: Timestamp = "2026-11-23T16:00:00Z".parse().expect("a time");
    let expected = Expectation { name: "sid", last: Some(now), now, check_dates: true };
    if release.check(&expected).is_ok() {
        assert!(release.date >= now && release.valid_until.is_none_or(|end| end >= now));
        let names = [&release.suite, &release.codename];
        assert!(
            names.iter().all(|name| name.is_none())
                || names.iter().any(|name| name.as_deref() == Some("sid"))
        );
    }
    for name in [IndexName::new("main", "source"), IndexName::new("main", "amd64")] {
        if let Some(offered) = release.index(&name) {
            assert!(!offered.forms.is_empty() && offered.forms.len() <= 3);
            assert!(offered.plain.is_none_or(|plain| offered.identity() == plain.sha256));
        }
        let wanted = release.wanted([name].into_iter());
        assert!((1..=2).contains(&wanted.len()));
    }
}

/// A `Sources` or `Packages` index that is not packed.
pub fn index(bytes: &[u8]) {
    for kind in [IndexKind::Sources, IndexKind::Packages("amd64".to_owned())] {
        if let Ok(index) = Index::read(&kind, bytes) {
            check_index(&index, bytes.len());
        }
    }
}

fn check_index(index: &Index, bytes: usize) {
    let mut texts: Vec<&str> = Vec::new();
    let mut abouts = Vec::new();
    match &index.entries {
        Entries::Sources(entries) => {
            for entry in entries {
                check_version(&entry.version);
                texts.push(&entry.name);
                abouts.push(&entry.about);
            }
        }
        Entries::Packages(entries) => {
            for entry in entries {
                check_version(&entry.version);
                check_version(&entry.source_version);
                texts.extend([&*entry.name, &*entry.architecture, &*entry.source]);
                abouts.push(&entry.about);
            }
        }
    }
    assert!(abouts.len() + index.left_out <= bytes, "more entries than bytes");
    for name in texts {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~".contains(&byte);
        assert!((1..=200).contains(&name.len()) && name.bytes().all(plain), "{name:?}");
        assert!(!name.starts_with(['.', '-']), "{name:?}");
    }
    for text in abouts.iter().flat_map(|about| [&about.maintainer, &about.section]).flatten() {
        assert!((1..=500).contains(&text.len()) && !text.contains(char::is_control), "{text:?}");
    }
}

fn check_version(version: &Version) {
    let text = version.as_str();
    assert!(!text.is_empty() && text.len() <= 256 && text.is_ascii(), "{text:?}");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert_eq!(Version::parse(text).as_ref(), Some(version));
}

/// Three versions, one a line: their order is an order.
pub fn version(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let versions: Vec<Version> = text.lines().take(3).filter_map(Version::parse).collect();
    versions.iter().for_each(check_version);
    for a in &versions {
        for b in &versions {
            assert_eq!(a.cmp(b), b.cmp(a).reverse(), "{a} {b}");
            assert_eq!(a.cmp(b) == Ordering::Equal, a == b, "{a} {b}");
            for c in &versions {
                assert!(!(a <= b && b <= c) || a <= c, "{a} {b} {c}");
            }
        }
    }
}

/// A packed index. The first byte says how; its hash is always right, so that only the format and
/// the limits are in the way.
pub fn unpack(bytes: &[u8]) {
    const MAX_BYTES: u64 = 1 << 16;
    let mut input = Input::new(bytes);
    let compression = Compression::KEPT[input.below(4)];
    let kind = IndexKind::Sources;
    let file = input.rest();
    let packed = Some(Checksum::of(file));
    let expected = Expected { packed, plain: None, max_bytes: MAX_BYTES };
    match read_index(file, compression, &kind, &expected) {
        Ok(index) => check_index(&index, 1 << 16),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // An index that is not the one of the hash is never used.
    let wrong = Checksum { size: file.len() as u64, sha256: [0; 32] };
    let expected = Expected { packed: Some(wrong), ..expected };
    assert!(read_index(file, compression, &kind, &expected).is_err());
    let expected = Expected { packed: None, ..expected };
    assert!(read_index(file, compression, &kind, &expected).is_err());
}

/// `sources.list` and its relatives.
pub fn sources_list(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let list = read_list(text);
    assert!(list.len() <= text.lines().count());
    list.iter().for_each(check_source);
    // Written the plain way it reads the same.
    for source in list.iter().filter(|source| source.signed_by == SignedBy::Anyone) {
        let kind = if source.is_source { "deb-src" } else { "deb" };
        let AptSource { uri, suite, components, .. } = source;
        let line = format!("{kind} [] {uri} {suite} {}", components.join(" "));
        let [again] = &read_list(&line)[..] else { panic!("{line:?}") };
        assert_eq!((&again.uri, &again.suite, &again.components), (uri, suite, components));
    }
    // A stanza stands for every combination: a short text makes a cube of them.
    if text.len() < 2_000 {
        read_stanzas(text).iter().for_each(check_source);
    }
}

fn check_source(source: &AptSource) {
    let AptSource { uri, suite, components, signed_by, .. } = source;
    for word in [uri, suite].into_iter().chain(components) {
        assert!(!word.is_empty() && !word.contains(char::is_whitespace), "{word:?}");
    }
    if let SignedBy::Files(files) = signed_by {
        assert!(!files.is_empty() && files.iter().all(|file| file.is_absolute()));
    }
}

/// What `apt-config dump` says, and an address on the first line.
pub fn apt_settings(bytes: &[u8]) {
    let Some((url, dump)) = two_texts(bytes) else {
        return;
    };
    let settings = read_settings(dump);
    for key in ["Dir::Etc::sourcelist", "Dir::State::lists", "Dir", "A::b"] {
        assert!(settings.path(key).is_none_or(|path| path.is_absolute()), "{key}");
        assert_eq!(settings.value(key), settings.value(&key.to_uppercase()));
        assert!(settings.value(key).is_none_or(|value| !value.is_empty()));
    }
    let name = list_name(url);
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'), "{name:?}");
    assert!(name.is_empty() || name.starts_with('.') || Path::new(&name).file_name().is_some());
}

/// An armoured keyring.
pub fn keyring(bytes: &[u8]) {
    if let Some(keys) = unarmoured_keys(bytes) {
        assert!(keys.len() <= bytes.len());
    }
}

/// What gpgv reports, with names in it that whoever made the keys chose.
pub fn gpgv_status(bytes: &[u8]) {
    let has = |keyword: &str| {
        let line = format!("[GNUPG:] {keyword}");
        String::from_utf8_lossy(bytes).lines().any(|found| {
            found.strip_prefix(&line).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    };
    assert_eq!(is_good_by_gpgv(bytes), has("GOODSIG") && !has("BADSIG"));
}
