//! Tests of whole stages through their public interface.

mod api;
mod ingest;
mod kill;
mod process;
mod record;
