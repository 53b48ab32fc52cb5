//! The columns that the views over the reports know, and what a report may hold in them: a report can bring a number as text,
//! or something that is no number at all.

/// What the views make of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A whole number: the ISO week.
    Week,
    /// Text.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Flag,
}

/// The columns of `perf_all_weeks` that it has over any reports, in its order.
pub const COLUMNS: [(&str, Wanted); 7] = [
    ("week", Wanted::Week),
    ("pattern", Wanted::Text),
    ("samples", Wanted::Number),
    ("p50_ms", Wanted::Number),
    ("p95_ms", Wanted::Number),
    ("p99_ms", Wanted::Number),
    ("slow_flag", Wanted::Flag),
];

/// How DuckDB calls its types of numbers, and that of a column in which every value is missing.
const NUMBERS: [&str; 12] = [
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
    "FLOAT",
    "DOUBLE",
];
const NOTHING: &str = "\"NULL\"";

impl Wanted {
    /// What is wanted of the column of that name; none for one that the views only pass on.
    #[must_use]
    pub fn of(column: &str) -> Option<Self> {
        COLUMNS.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, wanted)| *wanted)
    }

    /// Whether a column of DuckDB's type `type_name` is that already.
    #[must_use]
    pub fn is_met_by(self, type_name: &str) -> bool {
        let is_number = NUMBERS.contains(&type_name) || is_decimal(type_name);
        match self {
            _ if type_name == NOTHING => true,
            Self::Week | Self::Number => is_number,
            Self::Flag => is_number || type_name == "BOOLEAN",
            Self::Text => is_number || type_name == "VARCHAR",
        }
    }

    /// Whether what it is instead reads as well as what is wanted: a date as text does, bytes do not.
    #[must_use]
    pub fn is_harmless(self, type_name: &str) -> bool {
        let is_nested = type_name.ends_with([']', ')']) && !is_decimal(type_name);
        self == Self::Text && !is_nested && type_name != "BLOB"
    }

    /// The value of `column`, a quoted name, whatever type it has: NULL where it holds nothing of the kind.
    #[must_use]
    pub fn expression(self, column: &str) -> String {
        let target = match self {
            Self::Week => "INTEGER",
            Self::Number => "DOUBLE",
            Self::Flag => "BOOLEAN",
            Self::Text => return format!("CAST({column} AS VARCHAR)"),
        };
        format!("TRY_CAST(CAST({column} AS VARCHAR) AS {target})")
    }

    /// What is wanted, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Week => "a number, such as 202646",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Text => "text",
        }
    }
}

/// Whether it is one, and no list of such.
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
        assert_eq!(Wanted::of("agent"), None);
    }
}
