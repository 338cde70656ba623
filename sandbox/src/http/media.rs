//! Media types: what a client accepts, what it sends.

use crate::status::Status;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

/// As what an object is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Object,
    /// A Table of meta.k8s.io.
    Table,
    /// PartialObjectMetadata or its list.
    Metadata,
    /// An aggregated discovery document.
    Discovery,
}

/// One acceptable way to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) encoding: Encoding,
    pub(super) form: Form,
}

pub(super) const PLAIN_JSON: Media = Media {
    encoding: Encoding::Json,
    form: Form::Object,
};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

struct Clause<'a> {
    media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut parsed: Vec<(f32, Clause<'_>)> = Vec::new();
    for part in accept.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let media_type = pieces.next().unwrap_or_default();
        let parameters: Vec<_> = pieces
            .filter_map(|p| p.split_once('='))
            .map(|(k, v)| (k.trim(), v.trim()))
            .collect();
        let quality = parameters
            .iter()
            .find(|(k, _)| *k == "q")
            .and_then(|(_, v)| v.parse().ok());
        parsed.push((
            quality.unwrap_or(1.0),
            Clause {
                media_type,
                parameters,
            },
        ));
    }
    parsed.sort_by(|a, b| b.0.total_cmp(&a.0));
    parsed.into_iter().map(|(_, clause)| clause).collect()
}

/// Chooses how to answer. `forms` tells which forms this answer has beside the plain one.
pub(super) fn negotiate(
    accept: Option<&str>,
    forms: &[Form],
    protobuf: bool,
) -> Result<Media, Status> {
    let Some(accept) = accept.filter(|a| !a.trim().is_empty()) else {
        return Ok(PLAIN_JSON);
    };
    let mut routed = false;
    for clause in clauses(accept) {
        let encoding = match clause.media_type {
            JSON | "*/*" | "application/*" => Encoding::Json,
            YAML => Encoding::Yaml,
            PROTOBUF if protobuf => Encoding::Protobuf,
            _ => continue,
        };
        routed = true;
        let parameter = |name: &str| {
            clause
                .parameters
                .iter()
                .find(|(k, _)| *k == name)
                .map(|(_, v)| *v)
        };
        let form = match parameter("as") {
            None => Form::Object,
            Some("Table") if matches!(parameter("v"), None | Some("v1" | "v1beta1")) => Form::Table,
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Form::Metadata,
            Some("APIGroupDiscoveryList") if parameter("v") == Some("v2") => Form::Discovery,
            Some(_) => continue,
        };
        if form == Form::Object || forms.contains(&form) {
            return Ok(Media { encoding, form });
        }
    }
    // What has no protobuf form is served by handlers that take any route, and name all three even so.
    let known = [JSON, YAML, PROTOBUF];
    Err(if routed || !protobuf {
        Status::not_acceptable(&known)
    } else {
        Status::nothing_acceptable(&known)
    })
}

/// The encoding of an error: whatever of the accepted ones is known, JSON when none is.
pub(super) fn of_error(accept: Option<&str>) -> Encoding {
    negotiate(
        accept,
        &[Form::Table, Form::Metadata, Form::Discovery],
        true,
    )
    .map_or(Encoding::Json, |m| m.encoding)
}

/// The kind of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyType {
    Json,
    Yaml,
    Protobuf,
    JsonPatch,
    MergePatch,
    StrategicPatch,
    Apply,
    Other,
}

/// Of a `Content-Type`; none is JSON.
pub(super) fn body_type(content_type: Option<&str>) -> BodyType {
    let media_type = content_type
        .and_then(|t| t.split(';').next())
        .unwrap_or_default()
        .trim();
    match media_type {
        "" | JSON => BodyType::Json,
        YAML => BodyType::Yaml,
        PROTOBUF => BodyType::Protobuf,
        "application/json-patch+json" => BodyType::JsonPatch,
        "application/merge-patch+json" => BodyType::MergePatch,
        "application/strategic-merge-patch+json" => BodyType::StrategicPatch,
        "application/apply-patch+yaml" => BodyType::Apply,
        _ => BodyType::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

    #[test]
    fn the_first_possible_way_is_taken() {
        let media = |encoding, form| Some(Media { encoding, form });
        let cases = [
            (TABLE, true, media(Encoding::Json, Form::Table)),
            (
                "application/json, */*",
                true,
                media(Encoding::Json, Form::Object),
            ),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                true,
                media(Encoding::Protobuf, Form::Object),
            ),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                false,
                media(Encoding::Json, Form::Object),
            ),
            (
                "application/yaml",
                true,
                media(Encoding::Yaml, Form::Object),
            ),
            ("text/html", true, None),
        ];
        for (accept, protobuf, expected) in cases {
            assert_eq!(
                negotiate(Some(accept), &[Form::Table], protobuf).ok(),
                expected,
                "{accept}"
            );
        }
    }
}
