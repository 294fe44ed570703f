//! A table with aligned columns: coloured on a terminal, plain when piped.

use crate::out::{Style, paint};

/// One field of a table.
pub(crate) struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Text, to the left.
    pub(crate) fn text(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, right: false }
    }

    /// A number, to the right.
    pub(crate) fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::Plain, right: true }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn padded(&self, width: usize) -> String {
        let space = " ".repeat(width.saturating_sub(self.width()));
        let text = paint(self.style, &self.text);
        if self.right { format!("{space}{text}") } else { format!("{text}{space}") }
    }
}

/// The rows below their heads, each column as wide as its widest cell.
pub(crate) fn table(heads: &[&str], rows: &[Vec<Cell>]) -> String {
    let width = |column: usize| {
        let head = heads.get(column).map_or(0, |head| head.chars().count());
        rows.iter().filter_map(|row| row.get(column)).map(Cell::width).chain([head]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let right = |column: usize| rows.first().and_then(|row| row.get(column)).is_some_and(|cell| cell.right);
    let head = |(column, text): (usize, &&str)| Cell {
        text: (*text).to_owned(),
        style: Style::Bold,
        right: right(column),
    };
    let heads: Vec<Cell> = heads.iter().enumerate().map(head).collect();
    let line = |row: &Vec<Cell>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| cell.padded(*width)).collect();
        format!("  {}", cells.join("  ")).trim_end().to_owned()
    };
    std::iter::once(&heads).chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec![Cell::text("a", Style::Plain), Cell::number("1.0 ms")],
            vec![Cell::text("bée", Style::Plain), Cell::number("100.0 ms")],
        ];
        assert_eq!(table(&["name", "time"], &rows), "  name      time\n  a       1.0 ms\n  bée   100.0 ms");
    }
}
