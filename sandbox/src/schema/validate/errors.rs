//! The errors of validation and their words, as k8s.io/apimachinery's `field` package has them.

use crate::status::Cause;
use serde_json::Value;

/// Errors gathered so far.
#[derive(Debug, Default)]
pub(super) struct Errors(pub(super) Vec<Cause>);

/// `parent.child`, or `child` at the root.
pub(super) fn child(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

impl Errors {
    fn push(&mut self, field: &str, reason: &str, message: String) {
        self.0.push(Cause {
            reason: reason.to_owned(),
            message,
            field: field.to_owned(),
        });
    }

    pub(super) fn invalid(&mut self, field: &str, value: &Value, detail: &str) {
        self.push(
            field,
            "FieldValueInvalid",
            format!("Invalid value: {value}: {detail}"),
        );
    }

    /// The same with the value as the server writes it, where that is not its JSON.
    pub(super) fn invalid_text(&mut self, field: &str, value: &str, detail: &str) {
        self.push(
            field,
            "FieldValueInvalid",
            format!("Invalid value: {value}: {detail}"),
        );
    }

    pub(super) fn wrong_type(&mut self, field: &str, value: &Value, detail: &str) {
        self.push(
            field,
            "FieldValueTypeInvalid",
            format!("Invalid value: {value}: {detail}"),
        );
    }

    pub(super) fn required(&mut self, field: &str, detail: &str) {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        self.push(field, "FieldValueRequired", message);
    }

    pub(super) fn forbidden(&mut self, field: &str, detail: &str) {
        self.push(field, "FieldValueForbidden", format!("Forbidden: {detail}"));
    }

    pub(super) fn unsupported(&mut self, field: &str, value: &Value, supported: &[&str]) {
        let supported: Vec<_> = supported.iter().map(|s| format!("{s:?}")).collect();
        self.push(
            field,
            "FieldValueNotSupported",
            format!(
                "Unsupported value: {value}: supported values: {}",
                supported.join(", ")
            ),
        );
    }

    pub(super) fn duplicate(&mut self, field: &str, value: &Value) {
        self.push(
            field,
            "FieldValueDuplicate",
            format!("Duplicate value: {value}"),
        );
    }

    pub(super) fn not_found(&mut self, field: &str, value: &Value) {
        self.push(field, "FieldValueNotFound", format!("Not found: {value}"));
    }

    pub(super) fn too_long(&mut self, field: &str, most: u64) {
        self.push(
            field,
            "FieldValueTooLong",
            format!("Too long: may not be more than {most} bytes"),
        );
    }

    pub(super) fn too_many(&mut self, field: &str, count: usize, most: u64) {
        self.push(
            field,
            "FieldValueTooMany",
            format!("Too many: {count}: must have at most {most} items"),
        );
    }

    /// A number that must not be negative.
    pub(super) fn not_negative(&mut self, field: &str, value: Option<&Value>) {
        if let Some(value) = value
            && value.as_i64().is_some_and(|n| n < 0)
        {
            self.invalid(field, value, "must be greater than or equal to 0");
        }
    }

    /// A text that must be one of these.
    pub(super) fn one_of(&mut self, field: &str, value: Option<&Value>, supported: &[&str]) {
        match value {
            None | Some(Value::Null) => {}
            Some(value) if value.as_str().is_some_and(|v| supported.contains(&v)) => {}
            Some(value) => self.unsupported(field, value, supported),
        }
    }
}
