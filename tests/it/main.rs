//! Tests of whole stages through their public interface.

mod ingest;
mod record;
