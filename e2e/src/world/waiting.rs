//! Waiting for what is promised: a look every few milliseconds, an end after which the last look is the answer.

use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// Nothing that is promised takes longer, on two busy cores in a debug build.
pub(crate) const WAIT_SECONDS: u64 = 30;
/// Between two looks.
const PERIOD: Duration = Duration::from_millis(40);

/// What one look found.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// It has come true.
    Seen(T),
    /// It has not; what was there instead.
    NotYet(String),
}

/// Looks until it has come true.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFnMut() -> Look<T>) -> Outcome<T> {
    until_within(WAIT_SECONDS, what, look).await
}

/// The same for what takes longer, because there is so much of it.
pub(crate) async fn until_within<T>(
    seconds: u64,
    what: &str,
    mut look: impl AsyncFnMut() -> Look<T>,
) -> Outcome<T> {
    let mut last = "nothing".to_owned();
    let looking = async {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match look().await {
                Look::Seen(found) => return found,
                Look::NotYet(seen) => last = seen,
            }
        }
    };
    match tokio::time::timeout(Duration::from_secs(seconds), looking).await {
        Ok(found) => Ok(found),
        Err(_elapsed) => Err(Failure::TimedOut {
            what: what.to_owned(),
            seconds,
            seen: last,
            events: String::new(),
        }),
    }
}
