//! A report as people read it, and as it is pasted into documents.

use super::machine::Machine;
use super::report::{Bar, Report, Row, Unit, Verdict};
use crate::output::table;

const ROW_HEAD: [&str; 7] = ["times in ms", "rounds", "median", "p99", "max", "x floor", "x fork+exec"];
const BAR_HEAD: [&str; 4] = ["bar", "at most", "found", "verdict"];

/// For a terminal.
pub(crate) fn text(report: &Report) -> String {
    let tables = [table::render(&rows(report), "  "), table::render(&bars(report), "  ")];
    format!("{}\n\n{}", machine(&report.machine), tables.join("\n"))
}

/// For a document.
pub(crate) fn markdown(report: &Report) -> String {
    let tables = [markdown_table(&rows(report)), markdown_table(&bars(report))];
    format!("{}\n\n{}", machine(&report.machine), tables.join("\n"))
}

fn machine(machine: &Machine) -> String {
    let tick = machine
        .tick_us
        .map_or("unknown".to_owned(), |tick| millis(f64::from(u32::try_from(tick).unwrap_or(u32::MAX)), 1));
    format!(
        "{}, {} processors, Linux {}, timer tick {tick} ms, {}, load before {}",
        machine.processor, machine.processors, machine.kernel, machine.enforced_by, machine.load
    )
}

fn rows(report: &Report) -> Vec<[String; 7]> {
    let head = ROW_HEAD.map(str::to_owned);
    [head].into_iter().chain(report.rows.iter().map(row)).collect()
}

fn row(row: &Row) -> [String; 7] {
    let time = |micros: Option<f64>| micros.map_or("-".to_owned(), |micros| millis(micros, 3));
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    [
        row.what.to_owned(),
        row.rounds.to_string(),
        time(row.median_us),
        time(row.p99_us),
        time(row.max_us),
        ratio(row.to_floor),
        ratio(row.to_fork_exec),
    ]
}

fn millis(micros: f64, digits: usize) -> String {
    format!("{:.digits$}", micros / 1e3)
}

fn bars(report: &Report) -> Vec<[String; 4]> {
    let head = BAR_HEAD.map(str::to_owned);
    [head].into_iter().chain(report.bars.iter().map(bar)).collect()
}

fn bar(bar: &Bar) -> [String; 4] {
    let value = |value: f64| match bar.unit {
        Unit::Ratio => format!("{value:.3} x"),
        Unit::Milliseconds => format!("{value:.3} ms"),
    };
    let verdict = match bar.verdict {
        Verdict::Pass => "pass",
        Verdict::Miss => "MISS",
        Verdict::NotMeasured => "not measured: not installed; cargo xtask bench brings it",
    };
    [bar.what.to_owned(), value(bar.most), bar.found.map_or("-".to_owned(), value), verdict.to_owned()]
}

fn markdown_table<const N: usize>(rows: &[[String; N]]) -> String {
    let line = |cells: &[String; N]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|---{}|\n", "|---:".repeat(N.saturating_sub(1)));
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.insert(lines.len().min(1), rule);
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn people_see_the_machine_the_figures_and_the_verdicts() {
        let text = text(&report(6));
        assert!(
            text.starts_with(
                "Test, 2 processors, Linux 6.18, timer tick 4.0 ms, cgroup2, load before 0.10\n"
            )
        );
        let line = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
        let cells = |start| {
            line(start).split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(cells("jail, cold  "), ["jail, cold", "3", "6.000", "6.000", "6.000", "3.00", "6.00"]);
        assert_eq!(
            cells("jail, cold, to the floor"),
            ["jail, cold, to the floor", "2.000 x", "3.000 x", "MISS"]
        );
        assert!(line("jail, cold, to nsjail").contains("not measured"));
    }

    #[test]
    fn documents_get_tables_of_as_many_columns() {
        let markdown = markdown(&report(4));
        let columns = |line: &&str| line.matches('|').count();
        let lines: Vec<_> = markdown.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(lines.iter().map(columns).filter(|count| *count == 8).count(), ROW_HEAD_LINES + 14);
        assert_eq!(lines[1], "|---|---:|---:|---:|---:|---:|---:|");
    }

    /// The head and the rule below it.
    const ROW_HEAD_LINES: usize = 2;
}
