//! The second factor: time-based codes of an authenticator (RFC 6238, SHA-1, six digits, 30 s).

use totp_rs::{Builder, Secret, Totp};

/// Random bytes of a secret (RFC 4226 R6 asks for 16, recommends 20).
const SECRET_BYTES: usize = 20;
/// What the authenticator shows before the login.
const ISSUER: &str = "鸣锣 Mingluo";

/// One authenticator's secret.
pub(crate) struct SecondFactor(Totp);

impl SecondFactor {
    /// A new secret, base32.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn new_secret() -> anyhow::Result<String> {
        let mut random = [0_u8; SECRET_BYTES];
        getrandom::fill(&mut random)?;
        Ok(Secret::from(random).to_base32())
    }

    /// From a kept secret; `None` when it is malformed.
    pub(crate) fn of(secret: &str) -> Option<Self> {
        let secret = Secret::try_from_base32(secret.trim()).ok()?;
        Builder::new().with_secret(secret).with_account_name("mingluo").build().ok().map(Self)
    }

    /// The link that an authenticator reads, for the account `login`.
    pub(crate) fn link(secret: &str, login: &str) -> Option<String> {
        let secret = Secret::try_from_base32(secret.trim()).ok()?;
        let builder = Builder::new().with_secret(secret).with_account_name(login);
        builder.with_issuer(Some(ISSUER)).build().ok()?.to_url().ok()
    }

    /// The time step of a right code, one step early or late included.
    pub(crate) fn check(&self, code: &str, unix_s: u64) -> Option<u64> {
        self.0.check(code, unix_s)
    }

    /// The code of a moment.
    #[cfg(test)]
    pub(super) fn code(&self, unix_s: u64) -> String {
        self.0.generate(unix_s).to_string()
    }
}
