//! Two macros that spare every kind the same lines: `kind!` makes a root object (with its
//! `kube::Resource` and definition facts), `open_enum!` a string with known values that still
//! reads unknown ones.
//! kube's derive is not used: it makes one root a spec, and here kinds come in pairs that share
//! one (docs/decisions/0009-crd-types.md).

/// What a definition says of a kind beside its schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KindFacts {
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) short: &'static [&'static str],
    pub(crate) namespaced: bool,
    pub(crate) status_subresource: bool,
    /// Name, type, JSON path, description.
    pub(crate) columns: &'static [(&'static str, &'static str, &'static str, &'static str)],
    pub(crate) doc: &'static [&'static str],
    /// Parts of the root object beside `metadata`: JSON name, required, schema.
    pub(crate) parts: &'static [(&'static str, bool, PartSchema)],
}

/// Makes the schema of one part of a root object.
pub(crate) type PartSchema = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

/// Makes a root object. `required` parts are always written, `optional` ones when present; the
/// marks `in schema` say what the definition demands, which differs (KubeAdmiral demands no
/// `spec` of a `FederatedCluster`). Reading never fails for a missing part.
macro_rules! kind {
    (
        $(#[doc = $doc:literal])*
        $Kind:ident {
            group: $group:expr, plural: $plural:literal, singular: $singular:literal,
            short: [$($short:literal),*], scope: $Scope:ident, status: $status:literal,
            columns: [$($column:expr),*],
            parts: { $( $presence:ident $field:ident ($json:literal, in schema $demand:literal): $ty:ty ),* $(,)? }
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        pub struct $Kind {
            /// Name, labels, annotations and the rest of the standard metadata.
            #[serde(default, deserialize_with = "crate::lenient::null_is_default")]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            $(
                #[doc = concat!("The `", $json, "` of the object.")]
                #[serde(rename = $json, default, deserialize_with = "crate::lenient::null_is_default")]
                pub $field: kind!(@type $presence $ty),
            )*
        }

        impl $Kind {
            pub(crate) const FACTS: crate::kind::KindFacts = crate::kind::KindFacts {
                group: $group,
                kind: stringify!($Kind),
                plural: $plural,
                singular: $singular,
                short: &[$($short),*],
                namespaced: kind!(@namespaced $Scope),
                status_subresource: $status,
                columns: &[$($column),*],
                doc: &[$($doc),*],
                parts: &[$(($json, $demand, |generator| generator.subschema_for::<$ty>())),*],
            };
        }

        impl serde::Serialize for $Kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct as _;
                let mut object = serializer.serialize_struct(stringify!($Kind), 5)?;
                object.serialize_field("apiVersion", concat_api_version!($group))?;
                object.serialize_field("kind", stringify!($Kind))?;
                object.serialize_field("metadata", &self.metadata)?;
                $( kind!(@write $presence object $json self.$field); )*
                object.end()
            }
        }

        impl kube::Resource for $Kind {
            type DynamicType = ();
            type Scope = k8s_openapi::$Scope;
            fn kind(_: &()) -> std::borrow::Cow<'_, str> {
                stringify!($Kind).into()
            }
            fn group(_: &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }
            fn version(_: &()) -> std::borrow::Cow<'_, str> {
                "v1alpha1".into()
            }
            fn api_version(_: &()) -> std::borrow::Cow<'_, str> {
                concat_api_version!($group).into()
            }
            fn plural(_: &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };
    (@type required $ty:ty) => { $ty };
    (@type optional $ty:ty) => { Option<$ty> };
    (@namespaced NamespaceResourceScope) => { true };
    (@namespaced ClusterResourceScope) => { false };
    (@write required $object:ident $json:literal $self:ident . $field:ident) => {
        $object.serialize_field($json, &$self.$field)?
    };
    (@write optional $object:ident $json:literal $self:ident . $field:ident) => {
        if let Some(part) = &$self.$field {
            $object.serialize_field($json, part)?;
        }
    };
}

/// The `apiVersion` of a group; each has one version.
macro_rules! concat_api_version {
    ($group:expr) => {
        const { crate::kind::api_version($group) }
    };
}

/// The `apiVersion` of a group.
pub(crate) const fn api_version(group: &'static str) -> &'static str {
    // Texts cannot be compared in a constant; the three have different lengths.
    const CORE: usize = crate::v1alpha1::GROUP.len();
    const OWN: usize = crate::quota::GROUP.len();
    match group.len() {
        CORE => crate::v1alpha1::API_VERSION,
        OWN => crate::quota::API_VERSION,
        _ => crate::multicluster::API_VERSION,
    }
}

/// A string type with known values. Unknown text is kept in `Other`, because a value that the
/// schema refuses still arrives in files and annotations, and must become an error about that one
/// rule, not a failure to read the object. The empty text is `Other("")`: Go's zero value.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        $Name:ident, schema $schema:ident { $( $(#[$vmeta:meta])* $Variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $Name {
            $( $(#[$vmeta])* $Variant, )+
            /// Any other text, the empty one included.
            Other(String),
        }

        impl $Name {
            /// The text as stored.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$Variant => $text, )+
                    Self::Other(text) => text,
                }
            }

            /// Nothing was given.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.as_str().is_empty()
            }
        }

        impl Default for $Name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl From<String> for $Name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $( $text => Self::$Variant, )+
                    _ => Self::Other(text),
                }
            }
        }

        impl From<&str> for $Name {
            fn from(text: &str) -> Self {
                Self::from(text.to_owned())
            }
        }

        impl From<$Name> for String {
            fn from(value: $Name) -> Self {
                value.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $Name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                open_enum!(@schema $schema $($text),+)
            }
        }
    };
    (@schema closed $($text:literal),+) => {
        schemars::json_schema!({ "type": "string", "enum": [$($text),+] })
    };
    (@schema open $($text:literal),+) => {
        schemars::json_schema!({ "type": "string" })
    };
}
