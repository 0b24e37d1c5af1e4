//! What commands beside a running gateway share: its configuration, and the role and areas of somebody new.

use crate::config::{Config, Loaded};
use crate::model::{AreaCode, Role};
use anyhow::{Context, bail};
use std::path::Path;

/// The configuration in a directory.
///
/// # Errors
/// When it has faults: how many, and the first of them.
pub(super) fn configured(dir: &Path) -> anyhow::Result<Loaded> {
    match Config::load(dir) {
        Ok(loaded) => Ok(loaded),
        Err(faults) => bail!(
            "{} faults; see `mingluo check`: {}",
            faults.len(),
            faults.first().map(ToString::to_string).unwrap_or_default()
        ),
    }
}

/// Role and areas as they were typed in; without areas, all that are served.
///
/// # Errors
/// When one of them is none.
pub(super) fn role_and_areas(
    role: &str,
    areas: &[String],
    loaded: &Loaded,
) -> anyhow::Result<(Role, Vec<AreaCode>)> {
    let role: Role = serde_json::from_value(serde_json::json!(role))
        .with_context(|| format!("no role `{role}`"))?;
    if areas.is_empty() {
        return Ok((role, loaded.network.served.clone()));
    }
    let code = |code: &String| AreaCode::parse(code).with_context(|| format!("no area `{code}`"));
    Ok((role, areas.iter().map(code).collect::<anyhow::Result<_>>()?))
}
