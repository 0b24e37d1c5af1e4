//! The `mingluo` command.
fn main() {}
