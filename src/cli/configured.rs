//! What commands beside a running gateway share: its configuration, and the role and areas of somebody new.

use super::exit::{self, Exit};
use crate::config::{Config, Loaded};
use crate::model::{AreaCode, Role};
use anyhow::Context;
use std::path::Path;

/// The configuration in a directory.
///
/// # Errors
/// When it has faults: how many, and the first of them.
pub(super) fn configured(dir: &Path) -> anyhow::Result<Loaded> {
    match Config::load(dir) {
        Ok(loaded) => Ok(loaded),
        Err(faults) => {
            let (n, dir) = (faults.len(), dir.display());
            let word = if n == 1 { "fault" } else { "faults" };
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            let what = format!(
                "{n} {word} in {dir}, nothing was done; `mingluo check --config {dir}` names all: {first}"
            );
            Err(Exit { code: exit::CONFIG, what }.into())
        }
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
        .with_context(|| format!("no role `{role}`, nothing was made"))?;
    if areas.is_empty() {
        return Ok((role, loaded.network.served.clone()));
    }
    let served = &loaded.network.served;
    let code = |text: &String| {
        let known = AreaCode::parse(text).filter(|code| {
            let above = served.iter().any(|served| code.contains(*served));
            let inside = served.iter().any(|served| served.contains(*code));
            above || inside && loaded.network.areas.contains_key(code)
        });
        known.with_context(|| {
            let names: Vec<String> = served.iter().map(ToString::to_string).collect();
            format!(
                "expected an area of {} as in areas.toml, such as 430621100000; got `{text}`, nothing was made",
                names.join(", ")
            )
        })
    };
    Ok((role, areas.iter().map(code).collect::<anyhow::Result<_>>()?))
}
