//! The parameters of the named queries: names, meanings and types of values. The API's addresses, the
//! documentation and the `OpenAPI` document are all generated from this table.

/// A parameter of a named query.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The name as written in an address, such as `slow_ms`.
    pub name: &'static str,
    /// What the parameter does, and what applies without it.
    pub doc: &'static str,
    /// An example value.
    pub example: &'static str,
    /// The type of its values.
    pub kind: ParameterKind,
    /// The default value.
    pub default: Option<&'static str>,
    /// The value with which dashboards say "not chosen".
    pub unchosen: Option<&'static str>,
}

/// The type of a parameter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// One end of the time range.
    Time,
    /// An ISO week.
    Week,
    /// An ISO week; may be repeated.
    Weeks,
    /// A text.
    Text,
    /// A text; may be repeated.
    Texts,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number, zero or above.
    Number,
    /// A whole number, this one or above.
    Count(u64),
}

impl ParameterKind {
    /// Whether the parameter may be given more than once.
    #[must_use]
    pub fn repeats(self) -> bool {
        matches!(self, Self::Weeks | Self::Texts)
    }
}

impl Parameter {
    const fn new(name: &'static str, kind: ParameterKind, example: &'static str, doc: &'static str) -> Self {
        Self { name, doc, example, kind, default: None, unchosen: None }
    }
}

pub(super) const FROM: Parameter = Parameter::new(
    "from",
    ParameterKind::Time,
    "now-26w/w",
    "Start of the time range: a week (2026-W10 or 202610), a day, `now-26w/w`, RFC 3339 or milliseconds since 1970. Without it: from the first report on.",
);
pub(super) const TO: Parameter = Parameter::new(
    "to",
    ParameterKind::Time,
    "now/w",
    "End of the time range, in the same forms; a week or day is meant with its whole length. Without it: up to the last report.",
);
pub(super) const WEEK: Parameter = Parameter::new(
    "week",
    ParameterKind::Weeks,
    "202653",
    "An ISO week, 202653 or 2026-W53; may be repeated. Without it: every week of the time range.",
);
/// The later weeks of a comparison.
pub(super) const LATER: Parameter = Parameter {
    unchosen: Some("newest"),
    ..Parameter::new(
        WEEK.name,
        ParameterKind::Weeks,
        "202653",
        "An ISO week, 202653 or 2026-W53; may be repeated. Without it, or with `newest`: the newest report of the time range.",
    )
};
/// The earlier week of a comparison.
pub(super) const BEFORE: Parameter = Parameter {
    unchosen: Some("previous"),
    ..Parameter::new(
        "before",
        ParameterKind::Week,
        "202640",
        "The ISO week to compare with: its report, or the newest one before it. Without it, or with `previous`: the report before.",
    )
};
/// The week of a query that is about one week.
pub(super) const CURRENT: Parameter = Parameter {
    unchosen: Some("newest"),
    ..Parameter::new(
        WEEK.name,
        ParameterKind::Week,
        "202653",
        "An ISO week: its report, or the newest one before it. Without it, or with `newest`: the newest report of the time range.",
    )
};
pub(super) const PATTERN: Parameter = Parameter::new(
    "pattern",
    ParameterKind::Texts,
    "SELECT 1",
    "Only this pattern, exactly as in the reports; may be repeated.",
);
pub(super) const AGENT: Parameter = Parameter::new(
    "agent",
    ParameterKind::Texts,
    "checkout",
    "Only this agent, exactly as in the column `agent` that reports may have; may be repeated.",
);
pub(super) const AGENT_BY_NAME: Parameter = Parameter::new(
    AGENT.name,
    ParameterKind::Texts,
    "checkout",
    "Only this agent, as the answer names it; may be repeated.",
);
pub(super) const AGENT_REGEX: Parameter = Parameter {
    default: Some(
        r#"(?is)^(?:\b(?:extract|trim|substring|overlay|position)\s*\((?:[^()]|\([^()]*\))*\)|\bdistinct\s+from\b|.)*?\b(?:from|into|update)\s+"?([a-z_][a-z0-9_.]*)"#,
    ),
    ..Parameter::new(
        "agent_regex",
        ParameterKind::Text,
        "agent:(\\w+)",
        "For rows without a column `agent`: a regular expression over the pattern; its first group, or else all that it matches, is the agent. Without it: the first table of the query.",
    )
};
pub(super) const LIMIT: Parameter = Parameter::new(
    "limit",
    ParameterKind::Count(1),
    "100",
    "Rows at most. Without it: as many as the datasource's `maxRows` allows.",
);
/// `limit` of the query for slow rows, which has another default in `/api/perf/slow`.
pub(super) const SLOW_LIMIT: Parameter =
    Parameter { doc: "Rows at most. Without it: 20; in a CSV file all.", ..LIMIT };
pub(super) const ORDER: Parameter = Parameter {
    default: Some("p95"),
    ..Parameter::new(
        "order",
        ParameterKind::Choice(&["p95", "p50", "p99", "samples", "newest"]),
        "newest",
        "What comes first: the highest `p95`, `p50` or `p99`, the most `samples`, or the `newest` week and in it the highest p95. Without it: `p95`.",
    )
};
/// `slow_ms` of the query for slow rows: without it, the reports' `slow_flag` decides.
pub(super) const SLOW_ABOVE: Parameter = Parameter {
    doc: "Rows with a p95 above so many milliseconds. Without it: those that the reports call slow (`slow_flag`; where they have none, above the datasource's `slowMs`).",
    ..SLOW_MS
};
pub(super) const SLOW_MS: Parameter = Parameter::new(
    "slow_ms",
    ParameterKind::Number,
    "250",
    "Above how many milliseconds of p95 a pattern counts as slow. Without it: the datasource's `slowMs`.",
);
pub(super) const NAME: Parameter = Parameter::new(
    "name",
    ParameterKind::Text,
    "SELECT 1",
    "The pattern, exactly as in the reports. Without it: the slowest one of the newest report in the time range.",
);
pub(super) const PERCENT: Parameter = Parameter {
    default: Some("25"),
    ..Parameter::new(
        "percent",
        ParameterKind::Number,
        "10",
        "By how many percent p95 must have grown; from 0 any growth counts. Without it: 25.",
    )
};
pub(super) const MIN_SAMPLES: Parameter = Parameter {
    default: Some("30"),
    ..Parameter::new(
        "min_samples",
        ParameterKind::Count(0),
        "100",
        "How many samples both reports must have of the pattern, because percentiles of a few say little. Without it: 30.",
    )
};
