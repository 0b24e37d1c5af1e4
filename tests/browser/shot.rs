//! Where pictures of pages are kept, for people to look at.

use base64::Engine as _;
use std::path::PathBuf;

/// Keeps a picture as `<folder>/<browser>/<test>/<name>.png`; the folder is `MINGLUO_BROWSER_SHOTS`, or
/// `browser-shots` where cargo builds.
pub(crate) fn keep(browser: &str, name: &str, base64: &str) -> Result<PathBuf, String> {
    let built = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser-shots");
    let folder = std::env::var_os("MINGLUO_BROWSER_SHOTS").map_or_else(built, PathBuf::from);
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test").replace("::", "/");
    let folder = folder.join(browser).join(test);
    let fault = |fault: &dyn std::fmt::Display| format!("keeping a picture: {fault}");
    std::fs::create_dir_all(&folder).map_err(|why| fault(&why))?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
    let path = folder.join(format!("{name}.png"));
    std::fs::write(&path, bytes.map_err(|why| fault(&why))?).map_err(|why| fault(&why))?;
    Ok(path)
}
