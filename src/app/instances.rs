//! The instances of the datasources in use: one per organisation and uid, made from the current settings.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::backend::Backend;
use super::plan::Longs;
use super::request::InstanceSettings;
use crate::cache::{Cache, Scope};
use crate::error::{Error, Kind, Result};
use crate::local::Surroundings;
use crate::metrics::Series;
use crate::protocol::Walls;
use crate::rundir::{self, RunDir};
use crate::source::Policy;

/// Organisation id and datasource uid.
type InstanceKey = (i64, String);

/// One datasource in use. It is replaced when its settings change, and dropped after its last query.
pub(super) struct Instance {
    /// The settings it was made from: `url`, `json_data` and `secrets`.
    url: String,
    json_data: Bytes,
    secrets: HashMap<String, String>,
    pub(super) backend: Backend,
    pub(super) series: Arc<Series>,
    /// Identifies its results in the cache.
    pub(super) scope: Scope,
    /// Ensures that only one of its long query models is read at a time.
    pub(super) longs: Longs,
}

impl Instance {
    fn is_of(&self, settings: &InstanceSettings) -> bool {
        self.url == settings.url && self.json_data == settings.json_data && self.secrets == settings.secrets
    }
}

/// The instances, and what they are opened with.
pub(super) struct Instances {
    policy: Result<Policy>,
    pub(super) walls: Walls,
    open: Mutex<HashMap<InstanceKey, Arc<Instance>>>,
    /// Holds the workers' temp folders; created with the first instance.
    run_dir: Mutex<Option<Arc<RunDir>>>,
}

impl Instances {
    /// Creates an empty set under `policy`.
    pub(super) fn new(policy: Result<Policy>) -> Self {
        Self { policy, walls: Walls::default(), open: Mutex::default(), run_dir: Mutex::default() }
    }

    /// Returns the operator's policy.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    pub(super) fn policy(&self) -> Result<&Policy> {
        self.policy.as_ref().map_err(Clone::clone)
    }

    /// Returns every instance with the uid of its datasource.
    pub(super) fn all(&self) -> Vec<(String, Arc<Instance>)> {
        let open = self.open.lock();
        open.iter().map(|((_, uid), instance)| (uid.clone(), Arc::clone(instance))).collect()
    }

    /// Drops the instances of the datasources with these uids, and their cached results.
    pub(super) fn forget(&self, uids: &[String], cache: &Cache) {
        self.open.lock().retain(|(_, uid), instance| {
            let stays = !uids.contains(uid);
            if !stays {
                cache.end(&instance.scope);
            }
            stays
        });
    }

    /// Removes and returns all instances.
    pub(super) fn take(&self) -> Vec<Arc<Instance>> {
        std::mem::take(&mut *self.open.lock()).into_values().collect()
    }

    /// Removes the temp folder, if there is one.
    pub(super) fn remove_run_dir(&self) {
        // A request that never ends may still hold the folder.
        if let Some(run_dir) = self.run_dir.lock().take()
            && let Err(error) = run_dir.remove()
        {
            tracing::debug!(%error, "the temp folder stays");
        }
    }

    /// Returns the instance of a datasource. Creates it if there is none, or if the settings have changed.
    ///
    /// # Errors
    /// Errors of the policy, of the settings and of the temp folder.
    pub(super) fn of(
        &self,
        settings: &InstanceSettings,
        series: Arc<Series>,
        cache: &Cache,
    ) -> Result<Arc<Instance>> {
        let key = (settings.org_id, settings.uid.clone());
        if let Some(instance) = self.open.lock().get(&key).filter(|instance| instance.is_of(settings)) {
            return Ok(Arc::clone(instance));
        }
        let policy = self.policy()?;
        let previous = self.open.lock().get(&key).cloned();
        let run_dir = || self.run_dir(policy);
        let around =
            Surroundings { policy, walls: self.walls, run_dir: &run_dir, series: Arc::clone(&series) };
        let backend = Backend::open(settings, around, previous.as_ref().map(|old| &old.backend))?;
        let instance = Arc::new(Instance {
            url: settings.url.clone(),
            json_data: settings.json_data.clone(),
            secrets: settings.secrets.clone(),
            scope: Scope::default(),
            backend,
            series,
            longs: Longs::default(),
        });
        let mut open = self.open.lock();
        // Another query may have created the instance meanwhile; the one made here has not run anything yet.
        if let Some(faster) = open.get(&key).filter(|instance| instance.is_of(settings)) {
            return Ok(Arc::clone(faster));
        }
        if let Some(old) = open.insert(key, Arc::clone(&instance)) {
            cache.end(&old.scope);
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
