//! API keys that people make on screen: who may do what with them, and until when.

use super::{AreaCode, Role, Sha256, UtcMs};
use serde::{Deserialize, Serialize};

/// One key; of the key itself only its digest is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyLine {
    /// Canonical name of the person or program; two keys of one person carry the same name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Areas within which it may act.
    pub areas: Vec<AreaCode>,
    /// SHA-256 of the key text.
    pub sha256: Sha256,
    /// Until when it lets anybody in; `None` = without an end.
    pub expires: Option<UtcMs>,
}
