//! Tests of whole stages through their public interface.

mod api;
mod api_hostile;
mod audit;
mod bench;
mod broker;
mod calls;
mod console;
mod console_duty;
mod console_live;
mod console_registry;
mod console_voice;
mod entry;
mod external;
mod https;
mod ingest;
mod kill;
mod mqtt;
mod people;
mod policy;
mod preview;
mod process;
mod record;
mod run;
mod serial;
mod visitor;
mod wire;
