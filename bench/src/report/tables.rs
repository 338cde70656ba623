//! The results as markdown. Pure.

use std::fmt::Write as _;

use super::targets::{Bound, Verdict, verdicts};
use crate::kinds::Kind;
use crate::results::{Results, Round, Run, Size};
use crate::statistics::Spread;

/// The machine, the targets, then one table for each kind, number of members and size.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = machine(results);
    let verdicts = verdicts(results);
    if !verdicts.is_empty() {
        text.push_str(&targets(&verdicts));
    }
    let mut groups: Vec<(usize, Kind)> = results
        .runs
        .iter()
        .map(|run| (run.members, run.kind))
        .collect();
    groups.sort_unstable();
    groups.dedup();
    for (members, kind) in groups {
        let runs: Vec<&Run> = results
            .runs
            .iter()
            .filter(|run| run.members == members && run.kind == kind)
            .collect();
        text.push_str(&group(members, kind, &runs));
    }
    text
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    format!(
        "{} cores ({}), {:.0} GiB of memory, Linux {}, {}; {}.\n",
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.api_server,
        machine.date
    )
}

fn targets(verdicts: &[Verdict]) -> String {
    let mut text = String::from(
        "\n### Targets\n\n| | kind | objects | floor | must reach | Navarch | |\n|---|---|--:|--:|--:|--:|---|\n",
    );
    for verdict in verdicts {
        let required = match verdict.bound {
            Bound::TimesFloorOrMore(factor) => format!("≥ {factor} × floor"),
            Bound::TimesFloorOrLess(factor) => format!("≤ {factor} × floor"),
            Bound::Most(most) => format!("≤ {} {}", figure(most), verdict.unit),
        };
        let ratio = match (verdict.bound, verdict.floor) {
            (Bound::Most(_), _) | (_, None) => String::new(),
            (_, Some(floor)) => format!(" ({:.2} ×)", verdict.value / floor),
        };
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} {}{ratio} | {} |",
            verdict.what,
            verdict.kind,
            verdict
                .objects
                .map(|count| count.to_string())
                .unwrap_or_default(),
            verdict.floor.map(figure).unwrap_or_default(),
            required.trim(),
            figure(verdict.value),
            verdict.unit,
            match verdict.is_met {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "no floor",
            }
        );
    }
    text
}

/// A line of a table: its name and how a value is shown.
type Line<T> = (&'static str, fn(&T) -> Option<String>);

const IDLE: &[Line<Run>] = &[
    (
        "one object, idle: create until the copies exist, ms (p50 / max)",
        |run| middle(run.idle.as_ref()?.create),
    ),
    ("… counted from the answer to the request", |run| {
        middle(run.idle.as_ref()?.create_since_answer)
    }),
    ("… until the status is on the host", |run| {
        middle(run.idle.as_ref()?.status)
    }),
    ("… update until the copies follow", |run| {
        middle(run.idle.as_ref()?.update)
    }),
    ("… delete until the copies are gone", |run| {
        middle(run.idle.as_ref()?.delete)
    }),
    (
        "… a deleted copy is back, from the answer to its deletion",
        |run| middle(run.idle.as_ref()?.drift),
    ),
    ("… from sending its deletion", |run| {
        middle(run.idle.as_ref()?.drift_since_sent)
    }),
    ("memory idle, MiB", |run| run.idle_mib.map(figure)),
];

const SIZE: &[Line<Size>] = &[
    ("create: objects/s until all copies exist", |size| {
        size.create.as_ref()?.per_second.map(figure)
    }),
    ("… copies exist, ms (p50 / p99)", |size| {
        both(size.create.as_ref()?.copies)
    }),
    ("… status complete on the host, ms (p50 / p99)", |size| {
        // The floor brings nothing back.
        size.create.as_ref()?.status_after_ready?;
        both(size.create.as_ref()?.host)
    }),
    (
        "… status after the members are ready, ms (p50 / p99)",
        |size| both(size.create.as_ref()?.status_after_ready),
    ),
    (
        "one object of another namespace during it, ms (at s; bulk pending)",
        |size| {
            let other = size.other_namespace.as_ref()?;
            let taken = other.copies_ms.map_or_else(|| "never".to_owned(), figure);
            Some(format!(
                "{taken} ({:.1}; {})",
                other.after_seconds, other.bulk_pending
            ))
        },
    ),
    ("update: objects/s", |size| {
        size.update.as_ref()?.per_second.map(figure)
    }),
    ("… ms (p50 / p99)", |size| {
        both(size.update.as_ref()?.copies)
    }),
    ("delete: objects/s", |size| {
        size.delete.as_ref()?.per_second.map(figure)
    }),
    ("… ms (p50 / p99)", |size| {
        both(size.delete.as_ref()?.copies)
    }),
    (
        "drift: up to 100 copies deleted at once are back, ms (p50 / p99)",
        |size| both(size.drift),
    ),
    (
        "host requests per create: all / writes / events / conflicts",
        |size| Some(requests(size.create.as_ref()?)),
    ),
    ("member requests per create, all members", |size| {
        Some(figure(size.create.as_ref()?.member_requests.total))
    }),
    ("CPU per create, ms: own / everything", |size| {
        cpu(size.create.as_ref()?)
    }),
    (
        "cores busy with something else: create / update / delete",
        |size| {
            let cores = |round: &Option<Round>| {
                round
                    .as_ref()
                    .map_or_else(|| "–".to_owned(), |round| figure(round.others_cores))
            };
            Some(format!(
                "{} / {} / {}",
                cores(&size.create),
                cores(&size.update),
                cores(&size.delete)
            ))
        },
    ),
    ("CPU per update, ms: own / everything", |size| {
        cpu(size.update.as_ref()?)
    }),
    ("memory after the creates / peak, MiB", |size| {
        Some(format!(
            "{} / {}",
            figure(size.after_mib?),
            figure(size.peak_mib?)
        ))
    }),
];

fn group(members: usize, kind: Kind, runs: &[&Run]) -> String {
    let names: Vec<_> = runs.iter().map(|run| run.contestant.as_str()).collect();
    let mut text = format!("\n### {kind}, {members} members\n\n");
    text.push_str(&table(&names, IDLE, runs));
    let mut sizes: Vec<usize> = runs
        .iter()
        .flat_map(|run| &run.sizes)
        .map(|size| size.objects)
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    for objects in sizes {
        let nothing = Size::new(objects);
        let of_size: Vec<&Size> = runs
            .iter()
            .map(|run| {
                run.sizes
                    .iter()
                    .find(|size| size.objects == objects)
                    .unwrap_or(&nothing)
            })
            .collect();
        let _infallible = write!(text, "\n{objects} objects:\n\n");
        text.push_str(&table(&names, SIZE, &of_size));
    }
    for run in runs {
        if let Some(trouble) = &run.trouble {
            let quoted = trouble.lines().collect::<Vec<_>>().join("\n> ");
            let _infallible = write!(text, "\n> {} ended early: {quoted}\n", run.contestant);
        }
    }
    for (run, size) in runs.iter().filter_map(|run| Some((run, run.sizes.last()?))) {
        if let Some(round) = &size.create {
            let _infallible = write!(
                text,
                "\nRequests to the host per create of {} ({} objects): {}\n",
                run.contestant,
                size.objects,
                by_request(&round.host_requests.by_request)
            );
            text.push_str(&by_role(&run.contestant, size.objects, round));
        }
    }
    text
}

/// Lines of which nobody has a value are left out.
fn table<T>(names: &[&str], lines: &[Line<T>], of: &[&T]) -> String {
    let header = format!(
        "| | {} |\n|---|{}\n",
        names.join(" | "),
        "--:|".repeat(names.len())
    );
    let mut text = String::new();
    for (name, value) in lines {
        let values: Vec<_> = of.iter().map(|one| value(one)).collect();
        if values.iter().all(Option::is_none) {
            continue;
        }
        let cells: Vec<_> = values
            .into_iter()
            .map(|cell| cell.unwrap_or_else(|| "–".to_owned()))
            .collect();
        let _infallible = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    if text.is_empty() {
        return "Nothing was measured.\n".to_owned();
    }
    header + &text
}

fn requests(round: &Round) -> String {
    let host = &round.host_requests;
    format!(
        "{:.1} / {:.1} / {:.1} / {:.1}",
        host.total, host.writes, host.events, host.conflicts
    )
}

fn by_request(counts: &[(String, f64)]) -> String {
    let shown: Vec<_> = counts
        .iter()
        .take(10)
        .map(|(name, count)| format!("{name} {count:.2}"))
        .collect();
    shown.join(", ") + "."
}

/// Who spends the CPU, most first: what it does before the copies are there is on their way.
fn by_role(contestant: &str, objects: usize, round: &Round) -> String {
    let mut roles: Vec<_> = round.cpu_ms.iter().collect();
    if roles.is_empty() {
        return String::new();
    }
    roles.sort_by(|a, b| b.1.total_cmp(a.1));
    let shown: Vec<_> = roles
        .into_iter()
        .map(|(role, whole)| {
            let until = round.cpu_until_copies_ms.get(role);
            let until = until.map_or_else(|| "–".to_owned(), |value| figure(*value));
            format!("{role} {until} / {}", figure(*whole))
        })
        .collect();
    format!(
        "\nCPU of {contestant} per create ({objects} objects), ms until the copies exist / until all is complete: {}.\n",
        shown.join(", ")
    )
}

fn cpu(round: &Round) -> Option<String> {
    let own = round.own_cpu_ms.map_or_else(|| "–".to_owned(), figure);
    Some(format!("{own} / {}", figure(round.all_cpu_ms())))
}

fn middle(spread: Option<Spread>) -> Option<String> {
    spread.map(|spread| format!("{} / {}", figure(spread.p50), figure(spread.max)))
}

fn both(spread: Option<Spread>) -> Option<String> {
    spread.map(|spread| format!("{} / {}", figure(spread.p50), figure(spread.p99)))
}

/// Three digits are all that such a measurement is worth.
fn figure(value: f64) -> String {
    if value.abs() >= 99.95 {
        format!("{value:.0}")
    } else if value.abs() >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut size = Size::new(200);
        size.create = Some(Round {
            per_second: Some(123.4),
            copies: Some(Spread {
                count: 200,
                p50: 12.34,
                p99: 99.99,
                max: 1.0,
            }),
            ..Round::default()
        });
        let run = |contestant: &str, sizes: Vec<Size>, trouble: Option<&str>| Run {
            contestant: contestant.to_owned(),
            kind: Kind::Configmaps,
            members: 3,
            idle_mib: None,
            idle: None,
            sizes,
            trouble: trouble.map(ToOwned::to_owned),
        };
        Results {
            runs: vec![
                run("floor", vec![size.clone()], None),
                run("navarch", vec![size], None),
                run("other", Vec::new(), Some("it died\nlast words")),
            ],
            ..Results::default()
        }
    }

    #[test]
    fn one_table_for_all_contestants() {
        let text = markdown(&results());
        assert!(
            text.contains("| create: objects/s until all copies exist | 123 | 123 | – |"),
            "{text}"
        );
        assert!(
            text.contains("| … copies exist, ms (p50 / p99) | 12.3 / 100 | 12.3 / 100 | – |"),
            "{text}"
        );
        assert!(
            text.contains("> other ended early: it died\n> last words"),
            "{text}"
        );
        assert!(text.contains("| create | configmaps | 200 | 123 | ≥ 0.35 × floor | 123 objects/s (1.00 ×) | met |"), "{text}");
    }

    #[test]
    fn three_digits() {
        let rows = [
            (1234.5, "1234"),
            (99.96, "100"),
            (9.999, "10.0"),
            (12.34, "12.3"),
            (0.123, "0.12"),
        ];
        for (value, expected) in rows {
            assert_eq!(figure(value), expected);
        }
    }
}
