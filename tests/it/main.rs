//! Tests of whole stages through their public interface.

mod api;
mod external;
mod ingest;
mod kill;
mod process;
mod record;
mod serial;
