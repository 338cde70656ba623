//! Calls of scheduler webhooks: how many, how they ended and how long they took.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::RESULTS;

/// A webhook, what it was asked for, and how that ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    webhook: String,
    point: &'static str,
    result: &'static str,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Webhook {
    webhook: String,
}

/// What webhooks are asked for.
const POINTS: [&str; 3] = ["filter", "score", "select"];
/// Most answer in milliseconds; five seconds is what a configuration allows by itself.
const SECONDS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 30.0];

/// See the module.
#[derive(Debug)]
pub(super) struct WebhookMetrics {
    calls: Family<Call, Counter>,
    durations: Family<Webhook, Histogram, fn() -> Histogram>,
}

impl WebhookMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let calls = Family::default();
        registry.register(
            "scheduler_webhook_calls",
            "Calls of scheduler webhooks by result",
            calls.clone(),
        );
        let durations: Family<Webhook, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register_with_unit(
            "scheduler_webhook_call_duration",
            "How long calls of scheduler webhooks took",
            Unit::Seconds,
            durations.clone(),
        );
        Self { calls, durations }
    }

    pub(super) fn called(
        &self,
        webhook: &str,
        point: &'static str,
        succeeded: bool,
        took: Duration,
    ) {
        let [success, error] = RESULTS;
        let call = Call {
            webhook: webhook.to_owned(),
            point,
            result: if succeeded { success } else { error },
        };
        self.calls.get_or_create(&call).inc();
        let webhook = call.webhook;
        let durations = self.durations.get_or_create(&Webhook { webhook });
        durations.observe(took.as_secs_f64());
    }

    /// Its configuration is gone.
    pub(super) fn forget(&self, webhook: &str) {
        for point in POINTS {
            for result in RESULTS {
                self.calls.remove(&Call {
                    webhook: webhook.to_owned(),
                    point,
                    result,
                });
            }
        }
        self.durations.remove(&Webhook {
            webhook: webhook.to_owned(),
        });
    }
}
