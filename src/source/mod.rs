//! A datasource: what its settings ask for, what the operator allows, and the files that come of it.

mod listing;
mod looks;
mod missing;
mod mounts;
mod policy;
mod resolve;
mod roots;
mod settings;

pub(crate) use listing::passes_by;
pub use looks::{Look, Looks, TICK, Validity};
pub use missing::explain_missing;
pub use policy::Policy;
pub(crate) use resolve::denied;
pub use resolve::{Datasource, in_a_glob, resolve};
pub use roots::Roots;
pub use settings::Settings;
