//! A kind of a user's own: its definition is propagated like anything else, and so are its objects once a type config
//! names it.

use serde_json::json;

use super::manifests::POLICY_LABEL;
use super::manifests::duplicate;
use crate::failure::{Outcome, expect_equal};
use crate::world::World;
use crate::world::kinds::{DEFINITION, Kind};
use crate::world::read::{condition, number, text};

/// A berth of our harbour.
pub(super) const BERTH: Kind = Kind {
    group: "harbour.example.com",
    version: "v1",
    kind: "Berth",
    plural: "berths",
    namespaced: true,
};

/// The definition; `schema` is what `spec` may hold beside its depth, in flow style.
pub(super) fn definition(labels: &str, maximum: i64) -> String {
    format!(
        "---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: berths.harbour.example.com
  labels: {{{labels}}}
spec:
  group: harbour.example.com
  scope: Namespaced
  names: {{kind: Berth, listKind: BerthList, plural: berths, singular: berth}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              depth: {{type: integer, maximum: {maximum}}}
              lit: {{type: boolean, default: true}}
"
    )
}

/// The type config that makes them propagate.
pub(super) const TYPE_CONFIG: &str = "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: FederatedTypeConfig
metadata:
  name: berths.harbour.example.com
spec:
  sourceType: {group: harbour.example.com, version: v1, kind: Berth, pluralName: berths, scope: Namespaced}
  controllers:
  - [kubeadmiral.io/global-scheduler]
  - [kubeadmiral.io/overridepolicy-controller]
";

/// A berth under a policy.
pub(super) fn berth(name: &str, depth: i64, policy: &str) -> String {
    format!(
        "---
apiVersion: harbour.example.com/v1
kind: Berth
metadata:
  name: {name}
  labels: {{{POLICY_LABEL}: {policy}}}
spec:
  depth: {depth}
"
    )
}

pub(super) async fn is_propagated_like_any(world: &World) -> Outcome {
    let everywhere = "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: ClusterPropagationPolicy
metadata: {name: definitions}
spec: {schedulingMode: Duplicate}
";
    let labels = "kubeadmiral.io/cluster-propagation-policy-name: definitions";
    world
        .apply_all(&[everywhere.to_owned(), definition(labels, 100)])
        .await?;
    let berths = world.target(DEFINITION, "berths.harbour.example.com");
    let is_established =
        |definition: &serde_json::Value| condition(definition, "Established") == "True";
    world
        .host()
        .until(&berths, "is established", is_established)
        .await?;
    world
        .in_every_member(&berths, "is established", is_established)
        .await?;
    world.until_members_serve(BERTH).await?;

    let manifests = [
        TYPE_CONFIG.to_owned(),
        duplicate("everywhere", &[]),
        berth("north", 12, "everywhere"),
    ];
    world.apply_all(&manifests).await?;
    let north = world.target(BERTH, "north");
    for copy in world.in_every_member(&north, "is there", |_| true).await? {
        expect_equal("the depth", &number(&copy, "/spec/depth"), &12)?;
        expect_equal("the default", &copy["spec"]["lit"], &json!(true))?;
    }
    world.patch(&north, &json!({"spec": {"depth": 15}})).await?;
    world
        .in_every_member(&north, "is deeper", |copy| {
            number(copy, "/spec/depth") == 15
        })
        .await?;
    let member = world.member(0)?;
    member
        .hands()
        .patch(&north, &json!({"spec": {"depth": 3}}))
        .await?;
    member
        .until(&north, "is as deep again", |copy| {
            number(copy, "/spec/depth") == 15
        })
        .await?;
    let federated = world.until_propagated(&north).await?;
    expect_equal(
        "the kind of the template",
        &text(&federated, "/spec/template/kind"),
        &"Berth",
    )?;

    world.host().hands().delete(&north).await?;
    world.host().until_gone(&north).await?;
    world.in_no_member(&north).await
}
