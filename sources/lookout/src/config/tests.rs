use super::*;

fn archive(name: &str, suites: &str, more: &str) -> String {
    format!(
        "[[archive]]\nname = \"{name}\"\nurl = \"http://a/b\"\nsuites = [{suites}]\n\
         components = [\"main\"]\narchitectures = [\"amd64\"]\n{more}\n"
    )
}

const SIGNED: &str = "signed_by = \"/k.gpg\"";

fn parse(archives: &str) -> Result<Config, String> {
    let text = format!(
        "data_dir = \"/d\"\n[identity]\nkey_file = \"/k\"\n[submit]\nendpoint = \"tcp://r:1\"\n{archives}"
    );
    let config: Config = toml::from_str(&text).map_err(|error| error.to_string())?;
    config.validate().map_err(|error| error.to_string())?;
    Ok(config)
}

#[track_caller]
fn assert_invalid(archives: &str, message: &str) {
    let error = parse(archives).unwrap_err();
    assert!(error.contains(message), "{error}");
}

#[test]
fn the_sample_is_valid_and_shows_the_defaults() {
    let text = include_str!("../../../../config/lookout.toml");
    let sample: Config = toml::from_str(text).unwrap();
    sample.validate().unwrap();
    // Uncommented, every other key is one that there is.
    let whole: String = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|key| key.contains(" = \"")).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let whole: Config = toml::from_str(&whole).unwrap();
    whole.validate().unwrap();
    let archive = &whole.archives[0];
    assert!(
        archive.lists_dir.is_some() && archive.baseline.is_some() && archive.release_name.is_some()
    );

    let defaults = parse(&super::tests::archive("a", "\"x\"", SIGNED)).unwrap();
    let (shown, default) = (&sample.archives[0], &defaults.archives[0]);
    assert_eq!(sample.dialect, defaults.dialect);
    assert_eq!((shown.interval, &shown.proxy), (default.interval, &default.proxy));
    assert_eq!((shown.trusted, shown.check_dates), (default.trusted, default.check_dates));
    assert_eq!(shown.max_index_mib, default.max_index_mib);
}

#[test]
fn what_is_not_said_has_its_default() {
    let config = parse(&archive("a", "\"x\"", SIGNED)).unwrap();
    let archive = &config.archives[0];
    assert_eq!(config.dialect, Dialect::Seed);
    assert_eq!(archive.interval.to_string(), "5m");
    assert_eq!(archive.proxy, ProxySetting::Apt);
    assert_eq!((archive.trusted, archive.check_dates, archive.max_index_mib), (false, true, 512));
    assert_eq!(archive.suite_url("x/updates"), "http://a/b/dists/x/updates/");
}

#[test]
fn what_makes_no_sense_is_said_by_name() {
    let with = |more: &str| archive("a", "\"x\"", &format!("{SIGNED}\n{more}"));
    assert_invalid("", "missing field `archive`");
    assert_invalid(&with("colour = 1"), "unknown field `colour`");
    assert_invalid(&archive("a", "\"x\"", ""), "a keyring is needed");
    assert_invalid(&with("trusted = true"), "an archive with a keyring is verified");
    assert_invalid(&with("interval = \"0s\""), "interval: it must be at least a second");
    assert_invalid(&with("interval = \"unlimited\""), "and limited");
    assert_invalid(&with("interval = \"soon\""), "is no duration");
    assert_invalid(&archive("a/b", "\"x\"", SIGNED), "archive \"a/b\": name");
    assert_invalid(&archive("a", "", SIGNED), "suites: the list is empty");
    assert_invalid(&archive("a", "\"./\"", SIGNED), "flat archives are not supported");
    assert_invalid(&archive("a", "\"../../etc\"", SIGNED), "is no name");
    assert_invalid(&(with("") + &with("")), "two archives have this name");
    let other = |url: &str| with("").replace("http://a/b", url);
    assert_invalid(&other("nowhere"), "url");
    assert_invalid(&other("http://me:secret@a/b"), "names and passwords have no place in it");
    assert_invalid(&other("cdrom:/x"), "is for APT alone: set lists_dir");
    parse(&(other("cdrom:/x") + "lists_dir = \"/l\"")).unwrap();
}

#[test]
fn suites_come_after_those_that_they_are_compared_with() {
    let over = archive("over", "\"x-security\"", &format!("{SIGNED}\nbaseline = \"base/x\""));
    let base = archive("base", "\"x-updates\", \"x\"", &format!("{SIGNED}\nbaseline = \"x\""));
    let config = parse(&(over + &base)).unwrap();
    let order: Vec<String> = config
        .in_order()
        .unwrap()
        .iter()
        .map(|(archive, suite)| archive.suite(suite).to_string())
        .collect();
    assert_eq!(order, ["base/x", "over/x-security", "base/x-updates"]);
}

#[test]
fn a_baseline_may_be_a_suite_with_a_slash_in_its_name() {
    let config = parse(&archive(
        "a",
        "\"x/updates\", \"y\"",
        &format!("{SIGNED}\nbaseline = \"x/updates\""),
    ));
    let baseline = config.unwrap().archives[0].baseline_of("y").unwrap();
    assert_eq!((&*baseline.archive, &*baseline.suite), ("a", "x/updates"));
}

#[test]
fn a_baseline_that_is_not_watched_or_goes_in_a_circle_is_refused() {
    let one = |name: &str, baseline: &str| {
        archive(name, "\"x\"", &format!("{SIGNED}\nbaseline = \"{baseline}\""))
    };
    assert_invalid(&one("a", "b/x"), "archive \"a\": baseline: b/x is not watched");
    assert_invalid(&(one("a", "b/x") + &one("b", "a/x")), "suites cannot be each other's baseline");
}
