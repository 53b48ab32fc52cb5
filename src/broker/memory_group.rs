//! Groups of workers whose memory counts together.

use std::sync::Arc;

/// The workers of one datasource, including those with its former settings.
#[derive(Debug, Clone, Default)]
pub struct MemoryGroup(Arc<()>);

impl PartialEq for MemoryGroup {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
