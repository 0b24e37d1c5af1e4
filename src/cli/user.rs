//! `mingluo user`: accounts of people, also when the console can't be reached. A running gateway sees the
//! change at the next sign-in; a session of an account that is disabled here ends with the next change at
//! the console or a restart.

use super::configured::{configured, role_and_areas};
use crate::console::{Account, Accounts};
use crate::model::Role;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

/// Arguments of `mingluo user`.
#[derive(Debug, Args)]
pub struct UserArgs {
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
    /// Make an account; the password is read from the terminal or the first line of standard input 新建账号
    Add {
        /// What is typed in to sign in 账号
        login: String,
        /// The person; two accounts of one person carry the same name 姓名
        #[arg(long)]
        name: String,
        /// officer, leader, auditor, technician or administrator 角色
        #[arg(long)]
        role: String,
        /// Area code, repeatable; default = all served areas 管辖区域
        #[arg(long = "area", value_name = "CODE")]
        areas: Vec<String>,
    },
    /// List accounts 列出账号
    List,
    /// Set another password 重设密码
    Password {
        /// The account
        login: String,
    },
    /// Let nobody in by this account any more 停用
    Disable {
        /// The account
        login: String,
    },
    /// Let the person in again 启用
    Enable {
        /// The account
        login: String,
    },
    /// Remove the authenticator of an account, when it is lost 取消动态验证码
    ResetCode {
        /// The account
        login: String,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// When the configuration is faulty, an account is not as it must be, or the file can't be written.
pub(crate) fn run(args: &UserArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let loaded = configured(&args.config)?;
    let file = &loaded.config.keys.accounts_file;
    let mut accounts = Accounts::load(file)?;
    match &args.what {
        What::List => {
            for account in &accounts.accounts {
                let areas: Vec<String> = account.areas.iter().map(ToString::to_string).collect();
                let state = if account.disabled { "disabled" } else { "active" };
                let (login, name, role) = (&account.login, &account.name, account.role);
                writeln!(out, "{login}\t{name}\t{role:?}\t{state}\t{}", areas.join(","))?;
            }
            return Ok(0);
        }
        What::Add { login, name, role, areas } => {
            let (role, areas) = role_and_areas(role, areas, &loaded)?;
            if role == Role::Source {
                bail!("a source is a program: give it an API key with `mingluo keys create`");
            }
            let account = Account::new(login, name, role, areas, &password()?)?;
            accounts.add(account)?;
        }
        What::Password { login } => {
            let typed = password()?;
            let mut weak = Ok(());
            accounts.edit(login, |account| weak = account.set_password(&typed))?;
            weak?;
        }
        What::Disable { login } => accounts.edit(login, |account| account.disabled = true)?,
        What::Enable { login } => accounts.edit(login, |account| account.disabled = false)?,
        What::ResetCode { login } => {
            accounts.edit(login, |account| account.second_factor = None)?;
        }
    }
    accounts.save(file)?;
    writeln!(out, "{}", file.display())?;
    Ok(0)
}

/// The password: typed unseen, or the first line of standard input.
fn password() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    let mut line = String::new();
    if stdin.is_terminal() {
        eprint_prompt()?;
        let seen = rustix::termios::tcgetattr(&stdin).context("asking the terminal")?;
        let mut unseen = seen.clone();
        unseen.local_modes.remove(rustix::termios::LocalModes::ECHO);
        let now = rustix::termios::OptionalActions::Now;
        rustix::termios::tcsetattr(&stdin, now, &unseen).context("hiding what is typed")?;
        let read = stdin.lock().read_line(&mut line);
        rustix::termios::tcsetattr(&stdin, now, &seen).context("showing what is typed")?;
        read?;
        writeln!(std::io::stderr())?;
    } else {
        stdin.lock().read_line(&mut line).context("reading the password")?;
    }
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        bail!("expected a password on the first line of standard input, got none");
    }
    Ok(password)
}

fn eprint_prompt() -> anyhow::Result<()> {
    let mut out = std::io::stderr();
    write!(out, "密码 password: ")?;
    Ok(out.flush()?)
}
