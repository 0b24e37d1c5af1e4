//! Tests of whole stages through their public interface.

mod api;
mod external;
mod ingest;
mod kill;
mod preview;
mod process;
mod record;
