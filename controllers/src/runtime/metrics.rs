//! What is counted, under the prefix `navarch_`. Labels are clusters, rooms and outcomes, never object names.

mod quota;
mod webhook;

use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub(crate) use quota::QuotaFigures;
use quota::QuotaMetrics;
use webhook::WebhookMetrics;

/// One room and how its work ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RoomOutcome {
    room: &'static str,
    result: &'static str,
}

/// One member and what was done there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct MemberAction {
    cluster: String,
    action: &'static str,
    result: &'static str,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct MemberLabel {
    cluster: String,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    result: &'static str,
}

/// What is done in members.
const MEMBER_ACTIONS: [&str; 3] = ["apply", "release", "delete"];
const RESULTS: [&str; 2] = ["success", "error"];

/// The metrics of one manager.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    reconciles: Family<RoomOutcome, Counter>,
    member_actions: Family<MemberAction, Counter>,
    member_ready: Family<MemberLabel, Gauge>,
    leader: Gauge,
    quotas: QuotaMetrics,
    ledger_writes: Family<Outcome, Counter>,
    ledger_open: Gauge,
    webhooks: WebhookMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("navarch");
        let reconciles = Family::default();
        registry.register(
            "reconciles",
            "Reconciles by room and result",
            reconciles.clone(),
        );
        let member_actions = Family::default();
        registry.register(
            "member_actions",
            "Requests that change members",
            member_actions.clone(),
        );
        let member_ready = Family::default();
        registry.register(
            "member_ready",
            "1 if the member answers",
            member_ready.clone(),
        );
        let leader = Gauge::default();
        registry.register("leader", "1 if this process leads", leader.clone());
        let quotas = QuotaMetrics::new(&mut registry);
        let ledger_writes = Family::default();
        registry.register(
            "quota_ledger_writes",
            "Writes of the quota ledger; conflicts tell of another leader",
            ledger_writes.clone(),
        );
        let ledger_open = Gauge::default();
        registry.register(
            "quota_ledger_open",
            "Federated objects that may be growing under a quota",
            ledger_open.clone(),
        );
        let webhooks = WebhookMetrics::new(&mut registry);
        Self {
            registry,
            reconciles,
            member_actions,
            member_ready,
            leader,
            quotas,
            ledger_writes,
            ledger_open,
            webhooks,
        }
    }

    pub(crate) fn reconciled(&self, room: &'static str, result: &'static str) {
        self.reconciles
            .get_or_create(&RoomOutcome { room, result })
            .inc();
    }

    pub(crate) fn member_action(&self, cluster: &str, action: &'static str, succeeded: bool) {
        let [success, error] = RESULTS;
        let result = if succeeded { success } else { error };
        let label = MemberAction {
            cluster: cluster.to_owned(),
            action,
            result,
        };
        self.member_actions.get_or_create(&label).inc();
    }

    pub(crate) fn set_member_ready(&self, cluster: &str, ready: bool) {
        let label = MemberLabel {
            cluster: cluster.to_owned(),
        };
        self.member_ready
            .get_or_create(&label)
            .set(i64::from(ready));
    }

    pub(crate) fn forget_member(&self, cluster: &str) {
        self.member_ready.remove(&MemberLabel {
            cluster: cluster.to_owned(),
        });
        for action in MEMBER_ACTIONS {
            for result in RESULTS {
                self.member_actions.remove(&MemberAction {
                    cluster: cluster.to_owned(),
                    action,
                    result,
                });
            }
        }
    }

    pub(crate) fn set_leader(&self, leader: bool) {
        self.leader.set(i64::from(leader));
    }

    pub(crate) fn set_quotas(&self, figures: &[QuotaFigures], pending: &[(String, i64)]) {
        self.quotas.set(figures, pending);
    }

    pub(crate) fn ledger_written(&self, result: &'static str) {
        self.ledger_writes.get_or_create(&Outcome { result }).inc();
    }

    pub(crate) fn set_ledger_open(&self, open: usize) {
        self.ledger_open
            .set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// A scheduler webhook was asked at a point (`filter`, `score`, `select`).
    pub(crate) fn webhook_called(
        &self,
        webhook: &str,
        point: &'static str,
        succeeded: bool,
        took: Duration,
    ) {
        self.webhooks.called(webhook, point, succeeded, took);
    }

    pub(crate) fn forget_webhook(&self, webhook: &str) {
        self.webhooks.forget(webhook);
    }

    /// The text that `/metrics` answers.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            text.clear();
            let _ = writeln!(text, "# metrics could not be encoded: {error}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_appear_with_prefix_and_total() {
        let metrics = Metrics::new();
        metrics.reconciled("propagate", "success");
        metrics.member_action("m1", "apply", true);
        let text = metrics.render();
        assert!(text.contains("navarch_reconciles_total{room=\"propagate\",result=\"success\"} 1"));
        assert!(text.contains("cluster=\"m1\""));
        metrics.forget_member("m1");
        assert!(!metrics.render().contains("cluster=\"m1\""));
        metrics.webhook_called("cheap", "filter", false, Duration::from_millis(3));
        let text = metrics.render();
        for line in [
            "navarch_scheduler_webhook_calls_total{webhook=\"cheap\",point=\"filter\",result=\"error\"} 1",
            "navarch_scheduler_webhook_call_duration_seconds_count{webhook=\"cheap\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        metrics.forget_webhook("cheap");
        assert!(!metrics.render().contains("cheap"));
    }
}
