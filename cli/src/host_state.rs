//! What a decision rests on, read from a live host by list and get calls. Never writes.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Resource};
use navarch_crds::quota::GlobalQuota;
use navarch_crds::v1alpha1::{
    ClusterFederatedObject, ClusterPropagationPolicy, FederatedCluster, FederatedObject,
    FederatedTypeConfig, PropagationPolicy, SchedulingProfile,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::CliError;
use crate::kubeconfig::Target;

/// Objects asked for at once: hosts hold tens of thousands.
const PAGE: u32 = 500;

/// Every object of a kind.
pub(crate) async fn list<K>(target: &Target) -> Result<Vec<Value>, CliError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    let api: Api<K> = Api::all(target.client.clone());
    let mut objects = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await.map_err(CliError::request(format!(
            "listing {} in context {:?}",
            K::plural(&()),
            target.context
        )))?;
        let more = list.metadata.continue_.clone().unwrap_or_default();
        objects.extend(list.items.iter().filter_map(|item| whole(item)));
        if more.is_empty() {
            return Ok(objects);
        }
        page = page.continue_token(&more);
    }
}

/// An object with the kind that lists leave out.
fn whole<K>(item: &K) -> Option<Value>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let mut value = serde_json::to_value(item).ok()?;
    let root = value.as_object_mut()?;
    root.insert("apiVersion".into(), K::api_version(&()).into());
    root.insert("kind".into(), K::kind(&()).into());
    Some(value)
}

/// One object, if it is there.
pub(crate) async fn get<K>(
    target: &Target,
    namespace: &str,
    name: &str,
) -> Result<Option<Value>, CliError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    let scoped = GroupVersionKind::gvk(&K::group(&()), &K::version(&()), &K::kind(&()));
    let resource = ApiResource::from_gvk_with_plural(&scoped, &K::plural(&()));
    get_dynamic(target, &resource, namespace, name).await
}

/// One object of any kind; an empty namespace is the cluster's.
pub(crate) async fn get_dynamic(
    target: &Target,
    resource: &ApiResource,
    namespace: &str,
    name: &str,
) -> Result<Option<Value>, CliError> {
    let client = target.client.clone();
    let api: Api<DynamicObject> = if namespace.is_empty() {
        Api::all_with(client, resource)
    } else {
        Api::namespaced_with(client, namespace, resource)
    };
    let found = api.get_opt(name).await.map_err(CliError::request(format!(
        "reading {} {name} in context {:?}",
        resource.kind, target.context
    )))?;
    let Some(found) = found else { return Ok(None) };
    let mut value = serde_json::to_value(&found).unwrap_or_default();
    if let Some(root) = value.as_object_mut() {
        root.insert("apiVersion".into(), resource.api_version.clone().into());
        root.insert("kind".into(), resource.kind.clone().into());
    }
    Ok(Some(value))
}

/// Everything that all decisions of a host rest on, and all federated objects.
pub(crate) async fn everything(target: &Target) -> Result<Vec<Value>, CliError> {
    let mut all = list::<FederatedTypeConfig>(target).await?;
    all.extend(list::<FederatedCluster>(target).await?);
    all.extend(list::<SchedulingProfile>(target).await?);
    all.extend(list::<PropagationPolicy>(target).await?);
    all.extend(list::<ClusterPropagationPolicy>(target).await?);
    all.extend(list::<FederatedObject>(target).await?);
    all.extend(list::<ClusterFederatedObject>(target).await?);
    all.extend(quotas(target).await?);
    Ok(all)
}

/// The global quotas; none on a host that was installed before there were any.
pub(crate) async fn quotas(target: &Target) -> Result<Vec<Value>, CliError> {
    let api: Api<GlobalQuota> = Api::all(target.client.clone());
    match api.list(&ListParams::default().limit(1)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        _ => list::<GlobalQuota>(target).await,
    }
}

/// The namespaces: quotas go by their labels.
pub(crate) async fn namespaces(target: &Target) -> Result<Vec<Value>, CliError> {
    list::<Namespace>(target).await
}

/// What counts for global quotas beside the object that is asked about; nothing where there are none.
pub(crate) async fn beside(target: &Target) -> Result<Vec<Value>, CliError> {
    let mut all = quotas(target).await?;
    if !all.is_empty() {
        all.extend(namespaces(target).await?);
        all.extend(list::<FederatedObject>(target).await?);
        all.extend(list::<ClusterFederatedObject>(target).await?);
    }
    Ok(all)
}
