//! A datasource: its settings, the operator's policy, and the files that result from both.

mod access;
mod fingerprint;
mod glob;
mod listing;
mod missing;
mod mounts;
mod pattern;
mod policy;
mod reach;
mod resolve;
mod roots;
mod settings;
mod words;

pub(crate) use access::denied;
pub use fingerprint::{Fingerprint, Fingerprints, TICK};
pub(crate) use glob::is_pattern;
pub(crate) use listing::passes_by;
pub use missing::explain_missing;
pub(crate) use pattern::{is_report, is_written, is_written_or_asked};
pub use policy::Policy;
pub use reach::{Astray, Beside, Findings, Found, Reach};
pub use resolve::{Datasource, check_file, in_a_glob, resolve};
pub(crate) use resolve::{in_a_list, name_in_sql, no_file, write_ahead_logs};
pub use roots::{Roots, reports_beside};
pub use settings::{Common, CommonSettings, Document, Engine, LocalSettings};
pub(crate) use words::{
    BASE_PATH, MORE_PATHS, OPENED_BY_SAVE_AND_TEST, PATH, REPORTS, SLOW_ABOVE, for_command_line,
};
