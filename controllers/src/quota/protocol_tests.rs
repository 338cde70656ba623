//! Single ways through the protocol. What holds on all of them is in `model`.

use super::protocol::{Action, Content, Event, Other, Protocol, Stored, Version, Why};
use super::*;

type Actions = Vec<Action<u16>>;

fn version(text: &str) -> Version {
    Version(text.into())
}

fn content(epoch: i64, holder: &str, open: impl IntoIterator<Item = u16>) -> Content<u16> {
    Content {
        epoch,
        holder: holder.into(),
        open: open.into_iter().collect(),
    }
}

fn write(base: Option<&str>, content: Content<u16>) -> Action<u16> {
    let base = base.map(version);
    Action::Write { base, content }
}

fn read(at: &str, content: Content<u16>) -> Event<u16> {
    let version = version(at);
    Event::Read(Some(Stored { version, content }))
}

/// The protocol of `me` after some events; what they led to is looked at elsewhere.
fn after(events: impl IntoIterator<Item = Event<u16>>) -> Protocol<u16> {
    let mut protocol = Protocol::new("me".into());
    for event in events {
        protocol.take(event);
    }
    protocol
}

/// It leads, and has written the ledger with the name 1 in it, whose write is under way.
fn leading() -> Protocol<u16> {
    after([
        Event::TakeOver,
        Event::Read(None),
        Event::Open(1),
        Event::Written(version("a")),
    ])
}

#[test]
fn without_a_ledger_nothing_is_written_until_something_grows() {
    let mut me = after([]);
    assert_eq!(me.take(Event::TakeOver), [Action::Read]);
    assert_eq!(me.take(Event::Read(None)), [Action::Ready]);
    assert_eq!(
        me.take(Event::Open(1)),
        [write(None, content(1, "me", [1]))]
    );
    assert_eq!(me.take(Event::Written(version("a"))), [Action::Opened(1)]);
    assert_eq!(me.open_count(), 1);
}

#[test]
fn of_two_that_create_the_ledger_one_learns_that_the_other_leads() {
    let mut me = after([Event::TakeOver, Event::Read(None), Event::Open(1)]);
    assert_eq!(me.take(Event::Conflict), [Action::Read]);
    let other = Other {
        holder: "you".into(),
        epoch: 1,
    };
    me.take(Event::Open(2));
    assert_eq!(
        me.take(read("a", content(1, "you", []))),
        [
            Action::Declined(1, Why::Lost(other.clone())),
            Action::Declined(2, Why::Lost(other.clone())),
            Action::Lost(other.clone()),
        ]
    );
    assert_eq!(
        me.take(Event::Open(3)),
        [Action::Declined(3, Why::Lost(other))]
    );
}

#[test]
fn a_take_over_claims_fences_and_then_leads() {
    let mut me = after([Event::TakeOver]);
    assert_eq!(
        me.take(read("a", content(4, "you", [1, 2]))),
        [write(Some("a"), content(5, "me", [1, 2]))]
    );
    // The old one was still at it.
    assert_eq!(me.take(Event::Conflict), [Action::Read]);
    assert_eq!(
        me.take(read("b", content(4, "you", [2, 3]))),
        [write(Some("b"), content(5, "me", [2, 3]))]
    );
    assert_eq!(
        me.take(Event::Written(version("c"))),
        [Action::Fence(2), Action::Fence(3)]
    );
    assert_eq!(
        me.take(Event::Open(9)),
        [Action::Declined(9, Why::NotReady)]
    );
    assert_eq!(me.take(Event::Fenced(3)), []);
    assert_eq!(me.take(Event::Fenced(2)), [Action::Ready]);
    assert_eq!(
        me.take(Event::Open(9)),
        [write(Some("c"), content(5, "me", [9]))]
    );
}

#[test]
fn a_claim_without_an_answer_is_looked_for() {
    let mut me = after([Event::TakeOver, read("a", content(4, "you", [1]))]);
    assert_eq!(me.take(Event::Unanswered), [Action::Rest]);
    assert_eq!(me.take(Event::Rested), [Action::Read]);
    assert_eq!(
        me.take(read("b", content(5, "me", [1]))),
        [Action::Fence(1)]
    );
    assert_eq!(me.take(Event::Fenced(1)), [Action::Ready]);
}

#[test]
fn names_gather_while_a_write_is_under_way() {
    let mut me = leading();
    me.take(Event::Open(2));
    assert_eq!(me.take(Event::Open(3)), []);
    assert_eq!(me.take(Event::Open(4)), []);
    assert_eq!(me.take(Event::Abandoned(4)), []);
    assert_eq!(me.take(Event::Settled(1)), []);
    assert_eq!(
        me.take(Event::Written(version("b"))),
        [
            Action::Opened(2),
            write(Some("b"), content(1, "me", [2, 3]))
        ]
    );
    // Its answer says nothing of a name that was given up and asked for again: the object was read after it was sent.
    me.take(Event::Abandoned(3));
    me.take(Event::Open(3));
    assert_eq!(
        me.take(Event::Written(version("c"))),
        [write(Some("c"), content(1, "me", [2, 3]))]
    );
}

#[test]
fn a_name_that_stands_there_is_written_once_more() {
    let mut me = leading();
    me.take(Event::Settled(1));
    assert_eq!(
        me.take(Event::Open(1)),
        [write(Some("a"), content(1, "me", [1]))]
    );
}

#[test]
fn an_object_with_a_write_that_is_not_settled_is_not_opened() {
    let mut me = leading();
    let declined: Actions = vec![Action::Declined(1, Why::Unsettled)];
    assert_eq!(me.take(Event::Open(1)), declined);
    me.take(Event::Doubted(1));
    assert!(me.in_doubt(&1));
    assert_eq!(me.take(Event::Open(1)), declined);
    me.take(Event::Settled(1));
    assert!(!me.in_doubt(&1));
    assert_ne!(me.take(Event::Open(1)), declined);
    // Nor one that waits.
    assert_eq!(me.take(Event::Open(1)), declined);
}

#[test]
fn a_write_without_an_answer_may_have_been_carried_out_or_not() {
    let unanswered = || {
        let mut me = leading();
        me.take(Event::Open(2));
        assert_eq!(me.take(Event::Unanswered), [Action::Rest]);
        assert_eq!(me.take(Event::Rested), [Action::Read]);
        me
    };
    assert_eq!(
        unanswered().take(read("b", content(1, "me", [1, 2]))),
        [Action::Opened(2)]
    );
    // Not yet: the next one is for the same state, so that one of the two at most is carried out.
    let mut me = unanswered();
    me.take(Event::Open(3));
    assert_eq!(
        me.take(read("a", content(1, "me", [1]))),
        [write(Some("a"), content(1, "me", [1, 2, 3]))]
    );
    assert_eq!(me.take(Event::Conflict), [Action::Read]);
    assert_eq!(
        me.take(read("b", content(1, "me", [1, 2]))),
        [
            Action::Opened(2),
            write(Some("b"), content(1, "me", [1, 2, 3]))
        ]
    );
}

#[test]
fn who_waits_is_told_when_the_ledger_cannot_be_read_or_written() {
    let mut me = leading();
    me.take(Event::Open(2));
    me.take(Event::Open(3));
    assert_eq!(
        me.take(Event::Refused),
        [
            Action::Declined(2, Why::Failed),
            Action::Declined(3, Why::Failed),
            Action::Rest
        ]
    );
    assert_eq!(me.take(Event::Open(4)), []);
    assert_eq!(me.take(Event::Rested), [Action::Read]);
    assert_eq!(
        me.take(Event::Unanswered),
        [Action::Declined(4, Why::Failed), Action::Rest]
    );
    assert_eq!(me.take(Event::Rested), []);
    assert_eq!(me.take(Event::Open(5)), [Action::Read]);
    assert_eq!(
        me.take(read("a", content(1, "me", [1]))),
        [write(Some("a"), content(1, "me", [1, 5]))]
    );
}

#[test]
fn a_ledger_that_was_deleted_is_written_anew_with_all_that_is_open() {
    let mut me = leading();
    me.take(Event::Open(2));
    assert_eq!(me.take(Event::Conflict), [Action::Read]);
    assert_eq!(
        me.take(Event::Read(None)),
        [write(None, content(1, "me", [1, 2]))]
    );
}

#[test]
fn no_more_names_stand_there_than_the_next_leader_can_fence_soon() {
    let most = u16::try_from(OPEN_MAX).unwrap();
    let mut me = leading();
    me.take(Event::Open(2));
    for name in 3..=most + 1 {
        me.take(Event::Open(name));
    }
    me.take(Event::Written(version("b")));
    let actions = me.take(Event::Written(version("c")));
    assert_eq!(me.open_count(), OPEN_MAX);
    assert_eq!(actions.len(), OPEN_MAX - 2);
    assert_eq!(
        me.take(Event::Settled(1)),
        [write(Some("c"), content(1, "me", 2..=most + 1))]
    );
}
