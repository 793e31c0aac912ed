//! The archives that this machine's APT uses: `sources.list` and its companions.
//!
//! Read here and not by a crate: `apt-sources` gives up on a file with an option that it does not
//! know, and `check-valid-until` is one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use deb822_fast::borrowed::{BorrowedParagraph, BorrowedParser};

use super::settings::AptSettings;

/// One line of `sources.list`, or one combination of what a stanza of a `.sources` file names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AptSource {
    /// `source` for `deb-src`, else nothing in particular.
    pub is_source: bool,
    /// The archive's address.
    pub uri: String,
    /// The suite.
    pub suite: String,
    /// The components.
    pub components: Vec<String>,
    /// The architectures, if they are named.
    pub architectures: Vec<String>,
    /// Which keys may sign.
    pub signed_by: SignedBy,
    /// The archive needs no signature.
    pub trusted: bool,
    /// `Valid-Until` does not matter here.
    pub ignores_valid_until: bool,
}

/// Which keys may sign an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SignedBy {
    /// Those that APT trusts for every archive.
    #[default]
    Anyone,
    /// Those in these files.
    Files(Vec<PathBuf>),
    /// The keys themselves, armoured.
    Keys(String),
    /// Keys with these fingerprints, wherever they are.
    Fingerprints(String),
}

/// Far more than any list of sources holds.
const MAX_BYTES: u64 = 1 << 20;

/// The archives that APT is configured for, in APT's order.
///
/// # Errors
///
/// If a file is there and cannot be read. What makes no sense in it is left out, as APT would say.
pub fn read_sources(settings: &AptSettings) -> io::Result<Vec<AptSource>> {
    let mut sources = Vec::new();
    if let Some(list) = settings.path("Dir::Etc::sourcelist")
        && list.exists()
    {
        sources.extend(parse_list(&laniakea_files::read_text(&list, MAX_BYTES)?));
    }
    let Some(parts) = settings.path("Dir::Etc::sourceparts").filter(|parts| parts.is_dir()) else {
        return Ok(sources);
    };
    let mut files = fs::read_dir(parts)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    for file in files {
        let is = |extension: &str| file.extension().is_some_and(|found| found == extension);
        if is("list") {
            sources.extend(parse_list(&laniakea_files::read_text(&file, MAX_BYTES)?));
        } else if is("sources") {
            sources.extend(parse_stanzas(&laniakea_files::read_text(&file, MAX_BYTES)?));
        }
    }
    Ok(sources)
}

/// `deb [option=value …] URI SUITE COMPONENT…`
pub(super) fn parse_list(text: &str) -> Vec<AptSource> {
    text.lines().filter_map(|line| parse_line(line.split('#').next()?)).collect()
}

fn parse_line(line: &str) -> Option<AptSource> {
    let (kind, rest) = line.trim().split_once([' ', '\t'])?;
    let is_source = match kind {
        "deb" => false,
        "deb-src" => true,
        _ => return None,
    };
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let mut source =
        AptSource { is_source, uri: words.next()?, suite: words.next()?, ..AptSource::default() };
    source.components = words.collect();
    for (name, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
        match name {
            "arch" => source.architectures = value.split(',').map(str::to_owned).collect(),
            "signed-by" => source.signed_by = signed_by(value),
            "trusted" => source.trusted = is_yes(value),
            "check-valid-until" => source.ignores_valid_until = is_no(value),
            _ => {}
        }
    }
    Some(source)
}

/// The stanzas of a `.sources` file.
pub(super) fn parse_stanzas(text: &str) -> Vec<AptSource> {
    let stanzas = BorrowedParser::new(text).parse_all().unwrap_or_default();
    stanzas.iter().flat_map(parse_stanza).collect()
}

fn parse_stanza(stanza: &BorrowedParagraph<'_>) -> Vec<AptSource> {
    let text = |name: &str| stanza.get(name).map_or(String::new(), |lines| lines.join("\n"));
    let words =
        |name: &str| -> Vec<String> { text(name).split_whitespace().map(str::to_owned).collect() };
    if is_no(&text("Enabled")) {
        return Vec::new();
    }
    let common = AptSource {
        components: words("Components"),
        architectures: words("Architectures"),
        signed_by: signed_by(&text("Signed-By")),
        trusted: is_yes(&text("Trusted")),
        ignores_valid_until: is_no(&text("Check-Valid-Until")),
        ..AptSource::default()
    };
    let mut sources = Vec::new();
    for kind in words("Types") {
        for uri in words("URIs") {
            for suite in words("Suites") {
                let is_source = kind == "deb-src";
                sources.push(AptSource { is_source, uri: uri.clone(), suite, ..common.clone() });
            }
        }
    }
    sources
}

fn signed_by(value: &str) -> SignedBy {
    let words = || value.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty());
    match words().next() {
        None => SignedBy::Anyone,
        Some(_) if value.contains("-----BEGIN PGP") => {
            // A line with a dot stands for an empty one, as everywhere in such files.
            let lines = value.trim().lines().map(|line| if line == "." { "" } else { line });
            SignedBy::Keys(lines.collect::<Vec<_>>().join("\n"))
        }
        Some(_) if words().all(|word| Path::new(word).is_absolute()) => {
            SignedBy::Files(words().map(PathBuf::from).collect())
        }
        Some(_) => SignedBy::Fingerprints(value.to_owned()),
    }
}

fn is_yes(value: &str) -> bool {
    ["yes", "true", "with", "on", "enable", "1"].contains(&value.to_ascii_lowercase().as_str())
}

fn is_no(value: &str) -> bool {
    ["no", "false", "without", "off", "disable", "0"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_options() {
        let text = "# a comment\n\
            deb http://deb.debian.org/debian bookworm main contrib # trailing\n\
            deb-src [arch=amd64,arm64 signed-by=/k.gpg,/l.asc check-valid-until=no] file:/srv x/updates main\n\
            deb [ trusted=yes ] http://a/ ./\n\
            rpm http://a b\ndeb http://a\ndeb [unclosed http://a b c\n\n";
        let plain = AptSource {
            uri: "http://deb.debian.org/debian".to_owned(),
            suite: "bookworm".to_owned(),
            components: vec!["main".to_owned(), "contrib".to_owned()],
            ..AptSource::default()
        };
        let rich = AptSource {
            is_source: true,
            uri: "file:/srv".to_owned(),
            suite: "x/updates".to_owned(),
            components: vec!["main".to_owned()],
            architectures: vec!["amd64".to_owned(), "arm64".to_owned()],
            signed_by: SignedBy::Files(vec!["/k.gpg".into(), "/l.asc".into()]),
            ignores_valid_until: true,
            ..AptSource::default()
        };
        let flat = AptSource {
            uri: "http://a/".to_owned(),
            suite: "./".to_owned(),
            trusted: true,
            ..AptSource::default()
        };
        assert_eq!(parse_list(text), [plain, rich, flat]);
    }

    #[test]
    fn a_stanza_stands_for_every_combination() {
        let text = "Types: deb deb-src\nURIs: http://a http://b\nSuites: x x-updates\n\
            Components: main\n# a comment\nSigned-By: /k.gpg\n\n\
            Types: deb\nURIs: http://c\nSuites: y\nEnabled: no\n";
        let sources = parse_stanzas(text);
        assert_eq!(sources.len(), 8);
        assert!(sources.iter().all(|source| source.components == ["main"]));
        assert_eq!(sources[0].signed_by, SignedBy::Files(vec!["/k.gpg".into()]));
        assert_eq!(
            (sources[7].is_source, &*sources[7].uri, &*sources[7].suite),
            (true, "http://b", "x-updates")
        );
    }

    #[test]
    fn keys_may_stand_in_the_file_itself() {
        let text = "Types: deb\nURIs: http://a\nSuites: x\nComponents: main\nSigned-By:\n \
            -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let key =
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----";
        assert_eq!(parse_stanzas(text)[0].signed_by, SignedBy::Keys(key.to_owned()));
        assert_eq!(signed_by("A1B2!"), SignedBy::Fingerprints("A1B2!".to_owned()));
    }
}
