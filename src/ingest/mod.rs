//! Bytes from outside become an `Alert` or a `Rejection` that lists every fault.
