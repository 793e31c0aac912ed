//! The samples that are shipped are what keeper reads.

use std::path::Path;

use keeper::{config::Config, rules};

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
    let rules = rules::load(&config().join("rules.d")).unwrap();
    for name in ["tell-ci", "settled"] {
        assert!(rules.get(name).is_some(), "{name}");
    }
    assert_eq!(rules.needing_identity().unwrap().name, "settled");
}
