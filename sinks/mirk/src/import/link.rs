//! Where messages link to.

use std::collections::BTreeMap;

use laniakea_catalog::LinkBases;

use super::{old::Old, shown};

/// The addresses that links begin with, by our names for them.
pub(super) fn translate(old: &Old, notes: &mut Vec<String>) -> Vec<(&'static str, String)> {
    let known =
        [("dashboard", "WebViewUrl", &old.dashboard), ("packages", "WebSWViewUrl", &old.packages)];
    let mut links = Vec::new();
    for (name, key, url) in known {
        // "#" is what Mirk takes where there is none.
        if url.is_empty() || url == "#" {
            continue;
        }
        if LinkBases::new(BTreeMap::from([(name.to_owned(), url.clone())])).is_ok() {
            links.push((name, url.clone()));
        } else {
            notes.push(format!(
                "{key} was left out: \"{}\" is no plain http or https address to build links on",
                shown(url)
            ));
        }
    }
    links
}
