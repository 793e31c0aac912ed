//! Names of signers and of their keys.

use std::{borrow::Borrow, fmt, sync::Arc};

const MAX_BYTES: usize = 128;

/// The text cannot name a signer or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name: 1 to 128 bytes without control characters or quotes")]
pub struct InvalidName(String);

macro_rules! name {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks that the text can stand in a key file.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let is_fit = !text.is_empty()
                    && text.len() <= MAX_BYTES
                    && !text.chars().any(|character| character.is_control() || character == '"');
                if !is_fit {
                    return Err(InvalidName(text.chars().take(40).collect()));
                }
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
    };
}

name!(SignerId, "Who signs: the `id` inside a key file, such as `archive-01`.");
name!(KeyId, "Which of a signer's keys: `0` unless the key file says otherwise.");
