//! Reading the console log of a machine that ended or stopped answering. Pure.

/// How many of the last lines say enough.
const TAIL: usize = 40;

/// The text of a kernel panic, from the line that announces it, or nothing if there was none.
pub(crate) fn panic_text(console: &str) -> Option<&str> {
    let announced = console.find("Kernel panic - not syncing")?;
    let line = console.get(..announced)?.rfind('\n').map_or(0, |end| end + 1);
    console.get(line..).map(str::trim_end)
}

/// The last lines.
pub(crate) fn tail(console: &str) -> &str {
    let start = console.trim_end().rmatch_indices('\n').nth(TAIL - 1).map_or(0, |(end, _)| end + 1);
    console.get(start..).unwrap_or(console).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_shown_from_its_first_line() {
        let console =
            "[ 1.0] fine\n[ 2.0] Kernel panic - not syncing: Attempted to kill init!\n[ 2.1] CPU: 0\n";
        let text = panic_text(console).unwrap();
        assert!(text.starts_with("[ 2.0] Kernel panic") && text.ends_with("CPU: 0"), "{text}");
        assert_eq!(panic_text("[ 1.0] fine\n"), None);
    }

    #[test]
    fn the_tail_is_the_whole_of_a_short_log_and_the_end_of_a_long_one() {
        assert_eq!(tail("a\nb\n"), "a\nb");
        let long: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(tail(&long).lines().count(), TAIL);
        assert!(tail(&long).ends_with("99"));
    }
}
