//! The type configs that KubeAdmiral ships (`config/sample/host/01-ftc.yaml`, and the opt-in pods
//! of `config/sample/extra/pod-ftc.yaml`), as rows. Their names are part of the names of all
//! federated objects, and their order is kept. Data only.

use crate::keys::{annotation, controller};
use crate::v1alpha1::{
    ApiResource, AutoMigrationConfig, FederatedTypeConfig, FederatedTypeConfigSpec, PathDefinition,
    StatusAggregationConfig, StatusCollectionConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Name, group, version, kind, plural, namespaced, collected fields beside the creation time.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    bool,
    Option<&'static [&'static str]>,
);

const RBAC: &str = "rbac.authorization.k8s.io";
const MCS: &str = "multicluster.x-k8s.io";

#[rustfmt::skip]
const ROWS: [Row; 25] = [
    ("namespaces", "", "v1", "Namespace", "namespaces", false, None),
    ("configmaps", "", "v1", "ConfigMap", "configmaps", true, Some(&[])),
    ("deployments.apps", "apps", "v1", "Deployment", "deployments", true,
        Some(&["metadata.generation", "spec.replicas", "status"])),
    ("serviceaccounts", "", "v1", "ServiceAccount", "serviceaccounts", true, Some(&[])),
    ("secrets", "", "v1", "Secret", "secrets", true, Some(&[])),
    ("services", "", "v1", "Service", "services", true,
        Some(&["spec.clusterIP", "spec.type", "spec.ports", "status"])),
    ("storageclasses", "storage.k8s.io", "v1", "StorageClass", "storageclasses", false,
        Some(&["provisioner", "reclaimPolicy"])),
    ("persistentvolumes", "", "v1", "PersistentVolume", "persistentvolumes", false,
        Some(&["spec.accessModes", "spec.capacity", "spec.storageClassName",
            "spec.persistentVolumeReclaimPolicy", "status"])),
    ("persistentvolumeclaims", "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true,
        Some(&["spec.resources.requests", "spec.storageClassName", "status"])),
    ("clusterrolebindings.rbac.authorization.k8s.io", RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", false, None),
    ("clusterroles.rbac.authorization.k8s.io", RBAC, "v1", "ClusterRole", "clusterroles", false, None),
    ("rolebindings.rbac.authorization.k8s.io", RBAC, "v1", "RoleBinding", "rolebindings", true, None),
    ("roles.rbac.authorization.k8s.io", RBAC, "v1", "Role", "roles", true, None),
    ("statefulsets.apps", "apps", "v1", "StatefulSet", "statefulsets", true,
        Some(&["metadata.generation", "spec.replicas", "status"])),
    ("daemonsets.apps", "apps", "v1", "DaemonSet", "daemonsets", true, Some(&["metadata.generation", "status"])),
    ("jobs.batch", "batch", "v1", "Job", "jobs", true, Some(&["metadata.generation", "status"])),
    ("cronjobs.batch", "batch", "v1", "CronJob", "cronjobs", true, Some(&["metadata.generation", "status"])),
    ("ingresses.networking.k8s.io", "networking.k8s.io", "v1", "Ingress", "ingresses", true,
        Some(&["spec.rules", "status"])),
    ("limitranges", "", "v1", "LimitRange", "limitranges", true, None),
    ("resourcequotas", "", "v1", "ResourceQuota", "resourcequotas", true, Some(&["status"])),
    ("customresourcedefinitions.apiextensions.k8s.io", "apiextensions.k8s.io", "v1",
        "CustomResourceDefinition", "customresourcedefinitions", false, Some(&["status"])),
    ("horizontalpodautoscalers.autoscaling", "autoscaling", "v2", "HorizontalPodAutoscaler",
        "horizontalpodautoscalers", true, Some(&["status"])),
    ("serviceimports.multicluster.x-k8s.io", MCS, "v1alpha1", "ServiceImport", "serviceimports", true, None),
    ("serviceexports.multicluster.x-k8s.io", MCS, "v1alpha1", "ServiceExport", "serviceexports", true, None),
    ("endpointslices.discovery.k8s.io", "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true, None),
];

/// The type configs that are installed by default.
#[must_use]
pub fn defaults() -> Vec<FederatedTypeConfig> {
    ROWS.iter().map(|row| special(plain(row))).collect()
}

/// The type config of pods, which a user installs on purpose: their service account tokens are
/// bound to the host.
#[must_use]
pub fn pods() -> FederatedTypeConfig {
    let row = (
        "pods",
        "",
        "v1",
        "Pod",
        "pods",
        true,
        Some(&["spec.nodeName", "status"][..]),
    );
    let mut config = plain(&row);
    config.spec.status_aggregation = Some(StatusAggregationConfig { enabled: true });
    config
}

fn steps(controllers: &[&str]) -> Vec<Vec<String>> {
    controllers
        .iter()
        .map(|name| vec![(*name).to_owned()])
        .collect()
}

/// What most types share: scheduled, then overridden.
fn plain((name, group, version, kind, plural, namespaced, fields): &Row) -> FederatedTypeConfig {
    FederatedTypeConfig {
        metadata: ObjectMeta {
            name: Some((*name).to_owned()),
            ..ObjectMeta::default()
        },
        spec: FederatedTypeConfigSpec {
            source_type: ApiResource {
                group: (*group).to_owned(),
                version: (*version).to_owned(),
                kind: (*kind).to_owned(),
                plural_name: (*plural).to_owned(),
                scope: if *namespaced { "Namespaced" } else { "Cluster" }.to_owned(),
            },
            controllers: steps(&[controller::SCHEDULER, controller::OVERRIDE]),
            status_collection: fields.map(|fields| StatusCollectionConfig {
                enabled: true,
                fields: std::iter::once(&"metadata.creationTimestamp")
                    .chain(fields)
                    .map(|field| (*field).to_owned())
                    .collect(),
            }),
            ..FederatedTypeConfigSpec::default()
        },
    }
}

/// What single types have on top.
fn special(mut config: FederatedTypeConfig) -> FederatedTypeConfig {
    let spec = &mut config.spec;
    match config.metadata.name.as_deref() {
        Some("namespaces") => {
            spec.controllers =
                steps(&[controller::NAMESPACE_AUTO_PROPAGATION, controller::OVERRIDE]);
            spec.status_aggregation = Some(StatusAggregationConfig { enabled: false });
        }
        Some("deployments.apps") => {
            spec.auto_migration = Some(AutoMigrationConfig { enabled: true });
            spec.path_definition = PathDefinition {
                label_selector: "spec.selector".to_owned(),
                replicas_spec: "spec.replicas".to_owned(),
                replicas_status: "status.replicas".to_owned(),
                available_replicas_status: "status.availableReplicas".to_owned(),
                ready_replicas_status: "status.readyReplicas".to_owned(),
            };
        }
        Some("horizontalpodautoscalers.autoscaling") => {
            spec.controllers = steps(&[
                controller::FEDERATED_HPA,
                controller::SCHEDULER,
                controller::OVERRIDE,
            ]);
            config.metadata.annotations = Some(
                [(
                    annotation::SCALE_TARGET_REF_PATH.to_owned(),
                    "spec.scaleTargetRef".to_owned(),
                )]
                .into(),
            );
        }
        // Placed by the controllers of multi-cluster services.
        Some("endpointslices.discovery.k8s.io") => spec.controllers = Vec::new(),
        _ => {}
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::hash::fnv1_32;
    use crate::go::json;

    #[test]
    fn the_shipped_type_configs_are_complete() {
        let configs = defaults();
        assert_eq!(configs.len(), 25);
        // One number over kind, name, annotations and spec of all rows, taken from KubeAdmiral's
        // two files decoded and written as sorted JSON lines: every path and flag is in it.
        let mut lines = String::new();
        for config in configs.iter().chain([&pods()]) {
            let value = serde_json::json!({
                "annotations": config.metadata.annotations,
                "name": config.metadata.name,
                "spec": config.spec,
            });
            lines.push_str(&json::to_string(&value).unwrap());
            lines.push('\n');
        }
        assert_eq!(fnv1_32(lines.as_bytes()), 2_627_271_990, "{lines}");
    }

    #[test]
    fn only_deployments_can_be_divided_and_migrate() {
        for config in defaults() {
            let deployment = config.metadata.name.as_deref() == Some("deployments.apps");
            assert_eq!(
                !config.spec.path_definition.replicas_spec.is_empty(),
                deployment
            );
            assert_eq!(config.spec.migrates(), deployment);
            assert_eq!(config.spec.aggregates_status(), !config.is_namespace());
        }
    }
}
