//! Which proxy APT uses.
//!
//! Of `Acquire::http::Proxy` and its relatives; `Proxy-Auto-Detect` commands are not run.

use std::{collections::BTreeMap, io};

use super::settings::AptSettings;

/// What says which proxy to use.
#[derive(Debug, Clone, Default)]
pub struct AptProxies {
    settings: AptSettings,
    environment: BTreeMap<String, String>,
}

impl AptProxies {
    /// Asks APT and the environment.
    ///
    /// # Errors
    ///
    /// If APT is there and fails.
    pub fn of_this_machine() -> io::Result<Self> {
        Ok(Self::new(AptSettings::of_this_machine()?, std::env::vars()))
    }

    fn new(settings: AptSettings, environment: impl Iterator<Item = (String, String)>) -> Self {
        let known = |name: &str| ["http_proxy", "https_proxy", "no_proxy"].contains(&name);
        Self { settings, environment: environment.filter(|(name, _)| known(name)).collect() }
    }

    /// The proxy for an address with this scheme and host; `None` to go there directly.
    ///
    /// As in APT: the setting for the host goes before that for all, both before the environment,
    /// and HTTPS uses the settings of HTTP where it has none.
    pub fn for_host(&self, scheme: &str, host: &str) -> Option<&str> {
        let schemes = if scheme == "https" { &["https", "http"][..] } else { &["http"] };
        let keys = schemes.iter().flat_map(|scheme| {
            let all = format!("Acquire::{scheme}::Proxy");
            [format!("{all}::{host}"), all]
        });
        let proxy = match keys.into_iter().find_map(|key| self.settings.value(&key)) {
            Some(proxy) => proxy,
            None if self.is_exempt(host) => return None,
            None => self.environment.get(&format!("{scheme}_proxy"))?,
        };
        let direct = ["direct", "false", ""].iter().any(|word| proxy.eq_ignore_ascii_case(word));
        (!direct).then_some(proxy)
    }

    fn is_exempt(&self, host: &str) -> bool {
        let exempt = self.environment.get("no_proxy").map_or("", String::as_str);
        exempt.split(',').map(str::trim).filter(|name| !name.is_empty()).any(|name| {
            let domain = name.trim_start_matches('.');
            name == "*" || host == domain || host.ends_with(&format!(".{domain}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(dump: &str, environment: &[(&str, &str)]) -> AptProxies {
        let variable = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        AptProxies::new(AptSettings::parse(dump), environment.iter().map(variable))
    }

    #[test]
    fn without_settings_there_is_no_proxy() {
        let proxies = proxies("Acquire::http=\nAcquire::http::Proxy=\n", &[]);
        assert_eq!(proxies.for_host("http", "deb.debian.org"), None);
    }

    #[test]
    fn the_setting_for_a_host_goes_before_the_one_for_all() {
        let dump =
            "Acquire::http::Proxy=http://cache:3142\nAcquire::HTTP::Proxy::local.example=DIRECT\n";
        let proxies = proxies(dump, &[]);
        assert_eq!(proxies.for_host("http", "deb.debian.org"), Some("http://cache:3142"));
        assert_eq!(proxies.for_host("http", "local.example"), None);
        assert_eq!(proxies.for_host("https", "deb.debian.org"), Some("http://cache:3142"));
    }

    #[test]
    fn https_may_have_a_setting_of_its_own() {
        let dump = "Acquire::http::Proxy=http://cache:3142\nAcquire::https::Proxy=false\n";
        assert_eq!(proxies(dump, &[]).for_host("https", "deb.debian.org"), None);
    }

    #[test]
    fn the_environment_counts_where_apt_says_nothing() {
        let environment = [("http_proxy", "http://env:8080"), ("no_proxy", "localhost, .corp")];
        let from_environment = proxies("", &environment);
        assert_eq!(from_environment.for_host("http", "deb.debian.org"), Some("http://env:8080"));
        assert_eq!(from_environment.for_host("http", "deb.corp"), None);
        assert_eq!(from_environment.for_host("http", "localhost"), None);
        assert_eq!(from_environment.for_host("https", "deb.debian.org"), None);

        let apt_decides = proxies("Acquire::http::Proxy=DIRECT\n", &environment);
        assert_eq!(apt_decides.for_host("http", "deb.debian.org"), None);
    }
}
