//! Which of an order's contents goes to a terminal on a line: the best that is there soon, or else
//! the best that is there in time.

use mingluo_bridge::message::Clip;

/// How long content may take on a line, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// What takes longer gives way to another content of the order that does not.
    pub(super) soon_ms: i64,
    /// What takes longer is not sent.
    pub(super) most_ms: i64,
}

/// The content to send. `takes_ms` says how long one takes; `None` = it can't be had there.
/// An order names the best content first.
///
/// # Errors
/// How long the quickest takes, milliseconds, when that is too long; `None` when there is none.
pub(super) fn choose(
    clips: &[Clip],
    limits: Limits,
    takes_ms: impl Fn(&Clip) -> Option<i64>,
) -> Result<Clip, Option<i64>> {
    let timed = || clips.iter().filter_map(|clip| Some((clip, takes_ms(clip)?)));
    let within = |limit_ms: i64| timed().find(|(_, ms)| *ms <= limit_ms).map(|(clip, _)| *clip);
    within(limits.soon_ms.min(limits.most_ms))
        .or_else(|| within(limits.most_ms))
        .ok_or_else(|| timed().map(|(_, ms)| ms).min())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mingluo_bridge::message::Codec;

    fn clip(codec: Codec, number: u8) -> Clip {
        Clip { codec, sha256: [number; 32], clip_bytes: 1, duration_ms: 1 }
    }

    /// Contents as they come: spoken words in ADPCM, their text, phrases, the stored warning.
    fn check(takes_ms: [Option<i64>; 4], expect: Result<u8, Option<i64>>) {
        let codecs = [Codec::Adpcm, Codec::Text, Codec::Phrases, Codec::Adpcm];
        let clips: Vec<Clip> =
            (0..).zip(codecs).map(|(number, codec)| clip(codec, number)).collect();
        let limits = Limits { soon_ms: 30_000, most_ms: 120_000 };
        let of = |clip: &Clip| takes_ms[usize::from(clip.sha256[0])];
        let chosen = choose(&clips, limits, of).map(|clip| clip.sha256[0]);
        assert_eq!(chosen, expect, "{takes_ms:?}");
    }

    #[test]
    fn the_best_that_is_there_soon_goes() {
        check([Some(7_000), Some(300), Some(200), Some(0)], Ok(0));
        check([Some(90_000), Some(300), Some(200), Some(0)], Ok(1));
        check([Some(90_000), None, Some(200), Some(0)], Ok(2));
        check([Some(90_000), None, None, Some(0)], Ok(3));
        check([Some(90_000), None, None, Some(80_000)], Ok(0));
        check([Some(700_000), None, None, Some(80_000)], Ok(3));
        check([Some(700_000), None, None, Some(600_000)], Err(Some(600_000)));
        check([None, None, None, None], Err(None));
    }
}
