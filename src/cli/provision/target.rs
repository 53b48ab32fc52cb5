//! The target Grafana and the account: address, credentials and organisation. This module does no I/O:
//! options and environment are passed in.

use crate::error::{Error, Result};

/// The variable that holds the credentials.
pub(super) const KEY: &str = "GRAFANA_API_KEY";

/// A Grafana and an account in it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its address with subpath, without a trailing slash.
    pub(super) base: String,
    /// The `Authorization` header.
    pub(super) authorization: String,
    /// The id of the organisation, unless it is the account's default.
    pub(super) org: Option<u64>,
}

impl Target {
    /// Reads the address, the key (a token or `user:password`) and the organisation's id.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] that names the variable that is missing or wrong.
    pub(super) fn read(url: Option<&str>, key: Option<&str>, org: Option<&str>) -> Result<Self> {
        let given =
            |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let url = given(url).ok_or_else(|| {
            Error::bad_settings("which Grafana is meant is not said: `GRAFANA_URL` is not set")
                .hint("Set it or give `--url`, such as http://localhost:3000 or https://example.org/grafana")
        })?;
        let key = given(key).ok_or_else(|| {
            Error::bad_settings(format!("there are no credentials: `{KEY}` is not set")).hint(
                "Set it to a service account's token (Administration → Users and access → Service accounts, role Admin) or to user:password",
            )
        })?;
        if key.chars().any(char::is_control) {
            return Err(Error::bad_settings(format!(
                "`{KEY}` holds a line end or another control character"
            ))
            .hint("Set it to the token alone"));
        }
        let org = given(org).map(|org| org.parse::<u64>().map_err(|_| org)).transpose().map_err(|org| {
            Error::bad_settings(format!("`GRAFANA_ORG_ID` must be a number, not `{org}`"))
                .hint("Leave it away to use the account's own organisation")
        })?;
        // A token contains no colon.
        let authorization = if key.contains(':') {
            format!("Basic {}", base64(key.as_bytes()))
        } else {
            format!("Bearer {key}")
        };
        Ok(Self { base: base(&url)?, authorization, org })
    }
}

fn base(url: &str) -> Result<String> {
    let bad = |why: &str, hint: &str| {
        Err(Error::bad_settings(format!("the address of Grafana (`GRAFANA_URL` or `--url`) {why}"))
            .hint(hint))
    };
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return bad(
            &format!("must start with http:// or https://, not `{url}`"),
            "Write it as the browser shows it, such as http://localhost:3000",
        );
    };
    if rest.split('/').next().is_some_and(|host| host.contains('@')) {
        return bad("holds credentials", &format!("Put them into `{KEY}` as user:password"));
    }
    if rest.split('/').next().is_none_or(str::is_empty)
        || rest.contains(|c: char| c == '?' || c == '#' || c.is_whitespace())
    {
        return bad(
            &format!("is `{url}`, which is more or less than an address"),
            "Write host, port and subpath only, such as https://example.org/grafana",
        );
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Encodes as Base64 for the `Authorization` header (RFC 4648, with padding).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let part = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = part(0) << 16 | part(1) << 8 | part(2);
        for place in 0..4_usize {
            let letter = LETTERS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Percent-encodes `text` as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_passwords_and_subpaths() {
        let target =
            Target::read(Some(" https://example.org/grafana/ "), Some("glsa_x\n"), Some("2")).unwrap();
        assert_eq!(
            (target.base.as_str(), target.authorization.as_str(), target.org),
            ("https://example.org/grafana", "Bearer glsa_x", Some(2))
        );
        let target = Target::read(Some("http://localhost:3000"), Some("admin:a:ü"), None).unwrap();
        assert_eq!((target.base.as_str(), target.org), ("http://localhost:3000", None));
        assert_eq!(target.authorization, "Basic YWRtaW46YTrDvA==");
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(segment("a b/ü?.json"), "a%20b%2F%C3%BC%3F.json");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let cases = [
            (None, Some("k"), None, "`GRAFANA_URL` is not set"),
            (Some("  "), Some("k"), None, "`GRAFANA_URL` is not set"),
            (Some("http://x"), None, None, "`GRAFANA_API_KEY` is not set"),
            (Some("http://x"), Some("a\nb"), None, "control character"),
            (Some("http://x"), Some("k"), Some("main"), "`GRAFANA_ORG_ID` must be a number"),
            (Some("localhost:3000"), Some("k"), None, "must start with http://"),
            (Some("http://a:b@x/y"), Some("k"), None, "holds credentials"),
            (Some("http://"), Some("k"), None, "more or less than an address"),
            (Some("http://x/?orgId=1"), Some("k"), None, "more or less than an address"),
        ];
        for (url, key, org, message) in cases {
            let error = Target::read(url, key, org).err().unwrap();
            assert!(error.message.contains(message) && error.hint.is_some(), "{error:?}");
            assert!(!error.full_text().contains("a:b"), "{error:?}");
        }
    }
}
