//! Content of codec [`Phrases`](crate::message::Codec::Phrases): numbers of kept content, and the proof
//! that what stands under them is what the gateway meant. A number is given anew now and then; without the
//! proof a terminal that missed it would say other words under a good signature.
//!
//! ```text
//! numbers (postcard list of u16) ‖ SHA-256 of the digests of the contents, in the order of the list
//! ```

use crate::message::{PHRASES_MAX, PhraseList};
use heapless::Vec;
use sha2::{Digest, Sha256};

/// Bytes of the proof.
const PROOF_BYTES: usize = 32;
/// Longest content, bytes.
pub const PHRASES_BYTES_MAX: usize = 2 + 3 * PHRASES_MAX + PROOF_BYTES;

/// The numbers of a content; `None` when it is none, one of them is not kept (`digest_of` says what
/// stands under a number), or other content stands there. A content without a proof is from before
/// proofs, and is taken as it is.
#[must_use]
pub fn open(
    content: &[u8],
    mut digest_of: impl FnMut(u16) -> Option<[u8; 32]>,
) -> Option<Vec<u16, PHRASES_MAX>> {
    let (list, proof) = postcard::take_from_bytes::<PhraseList>(content).ok()?;
    let mut hasher = Sha256::new();
    for number in &list.phrases {
        hasher.update(digest_of(*number)?);
    }
    let meant: [u8; 32] = hasher.finalize().into();
    let proven = proof.is_empty() || *proof == meant;
    proven.then_some(list.phrases)
}

/// Writes the content of phrases, each a number with the digest of what it means; gives its length.
/// `None` when they are too many.
#[must_use]
pub fn write(
    phrases: impl IntoIterator<Item = (u16, [u8; 32])>,
    out: &mut [u8; PHRASES_BYTES_MAX],
) -> Option<usize> {
    let mut list = PhraseList { phrases: Vec::new() };
    let mut hasher = Sha256::new();
    for (number, digest) in phrases {
        list.phrases.push(number).ok()?;
        hasher.update(digest);
    }
    let used = postcard::to_slice(&list, out).ok()?.len();
    let end = used.checked_add(PROOF_BYTES)?;
    let proof: [u8; PROOF_BYTES] = hasher.finalize().into();
    out.get_mut(used..end)?.copy_from_slice(&proof);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_under_a_number_is_proven() {
        let mut out = [0; PHRASES_BYTES_MAX];
        let meant = [(1, [1; 32]), (300, [3; 32]), (1, [1; 32])];
        let used = write(meant, &mut out).unwrap();
        let content = &out[..used];
        let kept = |number: u16| meant.into_iter().find(|(n, _)| *n == number).map(|(_, d)| d);
        assert_eq!(open(content, kept).unwrap(), [1, 300, 1]);
        assert_eq!(
            open(content, |number| kept(number).filter(|_| number != 300)),
            None,
            "lacks one"
        );
        let other = |number| if number == 300 { Some([4; 32]) } else { kept(number) };
        assert_eq!(open(content, other), None, "other words under the number");
        assert_eq!(open(&content[..used - 32], other).unwrap(), [1, 300, 1], "from before proofs");
        for at in 0..used {
            let mut bad = [0; PHRASES_BYTES_MAX];
            bad[..used].copy_from_slice(content);
            bad[at] ^= 1;
            assert_eq!(open(&bad[..used], kept), None, "byte {at}");
        }
        assert_eq!(open(&content[..used - 1], kept), None, "a proof cut short");
        assert_eq!(write([(7, [7; 32]); PHRASES_MAX + 1], &mut out), None);
        let used = write([(u16::MAX, [7; 32]); PHRASES_MAX], &mut out).unwrap();
        assert_eq!(open(&out[..used], |_| Some([7; 32])).unwrap().len(), PHRASES_MAX);
    }
}
