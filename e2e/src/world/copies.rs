//! Where the copies of an object are among the members, and whether they were left alone.

use std::collections::BTreeMap;

use navarch_crds::keys::annotation::{SCHEDULING_DEFERRED_REASONS, SCHEDULING_TRIGGERS};
use serde_json::Value;

use super::World;
use super::kinds::Target;
use super::place::Place;
use super::read::{annotation, has_ready, number, text};
use super::waiting::{Look, until};
use crate::failure::{Outcome, expect, expect_equal};

/// How the copies of an object are at one time, by member.
#[derive(Clone, Debug)]
pub(crate) struct Stamps(BTreeMap<String, Stamp>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    uid: String,
    /// Changes with every write, but not with a status.
    version: String,
    spec: Value,
}

impl Stamp {
    fn of(copy: &Value) -> Self {
        // Kinds without a status have no generation either.
        let version = match number(copy, "/metadata/generation") {
            0 => text(copy, "/metadata/resourceVersion").to_owned(),
            generation => format!("generation {generation}"),
        };
        Self {
            uid: text(copy, "/metadata/uid").to_owned(),
            version,
            spec: copy.get("spec").cloned().unwrap_or_default(),
        }
    }
}

impl World {
    /// The copy in each member.
    async fn copies(&self, target: &Target) -> Outcome<Vec<Option<Value>>> {
        let mut copies = Vec::new();
        for member in self.members() {
            copies.push(member.find(target).await?);
        }
        Ok(copies)
    }

    /// The replicas of a workload in each member; 0 where there is no copy: none is made for no replicas.
    pub(crate) async fn shares(&self, target: &Target) -> Outcome<Vec<i64>> {
        let mut shares = Vec::new();
        for copy in self.copies(target).await? {
            let share = copy.map(|copy| number(&copy, "/spec/replicas"));
            expect(share != Some(0), "no copy without replicas", target)?;
            shares.push(share.unwrap_or(0));
        }
        Ok(shares)
    }

    /// Waits until each member has so many replicas of a workload, all of them run, and the host says so.
    pub(crate) async fn until_shares(&self, target: &Target, wanted: &[i64]) -> Outcome {
        let what = format!("{target} has {wanted:?} replicas in the members");
        let waiting = until(&what, async || match self.shares(target).await {
            Ok(shares) if shares == wanted => Look::Seen(()),
            Ok(shares) => Look::NotYet(format!("{shares:?}")),
            Err(error) => Look::NotYet(error.to_string()),
        });
        self.host().with_events(target, waiting.await).await?;
        let ready = |source: &Value| has_ready(source, wanted.iter().sum());
        self.host()
            .until(target, "is ready as a whole", ready)
            .await?;
        self.until_propagated(target).await?;
        let shares = self.shares(target).await?;
        expect_equal(&format!("the shares of {target}"), &&*shares, &wanted)
    }

    /// Waits until these members have a copy and no others, and the host says so.
    pub(crate) async fn until_in(&self, target: &Target, wanted: &[&Place]) -> Outcome {
        let wanted: Vec<&str> = wanted.iter().map(|member| &*member.name).collect();
        let what = format!("{target} is in {wanted:?}");
        let waiting = until(&what, async || match self.whereabouts(target).await {
            Ok(found) if found == wanted => Look::Seen(()),
            Ok(found) => Look::NotYet(format!("it is in {found:?}")),
            Err(error) => Look::NotYet(error.to_string()),
        });
        self.host().with_events(target, waiting.await).await?;
        self.until_propagated(target).await?;
        let found = self.whereabouts(target).await?;
        expect_equal(&format!("the members with {target}"), &found, &wanted)
    }

    /// The members that have a copy.
    async fn whereabouts(&self, target: &Target) -> Outcome<Vec<&str>> {
        let copies = self.copies(target).await?;
        let members = self.members().iter().zip(copies);
        Ok(members
            .filter_map(|(member, copy)| copy.map(|_| &*member.name))
            .collect())
    }

    /// How the copies are now.
    pub(crate) async fn stamps(&self, target: &Target) -> Outcome<Stamps> {
        let copies = self.copies(target).await?;
        let members = self.members().iter().zip(copies);
        let stamps = members.filter_map(|(member, copy)| {
            let stamp = Stamp::of(&copy?);
            Some((member.name.clone(), stamp))
        });
        Ok(Stamps(stamps.collect()))
    }

    /// Fails unless the copies in these members are those of before, and nobody wrote them.
    pub(crate) async fn untouched<'a>(
        &self,
        target: &Target,
        before: &Stamps,
        members: impl IntoIterator<Item = &'a Place>,
    ) -> Outcome {
        self.compared(target, before, members, |stamp| &stamp.version)
            .await
    }

    /// Fails unless the copies in these members are those of before and do the same: where the source changes, each copy
    /// is told of that.
    pub(crate) async fn unmoved<'a>(
        &self,
        target: &Target,
        before: &Stamps,
        members: impl IntoIterator<Item = &'a Place>,
    ) -> Outcome {
        self.compared(target, before, members, |stamp| &stamp.spec)
            .await
    }

    async fn compared<'a, V: PartialEq + std::fmt::Debug>(
        &self,
        target: &Target,
        before: &Stamps,
        members: impl IntoIterator<Item = &'a Place>,
        aspect: fn(&Stamp) -> &V,
    ) -> Outcome {
        let after = self.stamps(target).await?;
        for member in members {
            let [before, now] = [before, &after].map(|stamps| {
                let stamp = stamps.0.get(&member.name);
                stamp.map(|stamp| (&stamp.uid, aspect(stamp)))
            });
            let what = format!("{target} in {} as before", member.name);
            expect(before.is_some(), format!("{what}: there before"), before)?;
            expect_equal(&what, &now, &before)?;
        }
        Ok(())
    }

    /// What the last decision about an object rests on; see [`World::until_decided_again`].
    pub(crate) async fn basis(&self, target: &Target) -> Outcome<String> {
        let federated = self.host().get(&target.federated()).await?;
        Ok(basis(&federated).to_owned())
    }

    /// Waits until an object was decided about on another basis, and what came of it is in the members.
    pub(crate) async fn until_decided_again(&self, target: &Target, before: &str) -> Outcome {
        let anew = |federated: &Value| basis(federated) != before;
        let federated = target.federated();
        self.host()
            .until(&federated, "is decided about again", anew)
            .await?;
        self.until_propagated(target).await.map(drop)
    }

    /// Waits until it is written down why an object is not decided about again.
    pub(crate) async fn until_deferred(&self, target: &Target, reason: &str) -> Outcome {
        let deferred =
            |federated: &Value| annotation(federated, SCHEDULING_DEFERRED_REASONS) == Some(reason);
        let federated = target.federated();
        self.host()
            .until(&federated, &format!("is deferred by {reason}"), deferred)
            .await
            .map(drop)
    }
}

fn basis(federated: &Value) -> &str {
    annotation(federated, SCHEDULING_TRIGGERS).unwrap_or_default()
}
