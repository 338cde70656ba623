//! Which function prints the rows of which resource: one line a resource. A function returns one cell a recorded column.

use super::{access, cluster, config, network, pods, policy, storage, text, workloads};
use jiff::Timestamp;
use serde_json::Value;

/// Prints the cells of one object at a time.
pub(super) type CellFunction = fn(&Value, Timestamp) -> Vec<Value>;

/// The printer of a resource, whatever its version; nothing for those that show name and creation time only.
pub(super) fn of(group: &str, resource: &str) -> Option<CellFunction> {
    Some(match (group, resource) {
        ("", "pods") => pods::pod,
        ("", "podtemplates") => pods::pod_template,
        ("", "replicationcontrollers") | ("apps", "replicasets") => workloads::replica_set,
        ("apps", "deployments") => workloads::deployment,
        ("apps", "statefulsets") => workloads::stateful_set,
        ("apps", "daemonsets") => workloads::daemon_set,
        ("apps", "controllerrevisions") => workloads::controller_revision,
        ("batch", "jobs") => workloads::job,
        ("batch", "cronjobs") => workloads::cron_job,
        ("autoscaling", "horizontalpodautoscalers") => policy::autoscaler,
        ("policy", "poddisruptionbudgets") => policy::disruption_budget,
        ("", "resourcequotas") => policy::resource_quota,
        ("scheduling.k8s.io", "priorityclasses") => policy::priority_class,
        ("", "services") => network::service,
        ("", "endpoints") => network::endpoints,
        ("discovery.k8s.io", "endpointslices") => network::endpoint_slice,
        ("networking.k8s.io", "ingresses") => network::ingress,
        ("networking.k8s.io", "ingressclasses") => network::ingress_class,
        ("networking.k8s.io", "networkpolicies") => network::network_policy,
        ("networking.k8s.io", "ipaddresses") => network::ip_address,
        ("networking.k8s.io", "servicecidrs") => network::service_cidr,
        ("", "nodes") => cluster::node,
        ("", "namespaces") => cluster::namespace,
        ("", "componentstatuses") => cluster::component_status,
        ("" | "events.k8s.io", "events") => cluster::event,
        ("coordination.k8s.io", "leases") => cluster::lease,
        ("apiregistration.k8s.io", "apiservices") => cluster::api_service,
        ("node.k8s.io", "runtimeclasses") => cluster::runtime_class,
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => cluster::flow_schema,
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => cluster::priority_level,
        ("", "configmaps") => config::config_map,
        ("", "secrets") => config::secret,
        ("", "serviceaccounts") => config::service_account,
        (
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
        ) => config::webhooks,
        ("admissionregistration.k8s.io", "validatingadmissionpolicies") => config::admission_policy,
        ("admissionregistration.k8s.io", "validatingadmissionpolicybindings") => {
            config::admission_policy_binding
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => {
            access::role_binding
        }
        ("certificates.k8s.io", "certificatesigningrequests") => access::signing_request,
        ("", "persistentvolumes") => storage::volume,
        ("", "persistentvolumeclaims") => storage::claim,
        ("storage.k8s.io", "storageclasses") => storage::class,
        ("storage.k8s.io", "csidrivers") => storage::csi_driver,
        ("storage.k8s.io", "csinodes") => storage::csi_node,
        ("storage.k8s.io", "volumeattachments") => storage::attachment,
        ("storage.k8s.io", "volumeattributesclasses") => storage::attributes_class,
        ("resource.k8s.io", "deviceclasses" | "resourceclaimtemplates") => text::name_and_age,
        ("resource.k8s.io", "resourceclaims") => policy::resource_claim,
        ("resource.k8s.io", "resourceslices") => policy::resource_slice,
        _ => return None,
    })
}
