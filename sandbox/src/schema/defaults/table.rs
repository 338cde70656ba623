//! Defaults of single fields, as data: component, field, value. From k8s.io/kubernetes, pkg/apis/*/v*/defaults.go, and
//! tried against recordings. A field with a value of its own, also an empty one, is left alone, unless it is text that
//! is empty.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::OnceLock;

const TABLE: &[(&str, &str, &str)] = &[
    ("core.v1.Probe", "timeoutSeconds", "1"),
    ("core.v1.Probe", "periodSeconds", "10"),
    ("core.v1.Probe", "successThreshold", "1"),
    ("core.v1.Probe", "failureThreshold", "3"),
    ("core.v1.HTTPGetAction", "scheme", "\"HTTP\""),
    ("core.v1.HTTPGetAction", "path", "\"/\""),
    ("core.v1.GRPCAction", "service", "\"\""),
    ("core.v1.ObjectFieldSelector", "apiVersion", "\"v1\""),
    ("core.v1.SecretVolumeSource", "defaultMode", "420"),
    ("core.v1.ConfigMapVolumeSource", "defaultMode", "420"),
    ("core.v1.DownwardAPIVolumeSource", "defaultMode", "420"),
    ("core.v1.ProjectedVolumeSource", "defaultMode", "420"),
    (
        "core.v1.ServiceAccountTokenProjection",
        "expirationSeconds",
        "3600",
    ),
    ("core.v1.HostPathVolumeSource", "type", "\"\""),
    (
        "core.v1.Container",
        "terminationMessagePath",
        "\"/dev/termination-log\"",
    ),
    ("core.v1.Container", "terminationMessagePolicy", "\"File\""),
    (
        "core.v1.EphemeralContainer",
        "terminationMessagePath",
        "\"/dev/termination-log\"",
    ),
    (
        "core.v1.EphemeralContainer",
        "terminationMessagePolicy",
        "\"File\"",
    ),
    ("core.v1.PodSpec", "dnsPolicy", "\"ClusterFirst\""),
    ("core.v1.PodSpec", "restartPolicy", "\"Always\""),
    ("core.v1.PodSpec", "securityContext", "{}"),
    ("core.v1.PodSpec", "terminationGracePeriodSeconds", "30"),
    ("core.v1.PodSpec", "schedulerName", "\"default-scheduler\""),
    ("core.v1.ServiceSpec", "type", "\"ClusterIP\""),
    ("core.v1.ServiceSpec", "sessionAffinity", "\"None\""),
    ("core.v1.Secret", "type", "\"Opaque\""),
    (
        "core.v1.PersistentVolumeSpec",
        "persistentVolumeReclaimPolicy",
        "\"Retain\"",
    ),
    (
        "core.v1.PersistentVolumeSpec",
        "volumeMode",
        "\"Filesystem\"",
    ),
    ("core.v1.PersistentVolumeStatus", "phase", "\"Pending\""),
    (
        "core.v1.PersistentVolumeClaimSpec",
        "volumeMode",
        "\"Filesystem\"",
    ),
    (
        "core.v1.PersistentVolumeClaimStatus",
        "phase",
        "\"Pending\"",
    ),
    ("core.v1.NamespaceStatus", "phase", "\"Active\""),
    ("core.v1.EndpointPort", "protocol", "\"TCP\""),
    ("apps.v1.DeploymentSpec", "replicas", "1"),
    ("apps.v1.DeploymentSpec", "revisionHistoryLimit", "10"),
    ("apps.v1.DeploymentSpec", "progressDeadlineSeconds", "600"),
    ("apps.v1.ReplicaSetSpec", "replicas", "1"),
    ("apps.v1.StatefulSetSpec", "replicas", "1"),
    ("apps.v1.StatefulSetSpec", "revisionHistoryLimit", "10"),
    (
        "apps.v1.StatefulSetSpec",
        "podManagementPolicy",
        "\"OrderedReady\"",
    ),
    (
        "apps.v1.StatefulSetSpec",
        "persistentVolumeClaimRetentionPolicy",
        "{}",
    ),
    (
        "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy",
        "whenDeleted",
        "\"Retain\"",
    ),
    (
        "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy",
        "whenScaled",
        "\"Retain\"",
    ),
    ("apps.v1.DaemonSetSpec", "revisionHistoryLimit", "10"),
    ("batch.v1.CronJobSpec", "concurrencyPolicy", "\"Allow\""),
    ("batch.v1.CronJobSpec", "suspend", "false"),
    ("batch.v1.CronJobSpec", "successfulJobsHistoryLimit", "3"),
    ("batch.v1.CronJobSpec", "failedJobsHistoryLimit", "1"),
    (
        "autoscaling.v1.HorizontalPodAutoscalerSpec",
        "minReplicas",
        "1",
    ),
    (
        "autoscaling.v1.HorizontalPodAutoscalerSpec",
        "targetCPUUtilizationPercentage",
        "80",
    ),
    (
        "autoscaling.v2.HorizontalPodAutoscalerSpec",
        "minReplicas",
        "1",
    ),
    (
        "autoscaling.v2.HorizontalPodAutoscalerSpec",
        "metrics",
        r#"[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]"#,
    ),
    ("networking.v1.NetworkPolicyPort", "protocol", "\"TCP\""),
    (
        "networking.v1.IngressClassParametersReference",
        "scope",
        "\"Cluster\"",
    ),
    ("discovery.v1.EndpointPort", "name", "\"\""),
    ("discovery.v1.EndpointPort", "protocol", "\"TCP\""),
    (
        "rbac.v1.RoleRef",
        "apiGroup",
        "\"rbac.authorization.k8s.io\"",
    ),
    ("storage.v1.StorageClass", "reclaimPolicy", "\"Delete\""),
    (
        "storage.v1.StorageClass",
        "volumeBindingMode",
        "\"Immediate\"",
    ),
    ("storage.v1.CSIDriverSpec", "attachRequired", "true"),
    ("storage.v1.CSIDriverSpec", "podInfoOnMount", "false"),
    ("storage.v1.CSIDriverSpec", "storageCapacity", "false"),
    (
        "storage.v1.CSIDriverSpec",
        "fsGroupPolicy",
        "\"ReadWriteOnceWithFSType\"",
    ),
    (
        "storage.v1.CSIDriverSpec",
        "volumeLifecycleModes",
        "[\"Persistent\"]",
    ),
    ("storage.v1.CSIDriverSpec", "requiresRepublish", "false"),
    ("storage.v1.CSIDriverSpec", "seLinuxMount", "false"),
    (
        "scheduling.v1.PriorityClass",
        "preemptionPolicy",
        "\"PreemptLowerPriority\"",
    ),
    (
        "flowcontrol.v1.FlowSchemaSpec",
        "matchingPrecedence",
        "1000",
    ),
    ("admissionregistration.v1.ServiceReference", "port", "443"),
    (
        "admissionregistration.v1.RuleWithOperations",
        "scope",
        "\"*\"",
    ),
    (
        "admissionregistration.v1.NamedRuleWithOperations",
        "scope",
        "\"*\"",
    ),
    (
        "admissionregistration.v1.ValidatingWebhook",
        "failurePolicy",
        "\"Fail\"",
    ),
    (
        "admissionregistration.v1.ValidatingWebhook",
        "matchPolicy",
        "\"Equivalent\"",
    ),
    (
        "admissionregistration.v1.ValidatingWebhook",
        "namespaceSelector",
        "{}",
    ),
    (
        "admissionregistration.v1.ValidatingWebhook",
        "objectSelector",
        "{}",
    ),
    (
        "admissionregistration.v1.ValidatingWebhook",
        "timeoutSeconds",
        "10",
    ),
    (
        "admissionregistration.v1.MutatingWebhook",
        "failurePolicy",
        "\"Fail\"",
    ),
    (
        "admissionregistration.v1.MutatingWebhook",
        "matchPolicy",
        "\"Equivalent\"",
    ),
    (
        "admissionregistration.v1.MutatingWebhook",
        "namespaceSelector",
        "{}",
    ),
    (
        "admissionregistration.v1.MutatingWebhook",
        "objectSelector",
        "{}",
    ),
    (
        "admissionregistration.v1.MutatingWebhook",
        "reinvocationPolicy",
        "\"Never\"",
    ),
    (
        "admissionregistration.v1.MutatingWebhook",
        "timeoutSeconds",
        "10",
    ),
    (
        "admissionregistration.v1.ValidatingAdmissionPolicySpec",
        "failurePolicy",
        "\"Fail\"",
    ),
    (
        "admissionregistration.v1.MatchResources",
        "matchPolicy",
        "\"Equivalent\"",
    ),
    (
        "admissionregistration.v1.MatchResources",
        "namespaceSelector",
        "{}",
    ),
    (
        "admissionregistration.v1.MatchResources",
        "objectSelector",
        "{}",
    ),
    (
        "authentication.v1.TokenRequestSpec",
        "expirationSeconds",
        "3600",
    ),
    (
        "apiextensions.v1.CustomResourceDefinitionSpec",
        "conversion",
        "{\"strategy\":\"None\"}",
    ),
    ("apiextensions.v1.ServiceReference", "port", "443"),
    ("apiregistration.v1.ServiceReference", "port", "443"),
];

/// `group.version.Kind` of a component's full name.
pub(super) fn short(component: &str) -> &str {
    component
        .strip_prefix("io.k8s.api.")
        .or_else(|| component.strip_prefix("io.k8s.apiextensions-apiserver.pkg.apis."))
        .or_else(|| component.strip_prefix("io.k8s.kube-aggregator.pkg.apis."))
        .unwrap_or(component)
}

/// Whether a field has no value, or an empty text.
pub(super) fn is_blank(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

pub(super) fn apply(component: &str, fields: &mut Map<String, Value>) {
    static BY_COMPONENT: OnceLock<BTreeMap<&str, Vec<(&str, Value)>>> = OnceLock::new();
    let table = BY_COMPONENT.get_or_init(|| {
        let mut out: BTreeMap<&str, Vec<(&str, Value)>> = BTreeMap::new();
        for (component, field, value) in TABLE {
            out.entry(component)
                .or_default()
                .push((field, serde_json::from_str(value).unwrap_or(Value::Null)));
        }
        out
    });
    for (field, value) in table.get(short(component)).into_iter().flatten() {
        if is_blank(fields, field) {
            fields.insert((*field).to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schemas;

    #[test]
    fn every_row_names_a_field_that_exists_and_is_json() {
        for (component, field, value) in TABLE {
            assert!(
                serde_json::from_str::<Value>(value).is_ok(),
                "{component}.{field}"
            );
            let prefixes = [
                "io.k8s.api.",
                "io.k8s.apiextensions-apiserver.pkg.apis.",
                "io.k8s.kube-aggregator.pkg.apis.",
            ];
            let found = prefixes
                .iter()
                .find_map(|p| Schemas::builtin().component(&format!("{p}{component}")));
            assert!(
                found.is_some_and(|n| n.field(field).is_some()),
                "{component}.{field}"
            );
        }
    }
}
