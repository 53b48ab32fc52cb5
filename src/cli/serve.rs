//! `duckdb-perf serve`: the JSON API and its page, for one datasource.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::datasource::DatasourceArgs;
use super::{Stop, report};
use crate::app::{App, InstanceSettings};
use crate::error::{Error, Result};
use crate::http::{Options, Server, Token};

/// The default port; Grafana's is 3000.
pub(super) const PORT: u16 = 3001;
/// The environment variable that holds the token if `--token-file` is not given.
const TOKEN_VARIABLE: &str = "DUCKDB_PERF_TOKEN";

/// What `serve` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  duckdb-perf serve --path reports
  curl 'http://127.0.0.1:3001/api/perf/slow?limit=5'
  DUCKDB_PERF_TOKEN=$(openssl rand -hex 32) duckdb-perf serve --path reports --host 0.0.0.0

The address is printed to stdout. `/api/openapi.json` lists the routes. There is no TLS: put a proxy in front of it where \
others can listen. Ctrl-C or SIGTERM ends it, running requests get five seconds.")]
pub(super) struct Args {
    /// The port; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
    /// The address to listen on; others than this machine's own need a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host)]
    host: IpAddr,
    /// A file with the token that callers must send as `Authorization: Bearer …` [default:
    /// `DUCKDB_PERF_TOKEN`, if set]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Another site whose pages may ask and read answers, such as `http://grafana.example:3000`; may be
    /// repeated
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    cors_origins: Vec<String>,
    /// The dashboard that the page draws, as Grafana exports it [default: the one that ships]
    #[arg(long, value_name = "FILE")]
    dashboard: Option<PathBuf>,
    #[command(flatten)]
    datasource: DatasourceArgs,
}

/// Opens the server's port; the server answers once it is run.
pub(super) async fn start(args: Args) -> Result<Server, Stop> {
    let options = Options {
        host: args.host,
        port: args.port,
        token: token(args.token_file.as_deref())?,
        cors_origins: args.cors_origins,
        dashboard: args.dashboard.as_deref().map(|file| read(file, "--dashboard")).transpose()?,
    };
    open(args.datasource.instance()?, options, "").await
}

/// Starts a server on the loopback address, at `port` or, if that is in use, at another port. `view`, such as
/// `#from=2026-W10`, is appended to the printed address.
pub(super) async fn start_local(settings: InstanceSettings, port: u16, view: &str) -> Result<Server, Stop> {
    let options = |port| Options {
        host: Ipv4Addr::LOCALHOST.into(),
        port,
        token: None,
        cors_origins: Vec::new(),
        dashboard: None,
    };
    match open(settings.clone(), options(port), view).await {
        Err(Stop::Failed(error)) if port != 0 => {
            report::notice(&format!("{}; another one is taken", error.message));
            open(settings, options(0), view).await
        }
        opened => opened,
    }
}

async fn open(settings: InstanceSettings, options: Options, view: &str) -> Result<Server, Stop> {
    let app = Arc::new(App::from_env());
    let server = Server::bind(Arc::clone(&app), settings.clone(), options).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "http://{}/{view}", server.address())?;
    out.flush()?;
    drop(out);
    // The health check runs now, so that problems show before someone opens the page.
    let end = server.asked_to_end();
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = end.cancelled() => {}
            health = app.health(&settings) => if !health.ok {
                report::notice(&health.message);
            },
        }
    });
    Ok(server)
}

fn token(file: Option<&Path>) -> Result<Option<Token>> {
    let (text, place) = match (file, std::env::var(TOKEN_VARIABLE)) {
        (Some(file), _) => (read(file, "--token-file")?, "--token-file"),
        (None, Ok(text)) => (text, TOKEN_VARIABLE),
        (None, Err(std::env::VarError::NotPresent)) => return Ok(None),
        (None, Err(error)) => return Err(Error::bad_settings(format!("`{TOKEN_VARIABLE}`: {error}"))),
    };
    let token = Token::read(&text)
        .map_err(|error| Error { message: format!("`{place}`: {}", error.message), ..error })?;
    Ok(Some(token))
}

fn read(file: &Path, option: &str) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Error::bad_settings(format!("`{}` cannot be read: {error}", file.display()))
            .hint(format!("Check `{option}`"))
    })
}

/// Reads an IP address or `localhost`.
fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "it is an IP address such as 127.0.0.1 or 0.0.0.0, or `localhost`".to_owned())
}
