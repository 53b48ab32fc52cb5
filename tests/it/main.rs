//! The one integration binary: the real executable over its real edges. One binary, because each links all of
//! DuckDB.

mod architecture;
mod cases;
mod changing_files;
mod cli;
mod confined;
mod damaged;
mod database;
mod documents;
mod errors;
mod everyday;
mod export;
mod faults;
mod health;
mod hostile;
mod leftovers;
mod machine;
mod provisioned;
mod provisioned_queries;
mod reports;
mod soak;
mod support;
