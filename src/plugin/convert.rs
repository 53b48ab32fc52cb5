//! Converts between protocol messages and the crate's own types. Nothing here can fail a whole request: an
//! invalid query is an error of that query only.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;

use super::messages;
use crate::app::{DataQuery, InstanceSettings, QueryOutcome};
use crate::error::{Error, Result};
use crate::query::{TimeRange, instant_of_ms};

/// The key of `grafanaConfig` that holds `[dataproxy] row_limit`.
const ROW_LIMIT: &str = "GF_SQL_ROW_LIMIT";

/// Limit in bytes for a query's refId.
pub(super) const LONGEST_REF_ID: usize = 256;

/// Returns the instance settings of a call. A call without a datasource gets empty settings; their reader
/// then reports the missing `path`.
pub(super) fn instance_settings(context: Option<messages::PluginContext>) -> InstanceSettings {
    let context = context.unwrap_or_default();
    let datasource = context.datasource.unwrap_or_default();
    InstanceSettings {
        uid: datasource.uid,
        org_id: context.org_id,
        updated_ms: datasource.last_updated_ms,
        url: datasource.url,
        json_data: detached(&datasource.json_data),
        secrets: datasource.secrets,
        caller: context.user.map(|user| user.login).unwrap_or_default(),
        row_limit: context.grafana_config.get(ROW_LIMIT).and_then(|limit| limit.trim().parse().ok()),
    }
}

/// Copies a part of a message, so that the rest of the message can be freed while the part lives.
fn detached(part: &Bytes) -> Bytes {
    Bytes::copy_from_slice(part)
}

/// Converts instance settings back to a message, for [`super::client`].
pub(super) fn plugin_context(settings: &InstanceSettings) -> messages::PluginContext {
    messages::PluginContext {
        org_id: settings.org_id,
        plugin_id: super::PLUGIN_ID.to_owned(),
        user: (!settings.caller.is_empty()).then(|| messages::User { login: settings.caller.clone() }),
        datasource: Some(messages::DataSourceInstanceSettings {
            url: settings.url.clone(),
            json_data: settings.json_data.clone(),
            secrets: settings.secrets.clone(),
            last_updated_ms: settings.updated_ms,
            uid: settings.uid.clone(),
        }),
        grafana_config: settings
            .row_limit
            .map_or_else(HashMap::new, |limit| HashMap::from([(ROW_LIMIT.to_owned(), limit.to_string())])),
    }
}

/// Converts one query of a request.
///
/// # Errors
/// `BadQuery` when the time range is missing or outside the supported years, or the refId is longer than
/// [`LONGEST_REF_ID`]: it is written and kept in several places.
pub(super) fn data_query(query: messages::DataQuery) -> Result<DataQuery<Bytes>> {
    if query.ref_id.len() > LONGEST_REF_ID {
        let message = format!("the query's `refId` is longer than {LONGEST_REF_ID} bytes");
        return Err(Error::bad_query(message).hint("Give it a short name, such as `A`"));
    }
    let range = query.time_range.ok_or_else(|| {
        Error::bad_query("the query has no time range")
            .hint("Send `timeRange` with `fromEpochMS` and `toEpochMS`")
    })?;
    Ok(DataQuery {
        range: TimeRange { from: timestamp("from", range.from_ms)?, to: timestamp("to", range.to_ms)? },
        ref_id: query.ref_id,
        model: detached(&query.json),
        interval: Duration::from_millis(u64::try_from(query.interval_ms).unwrap_or(0)),
        max_data_points: query.max_data_points,
        is_of_alert: false,
    })
}

fn timestamp(end: &str, milliseconds: i64) -> Result<Timestamp> {
    instant_of_ms(milliseconds).ok_or_else(|| {
        Error::bad_query(format!("`{end}` of the time range is out of reach: {milliseconds} ms since 1970"))
            .hint("Choose a time range between the years -9999 and 9999")
    })
}

/// Converts a query back to a message, for [`super::client`]; fractions of a millisecond are lost.
pub(super) fn query_message(query: &DataQuery<Bytes>) -> messages::DataQuery {
    messages::DataQuery {
        ref_id: query.ref_id.clone(),
        max_data_points: query.max_data_points,
        interval_ms: i64::try_from(query.interval.as_millis()).unwrap_or(i64::MAX),
        time_range: Some(messages::TimeRange {
            from_ms: query.range.from.as_millisecond(),
            to_ms: query.range.to.as_millisecond(),
        }),
        json: query.model.clone(),
    }
}

/// Returns the headers that Grafana would send with these queries.
pub(super) fn headers(queries: &[DataQuery<Bytes>]) -> HashMap<String, String> {
    let of_alert = queries.iter().any(|query| query.is_of_alert);
    of_alert.then(|| (messages::FROM_ALERT.to_owned(), "true".to_owned())).into_iter().collect()
}

/// Converts the outcome of a query to a message.
pub(super) fn data_response(outcome: QueryOutcome) -> messages::DataResponse {
    let response = outcome
        .error
        .as_ref()
        .map_or_else(|| messages::DataResponse { status: 200, ..Default::default() }, error_response);
    let error = outcome.error.map_or_else(String::new, |error| error.text_at(outcome.place));
    messages::DataResponse { frames: vec![outcome.frame], error, ..response }
}

/// Returns the answer to a query that has not even an empty frame.
pub(super) fn error_response(error: &Error) -> messages::DataResponse {
    let facts = error.kind.facts();
    messages::DataResponse {
        frames: Vec::new(),
        error: error.full_text(),
        status: i32::from(facts.http_status),
        error_source: facts.source.as_str().to_owned(),
    }
}

/// Re-encodes a message as another type with the same field numbers: the crate's own and the SDK's.
///
/// # Errors
/// `Internal` when the two types disagree about a field, which a test of `messages` rules out.
pub(super) fn recode<A: Message, B: Message + Default>(message: &A) -> Result<B> {
    B::decode(message.encode_to_vec().as_slice())
        .map_err(|error| Error::internal(format!("a protocol message cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn query(range: Option<(i64, i64)>) -> messages::DataQuery {
        messages::DataQuery {
            ref_id: "A".to_owned(),
            time_range: range.map(|(from_ms, to_ms)| messages::TimeRange { from_ms, to_ms }),
            interval_ms: -1,
            ..Default::default()
        }
    }

    #[test]
    fn a_row_limit_that_is_no_number_is_none() {
        for (text, expected) in
            [("5", Some(5)), (" 7 ", Some(7)), ("-1", Some(-1)), ("many", None), ("", None)]
        {
            let context = messages::PluginContext {
                grafana_config: HashMap::from([(ROW_LIMIT.to_owned(), text.to_owned())]),
                ..Default::default()
            };
            assert_eq!(instance_settings(Some(context)).row_limit, expected, "{text:?}");
        }
        assert_eq!(instance_settings(None).row_limit, None);
    }

    #[test]
    fn settings_survive_the_way_there_and_back() {
        let settings = InstanceSettings {
            uid: "u".to_owned(),
            org_id: 3,
            updated_ms: 9,
            url: "file:///x".to_owned(),
            json_data: Bytes::from_static(b"{\"path\": 1"),
            secrets: HashMap::from([("token".to_owned(), "t".to_owned())]),
            row_limit: Some(-1),
            caller: "viewer".to_owned(),
        };
        let back = instance_settings(Some(plugin_context(&settings)));
        assert_eq!((back.uid, back.org_id, back.updated_ms, back.url), ("u".into(), 3, 9, settings.url));
        assert_eq!(
            (back.json_data, back.secrets, back.row_limit, back.caller),
            (settings.json_data, settings.secrets, Some(-1), settings.caller)
        );
    }

    #[test]
    fn a_time_range_out_of_reach_is_the_querys_own_error() {
        assert_eq!(data_query(query(Some((0, 5)))).unwrap().range.to.as_millisecond(), 5);
        assert_eq!(data_query(query(Some((0, 5)))).unwrap().interval, Duration::ZERO);
        for range in [None, Some((i64::MIN, 0)), Some((0, i64::MAX))] {
            assert_eq!(data_query(query(range)).unwrap_err().kind, Kind::BadQuery);
        }
    }

    #[test]
    fn an_error_keeps_its_frame_and_names_whose_fault_it_is() {
        let frame = Bytes::from_static(b"frame");
        for (kind, status, source) in [
            (Kind::BadQuery, 400, "downstream"),
            (Kind::Timeout, 504, "downstream"),
            (Kind::Internal, 500, "plugin"),
        ] {
            let error = Some(Error::new(kind, "no").hint("Do this"));
            let response = data_response(QueryOutcome { frame: frame.clone(), error, place: Some((2, 3)) });
            assert_eq!((response.status, response.error_source.as_str()), (status, source));
            assert_eq!(
                (response.error.as_str(), response.frames.len()),
                ("no (line 2, column 3). Do this", 1)
            );
        }
        let response = data_response(QueryOutcome { frame, error: None, place: None });
        assert_eq!((response.status, response.error.as_str(), response.error_source.as_str()), (200, "", ""));
    }
}
