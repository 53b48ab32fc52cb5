//! Edge 2: HTTP. Serves the plugin's resource calls, and the JSON API with its page.
//!
//! This is the only module that uses axum. Each request carries the datasource's [`InstanceSettings`] as an
//! extension: those that Grafana sent, or those that [`Server`] was started with. Each group of routes has a
//! file: [`resources`], [`reports`], [`sql`], [`export`], [`page`], [`status`]. [`api`] puts them together
//! and derives the `OpenAPI` document with [`document`]. [`guard`] and [`sites`] check requests before they
//! reach a route. [`answer`] and [`failure`] write the answers.

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
