//! Columns of text, each as wide as its widest cell.

/// Rows of cells as lines, every column but the last padded; empty cells at the end leave no blanks.
pub(crate) fn render<const N: usize>(rows: &[[String; N]], indent: &str) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{indent}{}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// Microseconds as people read them: `1.003s`, `12.5ms`.
pub(crate) fn time(micros: u64) -> String {
    match micros {
        1_000_000.. => format!("{}.{:03}s", micros / 1_000_000, micros % 1_000_000 / 1_000),
        1_000.. => format!("{}.{}ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{micros}us"),
    }
}

/// Bytes as people read them: `255.9M`. Cut, not rounded, so that it never seems to be over a limit.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0x4000_0000.. => (1 << 30, "G"),
        0x10_0000.. => (1 << 20, "M"),
        0x400.. => (1 << 10, "k"),
        _ => return bytes.to_string(),
    };
    let tenths = bytes % unit * 10 / unit;
    match tenths {
        0 if bytes.is_multiple_of(unit) => format!("{}{name}", bytes / unit),
        _ => format!("{}.{tenths}{name}", bytes / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_shown_by_the_table() {
        for (micros, shown) in
            [(0, "0us"), (999, "999us"), (12_540, "12.5ms"), (1_003_999, "1.003s"), (61_000_000, "61.000s")]
        {
            assert_eq!(time(micros), shown);
        }
        for (bytes, shown) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1k"),
            (1_500, "1.4k"),
            (256 << 20, "256M"),
            ((256 << 20) - 1, "255.9M"),
            (3 << 30, "3G"),
        ] {
            assert_eq!(size(bytes), shown);
        }
        assert_eq!(size(u64::MAX), "17179869183.9G");
    }

    #[test]
    fn columns_line_up_without_trailing_blanks() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(render(&rows, " "), " a     1\n long\n");
    }
}
