//! What `doctor` prints: each check with its finding, and below it how to mend what is wrong.

use serde::Serialize;

use super::show::json;
use super::text::{Lean, clean, table};
use crate::model::{CheckLevel, ComputerReport, Failure};

/// `doctor --json`: the whole report, and whether machines can run.
pub fn doctor_json(report: &ComputerReport) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Whole<'a> {
        can_run: bool,
        #[serde(flatten)]
        report: &'a ComputerReport,
    }
    json(&Whole {
        can_run: report.can_run(),
        report,
    })
}

/// `doctor`.
pub fn doctor_text(report: &ComputerReport) -> String {
    let rows: Vec<[String; 3]> = report
        .checks
        .iter()
        .map(|check| {
            [
                level_word(check.level).to_owned(),
                clean(&check.title),
                clean(&check.finding),
            ]
        })
        .collect();
    let aligned = table([Lean::Left, Lean::Left, Lean::Left], &rows);
    let mut out = String::new();
    for (line, check) in aligned.lines().zip(&report.checks) {
        out.push_str(line);
        out.push('\n');
        for fix in check.fix.iter().flat_map(|fix| fix.lines()) {
            out.push_str(&format!("      {}\n", clean(fix)));
        }
    }
    out.push_str(&format!(
        "\n{} processors, {} of {} memory free, {} of disk free\n",
        report.cpus, report.memory_free, report.memory_total, report.disk_free
    ));
    out.push_str(&format!(
        "Accelerator {}: {}\n",
        report.accelerator.choice.word(),
        clean(&report.accelerator.reason)
    ));
    out
}

/// What goes to stderr when machines can't run; `None` when they can.
pub fn verdict(report: &ComputerReport) -> Option<Failure> {
    let bad: Vec<&str> = report
        .checks
        .iter()
        .filter(|check| check.level == CheckLevel::Bad)
        .map(|check| check.title.as_str())
        .collect();
    (!report.can_run()).then(|| {
        Failure::new("Machines can't run on this computer yet", bad.join(", "))
            .fix("Mend the lines marked bad, then run orangery doctor again")
    })
}

fn level_word(level: CheckLevel) -> &'static str {
    match level {
        CheckLevel::Good => "ok",
        CheckLevel::Note => "note",
        CheckLevel::Bad => "bad",
    }
}
