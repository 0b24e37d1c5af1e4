//! Passwords: argon2id with the parameters OWASP names (19 MiB, 2 passes, 1 lane).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Characters at the least (NIST SP 800-63B-4 §3.1.1.2 asks for 15 where it is the only factor, 8 beside
/// another; county offices type on old keyboards at night).
const CHARS_MIN: usize = 10;
/// Characters at the most: hashing must not be a way to keep us busy.
const CHARS_MAX: usize = 128;
/// Different characters at the least: `aaaaaaaaaa` and `1212121212` are none.
const DIFFERENT_MIN: usize = 5;
/// What people type when they must type something, in small letters; also refused as a beginning.
const COMMON: [&str; 14] = [
    "1234567890",
    "0123456789",
    "9876543210",
    "password",
    "qwertyuiop",
    "abcdefghij",
    "admin12345",
    "administrator",
    "yingji",
    "guangbo",
    "cuncunxiang",
    "mingluo",
    "1q2w3e4r5t",
    "woaini1314",
];
/// A digest nobody has the password of, so that an unknown account takes as long as a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$\
    3Fd0q1cGVBQrZm5Jc0n1b3mO8Kq0d8b3wq0Jm0y0V0E";

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short.
    #[error("expected a password of at least {CHARS_MIN} characters")]
    Short,
    /// Too long.
    #[error("expected a password of at most {CHARS_MAX} characters")]
    Long,
    /// Known to everybody, or made of the person's own name.
    #[error("this password is easy to guess; take several words, or another one")]
    Guessable,
    /// The digest could not be made.
    #[error("the password could not be hashed: {0}; nothing was changed")]
    Broken(String),
}

/// The digest of a new password; `own` are words that it may not hold.
pub(super) fn hash(password: &str, own: &[&str]) -> Result<String, PasswordFault> {
    // Forms and terminals differ in what they leave around it.
    let password = password.trim();
    let n_chars = password.chars().count();
    if n_chars < CHARS_MIN {
        return Err(PasswordFault::Short);
    }
    if n_chars > CHARS_MAX {
        return Err(PasswordFault::Long);
    }
    let small = password.to_lowercase();
    let different: std::collections::BTreeSet<char> = small.chars().collect();
    let holds_own = own.iter().any(|word| word.chars().count() > 2 && small.contains(*word));
    if different.len() < DIFFERENT_MIN
        || holds_own
        || COMMON.iter().any(|common| small.starts_with(common))
    {
        return Err(PasswordFault::Guessable);
    }
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|fault| PasswordFault::Broken(fault.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one behind `hash`; without a hash it works as long and says no.
pub(super) fn is_right(password: &str, hash: Option<&str>) -> bool {
    let password = password.trim();
    let known = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let Some(against) = known.clone().or_else(|| PasswordHash::new(NOBODY).ok()) else {
        return false;
    };
    let right = password.chars().count() <= CHARS_MAX
        && Argon2::default().verify_password(password.as_bytes(), &against).is_ok();
    right && known.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str, expect: Option<&PasswordFault>) {
        assert_eq!(hash(password, &["zhangsan", "张三丰"]).err().as_ref(), expect, "{password}");
    }

    #[test]
    fn weak_passwords_are_refused() {
        check("short", Some(&PasswordFault::Short));
        check(&"长".repeat(129), Some(&PasswordFault::Long));
        check("aaaaaaaaaaaa", Some(&PasswordFault::Guessable));
        check("1234567890", Some(&PasswordFault::Guessable));
        check("Mingluo2026", Some(&PasswordFault::Guessable));
        check("ZhangSan-2026", Some(&PasswordFault::Guessable));
        check("张三丰的好密码一二三四", Some(&PasswordFault::Guessable));
        check("河水涨了三尺多快上山", None);
        check("correct horse 7 staple", None);
    }

    #[test]
    fn only_the_right_password_is_right_and_nobody_has_one() {
        assert!(PasswordHash::new(NOBODY).is_ok(), "an unknown account must take as long");
        let kept = hash("correct horse 7", &[]).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_right("correct horse 7", Some(&kept)));
        assert!(!is_right("correct horse 8", Some(&kept)));
        assert!(!is_right("", Some(&kept)));
        assert!(!is_right("correct horse 7", Some("garbage")));
        assert!(!is_right("correct horse 7", None));
    }
}
