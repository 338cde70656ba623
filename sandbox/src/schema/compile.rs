//! Compiling schema documents into nodes: the built-in kinds' components, and one custom resource's schema.
//! What is asked of the outcome is in `node`.

use super::node::{Arena, Data, Node};
use crate::object::Gvk;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

/// The schemas of the built-in kinds.
#[derive(Debug)]
pub struct Schemas {
    arena: Arc<Arena>,
    roots: BTreeMap<Gvk, usize>,
    components: BTreeMap<String, usize>,
}

const REFERENCE: &str = "#/components/schemas/";

impl Schemas {
    /// The schemas of every built-in group version of Kubernetes 1.34 (sandbox/data/README.md).
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Schemas> = OnceLock::new();
        BUILTIN.get_or_init(|| Self::compile(&unpack(include_bytes!("../../data/schemas.json.gz"))))
    }

    /// The schema of a kind, if it is built in.
    pub fn root(&self, gvk: &Gvk) -> Option<Node> {
        self.roots.get(gvk).map(|&index| self.node(index))
    }

    /// A component by its full name, for example `io.k8s.api.core.v1.PodSpec`.
    pub fn component(&self, name: &str) -> Option<Node> {
        self.components.get(name).map(|&index| self.node(index))
    }

    fn node(&self, index: usize) -> Node {
        Node {
            arena: Arc::clone(&self.arena),
            index,
        }
    }

    fn compile(document: &Value) -> Self {
        let empty = Map::new();
        let components = document.as_object().unwrap_or(&empty);
        let names: BTreeMap<String, usize> = components
            .keys()
            .cloned()
            .enumerate()
            .map(|(i, k)| (k, i))
            .collect();
        let mut builder = Builder {
            nodes: Vec::new(),
            names: &names,
        };
        builder.nodes.resize_with(names.len(), Data::default);
        let mut roots = BTreeMap::new();
        for (name, raw) in components {
            let Some(&index) = names.get(name) else {
                continue;
            };
            let mut data = builder.data(raw);
            data.component = Some(Arc::from(name.as_str()));
            if let Some(place) = builder.nodes.get_mut(index) {
                *place = data;
            }
            for gvk in raw
                .get("x-kubernetes-group-version-kind")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let part = |key: &str| gvk.get(key).and_then(Value::as_str).unwrap_or_default();
                roots.insert(
                    Gvk::new(part("group"), part("version"), part("kind")),
                    index,
                );
            }
        }
        let arena = Arc::new(Arena {
            nodes: builder.nodes,
            structural: false,
        });
        Self {
            arena,
            roots,
            components: names,
        }
    }
}

/// JSON out of a gzip file that was compiled in.
pub(crate) fn unpack(bytes: &[u8]) -> Value {
    let mut text = Vec::new();
    match flate2::read::GzDecoder::new(bytes).read_to_end(&mut text) {
        Ok(_) => serde_json::from_slice(&text).unwrap_or(Value::Null),
        Err(_) => Value::Null,
    }
}

pub(super) struct Builder<'a> {
    pub(super) nodes: Vec<Data>,
    pub(super) names: &'a BTreeMap<String, usize>,
}

impl Builder<'_> {
    pub(super) fn add(&mut self, raw: &Value) -> usize {
        let data = self.data(raw);
        self.nodes.push(data);
        self.nodes.len() - 1
    }

    fn data(&mut self, raw: &Value) -> Data {
        let mut data = Data {
            target: self.target(raw),
            ..Data::default()
        };
        for (name, property) in raw
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let index = self.add(property);
            data.properties.insert(name.clone(), index);
        }
        if let Some(items) = raw.get("items").filter(|v| v.is_object()) {
            data.items = Some(self.add(items));
        }
        match raw.get("additionalProperties") {
            Some(Value::Bool(true)) => data.additional = Some(self.add(&Value::Object(Map::new()))),
            Some(schema @ Value::Object(_)) => data.additional = Some(self.add(schema)),
            _ => {}
        }
        let names = |key: &str| {
            raw.get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        data.required = names("required");
        data.keep_zero = names("x-keep-zero");
        // children are nodes of their own; what stays is what is asked of this place alone
        data.raw = match raw {
            Value::Object(fields) => fields
                .iter()
                .filter(|(k, _)| {
                    !matches!(k.as_str(), "properties" | "items" | "additionalProperties")
                })
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<Map<_, _>>()
                .into(),
            _ => Value::Object(Map::new()),
        };
        data
    }

    fn target(&self, raw: &Value) -> Option<usize> {
        let direct = raw.get("$ref");
        let wrapped = raw
            .get("allOf")
            .and_then(Value::as_array)
            .filter(|all| all.len() == 1)
            .and_then(|all| all.first()?.get("$ref"));
        let name = direct.or(wrapped)?.as_str()?.strip_prefix(REFERENCE)?;
        self.names.get(name).copied()
    }
}

impl Builder<'_> {
    /// Custom resources have the metadata every object has, whatever their schema says; embedded objects too.
    pub(super) fn embed_metadata(&mut self, root: usize, meta: &Node) {
        let first = self.nodes.len();
        let mut places = vec![root];
        for (index, data) in self.nodes.iter().enumerate() {
            if index != root
                && data
                    .raw
                    .get("x-kubernetes-embedded-resource")
                    .and_then(Value::as_bool)
                    == Some(true)
            {
                places.push(index);
            }
        }
        let metadata = self.copy(meta);
        let text = self.add(&serde_json::json!({"type": "string"}));
        debug_assert!(first <= metadata);
        for place in places {
            if let Some(data) = self.nodes.get_mut(place) {
                data.properties.insert("metadata".to_owned(), metadata);
                data.properties.insert("apiVersion".to_owned(), text);
                data.properties.insert("kind".to_owned(), text);
            }
        }
    }

    fn copy(&mut self, node: &Node) -> usize {
        let mut data = Data::default();
        if let (Some(own), Some(shape)) = (node.own(), node.shape()) {
            data.component.clone_from(&shape.component);
            data.keep_zero.clone_from(&shape.keep_zero);
            data.required.clone_from(&shape.required);
            let mut raw = shape.raw.as_object().cloned().unwrap_or_default();
            raw.extend(own.raw.as_object().cloned().unwrap_or_default());
            raw.remove("allOf");
            raw.remove("$ref");
            raw.remove("default");
            data.raw = Value::Object(raw);
        }
        for (name, child) in node.fields() {
            let index = self.copy(&child);
            data.properties.insert(name, index);
        }
        data.items = node.items().map(|n| self.copy(&n));
        data.additional = node.additional().map(|n| self.copy(&n));
        self.nodes.push(data);
        self.nodes.len() - 1
    }
}
