//! Whose workers count together.

use std::sync::Arc;

/// Those of one datasource, beyond a change of its settings.
#[derive(Debug, Clone, Default)]
pub struct MemoryGroup(Arc<()>);

impl PartialEq for MemoryGroup {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
