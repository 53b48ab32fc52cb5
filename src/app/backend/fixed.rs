//! An engine for tests that answers every query with the query's text: it shows that every edge works with a
//! second engine.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use crate::contract::{
    Export, ExportJob, Exported, Frame, FrameBudget, Health, Item, Place, QueryJob, Queue, Reply, Ticket,
    Validity,
};
use crate::error::{Error, Result};
use crate::frame::FrameWriter;
use crate::local::Surroundings;
use crate::metrics::DatasourceNow;
use crate::query::Dialect;
use crate::source::{Common, CommonSettings, Document};

/// The settings of a datasource with this engine.
pub(crate) const SETTINGS: &str = r#"{"engine":"fixed","slowMs":7}"#;
/// A query fails at this word.
pub(crate) const FAILS: &str = "broken";

pub(crate) struct Fixed {
    common: Common,
    queue: Queue,
    budget: Arc<FrameBudget>,
}

#[expect(clippy::unused_self, clippy::unused_async, reason = "the seam asks it of every engine")]
impl Fixed {
    pub(super) fn open(document: &Document, around: Surroundings<'_>) -> Result<Self> {
        let common = CommonSettings::of(document)?.under(around.policy);
        let queue = Queue::new(common.limits.timeout, around.series);
        let budget = Arc::new(FrameBudget::new(&common.limits));
        Ok(Self { common, queue, budget })
    }

    pub(super) fn common(&self) -> &Common {
        &self.common
    }

    pub(super) fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    pub(super) fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        self.queue.enter(ticket)
    }

    pub(super) async fn query(&self, ticket: Ticket<'_>, job: Arc<QueryJob>) -> Result<Reply> {
        let _turn = self.queue.turn(ticket).await?;
        check(&job.sql)?;
        let schema = Arc::new(Schema::new(vec![Field::new("sql", DataType::Utf8, true)]));
        let texts = Arc::new(StringArray::from(vec![job.sql.as_str()]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![texts]);
        let batch = batch.map_err(|error| Error::internal(error.to_string()))?;
        let mut frame = Frame::new(Arc::clone(&self.budget));
        let written = frame
            .extend(async |bytes| {
                let mut writer = FrameWriter::new(schema, job.options.clone(), bytes)?;
                writer.push(&batch)?;
                writer.finish()
            })
            .await;
        Ok(Reply { frame, rows: written?.rows, validity: Validity::Never })
    }

    pub(super) async fn export(
        &self,
        ticket: Ticket<'_>,
        job: Arc<ExportJob>,
        _patient: bool,
    ) -> Result<Export> {
        let _place = self.queue.download(ticket).await?;
        check(&job.sql)?;
        let (sender, items) = mpsc::channel(2);
        let end = Exported { rows: 1, cut: false };
        for item in [Item::Piece(format!("sql\r\n{}\r\n", job.sql).into()), Item::End(Ok(end))] {
            sender.try_send(item).map_err(|error| Error::internal(error.to_string()))?;
        }
        Ok(Export::of(items))
    }

    pub(super) async fn health(&self) -> Health {
        Health { ok: true, message: "Fixed answers.".to_owned(), details: json!({}) }
    }

    pub(super) async fn catalog(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"[]"))
    }

    pub(super) async fn now(&self) -> DatasourceNow {
        DatasourceNow::default()
    }

    pub(super) async fn stop(&self) {}
}

fn check(sql: &str) -> Result<()> {
    let at = sql.find(FAILS);
    at.map_or(Ok(()), |at| Err(Error { position: Some(at), ..Error::bad_query("it is broken") }))
}
