//! Requests for objects: decoding, the cluster's pipeline, the answer.

use super::exchange::{Exchange, Reply, add_warnings, json, reply};
use super::media::{self, BodyType, Encoding, Form, Media, negotiate};
use super::route::Place;
use super::shape::{PlainList, Shaping};
use super::streaming::{self, Streaming};
use super::{components, go_yaml, reviews, subresources};
use crate::cluster::{Deleted, Patch, VersionMatch, Written, check_name};
use crate::faults::Reading;
use crate::object::{self, Object};
use crate::patch;
use crate::proto;
use crate::registry::ResourceInfo;
use crate::schema::unknown;
use crate::status::{self, Status};
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a read at a future version waits for it, as a real server does.
const FRESHNESS_WAIT: Duration = Duration::from_secs(3);

/// The request's resource is at hand.
pub(super) struct Call<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) place: &'a Place,
    pub(super) info: Arc<ResourceInfo>,
}

pub(super) async fn handle(
    exchange: &Exchange,
    place: &Place,
    reading: Reading,
) -> Result<Reply, Status> {
    let info = exchange.shared.cluster.resource(&place.gvr());
    let info = info.map_err(|status| unserved(place, status))?;
    let wrong_scope = !info.namespaced && !place.namespace.is_empty();
    let nowhere = info.namespaced && place.namespace.is_empty() && !place.name.is_empty();
    if wrong_scope || (nowhere && !place.watch) {
        return Err(unserved(place, Status::no_such_resource()));
    }
    let call = Call {
        exchange,
        place,
        info,
    };
    if !place.subresource.is_empty() {
        return subresources::handle(&call);
    }
    let verb = exchange.entry.verb.as_str();
    let verb = if verb == "apply" { "patch" } else { verb };
    // Objects are made in collections and replaced by name, and no collection spans namespaces but for reading.
    let misplaced = match verb {
        "update" | "patch" => place.name.is_empty(),
        "create" => !place.name.is_empty(),
        _ => false,
    };
    let spans = call.info.namespaced && place.namespace.is_empty();
    if misplaced || (spans && matches!(verb, "create" | "deletecollection")) {
        return Err(Status::method_not_allowed());
    }
    if !call.info.allows(verb) {
        return Err(Status::method_not_allowed());
    }
    match verb {
        "get" | "list" if call.info.kind == "ComponentStatus" => components::answer(&call),
        "get" => {
            call.wait_until_fresh().await?;
            call.get()
        }
        "list" => call.list(reading.stale).await,
        "watch" => call.watch(reading.cut_after),
        "create" if reviews::is_review(&call.info) => reviews::create(&call),
        "create" if call.info.plural == "bindings" => subresources::bind(&call),
        "create" => call.create(),
        "update" => call.update(),
        "patch" => call.patch(),
        "delete" => call.delete(),
        "deletecollection" => call.delete_collection(),
        _ => Err(Status::method_not_allowed()),
    }
}

/// Groups of custom resources have a handler of their own, which knows no JSON for what it does not serve.
fn unserved(place: &Place, status: Status) -> Status {
    let builtin =
        place.group.is_empty() || !place.group.contains('.') || place.group.ends_with(".k8s.io");
    if builtin {
        status
    } else {
        Status::page_not_found()
    }
}

impl Call<'_> {
    pub(super) fn media(&self, forms: &[Form]) -> Result<Media, Status> {
        let protobuf = proto::has_message(&self.info.api_version(), &self.info.kind);
        negotiate(self.exchange.accept(), forms, protobuf)
    }

    pub(super) fn shaping(&self, form: Form) -> Result<Shaping, Status> {
        let include = self.exchange.query.get("includeObject");
        Shaping::new(self.info.clone(), &self.place.subresource, form, include)
    }

    /// Warnings about the resource itself.
    pub(super) fn deprecations(&self) -> Vec<String> {
        let custom = self
            .info
            .custom
            .as_ref()
            .and_then(|c| c.deprecation_warning.clone());
        let own = match (self.info.group.as_str(), self.info.kind.as_str()) {
            ("", "ComponentStatus") => Some("v1 ComponentStatus is deprecated in v1.19+"),
            ("", "Endpoints") => {
                Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
            }
            _ => None,
        };
        custom.or(own.map(str::to_owned)).into_iter().collect()
    }

    /// The body as an object, whatever it was written in.
    pub(super) fn decode(&self) -> Result<Value, Status> {
        let exchange = self.exchange;
        let content_type = exchange.header(&CONTENT_TYPE);
        let decode_error = |error: &dyn std::fmt::Display| {
            let info = &self.info;
            Status::bad_request(format!(
                "{} in version \"{}\" cannot be handled as a {}: {error}",
                info.kind, info.version, info.kind
            ))
        };
        let unrecognized = |error: &str| {
            Status::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {error} ({})",
                self.info.kind,
                summary(&exchange.body)
            ))
        };
        match media::body_type(content_type) {
            BodyType::Json => match json_body(&exchange.body) {
                Ok(value) if value.is_object() => Ok(value),
                Ok(other) => Err(unrecognized(&format!(
                    "json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
                    patch::go_kind(&other)
                ))),
                Err(error) => Err(unrecognized(&error)),
            },
            BodyType::Yaml | BodyType::Apply => {
                go_yaml::read(&exchange.body).map_err(|e| decode_error(&e))
            }
            BodyType::Protobuf if self.info.custom.is_none() => {
                proto::decode(&exchange.body).map_err(|e| decode_error(&e))
            }
            _ => {
                let json = ["application/json", "application/yaml"];
                let all = [json[0], json[1], "application/vnd.kubernetes.protobuf"];
                let known: &[&str] = if self.info.custom.is_some() {
                    &json
                } else {
                    &all
                };
                Err(Status::unsupported_media_type(known))
            }
        }
    }

    /// A body that may be missing, for deletes.
    fn options_body(&self) -> Result<Option<Value>, Status> {
        if self.exchange.body.is_empty() {
            Ok(None)
        } else {
            self.decode().map(Some)
        }
    }

    pub(super) fn show(
        &self,
        code: u16,
        object: &Object,
        warnings: &[String],
    ) -> Result<Reply, Status> {
        let media = self.media(&[Form::Table, Form::Metadata])?;
        let mut all = self.deprecations();
        all.extend_from_slice(warnings);
        if media.form == Form::Object {
            return Ok(self.exchange.value(code, object, media, &all));
        }
        let shaped = self.shaping(media.form)?.object(object, media.form);
        Ok(self.exchange.value(code, &shaped, media, &all))
    }

    pub(super) fn written(&self, written: &Written) -> Result<Reply, Status> {
        let code = if written.created { 201 } else { 200 };
        self.show(code, &written.object, &written.warnings)
    }

    pub(super) fn get(&self) -> Result<Reply, Status> {
        let cluster = &self.exchange.shared.cluster;
        let place = self.place;
        let object = cluster.get_of(&self.info, &place.namespace, &place.name)?;
        self.show(200, &object, &[])
    }

    async fn list(&self, stale: Option<u64>) -> Result<Reply, Status> {
        let media = self.media(&[Form::Table, Form::Metadata])?;
        if media.form == Form::Metadata && self.wants_one() {
            return Err(self.no_list());
        }
        let mut options = self.exchange.query.list_options()?;
        if stale.is_some() && options.continue_token.is_none() {
            options.resource_version = stale;
            options.version_match = Some(VersionMatch::Exact);
        }
        if let Some(asked) = options.resource_version {
            self.wait_for(asked).await;
        }
        let cluster = &self.exchange.shared.cluster;
        let listed = cluster.list(&self.info.gvr(), &self.place.namespace, &options)?;
        let deprecations = self.deprecations();
        if media.form == Form::Object && media.encoding == Encoding::Json {
            let mut bytes = json(&PlainList {
                info: &self.info,
                listed: &listed,
            });
            bytes.push(b'\n');
            return Ok(self
                .exchange
                .bytes(200, bytes, "application/json", &deprecations));
        }
        let shaped = self.shaping(media.form)?.list(&listed, media.form);
        Ok(self.exchange.value(200, &shaped, media, &deprecations))
    }

    /// Whether the metadata of an object is asked for where a list is.
    fn wants_one(&self) -> bool {
        let accept = self.exchange.accept().unwrap_or_default();
        !accept.contains("PartialObjectMetadataList")
    }

    fn no_list(&self) -> Status {
        let group = self.info.group.split('.').next().unwrap_or_default();
        let package = if group.is_empty() { "core" } else { group };
        let kind = match self.info.custom {
            Some(_) => "unstructured.Unstructured".to_owned(),
            None => format!("{package}.{}", self.info.kind),
        };
        Status::new(
            406,
            "NotAcceptable",
            format!(
                "you requested PartialObjectMetadata, but the requested object is a list (*{kind}List)"
            ),
        )
    }

    /// A get may ask for a version that must have been reached.
    async fn wait_until_fresh(&self) -> Result<(), Status> {
        let Some(asked) = self.exchange.query.plain_version()? else {
            return Ok(());
        };
        self.wait_for(asked).await;
        let now = self.exchange.shared.cluster.revision();
        if asked > now {
            return Err(Status::too_large_resource_version(asked, now));
        }
        Ok(())
    }

    /// Waits a little for a version that does not exist yet.
    async fn wait_for(&self, version: u64) {
        let cluster = &self.exchange.shared.cluster;
        let deadline = Instant::now() + FRESHNESS_WAIT;
        while cluster.revision() < version && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn watch(&self, cut_after: Option<usize>) -> Result<Reply, Status> {
        let media = self.media(&[Form::Table, Form::Metadata])?;
        let mut options = self.exchange.query.watch_options()?;
        if !self.place.name.is_empty() {
            options.fields =
                crate::cluster::FieldSelector::equal("metadata.name", &self.place.name);
        }
        let shared = &self.exchange.shared;
        let watch = shared
            .cluster
            .watch(&self.info.gvr(), &self.place.namespace, &options)?;
        let timeout = self.exchange.query.timeout().unwrap_or(streaming::LONGEST);
        let body = streaming::body(Streaming {
            watch,
            media,
            shaping: self.shaping(media.form)?,
            until: Instant::now() + timeout,
            stop: shared.stop.clone(),
            cut_after,
            sent: 0,
        });
        let mut reply = reply(200, body);
        let content_type = match media.encoding {
            Encoding::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            _ => "application/json",
        };
        reply
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        add_warnings(reply.headers_mut(), &self.deprecations());
        Ok(reply)
    }

    fn create(&self) -> Result<Reply, Status> {
        let options = self.write_options("")?;
        let cluster = &self.exchange.shared.cluster;
        let object = self.decode()?;
        let written = cluster.create_of(&self.info, &self.place.namespace, object, &options)?;
        self.written(&written)
    }

    /// The options of a write, with what only the bytes of the body tell.
    pub(super) fn write_options(
        &self,
        subresource: &str,
    ) -> Result<crate::cluster::WriteOptions, Status> {
        let mut options = self.exchange.write_options(subresource)?;
        let exchange = self.exchange;
        let text = !matches!(
            media::body_type(exchange.header(&CONTENT_TYPE)),
            BodyType::Protobuf | BodyType::Yaml | BodyType::Apply
        );
        if text && options.validation != crate::cluster::FieldValidation::Ignore {
            options.duplicates = unknown::duplicates(&exchange.body);
        }
        Ok(options)
    }

    pub(super) fn update(&self) -> Result<Reply, Status> {
        let place = self.place;
        let options = self.write_options(&place.subresource)?;
        let object = self.decode()?;
        check_name(&object, &place.name)?;
        let cluster = &self.exchange.shared.cluster;
        let gvr = self.info.gvr();
        let written = cluster.update(&gvr, &place.namespace, &place.name, object, &options)?;
        self.written(&written)
    }

    pub(super) fn read_patch(&self) -> Result<Patch, Status> {
        let content_type = self.exchange.header(&CONTENT_TYPE);
        let parse = || {
            json_body(&self.exchange.body)
                .map_err(|e| Status::bad_request(format!("error decoding patch: {e}")))
        };
        // A strategic patch is read by another function of the server, which adds nothing.
        let parse_strategic = || json_body(&self.exchange.body).map_err(Status::bad_request);
        match media::body_type(content_type) {
            BodyType::JsonPatch => Ok(Patch::Json(parse()?)),
            BodyType::MergePatch => Ok(Patch::Merge(parse()?)),
            BodyType::StrategicPatch if self.info.custom.is_none() => {
                Ok(Patch::Strategic(parse_strategic()?))
            }
            BodyType::Apply => {
                let object = configuration(&self.exchange.body)
                    .map_err(|e| Status::bad_request(format!("error decoding YAML: {e}")))?;
                Ok(Patch::Apply {
                    object,
                    force: self.exchange.query.flag("force"),
                })
            }
            _ if self.info.custom.is_some() => Err(Status::unsupported_media_type(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+yaml",
            ])),
            _ => Err(Status::media_type_not_routed()),
        }
    }

    pub(super) fn patch(&self) -> Result<Reply, Status> {
        let place = self.place;
        let mut options = self.write_options(&place.subresource)?;
        let patch = self.read_patch()?;
        if matches!(patch, Patch::Apply { .. }) {
            options.manager = self
                .exchange
                .query
                .get("fieldManager")
                .unwrap_or_default()
                .to_owned();
        } else if self.exchange.query.has("force") {
            return Err(force_is_for_apply());
        }
        let cluster = &self.exchange.shared.cluster;
        let gvr = self.info.gvr();
        let written = cluster.patch(&gvr, &place.namespace, &place.name, &patch, &options)?;
        self.written(&written)
    }

    fn delete(&self) -> Result<Reply, Status> {
        let body = self.options_body()?;
        let options = self.exchange.query.delete_options(body.as_ref())?;
        let cluster = &self.exchange.shared.cluster;
        let place = self.place;
        let gvr = self.info.gvr();
        let deleted = cluster.delete(&gvr, &place.namespace, &place.name, &options)?;
        match deleted {
            Deleted::Pending(object) => self.show(200, &object, &[]),
            // A pod comes back as a pod, everything else as a success.
            Deleted::Gone(object) if shows_what_went(&self.info) => self.show(200, &object, &[]),
            Deleted::Gone(object) => {
                let uid = object::uid(&object);
                let info = &self.info;
                let value = status::deleted(&info.group, &info.plural, &place.name, uid);
                let media = negotiate(self.exchange.accept(), &[], true)?;
                Ok(self
                    .exchange
                    .value(200, &value, media, &self.deprecations()))
            }
        }
    }

    fn delete_collection(&self) -> Result<Reply, Status> {
        let body = self.options_body()?;
        let options = self.exchange.query.delete_options(body.as_ref())?;
        let selection = self.exchange.query.list_options()?;
        let cluster = &self.exchange.shared.cluster;
        let gvr = self.info.gvr();
        let mut listed =
            cluster.delete_collection(&gvr, &self.place.namespace, &selection, &options)?;
        listed.resource_version = cluster.revision();
        let media = self.media(&[Form::Table, Form::Metadata])?;
        let shaped = self.shaping(media.form)?.list(&listed, media.form);
        Ok(self
            .exchange
            .value(200, &shaped, media, &self.deprecations()))
    }
}

fn force_is_for_apply() -> Status {
    let cause = status::Cause {
        reason: "FieldValueForbidden".into(),
        message: "Forbidden: may not be specified for non-apply patch".into(),
        field: "force".into(),
    };
    Status::invalid("meta.k8s.io", "PatchOptions", "", &[cause])
}

/// The beginning of a body, as messages show it: as it is when it looks like JSON, in hexadecimal otherwise.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let part = body.get(..SHOWN).unwrap_or(body);
    let more = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(part)),
        Some(_) => {
            let hexadecimal: String = part.iter().map(|b| format!("{b:02x}")).collect();
            format!("{hexadecimal}{more}")
        }
    }
}

/// JSON; what is none is refused in Go's words.
fn json_body(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes)
        .map_err(|error| patch::syntax::error(bytes).unwrap_or_else(|| error.to_string()))
}

/// The configuration of an apply.
fn configuration(bytes: &[u8]) -> Result<Value, String> {
    let read = go_yaml::read(bytes)?;
    if read.is_object() || read.is_null() {
        return Ok(read);
    }
    Err(format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
        patch::go_kind(&read)
    ))
}

/// Kinds whose registries answer a deletion with the object that went (`ReturnDeletedObject` in Kubernetes' registries).
fn shows_what_went(info: &ResourceInfo) -> bool {
    info.group.is_empty()
        && matches!(
            info.kind.as_str(),
            "Pod"
                | "PodTemplate"
                | "Service"
                | "ServiceAccount"
                | "ResourceQuota"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
        )
}
