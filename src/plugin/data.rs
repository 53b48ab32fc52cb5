//! The service `pluginv2.Data`: takes queries, returns frames.
//!
//! The queries of a request run concurrently, and one that fails does not affect the others. Queries beyond
//! [`MOST_QUERIES`] are refused. Grafana cancels a request by resetting its HTTP/2 stream. That drops the
//! future of the answer, which aborts all queries that still run.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinSet;
use tonic::Response;
use tonic::body::BoxBody;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use super::budget::Share;
use super::messages::{self, DataResponse, QueryDataRequest, QueryDataResponse};
use super::sending::Made;
use super::{convert, grpc};
use crate::app::App;
use crate::error::{Error, Kind};

/// Bytes of a response kept free for everything but frames: error texts of at most 16 KB each, keys, lengths.
const ENVELOPE_BYTES: usize = 8 << 20;
/// The most queries of a request that are run; each answer is kept until the last one has come.
const MOST_QUERIES: usize = 400;

/// Serves `pluginv2.Data/QueryData`.
#[derive(Clone)]
pub(super) struct DataServer {
    app: Arc<App>,
}

impl DataServer {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl NamedService for DataServer {
    const NAME: &'static str = "pluginv2.Data";
}

impl Service<http::Request<BoxBody>> for DataServer {
    type Response = http::Response<BoxBody>;
    type Error = Infallible;
    type Future = grpc::Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<BoxBody>) -> grpc::Answer {
        let app = Arc::clone(&self.app);
        match request.uri().path() {
            "/pluginv2.Data/QueryData" => grpc::unary(request, move |message, share| {
                let app = Arc::clone(&app);
                async move {
                    let message = query_data(app, message, share).await;
                    let frames = message.responses.values().flat_map(|one| &one.frames).cloned();
                    let made = Made(Arc::new(frames.collect::<Vec<_>>()));
                    let mut response = Response::new(message);
                    response.extensions_mut().insert(made);
                    Ok(response)
                }
            }),
            _ => grpc::unimplemented(),
        }
    }
}

async fn query_data(
    app: Arc<App>,
    request: QueryDataRequest,
    share: Option<Arc<Share>>,
) -> QueryDataResponse {
    let settings = Arc::new(convert::instance_settings(request.context));
    let mut responses = BTreeMap::new();
    let mut running = JoinSet::new();
    let mut ref_ids = std::collections::HashMap::new();
    let asked = request.queries.len();
    let is_of_alert = request.headers.get(messages::FROM_ALERT).is_some_and(|value| value == "true");
    let mut longest = 0;
    for (at, query) in request.queries.into_iter().enumerate() {
        let ref_id = query.ref_id.clone();
        longest = longest.max(ref_id.len());
        let query = if at < MOST_QUERIES { convert::data_query(query) } else { Err(too_many(asked)) };
        match query {
            Ok(query) => {
                let query = crate::app::DataQuery { is_of_alert, ..query };
                let (app, settings, share) = (Arc::clone(&app), Arc::clone(&settings), share.clone());
                let task = running.spawn(async move { app.query_on_the_wire(&settings, query, share).await });
                ref_ids.insert(task.id(), ref_id);
            }
            Err(error) => {
                responses.insert(ref_id, convert::error_response(&error));
            }
        }
    }
    // From here on the queue counts the queries' texts, so the share is released. It does not count the
    // names: if one is long, the share is kept until all queries have answered.
    let share = share.filter(|_| longest > convert::LONGEST_REF_ID);
    while let Some(ended) = running.join_next_with_id().await {
        let (task, response) = match ended {
            Ok((task, outcome)) => (task, convert::data_response(outcome)),
            Err(failed) => (failed.id(), convert::error_response(&grpc::panicked())),
        };
        if let Some(ref_id) = ref_ids.remove(&task) {
            responses.insert(ref_id, response);
        }
    }
    drop(share);
    fit(&mut responses, grpc::MAX_OUT - ENVELOPE_BYTES);
    QueryDataResponse { responses }
}

fn too_many(asked: usize) -> Error {
    let message = format!("the request has {asked} queries, and only the first {MOST_QUERIES} are run");
    Error::new(Kind::Exhausted, message).hint("Send the others in another request")
}

/// Replaces the largest results by errors until the frames fit into `budget` bytes: a message above the
/// protocol's limit would lose all results of the request.
fn fit(responses: &mut BTreeMap<String, DataResponse>, budget: usize) {
    let size = |response: &DataResponse| response.frames.iter().map(bytes::Bytes::len).sum::<usize>();
    let mut total: usize = responses.values().map(size).sum();
    while total > budget {
        let Some(largest) = responses.values_mut().max_by_key(|response| size(response)) else { return };
        let bytes = size(largest);
        let error = Error::new(
            Kind::Exhausted,
            format!(
                "the result has {} MB, and all results of a request together may have {} MB on the way to Grafana",
                bytes >> 20,
                budget >> 20
            ),
        )
        .hint("Aggregate in SQL, or lower `maxResultMb` or `maxRows` in the datasource's settings");
        *largest = convert::error_response(&error);
        total -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tonic::codec::ProstCodec;
    use tonic::codegen::http::uri::PathAndQuery;

    use super::*;
    use crate::app::fixed;
    use crate::frame;
    use crate::plugin::messages::{DataQuery, DataSourceInstanceSettings, PluginContext, TimeRange};
    use crate::source::Policy;

    /// The gRPC edge passes on answers of any engine, not only those of a worker.
    #[tokio::test]
    async fn any_engine_answers() {
        let app = Arc::new(App::new(Ok(Policy::default())));
        let datasource =
            DataSourceInstanceSettings { json_data: fixed::SETTINGS.into(), ..Default::default() };
        let context = PluginContext { org_id: 1, datasource: Some(datasource), ..Default::default() };
        let query = |ref_id: &str, sql: &str| DataQuery {
            ref_id: ref_id.to_owned(),
            time_range: Some(TimeRange { from_ms: 0, to_ms: 86_400_000 }),
            json: serde_json::json!({ "rawSql": sql }).to_string().into(),
            ..Default::default()
        };
        let queries = vec![query("A", "SELECT ${__slowMs}"), query("B", "SELECT ${__slowMs}, broken")];
        let request = QueryDataRequest { context: Some(context), queries, ..Default::default() };
        let mut client = tonic::client::Grpc::new(DataServer::new(app));
        client.ready().await.unwrap();
        let codec = ProstCodec::<QueryDataRequest, QueryDataResponse>::default();
        let path = PathAndQuery::from_static("/pluginv2.Data/QueryData");
        let answer = client.unary(tonic::Request::new(request), path, codec).await.unwrap().into_inner();
        let decoded = frame::decode(&answer.responses["A"].frames[0]).unwrap();
        assert_eq!(frame::rows::cell(decoded.batches[0].column(0), 0).plain(), "SELECT 7");
        let failed = &answer.responses["B"];
        assert_eq!((failed.status, failed.error_source.as_str()), (400, "downstream"), "{failed:?}");
        assert!(failed.error.starts_with("it is broken (line 1, column 21)"), "{}", failed.error);
    }

    fn response(bytes: usize) -> DataResponse {
        DataResponse { frames: vec![Bytes::from(vec![0; bytes])], status: 200, ..Default::default() }
    }

    #[test]
    fn only_the_largest_results_make_room() {
        let mut responses: BTreeMap<_, _> =
            [("A", 10), ("B", 500), ("C", 90)].map(|(id, bytes)| (id.to_owned(), response(bytes))).into();
        fit(&mut responses, 100);
        assert_eq!(responses["B"].frames.len(), 0);
        assert_eq!((responses["B"].status, responses["B"].error_source.as_str()), (429, "downstream"));
        assert!(responses["B"].error.contains("maxResultMb"));
        assert_eq!((responses["A"].status, responses["C"].status), (200, 200));
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut responses: BTreeMap<_, _> = [("A".to_owned(), response(100))].into();
        fit(&mut responses, 100);
        assert_eq!(responses["A"].status, 200);
    }
}
