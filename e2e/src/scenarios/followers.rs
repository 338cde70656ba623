//! What a workload refers to, and what its annotation names, goes where the workload goes, moves with it and ends with
//! it; no policy names any of it.

use serde_json::json;

use super::manifests::{deployment, duplicate, plain_config_map};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{
    CLAIM, CONFIG_MAP, DEPLOYMENT, INGRESS, POLICY, SECRET, SERVICE, SERVICE_ACCOUNT,
};
use crate::world::read::{placement, text};

/// One of each kind, without a policy.
const FOLLOWERS: &str = "---
apiVersion: v1
kind: Secret
metadata: {name: pilot}
stringData: {password: only-a-story}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: pilot}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: pilot}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: pilot}
spec:
  selector: {app: pilot}
  ports: [{port: 80}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: pilot}
spec:
  rules:
  - http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: pilot, port: {number: 80}}}}]
";

pub(super) async fn of_each_kind(world: &World) -> Outcome {
    let (first, second) = (world.member(0)?, world.member(1)?);
    world
        .apply_all(&[
            duplicate("watch", &[&first.name]),
            plain_config_map("pilot"),
            FOLLOWERS.to_owned(),
            deployment("pilot", 1, "watch"),
        ])
        .await?;
    let pilot = world.target(DEPLOYMENT, "pilot");
    world.host().until_there(&pilot.federated()).await?;
    let named = r#"[{"kind":"Service","name":"pilot"},{"group":"networking.k8s.io","kind":"Ingress","name":"pilot"}]"#;
    let refers = json!({
        "metadata": {"annotations": {"kubeadmiral.io/followers": named}},
        "spec": {"template": {"spec": {
            "serviceAccountName": "pilot",
            "volumes": [
                {"name": "map", "configMap": {"name": "pilot"}},
                {"name": "secret", "secret": {"secretName": "pilot"}},
                {"name": "claim", "persistentVolumeClaim": {"claimName": "pilot"}}]}}}});
    world.patch(&pilot, &refers).await?;
    let kinds = [CONFIG_MAP, SECRET, SERVICE_ACCOUNT, CLAIM, SERVICE, INGRESS];
    for kind in kinds {
        let follower = world.target(kind, "pilot");
        first.until_there(&follower).await?;
        let federated = world.host().get(&follower.federated()).await?;
        expect_equal("the placement", &placement(&federated), &vec![&*first.name])?;
        expect_equal(
            "its leader",
            &text(&federated, "/spec/follows/0/name"),
            &"pilot",
        )?;
        let copy = second.find(&follower).await?;
        expect(
            copy.is_none(),
            "no copy where the leader is not",
            &second.name,
        )?;
    }

    // They move together.
    let elsewhere = json!({"spec": {"placement": [{"cluster": second.name}]}});
    world
        .patch(&world.target(POLICY, "watch"), &elsewhere)
        .await?;
    for kind in kinds {
        let follower = world.target(kind, "pilot");
        second.until_there(&follower).await?;
        first.until_gone(&follower).await?;
    }

    // And end together; what the user made stays on the host.
    world.host().hands().delete(&pilot).await?;
    for kind in kinds {
        let follower = world.target(kind, "pilot");
        second.until_gone(&follower).await?;
        world.host().until_gone(&follower.federated()).await?;
        world.host().get(&follower).await?;
    }
    Ok(())
}
