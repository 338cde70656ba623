//! The name of an image taken apart and put together again. The grammar is that of
//! distribution/reference v0.5, without any default registry. Pure.

use super::OverrideError;
use regex::Regex;
use std::fmt;
use std::sync::LazyLock;

const DOMAIN: &str = r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?";
const PATH: &str =
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*";
const TAG: &str = r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}";
const DIGEST: &str = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";

fn compile(pattern: &str) -> Regex {
    #[expect(
        clippy::expect_used,
        reason = "patterns are constants; a test compiles them all"
    )]
    Regex::new(pattern).expect("a pattern that compiles")
}

static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(
        "^((?:{DOMAIN}/)?{PATH})(?::({TAG}))?(?:@({DIGEST}))?$"
    ))
});
static ONLY_TAG: LazyLock<Regex> = LazyLock::new(|| compile(&format!("^{TAG}$")));
static ONLY_DIGEST: LazyLock<Regex> = LazyLock::new(|| compile(&format!("^{DIGEST}$")));

/// Longest name, tag and digest not counted.
const LONGEST_NAME: usize = 255;

/// The parts of the name of an image; what is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImageName {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
}

impl ImageName {
    /// Takes a name apart.
    pub(super) fn parse(image: &str) -> Result<Self, OverrideError> {
        let wrong = |problem| OverrideError::Image {
            image: image.to_owned(),
            problem,
        };
        if image.is_empty() {
            return Err(wrong("it is empty"));
        }
        let Some(parts) = REFERENCE.captures(image) else {
            return Err(wrong(if REFERENCE.is_match(&image.to_lowercase()) {
                "upper case is only allowed in the name of a registry and in tags"
            } else {
                "write [REGISTRY/]REPOSITORY[:TAG][@DIGEST]"
            }));
        };
        let part = |index| parts.get(index).map_or("", |found| found.as_str());
        let (name, tag, digest) = (part(1), part(2), part(3));
        if name.len() > LONGEST_NAME {
            return Err(wrong("it is longer than 255 characters"));
        }
        if !digest.is_empty() && !is_known_digest(digest) {
            return Err(wrong("the digest is none of sha256, sha384 and sha512"));
        }
        // A first part is a registry only when it looks like one, so that ealen/echo-server is
        // a repository.
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest)
            }
            _ => ("", name),
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest: digest.to_owned(),
        })
    }

    /// Whether tag and digest are such; empty ones are.
    pub(super) fn check(&self) -> Result<(), OverrideError> {
        for (what, value, pattern) in [
            ("tag", &self.tag, &*ONLY_TAG),
            ("digest", &self.digest, &*ONLY_DIGEST),
        ] {
            if !value.is_empty() && !pattern.is_match(value) {
                return Err(OverrideError::ImagePart {
                    what,
                    value: value.clone(),
                });
            }
        }
        Ok(())
    }
}

fn is_known_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && !hex.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl fmt::Display for ImageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.registry.is_empty() {
            write!(out, "{}/", self.registry)?;
        }
        out.write_str(&self.repository)?;
        if !self.tag.is_empty() {
            write!(out, ":{}", self.tag)?;
        }
        if !self.digest.is_empty() {
            write!(out, "@{}", self.digest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_and_put_together() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let full = format!("registry.io:5000/a/b:t@{digest}");
        for (image, registry, repository, tag) in [
            ("nginx", "", "nginx", ""),
            ("ealen/echo-server:1", "", "ealen/echo-server", "1"),
            ("localhost/x", "localhost", "x", ""),
            ("Ealen/echo", "", "Ealen/echo", ""),
            ("[::1]:80/a", "[::1]:80", "a", ""),
            (full.as_str(), "registry.io:5000", "a/b", "t"),
        ] {
            let parsed = ImageName::parse(image).unwrap();
            assert_eq!(
                (
                    parsed.registry.as_str(),
                    parsed.repository.as_str(),
                    parsed.tag.as_str()
                ),
                (registry, repository, tag)
            );
            assert_eq!(parsed.to_string(), image);
        }
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let long = "a".repeat(256);
        let other = format!("a@md5:{}", "a".repeat(32));
        let upper = format!("a@sha256:{}", "A".repeat(64));
        for image in [
            "",
            "A",
            "a/B",
            "a:",
            "a b",
            "-a",
            "a@sha256:12",
            &long,
            &other,
            &upper,
        ] {
            assert!(ImageName::parse(image).is_err(), "{image}");
        }
    }

    #[test]
    fn tags_and_digests_are_checked() {
        let name = |tag: &str, digest: &str| ImageName {
            tag: tag.into(),
            digest: digest.into(),
            ..ImageName::default()
        };
        assert!(name("", "").check().is_ok());
        assert!(
            name("1.2", &format!("x:{}", "F".repeat(32)))
                .check()
                .is_ok()
        );
        assert!(name("a b", "").check().is_err());
        assert!(name("", "sha256:1").check().is_err());
    }
}
