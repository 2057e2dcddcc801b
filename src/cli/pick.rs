//! From the NAME on the command line to one machine.

use crate::cli::text::clean;
use crate::model::{Failure, MachineReport};

/// Fewest digits of an id that name a machine.
const MIN_PREFIX: usize = 4;
/// Longest NAME that is compared with others; names are at most 80 characters.
const MAX_COMPARED: usize = 80;

/// Where to look first when a name is both in use and in the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefer {
    InUse,
    InTrash,
}

/// Finds the machine that `name` names: its name without regard to case, its id, its folder's
/// name, or the start of its id.
///
/// Fails with the nearest names when there is none, and with the choices when there are several.
pub fn pick<'a>(
    reports: &'a [MachineReport],
    name: &str,
    prefer: Prefer,
) -> Result<&'a MachineReport, Failure> {
    let kinds: [fn(&MachineReport, &str) -> bool; 3] = [is_id, is_name, is_prefix];
    for matches in kinds {
        let found: Vec<&MachineReport> = reports
            .iter()
            .filter(|report| matches(report, name))
            .collect();
        let preferred: Vec<&MachineReport> = found
            .iter()
            .copied()
            .filter(|report| report.trashed().is_some() == (prefer == Prefer::InTrash))
            .collect();
        match (preferred.as_slice(), found.as_slice()) {
            ([one], _) | ([], [one]) => return Ok(one),
            ([], []) => {}
            ([], many) | (many, _) => return Err(ambiguous(many, name)),
        }
    }
    Err(unknown(reports, name))
}

fn is_id(report: &MachineReport, name: &str) -> bool {
    name.parse() == Ok(report.id)
}

fn is_name(report: &MachineReport, name: &str) -> bool {
    report.name.to_lowercase() == name.to_lowercase()
        || report.path.file_name().is_some_and(|folder| folder == name)
}

fn is_prefix(report: &MachineReport, name: &str) -> bool {
    let digits = name.replace('-', "").to_ascii_lowercase();
    digits.len() >= MIN_PREFIX && report.id.0.simple().to_string().starts_with(&digits)
}

fn ambiguous(found: &[&MachineReport], name: &str) -> Failure {
    let choices: Vec<String> = found
        .iter()
        .take(10)
        .map(|report| format!("  {}  {}", report.id, clean(&report.name)))
        .collect();
    Failure::new(
        format!("“{}” names several machines", clean(name)),
        "Nothing was done",
    )
    .fix(format!("Give one of these ids:\n{}", choices.join("\n")))
}

fn unknown(reports: &[MachineReport], name: &str) -> Failure {
    let near = nearest(reports, name);
    let (why, fix) = if reports.is_empty() {
        (
            "The library has no machines",
            "Make one: orangery create NAME --iso FILE".to_owned(),
        )
    } else if near.is_empty() {
        (
            "No name or id is like it",
            "See all: orangery list --all".to_owned(),
        )
    } else {
        (
            "No machine has this name or id",
            format!("Did you mean {}?", near.join(" or ")),
        )
    };
    Failure::new(format!("There is no machine “{}”", clean(name)), why).fix(fix)
}

/// Up to three names that `name` could be a slip of, nearest first.
fn nearest(reports: &[MachineReport], name: &str) -> Vec<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().take(MAX_COMPARED).collect();
    let allowed = (wanted.len() / 3).max(1);
    let mut near: Vec<(usize, String)> = reports
        .iter()
        .filter_map(|report| {
            let other: Vec<char> = report
                .name
                .to_lowercase()
                .chars()
                .take(MAX_COMPARED)
                .collect();
            let begins = wanted.len() >= 2 && other.starts_with(&wanted);
            let slips = if begins { 1 } else { distance(&wanted, &other) };
            (slips <= allowed).then(|| (slips, format!("“{}”", clean(&report.name))))
        })
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many characters must be put in, taken out, replaced or swapped with their neighbour to
/// get from `a` to `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fake;
    use crate::model::{MachineReport, State, Timestamp};

    fn library() -> Vec<MachineReport> {
        let mut gone = fake::report("Debian", "dddd0000-0000-4000-8000-000000000001", State::Off);
        if let Some(machine) = &mut gone.machine {
            machine.trashed = Some(Timestamp(5));
        }
        vec![
            fake::report(
                "Debian",
                "c0ffee00-1234-4234-8234-123456789abc",
                State::Running,
            ),
            fake::report("web", "c0ffee11-1234-4234-8234-123456789abc", State::Off),
            fake::report(
                "c0ffee11",
                "abcd0000-0000-4000-8000-000000000002",
                State::Off,
            ),
            gone,
        ]
    }

    #[track_caller]
    fn check(name: &str, prefer: Prefer, id: &str) {
        let reports = library();
        let found = pick(&reports, name, prefer).unwrap();
        assert!(found.id.to_string().starts_with(id), "{name}: {}", found.id);
    }

    #[test]
    fn a_machine_is_found_by_name_id_and_start_of_id() {
        check("debian", Prefer::InUse, "c0ffee00");
        check("debian", Prefer::InTrash, "dddd0000");
        check("DDDD", Prefer::InUse, "dddd0000");
        check("c0ffee00-12", Prefer::InUse, "c0ffee00");
        check("c0ffee11", Prefer::InUse, "abcd0000"); // A name goes before a start of an id.
        check("c0ffee1112", Prefer::InUse, "c0ffee11");
        check(
            "C0FFEE11-1234-4234-8234-123456789ABC",
            Prefer::InUse,
            "c0ffee11",
        );
    }

    #[test]
    fn a_broken_machine_is_found_by_its_folder() {
        let mut reports = library();
        reports.push(fake::broken("my-folder"));
        assert_eq!(
            pick(&reports, "my-folder", Prefer::InUse).unwrap().state,
            State::Broken
        );
    }

    #[test]
    fn an_unknown_name_lists_the_nearest() {
        let error = pick(&library(), "debain", Prefer::InUse).unwrap_err();
        assert_eq!(error.what, "There is no machine “debain”");
        assert_eq!(error.fix.as_deref(), Some("Did you mean “Debian”?"));
        let error = pick(&library(), "xylophone", Prefer::InUse).unwrap_err();
        assert_eq!(error.fix.as_deref(), Some("See all: orangery list --all"));
        let error = pick(&[], "web\u{1b}", Prefer::InUse).unwrap_err();
        assert_eq!(
            error.to_string(),
            "There is no machine “web\u{fffd}”: The library has no machines"
        );
    }

    #[test]
    fn several_matches_are_listed_and_nothing_is_done() {
        let error = pick(&library(), "c0ff", Prefer::InUse).unwrap_err();
        assert_eq!(error.what, "“c0ff” names several machines");
        let fix = error.fix.unwrap();
        assert!(
            fix.contains("c0ffee00-") && fix.contains("c0ffee11-"),
            "{fix}"
        );
        assert!(pick(&library(), "c0f", Prefer::InUse).is_err());
    }
}
