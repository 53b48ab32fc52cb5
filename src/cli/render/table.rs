//! Prints a table for people: numbers right-aligned with few digits, long texts cut, NULL visible.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use console::{measure_text_width, truncate_str};

use crate::frame::Decoded;
use crate::frame::rows::{Cell, cell, float, names};

/// Maximum widths of texts in columns, widest first; the first with which the table fits is used.
const WIDTHS: [usize; 5] = [80, 60, 44, 32, 24];
/// Decimals in a column of numbers.
const DECIMALS: usize = 3;
/// Decimals in a column with numbers below 0.01.
const FINE_DECIMALS: usize = 6;

/// The available space.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Layout {
    /// Width of the terminal in columns; `None` if stdout is not a terminal.
    pub(in crate::cli) width: Option<usize>,
    /// How many rows to show.
    pub(in crate::cli) rows: usize,
}

/// Returns the rows as text, and how many texts were cut. A single row, such as a query plan, keeps its line
/// breaks and is not cut.
pub(in crate::cli) fn table(frame: &Decoded, layout: Layout) -> (String, usize) {
    let whole = frame.rows() == 1;
    let header = names(&frame.schema);
    let mut columns: Vec<Vec<String>> = Vec::with_capacity(header.len());
    let mut to_the_right = Vec::with_capacity(header.len());
    for at in 0..header.len() {
        let cells: Vec<Cell<'_>> = frame
            .batches
            .iter()
            .filter_map(|batch| batch.columns().get(at))
            .flat_map(|column| (0..column.len()).map(move |row| cell(column, row)))
            .take(layout.rows)
            .collect();
        let digits = decimals(&cells);
        to_the_right.push(cells.iter().any(|cell| matches!(cell, Cell::Integer(_) | Cell::Float(_))));
        columns.push(cells.iter().map(|cell| shown(cell, digits, whole)).collect());
    }
    let header: Vec<String> = header.iter().map(|name| one_line(name)).collect();
    let limit = if whole { usize::MAX } else { limit(&header, &columns, layout.width) };
    let mut cut = 0;
    let mut shorten = |text: &String| {
        let short = shortened(text, limit);
        cut += usize::from(short != *text);
        short
    };
    let rows = columns.first().map_or(0, Vec::len);
    let header: Vec<String> = header.iter().map(&mut shorten).collect();
    let columns: Vec<Vec<String>> =
        columns.iter().map(|column| column.iter().map(&mut shorten).collect()).collect();
    let rows = (0..rows).map(|row| columns.iter().filter_map(|column| column.get(row).cloned()).collect());
    (grid(header, rows, &to_the_right), cut)
}

/// Returns text in columns below a header and a line; `to_the_right` says which columns are right-aligned.
pub(super) fn grid(
    header: Vec<String>,
    rows: impl Iterator<Item = Vec<String>>,
    to_the_right: &[bool],
) -> String {
    if header.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    // Each column ends with a padding and a junction, one space each.
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line)).set_header(header).add_rows(rows);
    for (column, &right) in table.column_iter_mut().zip(to_the_right) {
        column.set_padding((0, 1));
        if right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Returns a text of at most `limit` columns, with `…` if it was cut.
pub(in crate::cli) fn shortened(text: &str, limit: usize) -> String {
    truncate_str(text, limit, "…").into_owned()
}

/// Returns the widest limit for texts with which the table fits.
fn limit(header: &[String], columns: &[Vec<String>], width: Option<usize>) -> usize {
    let Some(width) = width else { return WIDTHS[0] };
    let widths: Vec<usize> = header
        .iter()
        .zip(columns)
        .map(|(name, cells)| {
            cells.iter().chain([name]).map(|text| measure_text_width(text)).max().unwrap_or(0)
        })
        .collect();
    let fits = |limit: usize| widths.iter().map(|width| width.min(&limit) + 2).sum::<usize>() <= width;
    WIDTHS.into_iter().find(|&limit| fits(limit)).unwrap_or(WIDTHS[WIDTHS.len() - 1])
}

pub(super) fn shown(cell: &Cell<'_>, digits: usize, whole: bool) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Float(number) if number.is_finite() && number.abs() < 1e15 => format!("{number:.digits$}"),
        Cell::Float(number) => float(*number),
        Cell::Text(text) | Cell::Json(text) if whole => {
            text.lines().map(one_line_keeping_spaces).collect::<Vec<_>>().join("\n")
        }
        Cell::Text(text) | Cell::Json(text) => one_line(text),
        other => other.plain(),
    }
}

/// Replaces runs of spaces and line breaks by one space, and escapes control characters, which a terminal
/// would obey.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    one_line_keeping_spaces(&words.join(" "))
}

fn one_line_keeping_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Returns how many decimals a column of numbers needs, up to a limit.
pub(super) fn decimals(cells: &[Cell<'_>]) -> usize {
    let numbers =
        || cells.iter().filter_map(|cell| if let Cell::Float(number) = cell { Some(*number) } else { None });
    let is_tiny = |number: f64| number != 0.0 && number.abs() < 0.01;
    let most = if numbers().any(is_tiny) { FINE_DECIMALS } else { DECIMALS };
    let needed = |number: f64| {
        let text = format!("{number:.most$}");
        let fraction = text.rsplit_once('.').map_or("", |(_, fraction)| fraction);
        fraction.trim_end_matches('0').len()
    };
    numbers().filter(|number| number.is_finite() && number.abs() < 1e15).map(needed).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int32Array, StringArray};

    use super::super::tests::frame;
    use super::*;

    const ALL: Layout = Layout { width: None, rows: usize::MAX };

    #[test]
    fn columns_are_aligned() {
        let frame = frame(vec![
            ("week", Arc::new(Int32Array::from(vec![202_653, 202_701, 1]))),
            (
                "pattern",
                Arc::new(StringArray::from(vec![Some("SELECT\n  ?"), None, Some("a\u{1b}[31m日本")])),
            ),
            ("p95_ms", Arc::new(Float64Array::from(vec![Some(1.5), Some(1234.56789), None]))),
            ("slow", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ]);
        let (text, cut) = table(&frame, ALL);
        assert_eq!(cut, 0);
        assert_eq!(
            text,
            concat!(
                "  week  pattern            p95_ms  slow\n",
                "─────────────────────────────────────────\n",
                "202653  SELECT ?            1.500  true\n",
                "202701  NULL             1234.568  false\n",
                "     1  a\\u{1b}[31m日本      NULL  NULL\n",
            )
        );
    }

    #[test]
    fn long_texts_are_cut_and_counted() {
        let texts = vec!["x".repeat(200), "y".repeat(10)];
        let frame = frame(vec![("t", Arc::new(StringArray::from(texts)))]);
        let (text, cut) = table(&frame, ALL);
        assert_eq!((cut, text.lines().map(|line| line.chars().count()).max()), (1, Some(81)));
        let (text, _) = table(&frame, Layout { width: Some(40), rows: 1 });
        assert!(text.lines().all(|line| line.chars().count() <= 40) && text.lines().count() == 3, "{text}");
    }

    #[test]
    fn a_single_row_keeps_its_lines() {
        let frame = frame(vec![(
            "plan",
            Arc::new(StringArray::from(vec![format!("┌──┐\n│  │ {}", "x".repeat(120))])),
        )]);
        let (text, cut) = table(&frame, Layout { width: Some(40), rows: 10 });
        assert!(cut == 0 && text.contains("\n│  │ xxx"), "{text}");
    }

    #[test]
    fn digits_of_numbers() {
        for (numbers, expected) in [
            (vec![1.0, 2.0], 0),
            (vec![1.5, 2.25], 2),
            (vec![1.0 / 3.0], 3),
            (vec![0.001, 5.0], 3),
            (vec![0.000_012_3, 5.0], 6),
            (vec![f64::NAN], 0),
        ] {
            let cells: Vec<_> = numbers.iter().map(|&number| Cell::Float(number)).collect();
            assert_eq!(decimals(&cells), expected, "{numbers:?}");
        }
    }
}
