//! Runs one query through the app in this process, or through a plugin process as Grafana does. Both use the
//! same worker.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::app::{App, DataQuery, InstanceSettings};
use crate::error::{Error, Kind, Result};
use crate::frame::{self, Decoded};
use crate::plugin::client::Plugin;
use crate::query::{QueryModel, TimeRange};

/// The recipient of queries.
pub(super) enum Edge<'a> {
    /// The app in this process.
    App(&'a App),
    /// A plugin process.
    Plugin(&'a Plugin),
}

/// A datasource and the recipient of its queries.
pub(super) struct Asker<'a> {
    /// The recipient.
    pub(super) edge: Edge<'a>,
    /// The datasource's instance settings.
    pub(super) settings: &'a InstanceSettings,
}

/// A query before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The query model.
    pub(super) model: Map<String, Value>,
    /// The refId.
    pub(super) ref_id: String,
    /// The time range.
    pub(super) range: TimeRange,
    /// The suggested interval; zero if unknown.
    pub(super) interval: Duration,
    /// The most points that can be shown; zero if unknown.
    pub(super) max_data_points: i64,
}

impl Question {
    fn with<Model>(self, model: Model) -> DataQuery<Model> {
        DataQuery {
            ref_id: self.ref_id,
            model,
            range: self.range,
            interval: self.interval,
            max_data_points: self.max_data_points,
            is_of_alert: false,
        }
    }

    /// Converts the question to a query for the app.
    ///
    /// # Errors
    /// `BadQuery` when the query model is invalid.
    pub(super) fn read(self) -> Result<DataQuery> {
        let model = QueryModel::from_members(&self.model)?;
        Ok(self.with(model))
    }

    /// Converts the question to a query for a plugin process.
    fn on_the_wire(mut self) -> DataQuery<Bytes> {
        let model = Value::Object(std::mem::take(&mut self.model)).to_string().into();
        self.with(model)
    }
}

/// The answer to a query.
#[derive(Debug)]
pub(super) struct Answer {
    /// The encoded frame, or the error.
    pub(super) frame: Result<Bytes>,
    /// How long it took.
    pub(super) took: Duration,
}

impl Answer {
    /// Decodes the frame.
    pub(super) fn decoded(&self) -> Result<Decoded> {
        frame::decode(self.frame.as_ref().map_err(Clone::clone)?)
    }
}

impl Asker<'_> {
    /// Runs the query and waits for its answer.
    pub(super) async fn ask(&self, question: Question) -> Answer {
        let start = Instant::now();
        let frame = match &self.edge {
            Edge::App(app) => {
                let asked = async {
                    let outcome = app.query(self.settings, question.read()?).await;
                    outcome.error.map_or(Ok(outcome.frame), Err)
                };
                asked.await
            }
            Edge::Plugin(plugin) => through_plugin(plugin, self.settings, question.on_the_wire()).await,
        };
        Answer { frame, took: start.elapsed() }
    }
}

async fn through_plugin(
    plugin: &Plugin,
    settings: &InstanceSettings,
    query: DataQuery<Bytes>,
) -> Result<Bytes> {
    let ref_id = query.ref_id.clone();
    let mut answers = plugin.query(settings, &[query]).await?;
    let answer = answers
        .remove(&ref_id)
        .ok_or_else(|| Error::internal(format!("the plugin gave no answer to the query `{ref_id}`")))?;
    if let Some(text) = answer.error {
        let kind = if answer.error_source == "plugin" { Kind::Unavailable } else { Kind::BadQuery };
        return Err(Error::new(kind, text));
    }
    let frame = answer.frames.into_iter().next();
    frame.ok_or_else(|| Error::internal(format!("the plugin gave no frame for the query `{ref_id}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixed;
    use crate::frame::rows::cell;
    use crate::source::Policy;

    /// The command line passes on answers of any engine, not only those of a worker.
    #[tokio::test]
    async fn any_engine_answers() {
        let app = App::new(Ok(Policy::default()));
        let settings = InstanceSettings { json_data: fixed::SETTINGS.into(), ..InstanceSettings::default() };
        let asker = Asker { edge: Edge::App(&app), settings: &settings };
        let ask = async |sql: &str| {
            let model = serde_json::json!({ "rawSql": sql }).as_object().cloned().unwrap_or_default();
            let range = TimeRange::parse("now-1h", "now", jiff::Timestamp::now()).unwrap();
            let ref_id = "A".to_owned();
            asker.ask(Question { model, ref_id, range, interval: Duration::ZERO, max_data_points: 0 }).await
        };
        let decoded = ask("SELECT ${__slowMs}").await.decoded().unwrap();
        assert_eq!(cell(decoded.batches[0].column(0), 0).plain(), "SELECT 7");
        let error = ask("SELECT ${__slowMs}, broken").await.frame.unwrap_err();
        assert_eq!((error.message.as_str(), error.position), ("it is broken", Some(20)));
        assert!(app.health(&settings).await.ok);
        assert_eq!(app.catalog(&settings).await.unwrap(), "[]");
    }
}
