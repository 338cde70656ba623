//! `navarch quota suggest`: global quotas proposed from what runs. Reads only.

use clap::Args;
use k8s_openapi::api::core::v1::ResourceQuota;
use navarch_controllers::offline::suggest::{self, Suggested, Wishes};
use navarch_crds::v1alpha1::{FederatedCluster, FederatedObject, FederatedTypeConfig};

use crate::error::CliError;
use crate::host_state::{list, namespaces, quotas};
use crate::kubeconfig::HostFlags;
use crate::output::{self, Format};

#[derive(Args, Debug)]
pub(crate) struct SuggestFlags {
    /// One quota for all namespaces with the same value of this label; else one for each namespace
    #[arg(long, value_name = "KEY")]
    by_label: Option<String>,
    /// So much more than what is used, in percent
    #[arg(long, default_value_t = 20, value_name = "PERCENT")]
    headroom: u32,
    /// The quota that they are to stand under
    #[arg(long, default_value = "", hide_default_value = true)]
    parent: String,
    /// Print as JSON or YAML, with the notes as data
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    #[command(flatten)]
    host: HostFlags,
}

pub(crate) async fn run(flags: SuggestFlags) -> Result<(), CliError> {
    let target = flags.host.target().await?;
    let mut documents = list::<FederatedTypeConfig>(&target).await?;
    documents.extend(list::<FederatedCluster>(&target).await?);
    documents.extend(list::<FederatedObject>(&target).await?);
    documents.extend(list::<ResourceQuota>(&target).await?);
    documents.extend(namespaces(&target).await?);
    documents.extend(quotas(&target).await?);
    let wishes = Wishes {
        by_label: flags.by_label,
        headroom: flags.headroom,
        parent: flags.parent,
    };
    let suggested = suggest::suggest(documents, &wishes).map_err(|error| CliError::Refused {
        message: format!("reading what runs: {}", error.message()),
        advice: "Correct what is named there.".to_owned(),
    })?;
    match flags.output {
        Some(format) => output::print_value(&suggested, format),
        None => output::print(&text(&suggested)?),
    }
}

/// Documents ready to be applied, with comments on what was seen.
fn text(suggested: &Suggested) -> Result<String, CliError> {
    let mut text = String::new();
    for one in &suggested.quotas {
        text.push_str("---\n");
        comments(&mut text, &one.notes);
        let document = serde_saphyr::to_string(&one.quota)
            .map_err(|error| CliError::Output(std::io::Error::other(error)))?;
        text.push_str(document.trim_end());
        text.push('\n');
    }
    if suggested.quotas.is_empty() {
        text.push_str("# Nothing is used and no ResourceQuota limits anything: there is nothing to propose.\n");
    } else {
        text.push_str("---\n# `mode: Observe` only counts. When `navarch quota` shows what you want, set Enforce.\n");
    }
    if !suggested.left_out.is_empty() {
        text.push_str("# Left out:\n");
        comments(&mut text, &suggested.left_out);
    }
    Ok(text)
}

fn comments(text: &mut String, lines: &[String]) {
    // A message may have several lines; each of them has to be a comment.
    for line in lines.iter().flat_map(|note| note.lines()) {
        text.push_str("# ");
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use navarch_controllers::offline::suggest::SuggestedQuota;

    #[test]
    fn what_is_printed_can_be_applied() {
        let suggested = Suggested {
            quotas: vec![SuggestedQuota {
                quota: serde_json::json!({"apiVersion": "navarch.dev/v1alpha1", "kind": "GlobalQuota",
                    "metadata": {"name": "a"}, "spec": {"mode": "Observe"}}),
                notes: vec!["one\ntwo".to_owned()],
            }],
            left_out: vec!["namespace b".to_owned()],
        };
        let text = text(&suggested).unwrap();
        assert!(text.contains("# one\n# two\n"), "{text}");
        let manifests = crate::manifests::read("stdin", &text).unwrap();
        let names = manifests
            .iter()
            .map(|manifest| &manifest.object["metadata"]["name"]);
        assert_eq!(names.filter(|name| name.is_string()).count(), 1, "{text}");
    }
}
