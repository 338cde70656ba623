//! The stories, a file each, and the list of all of them. A new story is a file (with its `mod` line) and a line in
//! the list; its test follows from that line.

mod adopt;
mod affinity;
mod apply;
mod automatic_migration;
mod bad_override;
mod bad_placement;
mod bad_policy;
mod binpack;
mod bounds;
mod burst;
mod by_hand;
mod cluster_joined;
mod custom_migration;
mod custom_resource;
mod delete;
mod divide;
mod drift;
mod duplicate;
mod dynamic_weights;
mod explain;
mod failing_member;
mod followers;
mod harbour;
mod job;
mod killed;
mod label_removed;
mod manifests;
mod max_clusters;
mod member_down;
mod namespace;
mod orphan;
mod override_policy;
mod policy_change;
mod priorities;
mod profile;
mod quota;
mod quota_burst;
mod requests;
mod restart;
mod room;
mod scale;
mod status;
mod sticky;
mod taints;
mod update;
mod webhook;

use std::rc::Rc;

use futures::future::LocalBoxFuture;

pub use crate::backend::Need;
use crate::backend::{self, Backend};
use crate::failure::Outcome;
use crate::world::{World, missing};

/// A story: what a user does and sees.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, and that of its test.
    pub name: &'static str,
    /// What the backend must be able to do.
    pub needs: &'static [Need],
    tell: Story,
}

/// How a story is told to a world.
type Story = for<'world> fn(&'world World) -> LocalBoxFuture<'world, Outcome>;

/// How a story ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// To its end.
    Through,
    /// Not at all: the backend lacks this.
    Skipped(Need),
}

macro_rules! stories {
    ($($name:ident, $needs:expr, $story:path;)*) => {
        /// Every story.
        pub static ALL: &[Scenario] = &[
            $(Scenario { name: stringify!($name), needs: $needs, tell: |world| Box::pin($story(world)) },)*
        ];
    };
}

stories! {
    apply, &[], apply::an_application;
    scale, &[], scale::up_and_down;
    update, &[], update::a_new_image;
    divide_by_weight, &[], divide::by_weight;
    divide_within_limits, &[], divide::within_limits;
    dynamic_weights, &[Need::Alone], dynamic_weights::by_what_is_left;
    binpack, &[], binpack::fills_one_after_the_other;
    priorities, &[], priorities::choose_clusters;
    max_clusters, &[], max_clusters::of_a_policy_and_an_object;
    affinity, &[Need::Alone], affinity::by_labels_and_names;
    taints, &[Need::Alone], taints::keep_and_drive_out;
    profile, &[], profile::without_plugins;
    profile_scores, &[Need::Alone], profile::with_other_scores;
    burst, &[], burst::fills_the_room;
    duplicate, &[], duplicate::to_named_members;
    override_for_one_member, &[], override_policy::for_one_member;
    drift_is_put_back, &[], drift::is_put_back;
    drift_of_others_is_kept, &[], drift::of_others_is_kept;
    adopt_when_asked, &[], adopt::when_asked;
    conflict, &[], adopt::not_when_not_asked;
    delete, &[], delete::copies_go_first;
    orphan, &[], orphan::copies_stay;
    member_down_and_back, &[Need::Partition], member_down::and_back;
    withdrawn_while_down, &[Need::Partition], member_down::withdrawn_meanwhile;
    automatic_migration, &[Need::Alone], automatic_migration::away_and_back;
    automatic_migration_while_down, &[Need::Partition], automatic_migration::not_while_down;
    migration_that_limits, &[], custom_migration::limits_replicas;
    migration_for_a_time, &[], custom_migration::leaves_a_cluster_for_a_time;
    sticky, &[], sticky::stays_until_let_go;
    no_scheduling, &[], sticky::without_scheduling;
    cluster_joined, &[Need::Alone], cluster_joined::later;
    bounds, &[Need::Controllers], bounds::of_annotations;
    plan_and_explain, &[], explain::what_was_planned;
    policy_change, &[], policy_change::moves_what_it_names;
    label_removed, &[], label_removed::withdraws;
    custom_resource, &[Need::Alone], custom_resource::is_propagated_like_any;
    job, &[], job::runs_once;
    written_by_hand, &[], by_hand::is_scheduled_too;
    followers, &[], followers::of_each_kind;
    namespace, &[], namespace::follows_its_content;
    status_is_true, &[], status::is_true;
    restart_writes_nothing, &[Need::Controllers, Need::RequestLog], restart::writes_nothing;
    crash_in_the_middle, &[Need::Controllers], restart::crash_in_the_middle;
    federated_objects_made_anew, &[Need::Controllers, Need::RequestLog], restart::federated_objects_made_anew;
    killed_ten_times, &[Need::Controllers, Need::RequestLog], killed::ten_times;
    requests_of_a_new_object, &[Need::RequestLog], requests::of_a_new_object;
    bad_policy_is_refused, &[], bad_policy::is_refused_by_the_api;
    policy_that_comes_later, &[], bad_policy::that_comes_later;
    policy_that_goes, &[], bad_policy::that_goes_evicts_nothing;
    unknown_cluster, &[], bad_placement::of_an_unknown_cluster;
    unreadable_annotation, &[], bad_placement::in_an_annotation_that_cannot_be_read;
    override_that_fails, &[], bad_override::leaves_what_runs;
    member_answers_500, &[Need::Faults], failing_member::answers_500;
    member_rejects_an_object, &[Need::Alone], failing_member::rejects_an_object;
    immutable_field, &[], failing_member::has_an_immutable_field;
    webhook_fails_in_the_middle, &[], webhook::fails_and_comes_back;
    webhook_edited, &[], webhook::edits_count_at_once;
    quota_waits_in_order, &[], quota::those_who_wait_come_in_order;
    quota_borrow, &[], quota::what_is_idle_is_borrowed;
    quota_cap_of_a_cluster, &[], quota::a_cap_of_a_cluster_shapes_the_division;
    quota_template, &[], quota::a_template_over_the_limit_reaches_no_member;
    quota_duplicate, &[], quota::duplicate_over_the_limit_reaches_no_member;
    quota_partial, &[], quota::a_part_runs_where_that_is_asked;
    quota_lowered, &[], quota::a_limit_below_what_is_used_kills_nothing;
    quota_wrong, &[], quota::a_wrong_quota_says_so;
    quota_burst, &[], quota_burst::exactly_what_fits;
    harbour, &[], harbour::is_ready_everywhere;
}

impl Scenario {
    /// Whether no other story may play in the same clusters meanwhile.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        !self.needs.is_empty()
    }

    /// Plays it: on a backend that stories share, or on one of its own.
    pub(crate) async fn play(&self, shared: Option<Rc<dyn Backend>>) -> Outcome<Played> {
        if let Some(backend) = shared {
            return self.play_on(backend).await;
        }
        let backend = backend::own().await?;
        let played = self.play_on(Rc::clone(&backend)).await;
        let left = backend.stop().await.into_iter().next();
        played.and_then(|played| left.map_or(Ok(played), Err))
    }

    async fn play_on(&self, backend: Rc<dyn Backend>) -> Outcome<Played> {
        if let Some(need) = missing(&*backend, self.needs) {
            return Ok(Played::Skipped(need));
        }
        let world = World::new(backend, self.name).await?;
        let told = (self.tell)(&world).await;
        let ended = world.end(self.is_alone()).await;
        told.and(ended).map(|()| Played::Through)
    }
}
