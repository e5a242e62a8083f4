//! PostgreSQL.

mod conformance;
mod pool;
mod proxy;
mod retries;
pub(crate) mod server;
mod tls;
mod views;
mod wake;
