//! Integration tests: whole stages through their public interface.

mod ingest;
