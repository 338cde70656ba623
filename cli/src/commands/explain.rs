//! `navarch explain`: why an object is where it is. Reads the host, decides by the library that decides, prints; writes
//! nothing.

use clap::Args;
use kube::core::{ApiResource, GroupVersionKind};
use navarch_controllers::offline::explained::{self, Explained, ExplainedCluster};
use navarch_crds::naming::federated_object_name;
use navarch_crds::v1alpha1::{
    ApiResource as SourceType, ClusterFederatedObject, ClusterPropagationPolicy, FederatedCluster,
    FederatedObject, FederatedTypeConfig, PropagationPolicy, SchedulingProfile,
};
use serde_json::Value;

use crate::error::CliError;
use crate::features::FeatureFlags;
use crate::host_state::{self, get, get_dynamic, list};
use crate::kubeconfig::{HostFlags, Target};
use crate::output::{self, Format, table};

#[derive(Args, Debug)]
pub(crate) struct ExplainFlags {
    /// The object, such as deployment/web or statefulsets.apps/db
    #[arg(value_name = "KIND/NAME")]
    object: String,
    /// Its namespace; default: that of the context
    #[arg(short, long)]
    namespace: Option<String>,
    /// Print one JSON or YAML document instead of tables
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    #[command(flatten)]
    features: FeatureFlags,
    #[command(flatten)]
    host: HostFlags,
}

pub(crate) async fn run(flags: ExplainFlags) -> Result<(), CliError> {
    let Some((kind, name)) = flags
        .object
        .split_once('/')
        .filter(|(_, name)| !name.is_empty())
    else {
        return Err(CliError::Refused {
            message: format!("{:?} is no object", flags.object),
            advice: "Give KIND/NAME, such as deployment/web.".to_owned(),
        });
    };
    let target = flags.host.target().await?;
    let namespace = flags
        .namespace
        .clone()
        .unwrap_or_else(|| target.config.default_namespace.clone());
    let documents = gather(&target, kind, name, &namespace).await?;
    let now = jiff::Timestamp::now();
    let beside = host_state::beside(&target).await?;
    let explained =
        explained::explain(documents, beside, flags.features.features(), now).map_err(|error| {
            CliError::Refused {
                message: format!("deciding about {kind} {name}: {}", error.message()),
                advice: "Correct what is named there; until then the object stays where it is."
                    .to_owned(),
            }
        })?;
    match flags.output {
        Some(format) => output::print_value(&explained, format),
        None => output::print(&text(&explained)),
    }
}

/// Everything that a decision about one object rests on.
async fn gather(
    target: &Target,
    kind: &str,
    name: &str,
    namespace: &str,
) -> Result<Vec<Value>, CliError> {
    let mut documents = list::<FederatedTypeConfig>(target).await?;
    let (config, source_type) = find_type(&documents, kind)?;
    let space = if source_type.is_namespaced() {
        namespace
    } else {
        ""
    };
    let gvk = GroupVersionKind::gvk(&source_type.group, &source_type.version, &source_type.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &source_type.plural_name);
    let source = get_dynamic(target, &resource, space, name).await?;
    let federated_name = federated_object_name(name, &config);
    let federated = if space.is_empty() {
        get::<ClusterFederatedObject>(target, "", &federated_name).await?
    } else {
        get::<FederatedObject>(target, space, &federated_name).await?
    };
    let Some(about) = source.as_ref().or(federated.as_ref()) else {
        let place = if space.is_empty() {
            String::new()
        } else {
            format!(" in namespace {space:?}")
        };
        return Err(CliError::Refused {
            message: format!(
                "there is no {} {name}{place}, and no federated object for it",
                source_type.kind
            ),
            advice: "`navarch get objects` lists what is federated; -n gives the namespace."
                .to_owned(),
        });
    };
    if let Some((kind, space, name)) = explained::wanted_policy(about) {
        let policy = match kind {
            "PropagationPolicy" => get::<PropagationPolicy>(target, &space, &name).await?,
            _ => get::<ClusterPropagationPolicy>(target, "", &name).await?,
        };
        let profile = policy
            .as_ref()
            .and_then(|policy| policy.pointer("/spec/schedulingProfile"))
            .and_then(Value::as_str)
            .filter(|profile| !profile.is_empty());
        if let Some(profile) = profile {
            documents.extend(get::<SchedulingProfile>(target, "", profile).await?);
        }
        documents.extend(policy);
    }
    documents.extend(list::<FederatedCluster>(target).await?);
    documents.extend(source);
    documents.extend(federated);
    Ok(documents)
}

/// The type config for what the user calls a kind: kind, plural, or plural with its group.
fn find_type(configs: &[Value], wanted: &str) -> Result<(String, SourceType), CliError> {
    let wanted = wanted.to_lowercase();
    let mut known = Vec::new();
    for config in configs {
        let name = config.pointer("/metadata/name").and_then(Value::as_str);
        let source = config
            .pointer("/spec/sourceType")
            .cloned()
            .unwrap_or_default();
        let (Some(name), Ok(source)) = (name, serde_json::from_value::<SourceType>(source)) else {
            continue;
        };
        let plural = source.plural_name.to_lowercase();
        let named = [
            source.kind.to_lowercase(),
            plural.clone(),
            format!("{plural}.{}", source.group),
            name.to_lowercase(),
        ];
        if named.contains(&wanted) {
            return Ok((name.to_owned(), source));
        }
        known.push(plural);
    }
    Err(CliError::Refused {
        message: format!("no FederatedTypeConfig of this host is for {wanted:?}"),
        advice: format!("It federates: {}.", known.join(", ")),
    })
}

fn text(explained: &Explained) -> String {
    let policy = if explained.policy.is_empty() {
        String::new()
    } else {
        format!(" (policy {})", explained.policy)
    };
    let mut text = format!(
        "{}{policy}: {}",
        explained.object.shown(),
        explained.summary
    );
    if !explained.clusters.is_empty() {
        let rows: Vec<Vec<String>> = explained.clusters.iter().map(row).collect();
        let headers = [
            "CLUSTER",
            "NOW",
            "DECISION",
            "STATUS",
            "REFUSED BY",
            "SCORES",
            "FIGURES",
        ];
        text.push_str("\n\n");
        text.push_str(&table::render(&headers, &rows));
    }
    if let Some(quota) = &explained.quota {
        text.push_str(&format!("\n\n{}", super::quota::tell::answer(quota)));
    }
    for (title, lines) in [
        ("Applied", &explained.applied),
        ("Waiting", &explained.waiting),
        ("Annotations that do not count", &explained.ignored),
    ] {
        if !lines.is_empty() {
            text.push_str(&format!("\n\n{title}:\n  {}", lines.join("\n  ")));
        }
    }
    text
}

fn row(cluster: &ExplainedCluster) -> Vec<String> {
    let count = |placed: bool, replicas: Option<i64>| match (placed, replicas) {
        (false, _) => String::new(),
        (true, None) => "placed".to_owned(),
        (true, Some(count)) => count.to_string(),
    };
    let refused: Vec<String> = cluster
        .filters
        .iter()
        .filter_map(|verdict| {
            let reason = verdict.reason.as_ref()?;
            Some(format!("{}: {reason}", verdict.plugin))
        })
        .collect();
    let scores = cluster.score.as_ref().map_or_else(String::new, |score| {
        let each: Vec<String> = score
            .plugins
            .iter()
            .map(|(plugin, score)| format!("{plugin} {score}"))
            .collect();
        format!("{} = {}", score.total, each.join(" + "))
    });
    vec![
        cluster.name.clone(),
        count(cluster.placed, cluster.replicas),
        count(cluster.chosen, cluster.chosen_replicas),
        cluster.status.clone().unwrap_or_default(),
        refused.join("; "),
        scores,
        figures(cluster),
    ]
}

fn figures(cluster: &ExplainedCluster) -> String {
    let Some(figures) = &cluster.figures else {
        return String::new();
    };
    let mut parts = vec![
        format!("weight {}", figures.weight),
        format!("planned {}", figures.planned),
    ];
    let min = Some(figures.min).filter(|min| *min != 0);
    let overflow = Some(figures.overflow).filter(|overflow| *overflow != 0);
    for (name, value) in [
        ("had", figures.current),
        ("min", min),
        ("max", figures.max),
        ("capacity", figures.estimated_capacity),
        ("limit", figures.limited_capacity),
        ("overflow", overflow),
    ] {
        parts.extend(value.map(|value| format!("{name} {value}")));
    }
    parts.join(", ")
}
