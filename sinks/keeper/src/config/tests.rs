use std::{fs, path::Path};

use laniakea_wire::subscription::Start;
use tempfile::TempDir;

use super::*;
use crate::{action::Means, rules};

const SAMPLE: &str = include_str!("../../../../config/keeper.toml");

fn load(text: &str) -> Result<Config, InvalidConfig> {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("keeper.toml");
    fs::write(&file, text).unwrap();
    Config::load(&file)
}

#[test]
fn the_sample_has_every_key_and_the_defaults() {
    let config = load(SAMPLE).unwrap();
    assert_eq!(config.runs, RunsConfig::default());
    assert_eq!(config.stream.start, Start::default());
    let mail = config.mail.unwrap();
    assert_eq!((mail.tls, mail.port()), (TlsConfig::default(), 587));
    // What is commented out can be had as it is written.
    let all = SAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => key,
        _ => line,
    });
    let config = load(&all.collect::<Vec<_>>().join("\n")).unwrap();
    assert!(config.stream.server_key.is_some() && config.mail.unwrap().username.is_some());
}

/// Rules and templates that are shipped, with the configuration that is shipped.
#[test]
fn the_shipped_rules_fit_the_sample() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let templates = root.join("templates");
    let text = SAMPLE.replace("/etc/laniakea/keeper/templates", templates.to_str().unwrap());
    let means = Means::new(&load(&text).unwrap()).unwrap();
    let rules = rules::load(&root.join("rules.d"), &means).unwrap();
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    for name in ["changes-list", "publish-repos", "rubicon", "upload-rejected"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[test]
fn what_makes_no_sense_is_told_by_its_key() {
    let change = |from: &str, to: &str| {
        assert!(SAMPLE.contains(from), "{from}");
        load(&SAMPLE.replace(from, to)).unwrap_err().to_string()
    };
    let login = "username = \"u\"\npassword_file = \"/p\"\n";
    for (error, key) in [
        (change("tcp://127.0.0.1:5572", "127.0.0.1:5572"), "stream.publish"),
        (change("concurrency = 4", "concurrency = 0"), "runs.concurrency"),
        (change("\"mail.example.org\"", "\"mail.example.org:25\\n\""), "mail.server"),
        (change("\"mail.example.org\"", "\"\""), "mail.server"),
        (change("#username", "username"), "mail.username"),
        (change("tls = \"starttls\"", &format!("tls = \"none\"\n{login}")), "mail.tls"),
        (change("tls = \"starttls\"", "tls = \"none\"\nca_file = \"/c\""), "mail.ca_file"),
        (change("[\"*@lists.example.org\", \"*@example.org\"]", "[]"), "mail.allow"),
    ] {
        assert!(error.starts_with(key), "{key}: {error}");
    }
    let local = SAMPLE.replace("tls = \"starttls\"", &format!("tls = \"none\"\n{login}"));
    assert!(load(&local.replace("mail.example.org", "127.0.0.1")).is_ok());
}
