//! An authority whose certificates are believed beside those of the system's.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};

const MAX_BYTES: u64 = 1 << 20;

/// The authority cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAuthority {
    /// It would be looked for in places that depend on where keeper was started.
    #[error("ca_file {path:?} is not an absolute path")]
    Relative {
        /// As it stands in the rule.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("could not read the certificates {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no certificate in it, or something else that claims to be one.
    #[error("{} holds no certificates in PEM", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
    },
}

/// Reads its certificates: as the rules are read, so that what is wrong is told then.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidAuthority> {
    let path = path.to_owned();
    if !path.is_absolute() {
        return Err(InvalidAuthority::Relative { path });
    }
    let pem = match laniakea_files::read(&path, MAX_BYTES) {
        Ok(pem) => pem,
        Err(source) => return Err(InvalidAuthority::Read { path, source }),
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.unwrap_or_default();
    if certificates.is_empty() {
        return Err(InvalidAuthority::Certificates { path });
    }
    Ok(certificates)
}
