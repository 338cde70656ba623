//! The gauges of global quotas, in whole units of each resource (processors in thousandths).

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A quota and a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QuotaResource {
    quota: String,
    resource: String,
}

/// A quota.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QuotaLabel {
    quota: String,
}

/// What is told of one resource of one quota.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuotaFigures {
    pub(crate) quota: String,
    pub(crate) resource: String,
    /// None: no limit of its own.
    pub(crate) limit: Option<i64>,
    pub(crate) guaranteed: i64,
    pub(crate) used: i64,
    pub(crate) reserved: i64,
    pub(crate) borrowed: i64,
    pub(crate) lent: i64,
}

type Gauges = Family<QuotaResource, Gauge>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct QuotaMetrics {
    limit: Gauges,
    guaranteed: Gauges,
    used: Gauges,
    reserved: Gauges,
    borrowed: Gauges,
    lent: Gauges,
    over: Gauges,
    pending: Family<QuotaLabel, Gauge>,
}

impl QuotaMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for (name, help, gauges) in [
            ("limit", "The most that may be used", &metrics.limit),
            (
                "guaranteed",
                "What nobody else can take away",
                &metrics.guaranteed,
            ),
            ("used", "What is charged and admitted", &metrics.used),
            (
                "reserved",
                "What of it is admitted and not written yet",
                &metrics.reserved,
            ),
            (
                "borrowed",
                "What is used beyond the guarantee",
                &metrics.borrowed,
            ),
            ("lent", "What others use of the guarantee", &metrics.lent),
            (
                "overcommit",
                "What is used beyond the limit: above 0 only after a limit was lowered or what ran before was counted",
                &metrics.over,
            ),
        ] {
            registry.register(format!("global_quota_{name}"), help, gauges.clone());
        }
        registry.register(
            "global_quota_pending_objects",
            "Objects that wait for room",
            metrics.pending.clone(),
        );
        metrics
    }

    /// All that there is; what is not among it has gone.
    pub(super) fn set(&self, figures: &[QuotaFigures], pending: &[(String, i64)]) {
        let all = [
            &self.limit,
            &self.guaranteed,
            &self.used,
            &self.reserved,
            &self.borrowed,
            &self.lent,
            &self.over,
        ];
        all.iter().for_each(|gauges| gauges.clear());
        self.pending.clear();
        for one in figures {
            let label = QuotaResource {
                quota: one.quota.clone(),
                resource: one.resource.clone(),
            };
            let set = |gauges: &Gauges, amount: i64| {
                gauges.get_or_create(&label).set(amount);
            };
            if let Some(limit) = one.limit {
                set(&self.limit, limit);
                set(&self.over, one.used.saturating_sub(limit).max(0));
            }
            set(&self.guaranteed, one.guaranteed);
            set(&self.used, one.used);
            set(&self.reserved, one.reserved);
            set(&self.borrowed, one.borrowed);
            set(&self.lent, one.lent);
        }
        for (quota, objects) in pending {
            let label = QuotaLabel {
                quota: quota.clone(),
            };
            self.pending.get_or_create(&label).set(*objects);
        }
    }
}
