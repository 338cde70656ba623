//! Addresses as KubeAdmiral's scheduler makes them: Go's `url.JoinPath` of the prefix and a path, so that a
//! configuration leads to the same place.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;

/// Why an address cannot be used. The address itself is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    /// No scheme, or another one.
    #[error("urlPrefix has to begin with http:// or https://")]
    Scheme,
    /// No host, or nothing that is one.
    #[error("urlPrefix names no host, or not one that can be connected to")]
    Host,
    /// The whole is no address.
    #[error("urlPrefix with {0} is no address; correct one of them")]
    Whole(&'static str),
}

/// The parts of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    scheme: &'static str,
    authority: String,
    /// `user:password` in base64, if the prefix has it: Go sends it with every request.
    pub(crate) basic: Option<String>,
    path: String,
    query: Option<String>,
}

impl Prefix {
    /// Takes a prefix apart.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            _ => return Err(UrlError::Scheme),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        let (basic, authority) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(STANDARD.encode(decoded(user))), host),
            None => (None, authority),
        };
        let parsed = authority.parse::<http::uri::Authority>();
        if parsed.map_or(true, |authority| authority.host().is_empty()) {
            return Err(UrlError::Host);
        }
        Ok(Self {
            scheme,
            authority: authority.to_owned(),
            basic,
            path: path.to_owned(),
            query,
        })
    }

    /// Whether connections are secured.
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// Where a host in brackets is an IPv6 address, with the scheme: what messages may show.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// The address of a path below the prefix; `what` names the path in messages.
    pub(crate) fn join(&self, path: &str, what: &'static str) -> Result<Uri, UrlError> {
        let mut whole = cleaned(&format!("{}/{path}", self.path));
        if path.ends_with('/') && !whole.ends_with('/') {
            whole.push('/');
        }
        let mut text = format!("{}{}", self.origin(), encoded(&whole));
        if let Some(query) = &self.query {
            text.push('?');
            text.push_str(query);
        }
        text.parse().map_err(|_error| UrlError::Whole(what))
    }
}

/// The shortest path that means the same: Go's `path.Clean` of a path from the root.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Bytes that cannot stand in a path are written as `%XX`; what is written so already stays.
fn encoded(path: &str) -> String {
    const PLAIN: &[u8] = b"-_.~$&+,/:;=@!'()*[]";
    let bytes = path.as_bytes();
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let mut text = String::with_capacity(path.len());
    for (at, byte) in bytes.iter().enumerate() {
        let escape = *byte == b'%' && is_hex(at + 1) && is_hex(at + 2);
        if byte.is_ascii_alphanumeric() || PLAIN.contains(byte) || escape {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// `%XX` read back.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_as_go_does() {
        for (prefix, path, expected) in [
            ("http://h:1", "/filter", "http://h:1/filter"),
            ("http://h:1/", "filter", "http://h:1/filter"),
            ("https://h/a/b/", "/filter", "https://h/a/b/filter"),
            ("https://h/a", "filter/", "https://h/a/filter/"),
            ("https://h/a//b", "./x/../filter", "https://h/a/b/filter"),
            ("https://h/a", "../../filter", "https://h/filter"),
            ("https://h/a?key=v", "filter", "https://h/a/filter?key=v"),
            ("https://h/a#part", "filter", "https://h/a/filter"),
            ("http://h", "a b?c", "http://h/a%20b%3Fc"),
            ("http://h", "a%20b", "http://h/a%20b"),
            ("HTTP://[::1]:8080", "f", "http://[::1]:8080/f"),
            ("http://u:p@h", "f", "http://h/f"),
        ] {
            let joined = Prefix::parse(prefix).unwrap().join(path, "filterPath");
            assert_eq!(joined.unwrap().to_string(), expected, "{prefix} + {path}");
        }
    }

    #[test]
    fn a_user_in_the_address_is_kept_apart() {
        let prefix = Prefix::parse("https://me:a%40b@h/x").unwrap();
        assert_eq!(prefix.basic, Some(STANDARD.encode("me:a@b")));
        assert_eq!(prefix.origin(), "https://h");
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        for (prefix, expected) in [
            ("", UrlError::Scheme),
            ("localhost:80/x", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("unix:///run/x", UrlError::Scheme),
            ("http:///x", UrlError::Host),
            ("http://a b/", UrlError::Host),
        ] {
            assert_eq!(Prefix::parse(prefix), Err(expected), "{prefix:?}");
        }
    }
}
