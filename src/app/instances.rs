//! The instances of the datasources in use: one per organisation and uid, as its settings are now.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::plan::Longs;
use super::{App, InstanceSettings};
use crate::broker::{self, Supervisor, Terms};
use crate::cache::Scope;
use crate::error::{Error, Kind, Result};
use crate::rundir::{self, RunDir};
use crate::source::{self, Policy, Settings};

/// Organisation and uid.
pub(super) type InstanceKey = (i64, String);

/// One datasource in use. Replaced when its settings change; its worker ends with its last query.
pub(super) struct Instance {
    /// What it was made from.
    url: String,
    json_data: Bytes,
    secrets: HashMap<String, String>,
    pub(super) supervisor: Supervisor,
    /// Its results in the cache.
    pub(super) scope: Scope,
    /// Of its queries.
    pub(super) longs: Longs,
    /// Held while its reports are listed for the metrics.
    pub(super) listing: Arc<tokio::sync::Mutex<()>>,
    /// Dropped after the worker, whose temp folder is in it.
    _run_dir: Arc<RunDir>,
}

impl Instance {
    fn is_of(&self, settings: &InstanceSettings) -> bool {
        self.url == settings.url && self.json_data == settings.json_data && self.secrets == settings.secrets
    }
}

impl App {
    /// The instance of a datasource, made anew when its settings are not those it was made from.
    ///
    /// # Errors
    /// Those of the policy, of the settings, and of the temp folder.
    pub(super) fn instance(&self, settings: &InstanceSettings) -> Result<Arc<Instance>> {
        let series = self.metrics.of(&settings.uid);
        let key = (settings.org_id, settings.uid.clone());
        if let Some(instance) = self.instances.lock().get(&key).filter(|instance| instance.is_of(settings)) {
            return Ok(Arc::clone(instance));
        }
        let policy = self.policy.as_ref().map_err(Clone::clone)?;
        let datasource = source::resolve(&Settings::parse(&settings.json_data, &settings.url)?, policy)?;
        let run_dir = self.run_dir(policy)?;
        let terms = Terms {
            idle: policy.idle_seconds.map_or(broker::IDLE, Duration::from_secs),
            walls: self.walls,
            require_jail: policy.require_jail,
        };
        // The last queries of the old settings share the datasource's memory with the first of the new ones.
        let family = self.instances.lock().get(&key).map(|old| old.supervisor.family()).unwrap_or_default();
        let run_path = run_dir.path().to_owned();
        let instance = Arc::new(Instance {
            url: settings.url.clone(),
            json_data: settings.json_data.clone(),
            secrets: settings.secrets.clone(),
            scope: Scope::new(datasource.folders.clone()),
            supervisor: Supervisor::new(datasource, run_path, terms, family, series),
            longs: Longs::default(),
            listing: Arc::default(),
            _run_dir: run_dir,
        });
        let mut instances = self.instances.lock();
        // Another first query may have been faster; ours has no worker yet.
        if let Some(faster) = instances.get(&key).filter(|instance| instance.is_of(settings)) {
            return Ok(Arc::clone(faster));
        }
        if let Some(old) = instances.insert(key, Arc::clone(&instance)) {
            self.cache.end(&old.scope);
        }
        Ok(instance)
    }

    fn run_dir(&self, policy: &Policy) -> Result<Arc<RunDir>> {
        let mut slot = self.run_dir.lock();
        if let Some(run_dir) = &*slot {
            return Ok(Arc::clone(run_dir));
        }
        let parent: PathBuf = policy.temp_root();
        let run_dir = RunDir::create(&parent).map_err(|error| {
            tracing::error!(%error, folder = %parent.display(), "no temp folder can be made");
            Error::new(Kind::Unavailable, format!("no temp folder can be made: {}", error.kind()))
                .hint("Set `temp_dir` in the ini section [plugin.duckdb-perf-datasource] to a folder that Grafana's user may write")
        })?;
        if rundir::is_in_memory(&parent) {
            tracing::warn!(folder = %parent.display(), "the temp folder is in memory: what queries spill takes memory beyond their limit; `temp_dir` can name a folder on a disk");
        }
        for swept in rundir::sweep(&parent) {
            tracing::info!(path = %swept.display(), "removed what a killed process left behind");
        }
        Ok(Arc::clone(slot.insert(Arc::new(run_dir))))
    }
}
