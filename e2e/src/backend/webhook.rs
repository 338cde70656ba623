//! Failing requests on a real API server: an admission webhook that nobody answers. A write of the kind then ends in
//! `500 InternalError`. Reads cannot be made to fail like this, and no other status can be had.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Breakage;
use crate::failure::{Failure, Outcome};
use crate::world::kinds::Kind;
use crate::world::waiting::{Look, until};

/// The configuration's name; one for all that is broken.
const NAME: &str = "navarch-e2e-breaks-requests";
/// Mutating, because those are asked before the object is looked at: a trial need not be valid.
const CONFIGURATION: Kind = Kind {
    group: "admissionregistration.k8s.io",
    version: "v1",
    kind: "MutatingWebhookConfiguration",
    plural: "mutatingwebhookconfigurations",
    namespaced: false,
};

/// Makes the requests fail, and waits until they do.
pub(super) async fn break_requests(client: &Client, breakage: &Breakage<'_>) -> Outcome {
    let operations = match breakage.verb {
        Some("create") => json!(["CREATE"]),
        Some("update" | "patch") => json!(["UPDATE"]),
        Some("apply") | None => json!(["CREATE", "UPDATE"]),
        Some("delete") => json!(["DELETE"]),
        Some(other) => return Err(impossible(&format!("{other} requests fail"))),
    };
    if breakage.status != 500 {
        return Err(impossible(&format!("requests end in {}", breakage.status)));
    }
    let mut webhook = json!({
        "name": format!("{}.{}.e2e.navarch.dev", breakage.verb.unwrap_or("all"), breakage.kind.plural),
        "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 1,
        // The port of discard: nothing listens there.
        "clientConfig": {"url": "https://127.0.0.1:9/"},
        "rules": [{"apiGroups": [breakage.kind.group], "apiVersions": ["*"], "resources": [breakage.kind.plural], "operations": operations}],
    });
    if let Some(name) = breakage.name {
        webhook["matchConditions"] =
            json!([{"name": "this-one", "expression": format!("request.name == {name:?}")}]);
    }
    let configurations = CONFIGURATION.api(client, None);
    let applied = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": CONFIGURATION.kind,
        "metadata": {"name": NAME}, "webhooks": [webhook]});
    // A manager for each, so that one apply adds to the others.
    let manager = format!("navarch-e2e-{}", breakage.verb.unwrap_or("all"));
    configurations
        .patch(NAME, &PatchParams::apply(&manager), &Patch::Apply(&applied))
        .await
        .map_err(|error| Failure::Backend(format!("breaking requests: {error}")))?;
    // A server takes a moment to notice. Only creates can be tried without an object.
    if operations
        .as_array()
        .is_some_and(|all| all.contains(&json!("CREATE")))
        && breakage.name.is_none()
    {
        until("requests fail", async || {
            match trial(client, &breakage.kind).await {
                Err(kube::Error::Api(status)) if status.code == 500 => Look::Seen(()),
                other => Look::NotYet(format!("{other:?}")),
            }
        })
        .await?;
    }
    Ok(())
}

/// Ends every failing.
pub(super) async fn mend_requests(client: &Client) -> Outcome {
    let configurations = CONFIGURATION.api(client, None);
    let found = configurations.get_opt(NAME).await;
    let failed = |error: kube::Error| Failure::Backend(format!("mending requests: {error}"));
    let Some(found) = found.map_err(failed)? else {
        return Ok(());
    };
    configurations
        .delete(NAME, &DeleteParams::default())
        .await
        .map_err(failed)?;
    let resources = found.data.pointer("/webhooks/0/rules/0/resources/0");
    let Some(kind) = resources.and_then(Value::as_str).and_then(Kind::of_plural) else {
        return Ok(());
    };
    until("requests succeed", async || {
        match trial(client, &kind).await {
            Err(kube::Error::Api(status)) if status.code == 500 => Look::NotYet(status.to_string()),
            _other => Look::Seen(()),
        }
    })
    .await
}

/// A create that would change nothing.
async fn trial(client: &Client, kind: &Kind) -> Result<DynamicObject, kube::Error> {
    let api: Api<DynamicObject> = kind.api(client, Some("default"));
    let object = DynamicObject {
        types: Some(kube::core::TypeMeta {
            api_version: kind.api_version(),
            kind: kind.kind.to_owned(),
        }),
        metadata: kube::core::ObjectMeta {
            generate_name: Some("navarch-e2e-".to_owned()),
            ..Default::default()
        },
        data: json!({}),
    };
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    api.create(&parameters, &object).await
}

fn impossible(what: &str) -> Failure {
    Failure::Backend(format!("on a real API server nothing makes {what}"))
}
