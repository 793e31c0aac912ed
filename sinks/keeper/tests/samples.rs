//! The samples that are shipped are what keeper reads.

use std::path::Path;

use keeper::{action::Means, config::Config, rules};

fn config() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"))
}

#[test]
fn the_sample_configuration_is_one() {
    let config = Config::load(&config().join("keeper.toml")).unwrap();
    assert!(config.identity.is_some() && config.submit.is_some());
}

#[test]
fn the_sample_rules_are_rules() {
    let mut sample = Config::load(&config().join("keeper.toml")).unwrap();
    sample.mail.as_mut().unwrap().templates_dir = Some(config().join("templates"));
    let means = Means::new(&sample).unwrap();
    let rules = rules::load(&config().join("rules.d"), &means).unwrap();
    for name in ["tell-ci", "settled", "publish"] {
        assert!(rules.get(name).is_some(), "{name}");
    }
    for name in ["stuck-jobs", "nothing-published", "built-and-rejected"] {
        assert!(rules.get(name).unwrap().waits.is_some(), "{name}");
    }
    assert_eq!(rules.needing_identity().unwrap().name, "settled");
}
