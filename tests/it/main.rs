//! Tests of whole stages on real files.

mod record;
