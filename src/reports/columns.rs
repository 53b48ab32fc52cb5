//! The columns that the views over the reports know, and which types they accept. A report may have a number
//! as text, or something that is not a number at all.

/// The type that the views give a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A whole number: the ISO week.
    Week,
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
}

/// The columns that `perf_all_weeks` always has, in its order.
pub const COLUMNS: [(&str, Wanted); 7] = [
    ("week", Wanted::Week),
    ("pattern", Wanted::Text),
    ("samples", Wanted::Number),
    ("p50_ms", Wanted::Number),
    ("p95_ms", Wanted::Number),
    ("p99_ms", Wanted::Number),
    ("slow_flag", Wanted::Flag),
];

/// A column that reports may have, and the views then need as text.
const AGENT: (&str, Wanted) = ("agent", Wanted::Text);

/// Those of them that are percentiles.
pub const PERCENTILES: [&str; 3] = ["p50_ms", "p95_ms", "p99_ms"];

/// Columns without which a report shows no data.
pub const NEEDED: [&str; 3] = ["week", "pattern", "p95_ms"];

/// DuckDB's names of the integer types; below them, the floats and the types of dates and times.
const WHOLE_NUMBERS: [&str; 10] = [
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
];
const FLOATS: [&str; 2] = ["FLOAT", "DOUBLE"];
const TIMES: [&str; 5] =
    ["DATE", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS WITH TIME ZONE"];
/// The type of a column that has only NULLs.
pub const NOTHING: &str = "\"NULL\"";

/// ISO weeks as text: `2026-W01` and `2026W01`, also with a weekday; below, with one digit: `2026-W1`.
const ISO_WEEK: &str = r"^\s*(\d{4})[-_ ]?[Ww](\d\d)(?:-?[1-7])?\s*$";
const SHORT_WEEK: &str = r"^\s*(\d{4})[-_ ]?[Ww](\d)(?:-[1-7])?\s*$";
/// A whole number as text: `202601`, `202601.0`.
const WHOLE: &str = r"^\s*([-+]?\d+)(?:\.0*)?\s*$";
/// A date as text, with or without a time of day.
const DAY: &str = r"^\s*(\d{4}-\d\d-\d\d)(?:[ T][0-9:.]+ ?(?:Z|UTC|[-+][0-9:]+)?)?\s*$";

impl Wanted {
    /// Returns the type that the views give `column`; `None` for a column that they only pass on.
    #[must_use]
    pub fn of(column: &str) -> Option<Self> {
        COLUMNS
            .iter()
            .chain(&[AGENT])
            .find(|(name, _)| name.eq_ignore_ascii_case(column))
            .map(|(_, wanted)| *wanted)
    }

    /// Whether a column of DuckDB's type `type_name` can be used without a cast.
    #[must_use]
    pub fn is_met_by(self, type_name: &str) -> bool {
        let is_whole = WHOLE_NUMBERS.contains(&type_name);
        let is_number = is_number(type_name);
        match self {
            _ if type_name == NOTHING => true,
            // A fraction would be rounded to another week.
            Self::Week => is_whole,
            Self::Number => is_number,
            Self::Flag => is_number || type_name == "BOOLEAN",
            // pandas makes 1.0 of the whole number 1 where another value is missing.
            Self::Text => is_whole || type_name == "VARCHAR",
        }
    }

    /// Whether values of another type usually convert well: a date does as text or week, bytes do not.
    #[must_use]
    pub fn is_harmless(self, type_name: &str) -> bool {
        let is_nested = type_name.ends_with([']', ')']) && !is_decimal(type_name);
        match self {
            Self::Text => !is_nested && type_name != "BLOB",
            Self::Week => FLOATS.contains(&type_name) || is_decimal(type_name) || TIMES.contains(&type_name),
            Self::Number | Self::Flag => false,
        }
    }

    /// Returns the SQL expression that converts `column` (a quoted name) of any type; values that cannot be
    /// converted become NULL.
    #[must_use]
    pub fn expression(self, column: &str) -> String {
        let target = match self {
            Self::Week => return week_expression(&format!("CAST({column} AS VARCHAR)")),
            Self::Number => "DOUBLE",
            Self::Flag => "BOOLEAN",
            Self::Text => return format!("CAST({column} AS VARCHAR)"),
        };
        format!("TRY_CAST(CAST({column} AS VARCHAR) AS {target})")
    }

    /// [`Wanted::expression`] for a column of DuckDB's type `type_name`: a text of a number without a
    /// fraction has no decimal places, and NaN is none.
    #[must_use]
    pub fn expression_of(self, column: &str, type_name: &str) -> String {
        if self != Self::Text || !is_number(type_name) {
            return self.expression(column);
        }
        let text = format!("CAST({column} AS VARCHAR)");
        let whole = format!("system.main.regexp_replace({text}, '\\.0+$', '')");
        // `CASE` needs no operator, for which an attached file may have a macro of its own.
        format!("CASE {text} WHEN 'nan' THEN NULL ELSE {whole} END")
    }

    /// Describes the type that a view in a database file must have, where nothing is cast.
    #[must_use]
    pub fn words_of_a_view(self) -> &'static str {
        match self {
            Self::Week => "a whole number such as 202646",
            other => other.words(),
        }
    }

    /// Describes the type for messages.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Week => "a week (202646, 2026-W46 or a date)",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Text => "text",
        }
    }
}

/// Returns the SQL expression that converts a text to the week as an integer YYYYWW; the text is a number, an
/// ISO week or a date. It uses no operators, because an attached file may define macros for them.
fn week_expression(text: &str) -> String {
    let replaced = |text: &str, pattern: &str, by: &str| {
        format!("system.main.regexp_replace({text}, '{pattern}', '{by}')")
    };
    let number = replaced(text, ISO_WEEK, r"\1\2");
    let number = replaced(&replaced(&number, SHORT_WEEK, r"\10\2"), WHOLE, r"\1");
    let day = format!("TRY_CAST(system.main.regexp_extract({text}, '{DAY}', 1) AS DATE)");
    format!(
        "TRY_CAST(CASE WHEN system.main.regexp_full_match({number}, '[-+]?\\d+') THEN {number} \
         ELSE system.main.strftime({day}, '%G%V') END AS INTEGER)"
    )
}

/// Whether DuckDB's type of that name is one of numbers.
#[must_use]
pub fn is_number(type_name: &str) -> bool {
    WHOLE_NUMBERS.contains(&type_name) || FLOATS.contains(&type_name) || is_decimal(type_name)
}

/// Whether DuckDB's type of that name is one of days or moments.
#[must_use]
pub fn is_time(type_name: &str) -> bool {
    TIMES.contains(&type_name)
}

/// Whether the type is a DECIMAL, not a list of DECIMALs.
fn is_decimal(type_name: &str) -> bool {
    type_name.starts_with("DECIMAL(") && type_name.ends_with(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_in_any_width_and_text_may_be_one() {
        for type_name in ["INTEGER", "UBIGINT", "HUGEINT", "FLOAT", "DECIMAL(10,3)", "\"NULL\""] {
            assert!(Wanted::of("P95_MS").is_some_and(|wanted| wanted.is_met_by(type_name)), "{type_name}");
            let is_whole = !matches!(type_name, "FLOAT" | "DECIMAL(10,3)");
            assert_eq!(Wanted::Week.is_met_by(type_name), is_whole, "{type_name}");
            assert!(is_whole || Wanted::Week.is_harmless(type_name), "{type_name}");
        }
        for type_name in
            ["VARCHAR", "BOOLEAN", "DATE", "BLOB", "DOUBLE[]", "DECIMAL(2,1)[]", "STRUCT(a INTEGER)"]
        {
            assert!(!Wanted::Number.is_met_by(type_name), "{type_name}");
            assert!(!Wanted::Week.is_met_by(type_name), "{type_name}");
        }
        assert!(Wanted::Flag.is_met_by("BOOLEAN") && !Wanted::Flag.is_met_by("VARCHAR"));
        assert!(Wanted::Text.is_harmless("DATE") && !Wanted::Text.is_harmless("STRUCT(a INTEGER)"));
        assert!(!Wanted::Text.is_harmless("BLOB") && !Wanted::Number.is_harmless("DATE"));
        assert_eq!((Wanted::of("Agent"), Wanted::of("build")), (Some(Wanted::Text), None));
        assert!(Wanted::Text.is_met_by("BIGINT") && !Wanted::Text.is_met_by("DOUBLE"));
    }
}
