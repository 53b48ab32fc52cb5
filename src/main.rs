//! Starts one of three programs: a worker, Grafana's plugin, or the command line.

use std::process::ExitCode;
use std::sync::Arc;

use duckdb_perf::logging::{self, Format};
use duckdb_perf::{app::App, cli, http, os, plugin, protocol, worker};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().is_some_and(|argument| argument == protocol::WORKER_ARGUMENT) {
        logging::init_worker(&arguments.next().unwrap_or_default());
        return match worker::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "the worker lost its broker");
                ExitCode::FAILURE
            }
        };
    }
    os::tune_allocator();
    let is_plugin = plugin::is_grafana_child();
    let (format, level) = if is_plugin { (Format::Hclog, "info") } else { (Format::Text, "warn") };
    logging::init(format, level);
    // The plugin and the command line hold secrets: secure settings, the token of `serve`, or one for
    // Grafana's API.
    if let Err(error) = os::close_to_others() {
        tracing::warn!(%error, "debuggers are not kept out");
    }
    if is_plugin {
        return run(async {
            let app = Arc::new(App::from_env());
            match plugin::serve(Arc::clone(&app), http::router(app)).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    tracing::error!(error = error.full_text(), "the plugin cannot serve");
                    ExitCode::FAILURE
                }
            }
        });
    }
    run(cli::run())
}

fn run(program: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(program);
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            tracing::error!(%error, "no runtime can be started");
            ExitCode::FAILURE
        }
    }
}
