//! Tests of whole stages through their public interface.

mod api;
mod api_hostile;
mod audit;
mod broker;
mod external;
mod ingest;
mod kill;
mod mqtt;
mod preview;
mod process;
mod record;
mod run;
mod serial;
mod wire;
