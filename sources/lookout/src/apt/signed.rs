//! A `Release` file and the signature that came with it, not verified yet.
//!
//! Both ways to sign a `Release` end up as the same two files, so that there is one way to verify
//! and the bytes that were verified are the bytes that are read.

/// A message and its detached signature. Only [`super::verify`] lets anyone see the message.
#[derive(Debug)]
pub struct Signed {
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// The file is not exactly one clear-signed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is not one clear-signed message and nothing else")]
pub struct NotClearSigned;

const MESSAGE: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

impl Signed {
    /// `Release` and `Release.gpg`.
    pub fn detached(message: Vec<u8>, signature: Vec<u8>) -> Self {
        Self { message, signature }
    }

    /// `InRelease`: takes the framework of RFC 4880, section 7, apart.
    ///
    /// # Errors
    ///
    /// Whatever stands before, between or after the parts of one message: an attacker could have
    /// put text there that some other reader believes.
    pub fn inline(file: &[u8]) -> Result<Self, NotClearSigned> {
        let mut lines = file.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
        if lines.next() != Some(MESSAGE) {
            return Err(NotClearSigned);
        }
        for header in lines.by_ref().take_while(|line| !line.is_empty()) {
            if !header.starts_with(b"Hash: ") {
                return Err(NotClearSigned);
            }
        }
        // Line by line, and not all lines first: a file of empty ones would take sixteen times
        // what it has.
        let mut message = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != SIGNATURE) {
            message.extend_from_slice(undashed(line)?);
            message.push(b'\n');
        }
        // The line end before the signature is not part of the message.
        message.pop();
        let mut signature = [SIGNATURE, b"\n"].concat();
        let mut has_end = false;
        for line in lines.by_ref() {
            signature.extend_from_slice(line);
            signature.push(b'\n');
            has_end = line == END;
            if has_end {
                break;
            }
            if line.starts_with(b"-----") {
                return Err(NotClearSigned);
            }
        }
        if !has_end || lines.any(|line| !line.is_empty()) {
            return Err(NotClearSigned);
        }
        Ok(Self { message, signature })
    }
}

/// Undoes dash-escaping.
fn undashed(line: &[u8]) -> Result<&[u8], NotClearSigned> {
    match line {
        [b'-', b' ', rest @ ..] => Ok(rest),
        [b'-', ..] => Err(NotClearSigned),
        line => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: x \n- -dash\n\nend\n\
        -----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn one_message_is_taken_apart() {
        for file in [GOOD.to_owned(), GOOD.replace('\n', "\r\n")] {
            let signed = Signed::inline(file.as_bytes()).unwrap();
            assert_eq!(signed.message, b"Suite: x\n-dash\n\nend");
            assert_eq!(
                signed.signature,
                b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
            );
        }
    }

    #[test]
    fn anything_around_or_inside_the_framework_is_refused() {
        let unsigned = GOOD.split("-----BEGIN PGP SIGNATURE").next().unwrap();
        let bad = [
            String::new(),
            "Suite: x\n".to_owned(),
            unsigned.to_owned(),
            format!("Suite: evil\n{GOOD}"),
            format!("\n{GOOD}"),
            format!("{GOOD}Suite: evil\n"),
            format!("{GOOD}{GOOD}"),
            GOOD.replace("Hash: SHA256", "Suite: evil"),
            GOOD.replace("- -dash", "-dash"),
            GOOD.replace("iQ==", "-----BEGIN PGP SIGNED MESSAGE-----"),
            GOOD.replace("-----END PGP SIGNATURE-----\n", ""),
        ];
        for file in bad {
            assert_eq!(Signed::inline(file.as_bytes()).unwrap_err(), NotClearSigned, "{file}");
        }
    }
}
