//! The HTTP server: how it opens its port, serves and stops.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::api;
use super::guard::{Guard, Token};
use super::page::Dashboard;
use super::sites::{Named, Sites};
use crate::app::{App, InstanceSettings};
use crate::error::{Error, Kind, Result};

/// How long running requests may continue after the server was asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Options of the server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port; 0 picks a free one.
    pub port: u16,
    /// The token that callers must send; required unless `host` is a loopback address.
    pub token: Option<Token>,
    /// Origins whose pages may send requests and read answers, such as `http://grafana.example:3000`.
    pub cors_origins: Vec<String>,
    /// The JSON text of the dashboard that the page draws; `None` stands for the dashboard that ships.
    pub dashboard: Option<String>,
}

/// A server that has opened its port but does not answer yet.
pub struct Server {
    listener: TcpListener,
    router: Router,
    app: Arc<App>,
    address: SocketAddr,
    asked: CancellationToken,
}

impl Server {
    /// Opens the port for the datasource of `settings`.
    ///
    /// # Errors
    /// `BadSettings` that names the option: the token is missing though it is required, the port is in use or
    /// needs privileges, an origin is invalid, or the dashboard is not a dashboard as Grafana saves it.
    pub async fn bind(app: Arc<App>, settings: InstanceSettings, options: Options) -> Result<Self> {
        let is_local = options.host.is_loopback();
        if !is_local && options.token.is_none() {
            return Err(Error::bad_settings(format!(
                "`--host {}` lets other machines in, and there is no token",
                options.host
            ))
            .hint("Put one into a file for `--token-file`, or into DUCKDB_PERF_TOKEN: `openssl rand -hex 32` makes one"));
        }
        let named =
            options.cors_origins.iter().map(|origin| Named::read(origin)).collect::<Result<Vec<_>>>()?;
        let dashboard = Dashboard::read(options.dashboard.as_deref())?;
        let wanted = SocketAddr::new(options.host, options.port);
        let listener = TcpListener::bind(wanted).await.map_err(|error| cannot_listen(wanted, &error))?;
        let address = listener.local_addr().map_err(|error| cannot_listen(wanted, &error))?;
        let guard = Guard { is_local, token: options.token, sites: Sites::new(address.port(), &named) };
        let router = api::router(Arc::clone(&app), settings, dashboard, guard)?;
        Ok(Self { listener, router, app, address, asked: CancellationToken::new() })
    }

    /// Returns a token that is cancelled when the server is asked to stop.
    #[must_use]
    pub fn asked_to_end(&self) -> CancellationToken {
        self.asked.clone()
    }

    /// Returns the address on which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stop` completes. Then running requests get a few seconds to finish, and the
    /// workers end.
    ///
    /// # Errors
    /// `Unavailable` when the port is lost.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let asked = self.asked;
        let token = asked.clone();
        let stop = async move {
            stop.await;
            token.cancel();
        };
        let serving = axum::serve(self.listener, self.router).with_graceful_shutdown(stop);
        let late = async {
            asked.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let done = tokio::select! {
            done = serving => done,
            () = late => Ok(()),
        };
        self.app.shutdown().await;
        done.map_err(|error| Error::new(Kind::Unavailable, format!("the server broke off: {error}")))
    }
}

fn cannot_listen(wanted: SocketAddr, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let port = wanted.port();
    let (what, hint) = match error.kind() {
        AddrInUse => (
            format!("port {port} is in use"),
            "Choose another one with `--port`; `--port 0` picks a free one",
        ),
        PermissionDenied => {
            (format!("port {port} may not be opened"), "Choose one from 1024 on with `--port`")
        }
        AddrNotAvailable => {
            (format!("{} is not an address of this machine", wanted.ip()), "Choose another one with `--host`")
        }
        _ => (format!("{wanted} cannot be listened on: {error}"), "Check `--host` and `--port`"),
    };
    Error::bad_settings(what).hint(hint)
}
