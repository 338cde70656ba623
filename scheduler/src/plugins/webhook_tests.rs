//! Tests of `webhook`: what is asked in which order, and what follows from the answers.

use navarch_crds::v1alpha1::SchedulingProfileSpec;
use serde_json::json;

use super::*;
use crate::framework::cycle::schedule;
use crate::framework::profile::Profile;
use crate::framework::registry::Registry;
use crate::placement::{Decision, Outcome};
use crate::plugins::fixtures::{NOW, cluster, unit};
use crate::snapshot::Snapshot;
use crate::unit::Features;
use crate::verdict::Broken;

fn snapshot(names: &[&str]) -> Snapshot {
    Snapshot::new(names.iter().map(|name| Arc::new(cluster(name).build())), 0)
}

/// A profile with `first` and `second` at every point.
fn profile(answers: &Answers) -> Profile {
    let both = json!({ "enabled": [{ "name": "first" }, { "name": "second" }] });
    let spec = json!({ "plugins": { "filter": both, "score": both, "select": both } });
    let spec: SchedulingProfileSpec = serde_json::from_value(spec).unwrap();
    let hooks = ["first", "second"].map(|name| Webhook::registered(name, answers));
    let registry = Registry::with(hooks).unwrap();
    Profile::merge_with(&registry, Some(&spec), Features::default()).unwrap()
}

fn shown(question: &Question) -> String {
    match &question.ask {
        Ask::Filter(cluster) => format!("{} filter {cluster}", question.plugin),
        Ask::Score(cluster) => format!("{} score {cluster}", question.plugin),
        Ask::Select(asked) => {
            let names: Vec<String> = asked
                .iter()
                .map(|(name, score)| format!("{name}={score}"))
                .collect();
            format!("{} select {}", question.plugin, names.join(","))
        }
    }
}

/// Decides with somebody who answers; also what was asked, round by round.
fn rounds(
    names: &[&str],
    say: impl Fn(&Question) -> Answered,
) -> (Result<Decision, Broken>, Vec<Vec<String>>) {
    let (answers, unit, snapshot) = (Answers::default(), unit().build(), snapshot(names));
    let profile = profile(&answers);
    let mut asked = Vec::new();
    loop {
        let outcome = schedule(&unit, &snapshot, &profile, NOW);
        let wanted = answers.wanted();
        if wanted.is_empty() {
            return (outcome, asked);
        }
        asked.push(wanted.iter().map(shown).collect());
        for question in wanted {
            let answer = say(&question);
            answers.put(question, answer);
        }
    }
}

fn agreeable(question: &Question) -> Answered {
    Ok(match &question.ask {
        Ask::Filter(_) => Answer::Fits,
        Ask::Score(_) => Answer::Score(7),
        Ask::Select(asked) => {
            Answer::Chosen(asked.iter().map(|(name, _)| name.to_string()).collect())
        }
    })
}

#[test]
fn later_points_are_asked_when_earlier_ones_have_answered_and_only_about_what_passed() {
    let (outcome, asked) = rounds(&["a", "b", "c"], |question| match &question.ask {
        Ask::Filter(cluster) if cluster.as_str() == "b" && &*question.plugin == "first" => {
            Ok(Answer::Refused(None))
        }
        _ => agreeable(question),
    });
    let decision = outcome.unwrap();
    let expected: [&[&str]; 5] = [
        &["first filter a", "first filter b", "first filter c"],
        &["second filter a", "second filter c"],
        &[
            "first score a",
            "first score c",
            "second score a",
            "second score c",
        ],
        &["first select a=400,c=400"],
        &["second select a=400,c=400"],
    ];
    let expected: Vec<Vec<String>> = expected
        .iter()
        .map(|round| round.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(asked.len(), expected.len(), "{asked:?}");
    assert_eq!(asked[..3], expected[..3]);
    assert!(asked[3][0].starts_with("first select a="), "{asked:?}");
    assert!(asked[4][0].starts_with("second select a="), "{asked:?}");
    let placed: Vec<&str> = decision.placement.keys().map(ClusterName::as_str).collect();
    assert_eq!(placed, ["a", "c"]);
    assert_eq!(
        decision.rejected().next().unwrap().1.reason.summary(),
        "refused by the webhook first"
    );
}

#[test]
fn a_failure_at_any_point_fails_the_decision() {
    for (name, fails) in [("filter", 0), ("score", 1), ("select", 2)] {
        let (outcome, _) = rounds(&["a", "b"], |question| {
            if question.ask.point() == fails && &*question.plugin == "second" {
                Err(PluginError("timed out".into()))
            } else {
                agreeable(question)
            }
        });
        let broken = outcome.unwrap_err();
        assert_eq!(broken.plugin, "second", "{name}");
        assert_eq!(broken.error, PluginError("timed out".into()), "{name}");
    }
}

#[test]
fn what_everybody_refuses_fits_nowhere_and_the_reason_is_told() {
    let why = |_: &Question| Ok(Answer::Refused(Some("no licence there".into())));
    let (outcome, asked) = rounds(&["a", "b"], why);
    let decision = outcome.unwrap();
    assert_eq!(decision.outcome, Outcome::NothingFits);
    assert_eq!(asked.len(), 1);
    let told = decision.fit_error().unwrap();
    assert!(told.contains("2 no licence there"), "{told}");
}

#[test]
fn choices_are_checked_and_duplicates_count_once() {
    for (name, chosen, expected) in [
        ("an order of its own", &["b", "a"][..], Some(2)),
        ("none", &[], Some(0)),
        ("twice the same", &["a", "a"], Some(1)),
        ("one that was not asked about", &["z"], None),
    ] {
        let (outcome, _) = rounds(&["a", "b"], |question| match &question.ask {
            Ask::Select(_) if &*question.plugin == "second" => Ok(Answer::Chosen(
                chosen.iter().map(|name| (*name).to_owned()).collect(),
            )),
            _ => agreeable(question),
        });
        let placed = outcome.ok().map(|decision| decision.placement.len());
        assert_eq!(placed, expected, "{name}");
    }
}

#[test]
fn an_answer_to_another_question_is_a_failure() {
    let (outcome, _) = rounds(&["a"], |_| Ok(Answer::Score(1)));
    assert!(outcome.is_err());
}
