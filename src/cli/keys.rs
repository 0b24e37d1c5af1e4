//! `mingluo keys`: the gateway's own keys and the API keys of people and programs.

use super::configured::{configured, role_and_areas};
use crate::config::{KeySettings, OrderAlgorithm, Settings};
use crate::console::ApiKeys;
use crate::daemon::key_ring;
use crate::deliver::key_id;
use crate::model::TerminalId;
use crate::{clock, secrets, tls};
use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use mingluo_bridge::gateway_key::GatewayKey;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `mingluo keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    what: What,
    /// Configuration directory
    #[arg(
        long,
        value_name = "DIR",
        default_value = "configs",
        env = "MINGLUO_CONFIG",
        global = true
    )]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the signing key and the terminals' master key, once per gateway 生成网关密钥
    Init {
        /// Make the SM2 key for orders alone, beside the others 生成国密 SM2 签名密钥
        #[arg(long)]
        sm2: bool,
    },
    /// Print the public key and its number, for terminals 公钥
    Show,
    /// Print user, password and key of one terminal, for its installation 终端密钥
    Terminal {
        /// Its name, such as 430621100001-001
        id: String,
    },
    /// Make an API key; its text is shown once 新建接口密钥
    Create {
        /// Name of the person or program
        #[arg(long)]
        name: String,
        /// source, officer, leader, auditor, technician or administrator
        #[arg(long)]
        role: String,
        /// Area code, repeatable; default = all served areas
        #[arg(long = "area", value_name = "CODE")]
        areas: Vec<String>,
    },
    /// Make a certificate for HTTPS on an intranet, valid 825 days 自签证书
    Tls {
        /// Host name or address by which browsers reach the console, repeatable or with commas
        #[arg(long = "name", value_name = "HOST[,IP…]", required = true, value_delimiter = ',')]
        names: Vec<String>,
    },
    /// List API keys, without their texts 列出接口密钥
    List,
    /// Remove every API key of a name; takes effect at the next start 吊销
    Revoke {
        /// The name
        name: String,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// When the configuration is faulty or files can't be read or written.
pub(crate) fn run(args: &KeysArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let loaded = configured(&args.config)?;
    let files = &loaded.config.keys;
    match &args.what {
        What::Init { sm2: true } => init_sm2(files, out)?,
        What::Init { sm2: false } => {
            let both = [&files.signing_key_file, &files.terminal_master_key_file];
            // After a first try that broke off between the two, only the other one is made.
            let absent: Vec<_> = both.into_iter().filter(|file| !file.exists()).collect();
            let names = both.map(|file| file.display().to_string()).join(" and ");
            ensure!(
                !absent.is_empty(),
                "{names} exist already and stay as they are; move them away first"
            );
            for file in absent {
                secrets::create_key(file)?;
                writeln!(out, "{}", file.display())?;
            }
        }
        What::Show => show(files, out)?,
        What::Terminal { id } => {
            let id = TerminalId::parse(id).context("expected a name such as 430621100001-001")?;
            let ring = key_ring(files)?;
            let key = hex(&ring.terminal_key(id));
            writeln!(
                out,
                "user     {id}\npassword {}\nkey      {key}",
                ring.terminal_password(id)
            )?;
        }
        What::Create { name, role, areas } => {
            let (role, areas) = role_and_areas(role, areas, &loaded)?;
            let mut keys = ApiKeys::load(&files.api_keys_file)?;
            let text = keys.create(name, role, areas)?;
            keys.save(&files.api_keys_file)?;
            writeln!(out, "{text}")?;
        }
        What::Tls { names } => certificate(&loaded.config, names, out)?,
        What::List => {
            for key in ApiKeys::load(&files.api_keys_file)?.keys {
                writeln!(out, "{}\t{:?}\t{:?}", key.name, key.role, key.areas)?;
            }
        }
        What::Revoke { name } => {
            let mut keys = ApiKeys::load(&files.api_keys_file)?;
            let before = keys.keys.len();
            keys.keys.retain(|key| key.name != *name);
            if keys.keys.len() == before {
                bail!("no key of that name");
            }
            keys.save(&files.api_keys_file)?;
        }
    }
    Ok(0)
}

/// Makes the SM2 key; says how to go on.
fn init_sm2(files: &KeySettings, out: &mut impl Write) -> anyhow::Result<()> {
    secrets::create_sm2_key(&files.sm2_key_file)?;
    writeln!(out, "{}", files.sm2_key_file.display())?;
    if files.order_algorithm != OrderAlgorithm::Sm2 {
        writeln!(
            out,
            "写入 gateway.toml 的 [keys] 后重启 put into [keys] of gateway.toml, restart:\n\
             order_algorithm = \"sm2\""
        )?;
    }
    Ok(())
}

/// The public keys, for terminals and for whoever verifies the record.
fn show(files: &KeySettings, out: &mut impl Write) -> anyhow::Result<()> {
    let ring = key_ring(files)?;
    let record_key = GatewayKey::Ed25519(ring.public_key());
    let public = hex(&ring.public_key());
    writeln!(out, "public_key {public}\nkey_id     {:08x}", key_id(&record_key))?;
    if let GatewayKey::Sm2 { x, y } = ring.gateway_key() {
        let (public, key_id) = (hex(&[x, y].concat()), ring.key_id());
        writeln!(out, "orders are signed with SM2 指令用国密签名：")?;
        writeln!(out, "sm2_public_key {public}\nsm2_key_id     {key_id:08x}")?;
    }
    Ok(())
}

/// Makes certificate and key where `[http]` names them, or in `keys/`; says how to go on.
fn certificate(settings: &Settings, names: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    let default = ("keys/tls.crt", "keys/tls.key");
    let (certificate, key) = match settings.http.tls() {
        Some((certificate, key)) => (certificate.to_path_buf(), key.to_path_buf()),
        None => (settings.dir.join(default.0), settings.dir.join(default.1)),
    };
    for file in [&certificate, &key] {
        ensure!(!file.exists(), "{} exists already; move it away first", file.display());
    }
    let made = tls::self_signed(names, clock::now_utc())?;
    secrets::write_private(&key, made.key.as_bytes())?;
    secrets::write_private(&certificate, made.certificate.as_bytes())?;
    writeln!(out, "certificate {}\nkey         {}", certificate.display(), key.display())?;
    writeln!(out, "SHA-256     {}", made.fingerprint)?;
    writeln!(out, "valid       {} days 有效期", tls::VALID_DAYS)?;
    if settings.http.tls().is_none() {
        writeln!(
            out,
            "写入 gateway.toml 的 [http] 后重启 put into [http] of gateway.toml, restart:"
        )?;
        writeln!(out, "tls_certificate_file = \"{}\"", default.0)?;
        writeln!(out, "tls_key_file = \"{}\"", default.1)?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
