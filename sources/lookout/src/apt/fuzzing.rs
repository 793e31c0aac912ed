//! Private parsers, within reach of `tests/fuzz`.

use super::{
    keyring, lists,
    settings::AptSettings,
    signed::Signed,
    sources::{self, AptSource},
    verify,
};

/// The message and the signature of a file that nobody has verified.
pub fn parts(signed: &Signed) -> (&[u8], &[u8]) {
    (&signed.message, &signed.signature)
}

/// Whether these lines of `gpgv --status-fd` speak for a `Release` file.
pub fn is_good_by_gpgv(status: &[u8]) -> bool {
    verify::judge_gpgv(status).is_ok()
}

/// The keys of an armoured keyring.
pub fn unarmoured_keys(bytes: &[u8]) -> Option<Vec<u8>> {
    keyring::unarmoured(bytes)
}

/// A `sources.list`.
pub fn read_list(text: &str) -> Vec<AptSource> {
    sources::parse_list(text)
}

/// A `.sources` file.
pub fn read_stanzas(text: &str) -> Vec<AptSource> {
    sources::parse_stanzas(text)
}

/// What `apt-config dump` says.
pub fn read_settings(dump: &str) -> AptSettings {
    AptSettings::parse(dump)
}

/// The name of the file among APT's lists that came from an address.
pub fn list_name(url: &str) -> String {
    lists::list_name(url)
}
