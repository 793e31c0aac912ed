//! The source: what an APT archive says, verified.
//!
//! In reading order: [`fetch`] and [`lists`] get files, [`files`] decides which; a `Release` goes
//! through [`signed`], [`keyring`], [`verify`] and [`release`]; an index through [`unpack`],
//! [`checksum`], [`paragraph`] and [`index`].

pub mod checksum;
pub mod fetch;
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod index;
pub mod keyring;
pub mod lists;
pub mod paragraph;
pub mod proxy;
pub mod release;
pub mod settings;
pub mod signed;
pub mod sources;
pub mod text;
pub mod unpack;
pub mod verify;
pub mod version;
