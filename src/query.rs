//! What a user asks for: the query model, and the SQL that is made of it for DuckDB ([`grafana_sql_macros`]
//! and [`grafana_time`]). Whether the statement may run is decided by the gate.

mod model;

pub use grafana_frames::Format;
pub use grafana_sql_macros::{
    Context, Dialect, MacroDoc, Offsets, Prepared, Token, TokenKind, Value, Variable, Variables,
    has_macro_in_quotes, macro_table, prepare, tokens, week_condition, with_plain_spaces,
};
pub use grafana_time::{
    Bucket, End, Fill, FillMode, TimeRange, format_interval, instant_of_ms, parse_interval,
};

pub use model::QueryModel;
pub(crate) use model::too_long;
