//! Completes the `OpenAPI` document that is derived from the routes: adds the parameters of the named queries
//! (from `reports::named`) and the possible failures (from the table here).

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::path::{
    Operation, Parameter as Documented, ParameterBuilder, ParameterIn, ParameterStyle,
};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Schema};
use utoipa::{IntoParams, IntoResponses};

use crate::reports::{NamedQuery, Parameter, ParameterKind};

/// The possible failures: HTTP status, name in the document, and cause.
const FAILURES: &[(&str, &str, &str)] = &[
    ("400", "BadRequest", "A parameter, the query or a setting is wrong, or a report is damaged"),
    (
        "401",
        "Unauthorized",
        "The server was started with a token, and the request carries none or another one",
    ),
    (
        "403",
        "Forbidden",
        "The statement is refused, a page of another site asks, or the server does not answer to the address's name",
    ),
    ("404", "NotFound", "A folder or file is missing, or there is no such route"),
    ("405", "MethodNotAllowed", "The route does not take this method"),
    ("413", "BodyTooLong", "The body is longer than 1 MB"),
    ("414", "AddressTooLong", "The address is longer than 60 KB"),
    ("415", "NotJson", "The body is not declared as JSON"),
    ("429", "UsedUp", "Memory, disk, file descriptors or the queue is used up"),
    ("500", "Internal", "A mistake of this program"),
    ("503", "Unavailable", "The worker cannot be started, or a writer has the database file"),
    ("504", "Timeout", "The query took longer than `timeoutSeconds`"),
];
/// Statuses with which the guards in front of every route may answer.
const GUARD: &[&str] = &["403", "413", "414"];
/// The status of a request without a valid token, on routes that need one.
const TOKEN: &str = "401";

/// The failures that every route that queries the datasource may answer with.
pub(super) struct Failures;

impl IntoResponses for Failures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let all = ["400", "403", "404", "429", "500", "503", "504"];
        all.into_iter().filter_map(|status| Some((status.to_owned(), failure(status)?))).collect()
    }
}

fn failure(status: &str) -> Option<RefOr<Response>> {
    let (_, name, _) = FAILURES.iter().find(|(other, ..)| *other == status)?;
    Some(RefOr::Ref(Ref::from_response_name(*name)))
}

/// Adds what holds for all routes: the token scheme, the guards' answers, and the failures as named
/// responses.
pub(super) fn complete(document: &mut OpenApi) {
    // The router writes a path parameter for the rest of the path as `{*name}`, `OpenAPI` writes `{name}`.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    for item in document.paths.paths.values_mut() {
        let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        all.into_iter().flatten().for_each(guarded);
    }
    let components = document.components.get_or_insert_default();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("Where the server was started with a token"))
        .build();
    components.add_security_scheme("token", SecurityScheme::Http(scheme));
    for (_, name, when) in FAILURES {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(*when).content("application/json", problem).build();
        components.responses.insert((*name).to_owned(), response.into());
    }
}

fn guarded(operation: &mut Operation) {
    // A token is needed unless the route's own description says otherwise.
    let token = operation.security.is_none().then_some(TOKEN);
    for status in GUARD.iter().copied().chain(token) {
        if let Some(failure) = failure(status) {
            operation.responses.responses.entry(status.to_owned()).or_insert(failure);
        }
    }
}

/// Returns the parameters of a named query, or only those named in `only`.
pub(super) fn parameters(query: NamedQuery, only: Option<&[&str]>) -> Vec<Documented> {
    let is_shown = |parameter: &&Parameter| only.is_none_or(|names| names.contains(&parameter.name));
    query.parameters().iter().filter(is_shown).map(|parameter| described(parameter, parameter.doc)).collect()
}

/// The parameters of an export: those of its own, those of all named queries, and template variables.
pub(super) struct ExportParameters;

impl IntoParams for ExportParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Documented> {
        let of = |name: &str, doc: &str, schema: ObjectBuilder| {
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
            parameter.required(Required::False).description(Some(doc)).schema(Some(schema))
        };
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let tables =
            text().enum_values(Some(NamedQuery::ALL.map(NamedQuery::name))).default(Some("weeks".into()));
        let variables = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property_names(Some(text().pattern(Some("^var-"))))
            .additional_properties(Some(ArrayBuilder::new().items(text())));
        let mut all = vec![
            of("table", "The named query; it takes its own parameters too.", tables).build(),
            of("sql", "Any SELECT, instead of `table`.", text()).build(),
            of("filename", "What the download is called.", text()).build(),
            of(
                "raw",
                "Leaves texts that a spreadsheet would take for formulas as they are.",
                ObjectBuilder::new().schema_type(Type::Boolean),
            )
            .build(),
            of(
                "var-*",
                "Template variables as Grafana writes them: `var-NAME`, once for each value.",
                variables,
            )
            .style(Some(ParameterStyle::Form))
            .explode(Some(true))
            .build(),
        ];
        all.extend(of_all_queries());
        all
    }
}

/// Returns the parameters of all named queries, each name once, with the names of the queries that take it.
fn of_all_queries() -> Vec<Documented> {
    let mut by_name: Vec<(&Parameter, Vec<String>)> = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for parameter in NamedQuery::ALL.iter().flat_map(|query| query.parameters()) {
        if told.contains(&parameter.doc) {
            continue;
        }
        told.push(parameter.doc);
        let has = |query: &NamedQuery| query.parameters().iter().any(|other| other.doc == parameter.doc);
        let names: Vec<_> = NamedQuery::ALL
            .iter()
            .filter(|query| has(query))
            .map(|query| format!("`{}`", query.name()))
            .collect();
        let doc = format!("Of {}: {}", names.join(", "), parameter.doc);
        match by_name.iter_mut().find(|(first, _)| first.name == parameter.name) {
            Some((_, docs)) => docs.push(doc),
            None => by_name.push((parameter, vec![doc])),
        }
    }
    by_name.into_iter().map(|(parameter, docs)| described(parameter, &docs.join(" "))).collect()
}

fn described(parameter: &Parameter, doc: &str) -> Documented {
    let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
    let default =
        parameter.default.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
    let schema: RefOr<Schema> = match parameter.kind {
        ParameterKind::Time | ParameterKind::Text | ParameterKind::Week => {
            of(Type::String).default(default).into()
        }
        ParameterKind::Choice(known) => {
            of(Type::String).enum_values(Some(known.iter().copied())).default(default).into()
        }
        ParameterKind::Weeks | ParameterKind::Texts => ArrayBuilder::new().items(of(Type::String)).into(),
        ParameterKind::Number => of(Type::Number).minimum(Some(0.0)).default(default).into(),
        ParameterKind::Count(0) => of(Type::Integer).minimum(Some(0)).default(default).into(),
        ParameterKind::Count(_) => of(Type::Integer).minimum(Some(1)).default(default).into(),
    };
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(doc))
        .schema(Some(schema))
        .example(Some(parameter.example.into()))
        .build()
}
