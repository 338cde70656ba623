//! Get and list, with pages and older versions.

use super::{Cluster, ListOptions, Listed, VersionMatch, collection, convert};
use crate::object::{Gvr, Object};
use crate::registry::ResourceInfo;
use crate::status::Status;
use crate::store::Key;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Where the next page begins and at which revision.
struct Position {
    /// `None`: now.
    revision: Option<u64>,
    after: Key,
}

/// Reads tokens as Go does, which does not look at the bits left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const PAGES_TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

impl Cluster {
    /// One object. `namespace` is empty for cluster-scoped resources.
    pub fn get(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<Object, Status> {
        let info = self.resource(gvr)?;
        self.get_of(&info, namespace, name)
    }

    /// One object of a resource that is at hand.
    pub fn get_of(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        name: &str,
    ) -> Result<Object, Status> {
        let live = self.live(info, namespace, name);
        let live = live.ok_or_else(|| Status::not_found(&info.group, &info.plural, name))?;
        Ok(convert::to(live, info))
    }

    /// The objects of a namespace, or of all when `namespace` is empty.
    pub fn list(
        &self,
        gvr: &Gvr,
        namespace: &str,
        options: &ListOptions,
    ) -> Result<Listed, Status> {
        let info = self.resource(gvr)?;
        options.fields.check(&info)?;
        let namespace = Some(namespace).filter(|n| !n.is_empty());
        let position = match &options.continue_token {
            Some(token) => Some(read_token(token, namespace, options)?),
            None => None,
        };
        let at = match &position {
            Some(position) => position.revision,
            None => self.exact_version(options)?,
        };
        let after = position.as_ref().map(|p| &p.after);
        let snapshot = self.store().list(&collection(&info), namespace, after, at);
        let snapshot = snapshot.map_err(|_compacted| match position {
            Some(_) => Status::expired(PAGES_TOO_OLD),
            None => Status::expired("The resourceVersion for the provided list is too old."),
        })?;
        // A list at version 0 is answered from a cache that does not page.
        let limit = if options.resource_version == Some(0) {
            0
        } else {
            options.limit
        };
        let plain = options.labels.is_empty() && options.fields.is_empty();
        let mut items: Vec<Object> = Vec::new();
        let mut continue_token = None;
        let mut remaining = None;
        for (index, object) in snapshot.objects.iter().enumerate() {
            if limit > 0 && items.len() == limit {
                continue_token = items
                    .last()
                    .map(|last| write_token(last, namespace, snapshot.revision));
                remaining = plain.then(|| snapshot.objects.len() - index);
                break;
            }
            let object = convert::to(object.clone(), &info);
            if options.labels.matches(&object) && options.fields.matches(&object) {
                items.push(object);
            }
        }
        Ok(Listed {
            items,
            resource_version: snapshot.revision,
            continue_token,
            remaining,
        })
    }

    /// The revision a list must be of, when it must not be the newest.
    fn exact_version(&self, options: &ListOptions) -> Result<Option<u64>, Status> {
        let Some(asked) = options.resource_version.filter(|v| *v > 0) else {
            return Ok(None);
        };
        if asked > self.revision() {
            return Err(Status::too_large_resource_version(asked, self.revision()));
        }
        let exact = match options.version_match {
            Some(VersionMatch::Exact) => true,
            Some(VersionMatch::NotOlderThan) => false,
            None => options.limit > 0,
        };
        Ok(exact.then_some(asked))
    }
}

fn write_token(last: &Value, namespace: Option<&str>, revision: u64) -> String {
    let name = crate::object::name(last);
    let start = match (namespace, crate::object::namespace(last)) {
        (None, Some(own)) => format!("/{own}/{name}\0"),
        _ => format!("/{name}\0"),
    };
    let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start});
    URL_SAFE_NO_PAD.encode(token.to_string())
}

fn read_token(
    token: &str,
    namespace: Option<&str>,
    options: &ListOptions,
) -> Result<Position, Status> {
    if options.resource_version.is_some_and(|v| v > 0) {
        let why = "specifying resource version is not allowed when using continue";
        return Err(Status::bad_request(why));
    }
    let bad = |why: &str| {
        let text = format!("invalid continue token: continue key is not valid: {why}");
        Status::bad_request(text)
    };
    let bytes = LENIENT
        .decode(token.trim_end_matches('='))
        .map_err(|error| match error {
            base64::DecodeError::InvalidByte(at, _) => {
                bad(&format!("illegal base64 data at input byte {at}"))
            }
            _ => bad(&format!(
                "illegal base64 data at input byte {}",
                token.len()
            )),
        })?;
    let first = bytes.first().copied().map_or(' ', char::from);
    let parsed: Value = serde_json::from_slice(&bytes).map_err(|_unreadable| {
        bad(&format!(
            "invalid character '{first}' looking for beginning of value"
        ))
    })?;
    let start = parsed
        .get("start")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // A negative revision goes on with what there is now: a page of another list, and the client said so.
    let revision = parsed.get("rv").and_then(Value::as_i64).filter(|r| *r != 0);
    let (Some(revision), false) = (revision, start.is_empty()) else {
        return Err(bad(
            "incorrect encoded start resourceVersion 0 (version meta.k8s.io/v1)",
        ));
    };
    let start = start.trim_start_matches('/').trim_end_matches('\0');
    let after = match (namespace, start.split_once('/')) {
        (None, Some((namespace, name))) => Key::new(namespace, name),
        (None, None) => Key::new("", start),
        (Some(namespace), _) => Key::new(namespace, start),
    };
    Ok(Position {
        revision: u64::try_from(revision).ok(),
        after,
    })
}
