//! Whether a package of the upper platform is taken: by its signature, its sender, its receiver and its
//! time. What it says is decided later, by the same rules as any alert.

use crate::model::{EbdKind, PackageSignature, PlatformPackage, ResultCode, Sha256, Status, UtcMs};

/// What the configuration says about the upper platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformRules {
    /// Our resource code.
    pub own_code: String,
    /// Its resource code.
    pub upper_code: String,
    /// Whether packages without a signature are taken, for a rehearsal: never for a message that is
    /// for real.
    pub allow_unsigned: bool,
    /// How far the time of a package may be from ours, either way, seconds.
    pub window_s: u32,
}

/// A package with this name came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBefore {
    /// Digest of its bytes.
    pub raw: Sha256,
    /// What was answered.
    pub code: ResultCode,
}

/// What becomes of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is answered.
    pub code: ResultCode,
    /// The same in words.
    pub desc: String,
    /// Whether it was handled before, and nothing more is to be done.
    pub repeated: bool,
}

/// Judges it. `status` is that of the message in it, if it is one.
#[must_use]
pub fn judge_package(
    rules: &PlatformRules,
    now: UtcMs,
    package: &PlatformPackage,
    status: Option<Status>,
    raw: Sha256,
    seen: Option<&SeenBefore>,
) -> Verdict {
    let refuse = |code, desc: String| Verdict { code, desc, repeated: false };
    let heartbeat = package.kind == EbdKind::ConnectionCheck;
    let unsigned = |why: &str| refuse(ResultCode::Signature, why.to_owned());
    match &package.signature {
        PackageSignature::Verified { .. } => {}
        PackageSignature::Bad { why } => {
            return refuse(ResultCode::Signature, format!("签名验证失败：{why}"));
        }
        // 083 leaves the signature of a heartbeat to the sender; it can do nothing.
        PackageSignature::Unsigned if heartbeat => {}
        PackageSignature::Unsigned if !rules.allow_unsigned => return unsigned("缺少签名文件"),
        PackageSignature::Unsigned => {
            let drill = matches!(status, None | Some(Status::Exercise | Status::Test));
            if !drill {
                return unsigned("联调模式下不接受未签名的实际播发和停播消息");
            }
        }
    }
    if !package.source.is_empty() && package.source != rules.upper_code {
        let desc = format!("来源 {} 不是本平台的上级平台", package.source);
        return refuse(ResultCode::Other, desc);
    }
    if package.dest.as_ref().is_some_and(|dest| !dest.is_empty() && *dest != rules.own_code) {
        let dest = package.dest.as_deref().unwrap_or_default();
        return refuse(ResultCode::Other, format!("目标 {dest} 不是本平台"));
    }
    if let Some(before) = seen.filter(|_| !heartbeat) {
        if before.raw == raw {
            return Verdict {
                code: before.code,
                desc: "重复的数据包，此前已处理".into(),
                repeated: true,
            };
        }
        return refuse(ResultCode::Other, "数据包编号已被使用，内容不同".into());
    }
    let off_s = now.since_ms(package.sent) / 1_000;
    if off_s.unsigned_abs() > u64::from(rules.window_s) {
        let desc = format!("数据包时间与本机相差 {off_s} 秒，超过 {} 秒", rules.window_s);
        return refuse(ResultCode::Other, desc);
    }
    Verdict { code: ResultCode::Good, desc: "接收并校验通过".into(), repeated: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> PlatformRules {
        PlatformRules {
            own_code: "4".into(),
            upper_code: "2".into(),
            allow_unsigned: false,
            window_s: 600,
        }
    }

    fn signed() -> PlatformPackage {
        PlatformPackage {
            id: "10".into(),
            kind: EbdKind::Ebm,
            source: "2".into(),
            dest: Some("4".into()),
            sent: UtcMs(1_000_000),
            related: None,
            signature: PackageSignature::Verified { certificate: "ab".into() },
        }
    }

    fn check(
        rules: &PlatformRules,
        package: &PlatformPackage,
        status: Status,
        seen: Option<(u8, ResultCode)>,
        code: ResultCode,
    ) -> bool {
        let seen = seen.map(|(raw, code)| SeenBefore { raw: Sha256([raw; 32]), code });
        let (now, raw) = (UtcMs(1_000_000), Sha256([1; 32]));
        let verdict = judge_package(rules, now, package, Some(status), raw, seen.as_ref());
        assert_eq!(verdict.code, code, "{package:?}: {verdict:?}");
        verdict.repeated
    }

    #[test]
    fn only_what_is_signed_ours_new_and_of_now_is_taken() {
        use ResultCode::{Good, Other, Signature};
        let strict = rules();
        let actual = Status::Actual;
        let with = |change: fn(&mut PlatformPackage)| {
            let mut package = signed();
            change(&mut package);
            package
        };
        check(&strict, &signed(), actual, None, Good);
        check(&strict, &with(|p| p.source = String::new()), actual, None, Good);
        check(&strict, &with(|p| p.dest = None), actual, None, Good);
        check(&strict, &with(|p| p.source = "3".into()), actual, None, Other);
        check(&strict, &with(|p| p.dest = Some("5".into())), actual, None, Other);
        check(&strict, &with(|p| p.sent = UtcMs(1_000_000 - 601_000)), actual, None, Other);
        check(&strict, &with(|p| p.sent = UtcMs(1_000_000 + 601_000)), actual, None, Other);
        assert!(check(&strict, &signed(), actual, Some((1, Good)), Good));
        assert!(!check(&strict, &signed(), actual, Some((2, Good)), Other));
        let unsigned = with(|p| p.signature = PackageSignature::Unsigned);
        let bad = with(|p| p.signature = PackageSignature::Bad { why: "x".into() });
        let loose = PlatformRules { allow_unsigned: true, ..rules() };
        for rules in [&strict, &loose] {
            check(rules, &bad, Status::Exercise, None, Signature);
            check(rules, &unsigned, actual, None, Signature);
        }
        check(&strict, &unsigned, Status::Exercise, None, Signature);
        check(&loose, &unsigned, Status::Exercise, None, Good);
        let beat = PlatformPackage { kind: EbdKind::ConnectionCheck, ..unsigned };
        check(&strict, &beat, actual, Some((2, Good)), Good);
    }
}
