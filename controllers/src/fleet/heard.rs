//! When a member was last heard, for decisions that must not rest on what was true before it fell silent: a pod that
//! waited for a node when the connection broke may long have one. Asked for at need, once for all who ask at a time.

use std::collections::BTreeSet;
use std::sync::Mutex;

use jiff::Timestamp;

use crate::runtime::key::Key;
use crate::runtime::locked;

/// When a member was last heard, and who waits to know.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Timestamp>,
    /// `None`: it is not being asked.
    asking: Option<BTreeSet<Key>>,
}

impl Heard {
    /// It said at this time that it is well.
    pub(crate) fn set(&self, at: Timestamp) {
        let mut state = locked(&self.state);
        state.last = state.last.max(Some(at));
    }

    pub(crate) fn last(&self) -> Option<Timestamp> {
        locked(&self.state).last
    }

    /// `key` is to be told when it was asked again. `true`: the caller is to ask.
    pub(crate) fn await_answer(&self, key: Key) -> bool {
        let mut state = locked(&self.state);
        let begun = state.asking.is_none();
        state.asking.get_or_insert_default().insert(key);
        begun
    }

    /// The asking is over; whoever waited for it.
    pub(crate) fn answered(&self) -> BTreeSet<Key> {
        locked(&self.state).asking.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_once_for_all_who_wait() {
        let heard = Heard::default();
        let keys = ["a", "b"].map(|name| Key::new(None, name));
        assert!(heard.await_answer(keys[0].clone()));
        assert!(!heard.await_answer(keys[1].clone()));
        assert_eq!(heard.answered(), BTreeSet::from(keys.clone()));
        assert!(heard.await_answer(keys[0].clone()));
        let at = |second| Timestamp::from_second(second).unwrap();
        heard.set(at(5));
        heard.set(at(4));
        assert_eq!(heard.last(), Some(at(5)));
    }
}
