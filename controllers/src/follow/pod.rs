//! What a pod refers to, in the fields of its specification that say so (Kubernetes `pkg/api/v1/pod`, the visitors
//! of Secret and ConfigMap names). Every list of fields is here; nothing else of a pod is looked at.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::references::Reference;

/// The part of a pod's specification that refers to objects.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    service_account_name: Option<String>,
    image_pull_secrets: Option<Vec<Named>>,
    init_containers: Option<Vec<Container>>,
    containers: Option<Vec<Container>>,
    ephemeral_containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    env: Option<Vec<Variable>>,
    env_from: Option<Vec<Variables>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    value_from: Option<Origin>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Origin {
    secret_key_ref: Option<Named>,
    config_map_key_ref: Option<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variables {
    secret_ref: Option<Named>,
    config_map_ref: Option<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    config_map: Option<Named>,
    persistent_volume_claim: Option<Claim>,
    projected: Option<Projected>,
    secret: Option<SecretName>,
    azure_file: Option<SecretName>,
    cephfs: Option<WithSecret>,
    cinder: Option<WithSecret>,
    flex_volume: Option<WithSecret>,
    iscsi: Option<WithSecret>,
    rbd: Option<WithSecret>,
    #[serde(rename = "scaleIO")]
    scale_io: Option<WithSecret>,
    storageos: Option<WithSecret>,
    csi: Option<Driver>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    claim_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Projected {
    sources: Option<Vec<Projection>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Projection {
    secret: Option<Named>,
    config_map: Option<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretName {
    secret_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithSecret {
    secret_ref: Option<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    node_publish_secret_ref: Option<Named>,
}

/// What was found so far.
#[derive(Default)]
struct Found(BTreeSet<Reference>);

impl Found {
    fn add(&mut self, kind: &str, name: Option<&String>) {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            self.0.insert(Reference::new("", kind, name));
        }
    }

    fn secret(&mut self, named: Option<&Named>) {
        self.add("Secret", named.and_then(|named| named.name.as_ref()));
    }

    fn config_map(&mut self, named: Option<&Named>) {
        self.add("ConfigMap", named.and_then(|named| named.name.as_ref()));
    }

    fn container(&mut self, container: &Container) {
        for variables in container.env_from.iter().flatten() {
            self.secret(variables.secret_ref.as_ref());
            self.config_map(variables.config_map_ref.as_ref());
        }
        let variables = container.env.iter().flatten();
        for origin in variables.filter_map(|variable| variable.value_from.as_ref()) {
            self.secret(origin.secret_key_ref.as_ref());
            self.config_map(origin.config_map_key_ref.as_ref());
        }
    }

    fn volume(&mut self, volume: &Volume) {
        self.config_map(volume.config_map.as_ref());
        let claim = volume.persistent_volume_claim.as_ref();
        let claim = claim.and_then(|claim| claim.claim_name.as_ref());
        self.add("PersistentVolumeClaim", claim);
        let projected = volume.projected.iter();
        for projection in projected.flat_map(|all| all.sources.iter().flatten()) {
            self.secret(projection.secret.as_ref());
            self.config_map(projection.config_map.as_ref());
        }
        for named in [&volume.secret, &volume.azure_file].into_iter().flatten() {
            self.add("Secret", named.secret_name.as_ref());
        }
        let drivers = [
            &volume.cephfs,
            &volume.cinder,
            &volume.flex_volume,
            &volume.iscsi,
            &volume.rbd,
            &volume.scale_io,
            &volume.storageos,
        ];
        for driver in drivers.into_iter().flatten() {
            self.secret(driver.secret_ref.as_ref());
        }
        let driver = volume.csi.as_ref();
        self.secret(driver.and_then(|driver| driver.node_publish_secret_ref.as_ref()));
    }
}

impl PodSpec {
    /// Everything that it refers to. Claims that are made for a pod alone are not: each cluster makes them.
    pub(super) fn references(&self) -> BTreeSet<Reference> {
        let mut found = Found::default();
        found.add("ServiceAccount", self.service_account_name.as_ref());
        for named in self.image_pull_secrets.iter().flatten() {
            found.secret(Some(named));
        }
        let containers = [
            &self.init_containers,
            &self.containers,
            &self.ephemeral_containers,
        ];
        for container in containers.into_iter().flatten().flatten() {
            found.container(container);
        }
        for volume in self.volumes.iter().flatten() {
            found.volume(volume);
        }
        found.0
    }
}
