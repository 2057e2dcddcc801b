//! Text for a terminal: strings from outside made harmless, tables aligned, failures spelt out.

use crate::model::Failure;
pub use crate::model::clean;

/// Which way a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    Left,
    Right,
}

/// Lines up `rows` under each other, two spaces apart. Cells must be clean.
pub fn table<const N: usize>(leans: [Lean; N], rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, &width), lean) in row.iter().zip(&widths).zip(leans) {
            let gap = " ".repeat(width - cell.chars().count());
            match lean {
                Lean::Left => line.extend([cell.as_str(), &gap, "  "]),
                Lean::Right => line.extend([gap.as_str(), cell, "  "]),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A failure as it goes to stderr: `what: why`, the fix below, the details when asked for.
pub fn failure(failure: &Failure, verbose: bool) -> String {
    let Failure {
        what,
        why,
        fix,
        details,
    } = failure;
    let mut out = format!("{}: {}\n", clean(what), clean(why));
    if let Some(fix) = fix {
        for line in fix.lines() {
            out.push_str(&format!("{}\n", clean(line)));
        }
    }
    match details {
        Some(details) if verbose => {
            out.push_str("Details:\n");
            for line in details.lines() {
                out.push_str(&format!("  {}\n", clean(line)));
            }
        }
        Some(_) => out.push_str("More with --verbose\n"),
        None => {}
    }
    out
}

/// `args` as one line that a POSIX shell reads back as the same arguments.
pub fn shell_line(args: &[String]) -> String {
    let quoted: Vec<String> = args.iter().map(|arg| shell_word(arg)).collect();
    quoted.join(" ")
}

fn shell_word(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        return arg.to_owned();
    }
    format!("'{}'", arg.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_spaces() {
        let row = |a: &str, b: &str, c: &str| [a.to_owned(), b.to_owned(), c.to_owned()];
        let text = table(
            [Lean::Left, Lean::Right, Lean::Left],
            &[row("NAME", "CPUS", "X"), row("wéb", "16", "")],
        );
        assert_eq!(text, "NAME  CPUS  X\nwéb     16\n");
    }

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let error = Failure::new("Debian did not start", "A disk is missing\u{7}")
            .fix("Put it back:\n/tmp/disk.qcow2")
            .details("line 1\nline 2");
        assert_eq!(
            failure(&error, false),
            "Debian did not start: A disk is missing\u{fffd}\nPut it back:\n/tmp/disk.qcow2\n\
             More with --verbose\n"
        );
        assert!(failure(&error, true).ends_with("Details:\n  line 1\n  line 2\n"));
    }

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let args = ["qemu", "-name", "it's \"x\" $HOME", ""].map(str::to_owned);
        assert_eq!(shell_line(&args), r#"qemu -name 'it'\''s "x" $HOME' ''"#);
    }
}
