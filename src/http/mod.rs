//! Edge 2: HTTP. Routes of the plugin's resource calls, and the JSON API with its page.
//!
//! The only place that names axum. Each request carries the datasource's [`InstanceSettings`] as an extension:
//! Grafana's, or the one that [`Server`] was started with. One file per group of routes: [`resources`], [`reports`],
//! [`sql`], [`export`], [`page`], [`status`]; [`api`] puts them together and derives the `OpenAPI` document with [`document`], [`guard`]
//! and [`sites`] stand before them, [`answer`] and [`failure`] write what goes back.

mod answer;
mod api;
mod document;
mod export;
mod failure;
mod guard;
mod page;
mod reports;
mod resources;
mod server;
mod sites;
mod sql;
mod status;

pub use guard::Token;
pub use resources::router;
pub use server::{Options, Server};
