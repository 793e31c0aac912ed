//! Where the demo's relay listens.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use anyhow::{Context as _, anyhow};
use toml_edit::{Array, DocumentMut, Item, value};

use super::DemoDirectory;
use crate::endpoints::{PUBLISH, REPLAY, SUBMIT};

/// The relay's endpoints for consumers, on this run.
pub(super) struct Endpoints {
    pub(super) publish: String,
    pub(super) replay: String,
}

impl Endpoints {
    /// Takes the usual ports, so that `lk` finds the relay by itself, or any free ones where a
    /// relay has them already; and writes them into both configurations.
    pub(super) fn assign(directory: &DemoDirectory) -> anyhow::Result<Self> {
        let usual = [SUBMIT, PUBLISH, REPLAY].map(str::to_owned);
        let [submit, publish, replay] =
            if usual.iter().all(|endpoint| is_free(endpoint)) { usual } else { free_endpoints()? };
        let list = |endpoint: &str| value(Array::from_iter([endpoint]));
        edit(
            &directory.config("lighthouse"),
            &[
                ("submit", "endpoints", list(&submit)),
                ("publish", "endpoints", list(&publish)),
                ("replay", "endpoints", list(&replay)),
            ],
        )?;
        edit(&directory.config("lookout"), &[("submit", "endpoint", value(&submit))])?;
        Ok(Self { publish, replay })
    }

    /// What to try in another terminal.
    pub(super) fn describe(&self, directory: &DemoDirectory) -> String {
        let lk = std::env::args_os().next().unwrap_or_else(|| "lk".into());
        let lk = lk.display();
        let keys = directory.shown("keys");
        let (from, replay) = if self.replay == REPLAY {
            (String::new(), String::new())
        } else {
            let replay = format!(" --replay {}", self.replay);
            (format!(" --from {}{replay}", self.publish), replay)
        };
        format!(
            "Logs, keys and journal are in {}. Try in another terminal:\n\
             {lk} status{replay}\n\
             {lk} history --keys {keys}{replay}\n\
             {lk} listen _lk.archive. --keys {keys}{from}\n\
             Ctrl-C stops the demo",
            directory.shown("")
        )
    }
}

fn is_free(endpoint: &str) -> bool {
    let address = endpoint.trim_start_matches("tcp://");
    TcpListener::bind(address).is_ok()
}

/// Three endpoints on ports that the system chose.
fn free_endpoints() -> anyhow::Result<[String; 3]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // All three are open at once, so that they differ.
    let listeners = [bind(), bind(), bind()];
    let mut endpoints = Vec::new();
    for listener in &listeners {
        let listener = listener.as_ref().map_err(|error| anyhow!("no port is free: {error}"))?;
        endpoints.push(format!("tcp://{}", listener.local_addr()?));
    }
    endpoints.try_into().map_err(|_| anyhow!("no ports are free"))
}

fn edit(path: &Path, changes: &[(&str, &str, Item)]) -> anyhow::Result<()> {
    let text = laniakea_files::read_text(path, 1 << 20)
        .with_context(|| format!("could not read {}", path.display()))?;
    let mut document: DocumentMut =
        text.parse().with_context(|| format!("could not read {}", path.display()))?;
    for (section, key, item) in changes {
        document[section][key] = item.clone();
    }
    fs::write(path, document.to_string())
        .with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_the_system_chose_are_free_and_differ() {
        let endpoints = free_endpoints().unwrap();
        assert!(endpoints.iter().all(|endpoint| is_free(endpoint)));
        assert!(endpoints[0] != endpoints[1] && endpoints[1] != endpoints[2]);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(&format!("tcp://{}", taken.local_addr().unwrap())));
    }

    #[test]
    fn an_edited_configuration_keeps_everything_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lookout.toml");
        fs::write(
            &path,
            "# Mine.\n[submit]\nendpoint = \"tcp://x:1\"\n\n[[archive]]\nname = \"a\"\n",
        )
        .unwrap();
        edit(&path, &[("submit", "endpoint", value("tcp://y:2"))]).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "# Mine.\n[submit]\nendpoint = \"tcp://y:2\"\n\n[[archive]]\nname = \"a\"\n"
        );
    }
}
