//! A place in a schema, and the sets of schemas it comes from: the built-in kinds' OpenAPI document and the structural
//! schema of a custom resource. Everything else asks a [`Node`] and does not know which of the two it has.
//! Nothing here judges values.

use super::compile::{Builder, Schemas};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// How a list is merged and owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListType {
    /// Replaced and owned as a whole.
    Atomic,
    /// Scalars that are their own key.
    Set,
    /// Objects told apart by some of their fields.
    Map,
}

/// The JSON type a place holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An object, with or without named fields.
    Object,
    /// A list.
    Array,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Not said: any value.
    Any,
}

#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) component: Option<Arc<str>>,
    pub(super) target: Option<usize>,
    pub(super) properties: BTreeMap<String, usize>,
    pub(super) items: Option<usize>,
    pub(super) additional: Option<usize>,
    pub(super) keep_zero: BTreeSet<String>,
    pub(super) required: BTreeSet<String>,
    pub(super) raw: Value,
}

#[derive(Debug, Default)]
pub(super) struct Arena {
    pub(super) nodes: Vec<Data>,
    pub(super) structural: bool,
}

/// A place in a schema; cloning is cheap.
#[derive(Debug, Clone)]
pub struct Node {
    pub(super) arena: Arc<Arena>,
    pub(super) index: usize,
}

impl Node {
    /// The schema of a custom resource's version (its `openAPIV3Schema`).
    pub fn structural(schema: &Value) -> Self {
        let names = BTreeMap::new();
        let mut builder = Builder {
            nodes: Vec::new(),
            names: &names,
        };
        let index = builder.add(schema);
        if let Some(meta) =
            Schemas::builtin().component("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
        {
            builder.embed_metadata(index, &meta);
        }
        Self {
            arena: Arc::new(Arena {
                nodes: builder.nodes,
                structural: true,
            }),
            index,
        }
    }

    /// A part of a structural schema, such as one of its `oneOf`; without the metadata a whole object has.
    pub(crate) fn fragment(schema: &Value) -> Self {
        let names = BTreeMap::new();
        let mut builder = Builder {
            nodes: Vec::new(),
            names: &names,
        };
        let index = builder.add(schema);
        Self {
            arena: Arc::new(Arena {
                nodes: builder.nodes,
                structural: true,
            }),
            index,
        }
    }

    /// Whether some place of this structural schema has rules in the expression language.
    pub fn has_rules(&self) -> bool {
        self.arena.structural
            && self
                .arena
                .nodes
                .iter()
                .any(|n| n.raw.get("x-kubernetes-validations").is_some())
    }

    /// A schema that says nothing: everything is allowed and structure is deduced from the values.
    pub fn anything() -> Self {
        static ANYTHING: OnceLock<Node> = OnceLock::new();
        ANYTHING
            .get_or_init(|| Self {
                arena: Arc::new(Arena {
                    nodes: vec![Data {
                        raw: serde_json::json!({"x-kubernetes-preserve-unknown-fields": true}),
                        ..Data::default()
                    }],
                    structural: true,
                }),
                index: 0,
            })
            .clone()
    }

    pub(super) fn own(&self) -> Option<&Data> {
        self.arena.nodes.get(self.index)
    }

    pub(super) fn shape(&self) -> Option<&Data> {
        let own = self.own()?;
        match own.target {
            Some(target) => self.arena.nodes.get(target),
            None => Some(own),
        }
    }

    fn at(&self, index: usize) -> Self {
        Self {
            arena: Arc::clone(&self.arena),
            index,
        }
    }

    /// The value of a schema keyword at this place, or at the component it refers to.
    pub fn keyword(&self, key: &str) -> Option<&Value> {
        self.own()
            .and_then(|d| d.raw.get(key))
            .or_else(|| self.shape().and_then(|d| d.raw.get(key)))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.keyword(key).and_then(Value::as_str)
    }

    fn flag(&self, key: &str) -> bool {
        self.keyword(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether this comes from a custom resource definition.
    pub fn is_structural(&self) -> bool {
        self.arena.structural
    }

    /// The full name of the component, for example `io.k8s.api.apps.v1.DeploymentSpec`.
    pub fn component(&self) -> Option<&str> {
        self.shape().and_then(|d| d.component.as_deref())
    }

    /// The last part of the component's name: the Go type's name for built-in kinds.
    pub fn type_name(&self) -> Option<&str> {
        self.component().and_then(|name| name.rsplit('.').next())
    }

    /// The schema of a named field; not of the keys of a map.
    pub fn field(&self, name: &str) -> Option<Self> {
        self.shape()?
            .properties
            .get(name)
            .map(|&index| self.at(index))
    }

    /// All named fields.
    pub fn fields(&self) -> Vec<(String, Self)> {
        self.shape()
            .map(|d| {
                d.properties
                    .iter()
                    .map(|(name, &index)| (name.clone(), self.at(index)))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Whether there are named fields.
    pub fn has_fields(&self) -> bool {
        self.shape().is_some_and(|d| !d.properties.is_empty())
    }

    /// The schema of a list's items.
    pub fn items(&self) -> Option<Self> {
        self.shape()?.items.map(|index| self.at(index))
    }

    /// The schema of a map's values.
    pub fn additional(&self) -> Option<Self> {
        self.shape()?.additional.map(|index| self.at(index))
    }

    /// The schema below a key: the named field or else the map's values.
    pub fn child(&self, name: &str) -> Option<Self> {
        self.field(name).or_else(|| self.additional())
    }

    /// The JSON type.
    pub fn kind(&self) -> Kind {
        match self.text("type") {
            Some("object") => Kind::Object,
            Some("array") => Kind::Array,
            Some("string") => Kind::String,
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("boolean") => Kind::Boolean,
            _ if self
                .shape()
                .is_some_and(|d| !d.properties.is_empty() || d.additional.is_some()) =>
            {
                Kind::Object
            }
            _ => Kind::Any,
        }
    }

    /// The `format`, for example `int32`.
    pub fn format(&self) -> Option<&str> {
        self.text("format")
    }

    /// Whether the place holds a resource quantity.
    pub fn is_quantity(&self) -> bool {
        self.component() == Some("io.k8s.apimachinery.pkg.api.resource.Quantity")
    }

    /// Whether the place holds a number or a text.
    pub fn int_or_string(&self) -> bool {
        self.flag("x-kubernetes-int-or-string") || self.format() == Some("int-or-string")
    }

    /// Whether the list is atomic, a set or a map. Lists without the marker are atomic, unless a strategic merge
    /// patch would merge them.
    pub fn list_type(&self) -> ListType {
        match self.text("x-kubernetes-list-type") {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map,
            Some(_) => ListType::Atomic,
            None if self.merges() && self.merge_key().is_some() => ListType::Map,
            None if self.merges() => ListType::Set,
            None => ListType::Atomic,
        }
    }

    fn merges(&self) -> bool {
        self.patch_strategies().contains(&"merge")
    }

    /// The fields that tell the items of a `map` list apart.
    pub fn map_keys(&self) -> Vec<&str> {
        match self
            .keyword("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
        {
            Some(keys) => keys.iter().filter_map(Value::as_str).collect(),
            None => self.merge_key().into_iter().collect(),
        }
    }

    /// Whether an object is owned and replaced as a whole.
    pub fn is_atomic_map(&self) -> bool {
        self.text("x-kubernetes-map-type") == Some("atomic")
    }

    /// The strategies of strategic merge patch: `merge`, `replace`, `retainKeys`.
    pub fn patch_strategies(&self) -> Vec<&str> {
        self.text("x-kubernetes-patch-strategy")
            .map(|s| s.split(',').map(str::trim).collect())
            .unwrap_or_default()
    }

    /// The key by which strategic merge patch merges a list of objects.
    pub fn merge_key(&self) -> Option<&str> {
        self.text("x-kubernetes-patch-merge-key")
    }

    /// The default of this place.
    pub fn default(&self) -> Option<&Value> {
        self.own().and_then(|d| d.raw.get("default"))
    }

    /// Whether unknown fields are kept.
    pub fn preserve_unknown(&self) -> bool {
        self.flag("x-kubernetes-preserve-unknown-fields")
    }

    /// Whether the place holds a whole object of some kind.
    pub fn is_embedded(&self) -> bool {
        self.flag("x-kubernetes-embedded-resource")
    }

    /// Whether null is a value of its own here.
    pub fn nullable(&self) -> bool {
        self.flag("nullable")
    }

    /// The fields that have to be there.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.shape()
            .into_iter()
            .flat_map(|d| d.required.iter().map(String::as_str))
    }

    /// Whether a field has to be there.
    pub fn requires(&self, name: &str) -> bool {
        self.shape().is_some_and(|d| d.required.contains(name))
    }

    /// Whether a field that is a pointer in the server keeps its zero value.
    pub fn keeps_zero(&self, name: &str) -> bool {
        self.shape()
            .is_some_and(|d| d.keep_zero.contains(name) || d.required.contains(name))
    }

    /// Whether nothing at all is known of what is below: the structure is deduced from the values.
    pub fn is_untyped(&self) -> bool {
        let Some(shape) = self.shape() else {
            return true;
        };
        shape.properties.is_empty()
            && shape.additional.is_none()
            && shape.items.is_none()
            && matches!(self.kind(), Kind::Any | Kind::Object)
            && !self.int_or_string()
            && !self.is_quantity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Gvk;
    use serde_json::json;

    #[test]
    fn references_are_followed_and_overrides_kept() {
        let root = Schemas::builtin()
            .root(&Gvk::new("apps", "v1", "Deployment"))
            .unwrap();
        let spec = root.field("spec").unwrap();
        assert_eq!(spec.type_name(), Some("DeploymentSpec"));
        assert_eq!(spec.default(), Some(&json!({})));
        assert_eq!(
            spec.field("strategy").unwrap().patch_strategies(),
            ["retainKeys"]
        );
        let containers = spec
            .field("template")
            .unwrap()
            .field("spec")
            .unwrap()
            .field("containers")
            .unwrap();
        assert_eq!(containers.list_type(), ListType::Map);
        assert_eq!(containers.map_keys(), ["name"]);
        assert!(spec.field("selector").unwrap().is_atomic_map());
        assert!(spec.keeps_zero("replicas") && !spec.keeps_zero("minReadySeconds"));
    }

    #[test]
    fn structural_schemas_know_metadata() {
        let node = Node::structural(
            &json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}),
        );
        assert_eq!(
            node.field("metadata")
                .unwrap()
                .field("finalizers")
                .unwrap()
                .list_type(),
            ListType::Set
        );
        assert!(node.field("spec").unwrap().is_untyped());
    }
}
