//! The one integration binary: the real executable over its real edges. One binary, because each links all of
//! DuckDB.

mod architecture;
mod cases;
mod cli;
mod database;
mod documents;
mod errors;
mod everyday;
mod faults;
mod health;
mod hostile;
mod leftovers;
mod reports;
mod support;
