//! Accounts and their file.

use super::{Refused, SecondFactor, password, random_token};
use crate::model::{Actor, AreaCode, Role, Sha256};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Accounts of one gateway at the most.
const ACCOUNTS_MAX: usize = 1_000;
/// Characters of a login.
const LOGIN_CHARS_MAX: usize = 32;
/// Characters of a person's name.
const NAME_CHARS_MAX: usize = 32;

/// One way in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What is typed in; small ASCII letters, digits, `.`, `_`, `-`.
    pub login: String,
    /// The person, unique among people: two accounts of one person carry the same name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Areas within which the person may act.
    pub areas: Vec<AreaCode>,
    /// Telephone, for those who must reach the person.
    #[serde(default)]
    pub telephone: String,
    /// The argon2id digest of the password, PHC text.
    pub password: String,
    /// Secret of the authenticator, base32; `None` = password alone.
    #[serde(default)]
    pub second_factor: Option<String>,
    /// The time step of the last code that was used.
    #[serde(default)]
    pub code_step: Option<u64>,
    /// Whether nobody gets in by it any more.
    #[serde(default)]
    pub disabled: bool,
}

impl core::fmt::Debug for Account {
    /// Without its secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Account").field("login", &self.login).field("name", &self.name).finish()
    }
}

/// The file of accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Key of the cookies that tell known browsers, 64 hexadecimal digits.
    #[serde(default)]
    browser_key: String,
    /// All accounts.
    #[serde(default)]
    pub accounts: Vec<Account>,
}

/// Why an account was not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountFault {
    /// The login is malformed.
    #[error(
        "expected a login of 1 to {LOGIN_CHARS_MAX} letters, digits, `.`, `_` or `-`, got `{0}`"
    )]
    Login(String),
    /// It is taken.
    #[error("there is an account `{0}` already")]
    Taken(String),
    /// The name is empty or too long.
    #[error("expected a name of 1 to {NAME_CHARS_MAX} characters")]
    Name,
    /// No area to act in.
    #[error("expected at least one area")]
    NoArea,
    /// The password is too weak.
    #[error(transparent)]
    Password(#[from] super::PasswordFault),
    /// There is none of that login.
    #[error("no account `{0}`")]
    Unknown(String),
    /// The last system administrator would be gone.
    #[error("this is the last system administrator; make another one first")]
    LastAdministrator,
    /// Too many.
    #[error("there are {ACCOUNTS_MAX} accounts; remove some first")]
    Full,
    /// The link of the first start is used up.
    #[error("the one-time link is used up; sign in, or use `mingluo user`")]
    SetUpDone,
    /// The file.
    #[error("{0}; nothing was changed")]
    File(String),
}

impl AccountFault {
    /// The file of accounts could not be read or written.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
    pub(super) fn file(fault: anyhow::Error) -> Self {
        Self::File(format!("{fault:#}"))
    }
}

/// A login as it is compared.
pub(super) fn normal(login: &str) -> String {
    login.trim().to_ascii_lowercase()
}

impl Account {
    /// A new account.
    ///
    /// # Errors
    /// When login, name, areas or password are not good.
    pub fn new(
        login: &str,
        name: &str,
        role: Role,
        areas: Vec<AreaCode>,
        password: &str,
    ) -> Result<Self, AccountFault> {
        let login = normal(login);
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if login.is_empty() || login.len() > LOGIN_CHARS_MAX || !login.chars().all(fine) {
            return Err(AccountFault::Login(login));
        }
        let name = name.trim().to_owned();
        if name.is_empty()
            || name.chars().count() > NAME_CHARS_MAX
            || name.contains(char::is_control)
        {
            return Err(AccountFault::Name);
        }
        if areas.is_empty() {
            return Err(AccountFault::NoArea);
        }
        let password = password::hash(password, &[&login, &name])?;
        Ok(Self {
            login,
            name,
            role,
            areas,
            telephone: String::new(),
            password,
            second_factor: None,
            code_step: None,
            disabled: false,
        })
    }

    /// Sets another password.
    ///
    /// # Errors
    /// When it is too weak.
    pub fn set_password(&mut self, password: &str) -> Result<(), AccountFault> {
        self.password = password::hash(password, &[&self.login, &self.name])?;
        Ok(())
    }

    /// Who this is to the core.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { name: self.name.clone(), role: self.role, areas: self.areas.clone() }
    }

    /// Whether a session of this login and actor still stands for this account.
    pub(super) fn is_still(&self, login: &str, actor: &Actor) -> bool {
        self.login == login && !self.disabled && self.actor() == *actor
    }

    /// Asks for the second factor where there is one; a code is good for one sign-in.
    pub(super) fn check_code(mut self, code: Option<&str>, unix_s: u64) -> Result<Self, Refused> {
        let Some(secret) = self.second_factor.as_deref() else {
            self.code_step = None;
            return Ok(self);
        };
        let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
            return Err(Refused::CodeNeeded);
        };
        let factor = SecondFactor::of(secret).ok_or(Refused::Wrong)?;
        let step = factor.check(code, unix_s).ok_or(Refused::Wrong)?;
        if self.code_step.is_some_and(|used| step <= used) {
            return Err(Refused::Wrong);
        }
        self.code_step = Some(step);
        Ok(self)
    }
}

impl Accounts {
    /// Reads the file; an absent file means no accounts.
    ///
    /// # Errors
    /// When it can't be read or is malformed.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let reading = || format!("reading accounts from {}", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).with_context(reading),
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(fault) => Err(fault).with_context(reading),
        }
    }

    /// Writes the file, readable by its owner only.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&mut self, path: &Path) -> anyhow::Result<()> {
        if self.browser_key.is_empty() {
            self.browser_key = random_token()?;
        }
        crate::secrets::write_private(path, toml::to_string_pretty(self)?.as_bytes())
    }

    /// The account of a login.
    #[must_use]
    pub fn find(&self, login: &str) -> Option<&Account> {
        let login = normal(login);
        self.accounts.iter().find(|account| account.login == login)
    }

    /// Adds an account.
    ///
    /// # Errors
    /// When the login is taken or there are too many.
    pub fn add(&mut self, account: Account) -> Result<(), AccountFault> {
        if self.find(&account.login).is_some() {
            return Err(AccountFault::Taken(account.login));
        }
        if self.accounts.len() >= ACCOUNTS_MAX {
            return Err(AccountFault::Full);
        }
        self.accounts.push(account);
        Ok(())
    }

    /// Changes an account; the last active system administrator stays one.
    ///
    /// # Errors
    /// When there is none of that login, or nobody could administer afterwards.
    pub fn edit(
        &mut self,
        login: &str,
        edit: impl FnOnce(&mut Account),
    ) -> Result<(), AccountFault> {
        let login = normal(login);
        let before = self.accounts.clone();
        let account = self.accounts.iter_mut().find(|account| account.login == login);
        edit(account.ok_or(AccountFault::Unknown(login))?);
        let administrators = |accounts: &[Account]| {
            accounts.iter().any(|a| a.role == Role::Administrator && !a.disabled)
        };
        if administrators(&before) && !administrators(&self.accounts) {
            self.accounts = before;
            return Err(AccountFault::LastAdministrator);
        }
        Ok(())
    }

    /// Whether `browser` is a cookie that this gateway gave a browser after a sign-in of this account.
    pub(super) fn knows_browser(&self, login: &str, browser: &str) -> bool {
        self.browser_cookie(login)
            .is_some_and(|known| Sha256::of(known.as_bytes()) == Sha256::of(browser.as_bytes()))
    }

    /// That cookie; it falls with the password.
    pub(super) fn browser_cookie(&self, login: &str) -> Option<String> {
        let account = self.find(login)?;
        if self.browser_key.is_empty() {
            return None;
        }
        let whole = format!("{}\n{}\n{}", self.browser_key, account.login, account.password);
        // The key is random and at the front, and the text is never extended: a plain digest will do.
        Some(Sha256::of(Sha256::of(whole.as_bytes()).to_string().as_bytes()).to_string())
    }
}
