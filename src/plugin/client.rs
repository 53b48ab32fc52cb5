//! Starts a plugin executable as Grafana does and sends it queries, for the command `demo` and for tests.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use grafana_plugin_sdk::pluginv2::diagnostics_client::DiagnosticsClient;
use grafana_plugin_sdk::pluginv2::{CheckHealthRequest, CollectMetricsRequest};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::codec::ProstCodec;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tower::service_fn;

use super::{convert, diagnostics, grpc, handshake, messages};
use crate::app::{DataQuery, InstanceSettings};
use crate::contract::Health;
use crate::error::{Error, Kind, Result};

/// How long Grafana waits for the handshake line.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a plugin may take to stop before it is killed. Grafana waits two seconds, and the plugin's own
/// limits fit into them; the rest is a margin for busy machines.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait, after the plugin has ended, for an answer that it sent before.
const LAST_ANSWER: Duration = Duration::from_secs(1);
/// Bytes of one stream that may be in flight unread, so that a result does not wait for the reader.
const WINDOW_BYTES: u32 = 16 << 20;
/// Bytes of all streams together that may be in flight unread: a stream that nobody reads must not stall the
/// others, as in Grafana's host.
const CONNECTION_BYTES: u32 = 512 << 20;

/// A running plugin process. Dropping it kills the process; [`Plugin::shutdown`] asks it to stop.
#[derive(Debug)]
pub struct Plugin {
    child: Child,
    channel: Channel,
    /// Cancelled when the process closes its stdout, that is when it ends.
    ended: CancellationToken,
}

/// The answer to one query, as Grafana gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Arrow IPC files.
    pub frames: Vec<Bytes>,
    /// The error message, if the query failed.
    pub error: Option<String>,
    /// The HTTP status of the answer.
    pub status: i32,
    /// The source of an error: `plugin`, `downstream` or empty.
    pub error_source: String,
}

/// The answer to a resource call with its whole body.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceAnswer {
    /// The HTTP status.
    pub status: i32,
    /// Headers; the names are in lower case.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body.
    pub body: Bytes,
}

/// The answer to a resource call whose body is not read yet. Dropping it cancels the call.
#[derive(Debug)]
pub struct ResourceStream {
    /// The HTTP status.
    pub status: i32,
    /// Headers; the names are in lower case.
    pub headers: BTreeMap<String, Vec<String>>,
    first: Option<Bytes>,
    pieces: Streaming<messages::CallResourceResponse>,
}

impl ResourceStream {
    /// Returns the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// `Unavailable` when the call breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let piece = self.pieces.message().await.map_err(|status| broken(&status))?;
        Ok(piece.map(|piece| piece.body))
    }
}

impl Plugin {
    /// Starts `executable` with `env` added to the environment of this process, and connects to it.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be started, ends early, or prints anything else than the handshake line.
    pub async fn spawn<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        executable: &Path,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self> {
        let failed = |what: String| {
            Error::new(Kind::Unavailable, format!("`{}` {what}", executable.display()))
                .hint("The lines that the plugin logged say more")
        };
        let mut child = Command::new(executable)
            .envs(handshake::HOST_ENV)
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("cannot be started: {error}")))?;
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(relay(stderr));
        }
        let mut stdout =
            BufReader::new(child.stdout.take().ok_or_else(|| Error::internal("the child has no stdout"))?);
        let mut line = String::new();
        match timeout(START_TIMEOUT, stdout.read_line(&mut line)).await {
            Err(_) => return Err(failed(format!("does not start within {START_TIMEOUT:?}"))),
            Ok(Err(error)) => return Err(failed(format!("says nothing readable: {error}"))),
            Ok(Ok(_)) if line.is_empty() => return Err(failed("ends before the handshake".to_owned())),
            Ok(Ok(_)) => {}
        }
        let socket = socket_path(&line)
            .ok_or_else(|| failed(format!("says `{}`, which is not the handshake", line.trim())))?;
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        // Stdout is read to its end, because a plugin may block if nobody reads it.
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
            drop(guard);
        });
        let channel = unless_ended(&ended, connect(socket))
            .await
            .map_err(|status| failed(format!("cannot be reached: {}", status.message())))?;
        Ok(Self { child, channel, ended })
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Runs `queries` and returns their answers by refId.
    ///
    /// # Errors
    /// `Unavailable` when the whole request fails, which should never happen.
    pub async fn query(
        &self,
        settings: &InstanceSettings,
        queries: &[DataQuery<Bytes>],
    ) -> Result<BTreeMap<String, Answer>> {
        let request = messages::QueryDataRequest {
            context: Some(convert::plugin_context(settings)),
            headers: convert::headers(queries),
            queries: queries.iter().map(convert::query_message).collect(),
        };
        let response: messages::QueryDataResponse =
            self.call("/pluginv2.Data/QueryData", request).await.map_err(|status| broken(&status))?;
        Ok(response.responses.into_iter().map(|(ref_id, response)| (ref_id, answer(response))).collect())
    }

    /// Runs the health check.
    ///
    /// # Errors
    /// `Unavailable` when the call itself fails.
    pub async fn health(&self, settings: &InstanceSettings) -> Result<Health> {
        let context = convert::recode(&convert::plugin_context(settings))?;
        let request = CheckHealthRequest { plugin_context: Some(context), ..Default::default() };
        let mut client = DiagnosticsClient::new(self.channel.clone());
        let response = unless_ended(&self.ended, client.check_health(request))
            .await
            .map_err(|status| broken(&status))?;
        diagnostics::health(response.get_ref())
    }

    /// Returns the plugin's metrics in the Prometheus text format.
    ///
    /// # Errors
    /// `Unavailable` when the call itself fails.
    pub async fn metrics(&self) -> Result<String> {
        let mut client =
            DiagnosticsClient::new(self.channel.clone()).max_decoding_message_size(grpc::MAX_OUT);
        let response = unless_ended(&self.ended, client.collect_metrics(CollectMetricsRequest::default()))
            .await
            .map_err(|status| broken(&status))?;
        let text = response.into_inner().metrics.unwrap_or_default().prometheus;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Makes a resource call; `url` is path and query.
    ///
    /// # Errors
    /// `Unavailable` when the call itself fails or breaks off. An HTTP error status is not an error here.
    pub async fn resource(
        &self,
        settings: &InstanceSettings,
        method: &str,
        url: &str,
        body: Bytes,
    ) -> Result<ResourceAnswer> {
        let mut stream = self.open_resource(settings, method, url, body).await?;
        let mut body = Vec::new();
        while let Some(piece) = stream.next().await? {
            body.extend_from_slice(&piece);
        }
        Ok(ResourceAnswer { status: stream.status, headers: stream.headers, body: body.into() })
    }

    /// Makes a resource call whose body is read piece by piece. What is not read stays in the plugin, except
    /// for some megabytes in flight.
    ///
    /// # Errors
    /// As [`Plugin::resource`].
    pub async fn open_resource(
        &self,
        settings: &InstanceSettings,
        method: &str,
        url: &str,
        body: Bytes,
    ) -> Result<ResourceStream> {
        let content_type = messages::StringList { values: vec!["application/json".to_owned()] };
        let request = messages::CallResourceRequest {
            context: Some(convert::plugin_context(settings)),
            path: url.split('?').next().unwrap_or_default().to_owned(),
            method: method.to_owned(),
            url: url.to_owned(),
            headers: std::iter::once(("Content-Type".to_owned(), content_type)).collect(),
            body,
        };
        unless_ended(&self.ended, self.stream_resource(request)).await.map_err(|status| broken(&status))
    }

    async fn stream_resource(
        &self,
        request: messages::CallResourceRequest,
    ) -> Result<ResourceStream, Status> {
        let mut client = self.ready().await?;
        let path = PathAndQuery::from_static("/pluginv2.Resource/CallResource");
        let codec = ProstCodec::<_, messages::CallResourceResponse>::default();
        let mut pieces = client.server_streaming(Request::new(request), path, codec).await?.into_inner();
        let head = pieces.message().await?.unwrap_or_default();
        let headers =
            head.headers.into_iter().map(|(name, list)| (name.to_lowercase(), list.values)).collect();
        Ok(ResourceStream { status: head.code, headers, first: Some(head.body), pieces })
    }

    /// Asks the plugin to stop and waits until it has ended.
    ///
    /// # Errors
    /// `Unavailable` when it had to be killed.
    pub async fn shutdown(self) -> Result<()> {
        // The plugin may close the connection before it has answered; only its end matters.
        let asked: Result<messages::Empty, Status> =
            self.call("/plugin.GRPCController/Shutdown", messages::Empty {}).await;
        if let Err(status) = asked {
            tracing::debug!(%status, "no answer to the request to end");
        }
        let Self { mut child, channel, ended: _ } = self;
        drop(channel);
        let ended = timeout(STOP_TIMEOUT, child.wait()).await;
        if ended.is_ok() {
            return Ok(());
        }
        let killed = child.kill().await;
        Err(Error::new(
            Kind::Unavailable,
            format!("the plugin did not end within {STOP_TIMEOUT:?} ({killed:?})"),
        ))
    }

    async fn ready(&self) -> Result<tonic::client::Grpc<Channel>, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone())
            .max_decoding_message_size(grpc::MAX_OUT)
            .max_encoding_message_size(grpc::MAX_OUT);
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(client)
    }

    async fn call<Req, Res>(&self, path: &'static str, request: Req) -> Result<Res, Status>
    where
        Req: Message + 'static,
        Res: Message + Default + 'static,
    {
        let codec = ProstCodec::<Req, Res>::default();
        let path = PathAndQuery::from_static(path);
        let answer = async {
            let mut client = self.ready().await?;
            client.unary(Request::new(request), path, codec).await
        };
        unless_ended(&self.ended, answer).await.map(tonic::Response::into_inner)
    }
}

/// Returns the path of the socket in a handshake line.
fn socket_path(line: &str) -> Option<PathBuf> {
    match line.trim().split('|').collect::<Vec<_>>().as_slice() {
        ["1", "2", "unix", path, "grpc", ..] => Some(PathBuf::from(path)),
        _ => None,
    }
}

/// Returns the result of `call`, or an error once the plugin has `ended`: a connection that closes before its
/// first answer can leave a call waiting for ever.
async fn unless_ended<T>(
    ended: &CancellationToken,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let gone = async {
        ended.cancelled().await;
        tokio::time::sleep(LAST_ANSWER).await;
    };
    tokio::select! {
        answer = call => answer,
        () = gone => Err(Status::unavailable("it has ended")),
    }
}

async fn connect(socket: PathBuf) -> Result<Channel, Status> {
    // tonic requires an address, but the connector ignores it.
    Endpoint::from_static("http://plugin")
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_BYTES)
        .connect_with_connector(service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        }))
        .await
        .map_err(|error| Status::unavailable(error.to_string()))
}

fn answer(response: messages::DataResponse) -> Answer {
    Answer {
        frames: response.frames,
        error: (!response.error.is_empty()).then_some(response.error),
        status: response.status,
        error_source: response.error_source,
    }
}

fn broken(status: &Status) -> Error {
    Error::new(Kind::Unavailable, format!("the plugin does not answer: {}", status.message()))
        .hint("The lines that the plugin logged say more")
}

/// Copies the plugin's log lines into this process's log.
async fn relay(stderr: ChildStderr) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (level, message) = parse_log(&line);
        match level.as_str() {
            "ERROR" => tracing::error!("plugin: {message}"),
            "WARN" => tracing::warn!("plugin: {message}"),
            _ => tracing::debug!("plugin: {message}"),
        }
    }
}

/// Returns level and message of an hclog line; a line in another format becomes the message itself.
fn parse_log(line: &str) -> (String, String) {
    let fields: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let text = |key: &str| fields.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    (text("@level").unwrap_or_default(), text("@message").unwrap_or_else(|| line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_handshake_of_our_protocol_is_taken() {
        for (line, expected) in [
            ("1|2|unix|/tmp/a/plugin.sock|grpc\n", Some("/tmp/a/plugin.sock")),
            ("1|2|unix|/tmp/a|grpc||true", Some("/tmp/a")),
            ("1|1|unix|/tmp/a|grpc", None),
            ("1|2|tcp|127.0.0.1:1|grpc", None),
            ("hello", None),
        ] {
            assert_eq!(socket_path(line), expected.map(PathBuf::from), "{line}");
        }
    }

    #[test]
    fn log_lines_keep_level_and_message() {
        let line = r#"{"@level":"WARN","@message":"slow","n":1}"#;
        assert_eq!(parse_log(line), ("WARN".to_owned(), "slow".to_owned()));
        assert_eq!(parse_log("plain"), (String::new(), "plain".to_owned()));
    }
}
