//! What people do besides deciding about broadcasts: it goes on record with their name.

use super::{Role, Sha256};
use serde::{Deserialize, Serialize};

/// One thing a person did to the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Signed in at the console.
    SignedIn {
        /// By which account.
        login: String,
        /// The address the connection came from.
        from: String,
    },
    /// Signed out.
    SignedOut {
        /// The account.
        login: String,
    },
    /// Made an account.
    AccountMade {
        /// The account.
        login: String,
        /// The person behind it.
        name: String,
        /// Its role.
        role: Role,
    },
    /// Changed an account.
    AccountChanged {
        /// The account.
        login: String,
        /// What was changed, without secrets.
        what: String,
    },
    /// Made or revoked an API key.
    KeyChanged {
        /// Name of its holder.
        name: String,
        /// What was done.
        what: String,
    },
    /// Changed a setting, the registry or a response plan.
    SettingChanged {
        /// Which.
        what: String,
        /// As it was.
        before: String,
        /// As it is.
        after: String,
    },
    /// Put a recording on the shelf.
    RecordingAdded {
        /// The name broadcasts call it by.
        name: String,
        /// Digest of the file.
        sha256: Sha256,
        /// Its length in bytes.
        bytes: u64,
    },
    /// Took a recording off the shelf.
    RecordingRemoved {
        /// Its name.
        name: String,
        /// Digest of the file.
        sha256: Sha256,
    },
    /// Took data out of the record.
    Exported {
        /// What, with its filters.
        what: String,
    },
}
