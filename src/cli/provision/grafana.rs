//! The part of Grafana's HTTP API that provisioning needs: what each status means, and what to do about it.

use serde_json::Value;

use super::http::{Answer, Http, Verb};
use super::target::KEY;
use crate::error::{Error, Kind, Result};

/// The plugin's id.
pub(super) const PLUGIN: &str = "duckdb-perf-datasource";
/// The most characters of Grafana's own message that are shown.
const LONGEST_WORDS: usize = 300;

/// A Grafana that has answered and accepted the credentials.
pub(super) struct Grafana {
    http: Http,
    /// A description of it, for the first line of the report.
    pub(super) about: String,
    /// Its address in browsers, without a trailing slash.
    pub(super) root: String,
}

impl Grafana {
    /// Checks that a Grafana answers and accepts the credentials.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when no Grafana answers, [`Kind::Forbidden`] when it rejects the credentials.
    pub(super) fn connect(http: Http) -> Result<Self> {
        let base = http.target.base.clone();
        let health = http.ask(Verb::Get, "/api/health", None, false)?;
        let Some(Value::Object(facts)) = health.json().filter(|facts| facts.get("database").is_some()) else {
            return Err(no_grafana(&base, &health));
        };
        let version = facts.get("version").and_then(Value::as_str).unwrap_or_default();
        let mut grafana = Self { http, about: String::new(), root: base.clone() };
        let org = grafana.need("/api/org", "read the organisation")?;
        let org = org.get("name").and_then(Value::as_str).unwrap_or("?");
        let settings = grafana.get("/api/frontend/settings", "read its settings").ok().flatten();
        let told = settings.as_ref().and_then(|settings| settings.get("appUrl")).and_then(Value::as_str);
        grafana.root = root(&base, told.unwrap_or_default());
        grafana.about = format!("Grafana {version} at {base}, organisation `{org}`").replace("  ", " ");
        Ok(grafana)
    }

    /// Checks that Grafana has loaded this plugin.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when it has not; the hint says how to install it.
    pub(super) fn check_plugin(&self) -> Result<()> {
        let answer = self.http.ask(Verb::Get, &format!("/api/plugins/{PLUGIN}/settings"), None, false)?;
        match answer.status {
            200..=299 => Ok(()),
            404 => Err(Error::new(Kind::NotFound, format!("this Grafana has no plugin `{PLUGIN}`")).hint(
                format!(
                    "Copy the folder dist/{PLUGIN} into Grafana's plugin folder (/var/lib/grafana/plugins), {UNSIGNED}, and restart Grafana"
                ),
            )),
            500 => Err(Error::new(
                Kind::NotFound,
                format!("Grafana has the plugin `{PLUGIN}` but does not load it: {}", answer.words()),
            )
            .hint(format!("For an unsigned plugin, {UNSIGNED}, and restart Grafana; its log says more"))),
            _ => Err(refused(&answer, "look at the plugin")),
        }
    }

    /// Returns the actions that the account may perform; `None` if Grafana does not say.
    pub(super) fn actions(&self) -> Result<Option<Vec<String>>> {
        let answer = self.http.ask(Verb::Get, "/api/access-control/user/actions", None, false)?;
        let Some(Value::Object(actions)) = answer.json().filter(|_| answer.status == 200) else {
            return Ok(None);
        };
        Ok(Some(actions.into_iter().filter(|(_, may)| may != false).map(|(action, _)| action).collect()))
    }

    /// Returns the object at `path`; `None` if there is none.
    pub(super) fn get(&self, path: &str, doing: &str) -> Result<Option<Value>> {
        let answer = self.http.ask(Verb::Get, path, None, false)?;
        match answer.status {
            404 => Ok(None),
            200..=299 => match answer.json() {
                Some(json) => Ok(Some(json)),
                None => Err(no_grafana(&self.http.target.base, &answer)),
            },
            _ => Err(refused(&answer, doing)),
        }
    }

    /// Returns the object at `path`, which must exist.
    pub(super) fn need(&self, path: &str, doing: &str) -> Result<Value> {
        self.get(path, doing)?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("Grafana does not know `{path}`, which is needed to {doing}"))
                .hint("Use Grafana 11.6 or later, and an account that may see it")
        })
    }

    /// Changes the object at `path`. `editable` as in [`Http::ask`].
    pub(super) fn send(
        &self,
        verb: Verb,
        path: &str,
        body: Option<&Value>,
        editable: bool,
        doing: &str,
    ) -> Result<()> {
        let answer = self.http.ask(verb, path, body, editable)?;
        match answer.status {
            200..=299 => Ok(()),
            _ => Err(refused(&answer, doing)),
        }
    }

    /// Runs the datasource's health check; returns whether it passed, and its message.
    pub(super) fn health(&self, uid: &str) -> Result<(bool, String)> {
        let answer = self.http.ask(Verb::Get, &format!("/api/datasources/uid/{uid}/health"), None, false)?;
        Ok(((200..300).contains(&answer.status), answer.words()))
    }
}

/// Returns the address of a Grafana in browsers: the one that it reports (`told`, its `root_url` in the
/// section `[server]`), or `base` if it reports a local address but is not reached at one. `root_url` is
/// `localhost` by default.
fn root(base: &str, told: &str) -> String {
    let is_local = |url: &str| {
        let host = url.split("://").nth(1).unwrap_or_default();
        ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local))
    };
    let usable = told.starts_with("http") && (!is_local(told) || is_local(base));
    (if usable { told } else { base }).trim_end_matches('/').to_owned()
}

/// How to allow an unsigned plugin, as a clause.
const UNSIGNED: &str = "allow it with `allow_loading_unsigned_plugins = duckdb-perf-datasource` in the section [plugins] of grafana.ini \
(GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS in a container)";

impl Answer {
    fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }

    /// Returns Grafana's own message in the answer.
    fn words(&self) -> String {
        let json = self.json();
        let said = |key: &str| json.as_ref()?.get(key)?.as_str().filter(|text| !text.is_empty());
        let words = said("message").or_else(|| said("error")).or_else(|| said("title"));
        let words = words.unwrap_or(if json.is_some() {
            "no reason given"
        } else {
            "an answer that is not Grafana's"
        });
        crate::cli::render::shortened(words.trim_end_matches('.'), LONGEST_WORDS)
    }
}

fn no_grafana(base: &str, answer: &Answer) -> Error {
    if let Some(to) = answer.location.as_deref().filter(|_| (300..400).contains(&answer.status)) {
        let to = to.trim_end_matches("/api/health").trim_end_matches('/');
        return Error::new(Kind::Unavailable, format!("{base} leads elsewhere, to {to}"))
            .hint("If that is Grafana's address, set `GRAFANA_URL` to it");
    }
    Error::new(
        Kind::Unavailable,
        format!("what answers at {base} is not Grafana's API (HTTP {})", answer.status),
    )
    .hint("Check host, port and subpath: the address is what the browser shows before `/d/…` or `/login`, such as https://example.org/grafana")
}

/// Returns the error for a status that is not a success. `doing` completes "Grafana refuses to …".
fn refused(answer: &Answer, doing: &str) -> Error {
    let words = answer.words();
    let said = format!("Grafana refuses to {doing} (HTTP {}): {words}", answer.status);
    let lower = words.to_lowercase();
    if lower.contains("provisioned") || lower.contains("read-only") || lower.contains("provenance") {
        return Error::new(Kind::Forbidden, said).hint(
            "It comes from provisioning files: change it there, or remove it from them and run this again",
        );
    }
    match answer.status {
        401 => Error::new(Kind::Forbidden, format!("Grafana does not accept the credentials in `{KEY}` (HTTP 401): {words}"))
            .hint("Use a service account's token that is neither deleted nor expired (Administration → Users and access → Service accounts, role Admin), or user:password"),
        403 => Error::new(Kind::Forbidden, said)
            .hint("Give the account (the service account or user) the role Admin in this organisation, or the permission that is named"),
        400 | 422 => Error::new(Kind::BadSettings, said).hint("Look at the named field in the provisioning file"),
        404 => Error::new(Kind::NotFound, said).hint("It may have been removed meanwhile: run this again"),
        409 | 412 => Error::new(Kind::Forbidden, said)
            .hint("Something else has this name or uid, or was changed meanwhile: look at it in Grafana, rename or remove it, and run this again"),
        429 => Error::new(Kind::Exhausted, said).hint("Wait a moment and run this again"),
        _ => Error::new(Kind::Unavailable, said).hint("Grafana's log says more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, text: &str) -> Answer {
        Answer { status, location: None, text: text.to_owned() }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let cases = [
            (
                401,
                r#"{"message":"Invalid API key"}"#,
                "does not accept the credentials in `GRAFANA_API_KEY`",
                "token",
            ),
            (
                403,
                r#"{"title":"Access denied","message":"You'll need additional permissions to perform this action. Permissions needed: datasources:create"}"#,
                "refuses to make it (HTTP 403): You'll need additional permissions to perform this action. Permissions needed: datasources:create",
                "role Admin",
            ),
            (403, r#"{"message":"Cannot update read-only data source"}"#, "read-only", "provisioning files"),
            (400, r#"{"message":"Cannot save provisioned dashboard"}"#, "Cannot save", "provisioning files"),
            (409, r#"{"message":"data source with the same name already exists"}"#, "same name", "rename"),
            (400, r#"{"message":"bad interval."}"#, "bad interval", "field"),
            (500, "<html>", "an answer that is not Grafana's", "log"),
            (503, "{}", "no reason given", "log"),
        ];
        for (status, text, message, hint) in cases {
            let error = refused(&answer(status, text), "make it");
            assert!(error.message.contains(message), "{error:?}");
            assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{error:?}");
        }
    }

    #[test]
    fn its_address_is_what_it_says_unless_nobody_set_it() {
        for (base, told, expected) in [
            ("http://10.0.0.1:3000", "https://example.org/grafana/", "https://example.org/grafana"),
            ("http://localhost:3000", "https://example.org/", "https://example.org"),
            ("http://grafana:3000", "http://localhost:3000/", "http://grafana:3000"),
            ("http://127.0.0.1:3001/g", "http://localhost:3001/g/", "http://localhost:3001/g"),
            ("http://grafana:3000", "", "http://grafana:3000"),
        ] {
            assert_eq!(root(base, told), expected);
        }
    }

    #[test]
    fn what_is_no_grafana_is_told_with_where_it_leads() {
        let error = no_grafana("http://x", &answer(200, "<html>"));
        assert!(error.message.contains("is not Grafana's API (HTTP 200)"), "{error:?}");
        let moved = Answer { location: Some("https://x/g/api/health".into()), ..answer(301, "") };
        assert_eq!(no_grafana("http://x", &moved).message, "http://x leads elsewhere, to https://x/g");
    }
}
