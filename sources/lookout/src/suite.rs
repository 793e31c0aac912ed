//! What a suite holds: its source packages, with the binaries that were built from them.
//!
//! Pure: indexes in, one ordered map out. [`crate::diff`] compares two of these.

use std::collections::{BTreeMap, BTreeSet};

use crate::apt::{
    index::{About, BinaryEntry, Entries, IndexName},
    text::Text,
    version::Version,
};

/// A source package in a component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceKey {
    /// The component.
    pub component: Text,
    /// The source package's name.
    pub name: Text,
}

/// The versions in which a suite offers a source package. Mostly one.
pub type Versions = BTreeMap<Version, Published>;

/// One version of a source package, as published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// Its binary packages.
    pub binaries: BTreeSet<Binary>,
    /// What else is told of it.
    pub about: About,
}

/// A binary package of a source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binary {
    /// Its name.
    pub name: Text,
    /// Its architecture, or `all`.
    pub architecture: Text,
    /// Its own version: a rebuild has another one than its source.
    pub version: Version,
}

/// What the indexes of a suite hold.
pub type Contents<'a> = BTreeMap<&'a IndexName, &'a Entries>;

/// The source packages of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SuiteState {
    /// By component and name.
    pub sources: BTreeMap<SourceKey, Versions>,
}

impl SuiteState {
    /// Groups the entries of a suite's indexes by source package.
    ///
    /// Where a `Sources` index lists a package, that decides about its versions and component:
    /// binaries of a version that it no longer lists linger until they are rebuilt, and say nothing
    /// about the source. Packages that no `Sources` index lists, as when only binary indexes are
    /// watched, are grouped by the `Source` of their binaries.
    pub fn of(indexes: &Contents<'_>) -> Self {
        let mut listed: BTreeMap<SourceKey, Versions> = BTreeMap::new();
        let mut components: BTreeSet<Text> = BTreeSet::new();
        for (index, entries) in indexes {
            let Entries::Sources(sources) = entries else { continue };
            let component = Text::from(index.component.as_str());
            for source in sources {
                let key = SourceKey { component: component.clone(), name: source.name.clone() };
                let published = Published { about: source.about.clone(), ..Published::default() };
                listed.entry(key).or_default().insert(source.version.clone(), published);
            }
            components.insert(component);
        }

        let mut unlisted: BTreeMap<SourceKey, Versions> = BTreeMap::new();
        for (index, entries) in indexes {
            let Entries::Packages(packages) = entries else { continue };
            let component = Text::from(index.component.as_str());
            for package in packages {
                // Contrib holds binaries of sources in main.
                let homes = std::iter::once(&component).chain(&components);
                if attach(package, homes, &mut listed).is_unlisted() {
                    let name = package.source.clone();
                    let key = SourceKey { component: component.clone(), name };
                    let version = package.source_version.clone();
                    let published = unlisted.entry(key).or_default().entry(version).or_default();
                    if published.binaries.is_empty() {
                        published.about = package.about.clone();
                    }
                    published.binaries.insert(Binary::of(package));
                }
            }
        }
        listed.append(&mut unlisted);
        Self { sources: listed }
    }
}

/// What became of a binary among the listed sources.
#[derive(PartialEq, Eq)]
enum Attached {
    ToItsSource,
    Lingering,
    Unlisted,
}

impl Attached {
    fn is_unlisted(&self) -> bool {
        *self == Self::Unlisted
    }
}

fn attach<'a>(
    package: &BinaryEntry,
    homes: impl Iterator<Item = &'a Text>,
    listed: &mut BTreeMap<SourceKey, Versions>,
) -> Attached {
    let mut outcome = Attached::Unlisted;
    for component in homes {
        let key = SourceKey { component: component.clone(), name: package.source.clone() };
        let Some(versions) = listed.get_mut(&key) else { continue };
        if let Some(published) = versions.get_mut(&package.source_version) {
            published.binaries.insert(Binary::of(package));
            return Attached::ToItsSource;
        }
        outcome = Attached::Lingering;
    }
    outcome
}

impl Binary {
    fn of(package: &BinaryEntry) -> Self {
        Self {
            name: package.name.clone(),
            architecture: package.architecture.clone(),
            version: package.version.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apt::index::Index;

    fn suite(indexes: &[(&str, &str, &str)]) -> SuiteState {
        let read: Vec<_> = indexes
            .iter()
            .map(|(component, architecture, text)| {
                let name = IndexName::new(component, architecture);
                let entries = Index::read(&name.kind, text.as_bytes()).unwrap().entries;
                (name, entries)
            })
            .collect();
        SuiteState::of(&read.iter().map(|(name, entries)| (name, entries)).collect())
    }

    /// One line a version: `component/source version: binaries`.
    fn lines(state: &SuiteState) -> Vec<String> {
        let versions = state.sources.iter().flat_map(|(key, versions)| {
            versions.iter().map(move |(version, published)| (key, version, published))
        });
        let line = |(key, version, published): (&SourceKey, &Version, &Published)| {
            let binary = |b: &Binary| format!("{}:{}={}", b.name, b.architecture, b.version);
            let binaries: Vec<_> = published.binaries.iter().map(binary).collect();
            format!("{}/{} {version}: {}", key.component, key.name, binaries.join(" "))
        };
        versions.map(line).collect()
    }

    fn package(name: &str, architecture: &str, version: &str, source: &str) -> String {
        format!(
            "Package: {name}\nArchitecture: {architecture}\nVersion: {version}\nSource: {source}\n\n"
        )
    }

    #[test]
    fn binaries_go_to_their_source_whatever_their_own_version_and_component() {
        let main =
            package("libx", "amd64", "3.0+b1", "x (2.0)") + &package("x-doc", "all", "2.0", "x");
        let contrib = package("x-contrib", "amd64", "2.0", "x");
        let state = suite(&[
            ("main", "source", "Package: x\nVersion: 2.0\n"),
            ("main", "amd64", &main),
            ("main", "arm64", &package("x-doc", "all", "2.0", "x")),
            ("contrib", "amd64", &contrib),
        ]);
        assert_eq!(
            lines(&state),
            ["main/x 2.0: libx:amd64=3.0+b1 x-contrib:amd64=2.0 x-doc:all=2.0"]
        );
    }

    #[test]
    fn binaries_of_a_version_that_is_not_listed_any_more_say_nothing() {
        let state = suite(&[
            ("main", "source", "Package: x\nVersion: 2.0\n"),
            (
                "main",
                "amd64",
                &(package("x", "amd64", "1.0", "x") + &package("y", "amd64", "1.0", "y")),
            ),
        ]);
        assert_eq!(lines(&state), ["main/x 2.0: ", "main/y 1.0: y:amd64=1.0"]);
    }

    #[test]
    fn without_source_indexes_binaries_are_grouped_by_their_source_field() {
        let packages =
            package("libx", "amd64", "2.0", "x") + &package("libx-old", "amd64", "1.0", "x");
        let state = suite(&[("main", "amd64", &packages)]);
        assert_eq!(lines(&state), ["main/x 1.0: libx-old:amd64=1.0", "main/x 2.0: libx:amd64=2.0"]);
    }

    #[test]
    fn a_source_with_two_versions_keeps_both() {
        let state = suite(&[
            ("main", "source", "Package: x\nVersion: 1.0\n\nPackage: x\nVersion: 2.0\n"),
            (
                "main",
                "amd64",
                &(package("x", "amd64", "1.0", "x") + &package("x", "amd64", "2.0", "x")),
            ),
        ]);
        assert_eq!(lines(&state), ["main/x 1.0: x:amd64=1.0", "main/x 2.0: x:amd64=2.0"]);
    }

    #[test]
    fn the_same_source_in_two_components_is_two() {
        let source = "Package: x\nVersion: 1.0\n";
        let state = suite(&[("main", "source", source), ("contrib", "source", source)]);
        assert_eq!(lines(&state), ["contrib/x 1.0: ", "main/x 1.0: "]);
    }
}
