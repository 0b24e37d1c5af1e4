//! Broadcasts become orders on links, repeated until played, refused or expired.
