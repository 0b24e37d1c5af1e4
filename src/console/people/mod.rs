//! People who sign in: their accounts, how a sign-in is checked, and what is kept while they are there.
//!
//! An account is a way in; the person behind it is its `name`. Two accounts under one name are one person:
//! the two-person rule counts names. Passwords are argon2id digests in a private file, sessions live in
//! memory and end with the process.

mod account;
mod attempts;
mod password;
mod second_factor;
mod session;

pub use account::{Account, AccountFault, Accounts};
pub(crate) use attempts::{Attempts, Who};
pub use password::PasswordFault;
pub(crate) use second_factor::SecondFactor;
pub(crate) use session::{Flash, Live, Session, Sessions};

use crate::clock;
use crate::model::Sha256;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Passwords that are checked at the same time: each takes 19 MiB and some 20 ms of a core.
const CHECKS_AT_ONCE: usize = 2;
/// Sign-ins that wait for such a check; more are told to come back.
const CHECKS_WAITING_MAX: usize = 32;
/// How long the one-time link of the first start is good, milliseconds.
const SETUP_MS_MAX: u64 = 24 * 3_600_000;
/// Random bytes of tokens in cookies and links.
const TOKEN_BYTES: usize = 24;

/// Everybody who may sign in, and who is there.
pub struct People {
    file: PathBuf,
    accounts: Mutex<Accounts>,
    attempts: Mutex<Attempts>,
    /// Who is there.
    pub(crate) sessions: Sessions,
    setup: Mutex<Option<Sha256>>,
    checking: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    since: clock::Monotonic,
}

/// Why a sign-in was not let through. Which of login, password and code was wrong is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Login, password or code are wrong.
    Wrong,
    /// The password is right; the code of the authenticator is asked for.
    CodeNeeded,
    /// Too many wrong ones from here: wait.
    Wait {
        /// Seconds.
        wait_s: u64,
    },
    /// Too many sign-ins at this moment.
    Busy,
    /// The file of accounts can't be read or written.
    Broken(String),
}

/// What somebody typed in to get in.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    /// Name of the account.
    pub(crate) login: String,
    /// Password.
    pub(crate) password: String,
    /// Code of the authenticator, when given.
    pub(crate) code: Option<String>,
    /// Where the connection comes from.
    pub(crate) from: IpAddr,
    /// The cookie that tells a browser from which this account has signed in before.
    pub(crate) browser: Option<String>,
}

impl People {
    /// Opens the file of accounts; with an absent file or no account in it, `setup_token` gives the token
    /// of the first start.
    ///
    /// # Errors
    /// When the file can't be read or is malformed.
    pub fn open(file: PathBuf) -> anyhow::Result<(Self, Option<String>)> {
        let accounts = Accounts::load(&file)?;
        let token = if accounts.accounts.is_empty() { Some(random_token()?) } else { None };
        let people = Self {
            file,
            setup: Mutex::new(token.as_deref().map(digest)),
            accounts: Mutex::new(accounts),
            attempts: Mutex::default(),
            sessions: Sessions::default(),
            checking: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(CHECKS_WAITING_MAX)),
            since: clock::Monotonic::start(),
        };
        Ok((people, token))
    }

    /// Milliseconds since this store was opened; what sessions and waits are counted in.
    pub(crate) fn now_ms(&self) -> u64 {
        self.since.elapsed_ms()
    }

    /// Whether `token` is the one of the first start, still good, and nobody has an account yet.
    pub(crate) fn may_set_up(&self, token: &str) -> bool {
        let known = *lock(&self.setup);
        self.now_ms() < SETUP_MS_MAX
            && known.is_some_and(|known| known == digest(token))
            && lock(&self.accounts).accounts.is_empty()
    }

    /// Makes the first account, of a system administrator, and burns the token.
    ///
    /// # Errors
    /// When the token is not good any more, the account is faulty, or the file can't be written.
    pub(crate) fn set_up(&self, token: &str, first: Account) -> Result<(), AccountFault> {
        if !self.may_set_up(token) {
            return Err(AccountFault::SetUpDone);
        }
        self.change(|accounts| accounts.add(first))?;
        *lock(&self.setup) = None;
        Ok(())
    }

    /// All accounts as they stand in the file.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        lock(&self.accounts).accounts.clone()
    }

    /// Changes the accounts: file first, memory after.
    ///
    /// # Errors
    /// What `change` says, or that the file can't be read or written; then nothing has changed.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Accounts) -> Result<T, AccountFault>,
    ) -> Result<T, AccountFault> {
        let mut kept = lock(&self.accounts);
        // `mingluo user` may have changed the file under us.
        let mut next = Accounts::load(&self.file).map_err(AccountFault::file)?;
        let done = change(&mut next)?;
        next.save(&self.file).map_err(AccountFault::file)?;
        *kept = next;
        drop(kept);
        let accounts = self.accounts();
        self.sessions.keep_if(|session| {
            accounts.iter().any(|account| account.is_still(session.login(), session.actor()))
        });
        Ok(done)
    }

    /// Ends the sessions of an account, but the one whose forms bring `own`: who got in by the password of
    /// before is out.
    pub(crate) fn end_others(&self, login: &str, own: &str) {
        self.sessions.keep_if(|session| session.login() != login || session.form_token() == own);
    }

    /// Checks a sign-in.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn sign_in(&self, typed: SignIn) -> Result<Account, Refused> {
        let accounts = Accounts::load(&self.file).map_err(|f| Refused::Broken(format!("{f:#}")))?;
        lock(&self.accounts).clone_from(&accounts);
        let known = typed.browser.as_deref().filter(|b| accounts.knows_browser(&typed.login, b));
        let who = match known {
            Some(browser) => Who::Browser(digest(browser)),
            None => Who::Address(typed.from),
        };
        let login = account::normal(&typed.login);
        let wait_ms = lock(&self.attempts).wait_ms(self.now_ms(), &login, &who);
        if wait_ms > 0 {
            return Err(Refused::Wait { wait_s: wait_ms.div_ceil(1000) });
        }
        let account = accounts.find(&login).filter(|account| !account.disabled).cloned();
        let hash = account.as_ref().map(|account| account.password.clone());
        let right = self.password_is_right(typed.password, hash).await?;
        let checked = match account {
            Some(account) if right => account.check_code(typed.code.as_deref(), self.unix_s()),
            _ => Err(Refused::Wrong),
        };
        let mut attempts = lock(&self.attempts);
        match &checked {
            Ok(account) => attempts.succeeded(&account.login, &who),
            Err(Refused::CodeNeeded) => {}
            Err(_) => attempts.failed(self.now_ms(), &login, &who),
        }
        drop(attempts);
        let account = checked?;
        if let Some(step) = account.code_step {
            // A code is good once, also for two who use it at the same moment.
            let login = account.login.clone();
            let used = |kept: &Account| kept.code_step.is_some_and(|used| step <= used);
            self.change(|accounts| match accounts.find(&login) {
                Some(kept) if !used(kept) => {
                    accounts.edit(&login, |kept| kept.code_step = Some(step))
                }
                Some(_) | None => Err(AccountFault::Unknown(login.clone())),
            })
            .map_err(|fault| {
                if let AccountFault::File(why) = fault {
                    Refused::Broken(why)
                } else {
                    Refused::Wrong
                }
            })?;
        }
        Ok(account)
    }

    /// Whether the password of that account is right: asked again before what can't be undone.
    pub(crate) async fn is_password(&self, login: &str, password: String) -> Result<bool, Refused> {
        let hash = lock(&self.accounts).find(login).map(|account| account.password.clone());
        self.password_is_right(password, hash).await
    }

    /// The cookie for a browser from which this account has now signed in.
    pub(crate) fn browser_cookie(&self, login: &str) -> Option<String> {
        lock(&self.accounts).browser_cookie(login)
    }

    /// An unknown account takes as long as a wrong password.
    async fn password_is_right(
        &self,
        typed: String,
        hash: Option<String>,
    ) -> Result<bool, Refused> {
        let Ok(_waits) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return Err(Refused::Busy);
        };
        let Ok(permit) = Arc::clone(&self.checking).acquire_owned().await else {
            return Err(Refused::Busy);
        };
        let check = move || {
            let right = password::is_right(&typed, hash.as_deref());
            drop(permit);
            right
        };
        tokio::task::spawn_blocking(check).await.map_err(|_| Refused::Busy)
    }

    fn unix_s(&self) -> u64 {
        u64::try_from(clock::now_utc().0 / 1000).unwrap_or_default()
    }
}

/// A random token of hexadecimal digits.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn random_token() -> anyhow::Result<String> {
    let mut random = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is kept of a token: looking it up by its digest leaks nothing by timing.
pub(crate) fn digest(token: &str) -> Sha256 {
    Sha256::of(token.as_bytes())
}

/// A lock that a panicking holder can't take away: its data is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
