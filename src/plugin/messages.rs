//! Messages of Grafana's backend protocol (package `pluginv2`), written by field number, where
//! `grafana-plugin-sdk` 0.5.0 lacks fields or copies too much.
//!
//! Added fields: `DataResponse.errorSource` and `PluginContext.grafanaConfig`. Frames and bodies are
//! [`Bytes`], so that a result is not copied on its way in. Fields that nothing here reads are left out;
//! prost skips them, and also fields of a Grafana newer than this file. Source of the field numbers:
//! `grafana-plugin-sdk-go` v0.281.0, `proto/backend.proto`.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use prost::Message;

/// The user and the datasource of a call.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PluginContext {
    #[prost(int64, tag = "1")]
    pub(super) org_id: i64,
    #[prost(string, tag = "2")]
    pub(super) plugin_id: String,
    #[prost(message, optional, tag = "3")]
    pub(super) user: Option<User>,
    #[prost(message, optional, tag = "5")]
    pub(super) datasource: Option<DataSourceInstanceSettings>,
    #[prost(map = "string, string", tag = "6")]
    pub(super) grafana_config: HashMap<String, String>,
}

/// The user who makes a call. The role (field 4) is left out on purpose: it may be `None` or empty, and
/// nothing depends on it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct User {
    #[prost(string, tag = "1")]
    pub(super) login: String,
}

/// A datasource as it is saved in Grafana.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DataSourceInstanceSettings {
    #[prost(string, tag = "3")]
    pub(super) url: String,
    #[prost(bytes = "bytes", tag = "8")]
    pub(super) json_data: Bytes,
    #[prost(map = "string, string", tag = "9")]
    pub(super) secrets: HashMap<String, String>,
    #[prost(int64, tag = "10")]
    pub(super) last_updated_ms: i64,
    #[prost(string, tag = "11")]
    pub(super) uid: String,
}

/// The header that is `true` for queries of an alert rule.
pub(super) const FROM_ALERT: &str = "FromAlert";

/// `pluginv2.QueryDataRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct QueryDataRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) context: Option<PluginContext>,
    /// Headers that Grafana sets for the plugin, not HTTP headers of the browser's request.
    #[prost(map = "string, string", tag = "2")]
    pub(super) headers: HashMap<String, String>,
    #[prost(message, repeated, tag = "3")]
    pub(super) queries: Vec<DataQuery>,
}

/// One query of a request.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DataQuery {
    #[prost(string, tag = "1")]
    pub(super) ref_id: String,
    #[prost(int64, tag = "2")]
    pub(super) max_data_points: i64,
    #[prost(int64, tag = "3")]
    pub(super) interval_ms: i64,
    #[prost(message, optional, tag = "4")]
    pub(super) time_range: Option<TimeRange>,
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) json: Bytes,
}

/// A time range; both ends are in milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct TimeRange {
    #[prost(int64, tag = "1")]
    pub(super) from_ms: i64,
    #[prost(int64, tag = "2")]
    pub(super) to_ms: i64,
}

/// The answers by refId.
#[derive(Clone, PartialEq, Message)]
pub(super) struct QueryDataResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) responses: BTreeMap<String, DataResponse>,
}

/// The answer to one query: Arrow IPC files, or an error, or both.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DataResponse {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) frames: Vec<Bytes>,
    #[prost(string, tag = "2")]
    pub(super) error: String,
    #[prost(int32, tag = "4")]
    pub(super) status: i32,
    #[prost(string, tag = "5")]
    pub(super) error_source: String,
}

/// An HTTP request that Grafana forwards to the plugin.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CallResourceRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) context: Option<PluginContext>,
    #[prost(string, tag = "2")]
    pub(super) path: String,
    #[prost(string, tag = "3")]
    pub(super) method: String,
    #[prost(string, tag = "4")]
    pub(super) url: String,
    #[prost(map = "string, message", tag = "5")]
    pub(super) headers: HashMap<String, StringList>,
    #[prost(bytes = "bytes", tag = "6")]
    pub(super) body: Bytes,
}

/// A piece of an HTTP response; status and headers count in the first piece only.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CallResourceResponse {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(map = "string, message", tag = "2")]
    pub(super) headers: HashMap<String, StringList>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) body: Bytes,
}

/// The values of one header.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StringList {
    #[prost(string, repeated, tag = "1")]
    pub(super) values: Vec<String>,
}

/// go-plugin's `plugin.Empty`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Empty {}

#[cfg(test)]
mod tests {
    use grafana_plugin_sdk::pluginv2;

    use super::*;

    /// The SDK's generated messages must be able to read messages encoded here.
    #[test]
    fn field_numbers_agree_with_the_sdk() {
        let ours = QueryDataRequest {
            context: Some(PluginContext {
                org_id: 7,
                plugin_id: "duckdb-perf-datasource".to_owned(),
                user: Some(User { login: "viewer".to_owned() }),
                datasource: Some(DataSourceInstanceSettings {
                    url: "file:///r".to_owned(),
                    json_data: Bytes::from_static(b"{}"),
                    secrets: HashMap::from([("token".to_owned(), "t".to_owned())]),
                    last_updated_ms: 5,
                    uid: "u".to_owned(),
                }),
                grafana_config: HashMap::from([("GF_SQL_ROW_LIMIT".to_owned(), "5".to_owned())]),
            }),
            headers: HashMap::from([(FROM_ALERT.to_owned(), "true".to_owned())]),
            queries: vec![DataQuery {
                ref_id: "A".to_owned(),
                max_data_points: 100,
                interval_ms: 1000,
                time_range: Some(TimeRange { from_ms: 1, to_ms: 2 }),
                json: Bytes::from_static(b"{}"),
            }],
        };
        let theirs = pluginv2::QueryDataRequest::decode(&*ours.encode_to_vec()).unwrap();
        assert_eq!(theirs.headers.get("FromAlert").map(String::as_str), Some("true"));
        let context = theirs.plugin_context.unwrap();
        assert_eq!(context.user.unwrap().login, "viewer");
        let datasource = context.data_source_instance_settings.unwrap();
        assert_eq!((context.org_id, datasource.uid.as_str(), datasource.last_updated_ms), (7, "u", 5));
        assert_eq!((datasource.url.as_str(), &*datasource.json_data), ("file:///r", &b"{}"[..]));
        assert_eq!(datasource.decrypted_secure_json_data["token"], "t");
        let query = &theirs.queries[0];
        assert_eq!((query.ref_id.as_str(), query.max_data_points, query.interval_ms), ("A", 100, 1000));
        assert_eq!(query.time_range.as_ref().map(|r| (r.from_epoch_ms, r.to_epoch_ms)), Some((1, 2)));
    }
}
