//! Tests of whole stages through their public interface.

mod api;
mod api_hostile;
mod broker;
mod console;
mod external;
mod https;
mod ingest;
mod kill;
mod mqtt;
mod preview;
mod process;
mod record;
mod run;
mod serial;
mod wire;
