//! Checked names. A name that went through here can be used in a path, a label or a file name
//! without another look.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest DNS subdomain, which is what most object names are.
pub const SUBDOMAIN_LENGTH_MAX: usize = 253;

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name was expected and the text is empty: give a name")]
    Empty,
    /// Too many characters.
    #[error(
        "the name {name:?} has {length} characters and may have {SUBDOMAIN_LENGTH_MAX}: shorten it"
    )]
    TooLong {
        /// Its beginning.
        name: String,
        /// Its length.
        length: usize,
    },
    /// A character that names do not have, or one in the wrong place.
    #[error(
        "{name:?} is no name: use lower-case letters, digits, '-' and '.', and begin and end each part with a letter or digit"
    )]
    Malformed {
        /// The text.
        name: String,
    },
}

/// Says whether a text is a DNS subdomain (RFC 1123), as Kubernetes checks object names.
///
/// # Errors
/// Says what is wrong with the text.
pub fn check_subdomain(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > SUBDOMAIN_LENGTH_MAX {
        return Err(NameError::TooLong {
            name: name.chars().take(40).collect(),
            length: name.chars().count(),
        });
    }
    let good = name.split('.').all(|part| {
        let bytes = part.as_bytes();
        let edge = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        edge(bytes.first())
            && edge(bytes.last())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    });
    if good {
        Ok(())
    } else {
        Err(NameError::Malformed {
            name: name.to_owned(),
        })
    }
}

macro_rules! name_type {
    ($(#[$meta:meta])* $Name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $Name(Arc<str>);

        impl $Name {
            /// Checks the text.
            ///
            /// # Errors
            /// Says what is wrong with the text.
            pub fn new(name: &str) -> Result<Self, NameError> {
                check_subdomain(name)?;
                Ok(Self(Arc::from(name)))
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $Name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl PartialEq<str> for $Name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }
        impl PartialEq<&str> for $Name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
        impl TryFrom<String> for $Name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(&name)
            }
        }
        impl TryFrom<&str> for $Name {
            type Error = NameError;
            fn try_from(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }
        impl std::str::FromStr for $Name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }
        impl From<$Name> for String {
            fn from(name: $Name) -> Self {
                name.as_str().to_owned()
            }
        }
    };
}

name_type! {
    /// The name of a `FederatedCluster`. Cheap to clone.
    ClusterName
}
name_type! {
    /// The name of a `FederatedTypeConfig`. Cheap to clone.
    TypeConfigName
}
name_type! {
    /// The name of a federated object. Cheap to clone.
    FederatedName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_kubernetes_does() {
        let long = "a".repeat(254);
        for (name, good) in [
            ("a", true),
            ("cluster-1", true),
            ("a.b-c.d", true),
            ("1", true),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a..b", false),
            (".a", false),
            ("A", false),
            ("a_b", false),
            ("ä", false),
            (long.as_str(), false),
        ] {
            assert_eq!(ClusterName::new(name).is_ok(), good, "{name}");
        }
        assert!(ClusterName::new(&"a".repeat(253)).is_ok());
    }
}
