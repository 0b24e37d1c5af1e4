//! Sentences spoken before, in memory and if wanted on disk: a repeated sentence costs nothing.
//!
//! Samples are kept as 16-bit numbers. The neural voice rounds to the same numbers before it answers,
//! so a sentence sounds alike to the last bit whether it was kept or not.

use crate::model::Sha256;
use crate::render::samples::Samples;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Memory for sentences in bytes: about eleven minutes of speech at 24 kHz.
pub const MEMORY_BYTES_MAX: usize = 32_000_000;
/// Disk space for sentences in bytes: about an hour of speech.
pub const DISK_BYTES_MAX: usize = 200_000_000;
/// File name extension of a kept sentence.
const EXTENSION: &str = "sentence";
/// Digest and rate before the samples in a file, in bytes.
const HEAD_BYTES: usize = 36;

/// One sentence's samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcm {
    /// Samples per second.
    pub rate_hz: u32,
    /// The samples, full scale at ±32,767.
    pub samples: Arc<[i16]>,
}

impl Pcm {
    /// The nearest 16-bit form of `sound`.
    #[must_use]
    pub fn of(sound: &Samples) -> Self {
        Self { rate_hz: sound.rate_hz, samples: sound.to_i16().into() }
    }

    /// As sound.
    #[must_use]
    pub fn sound(&self) -> Samples {
        Samples::from_i16(self.rate_hz, &self.samples)
    }

    fn bytes(&self) -> usize {
        self.samples.len() * 2
    }
}

/// Which of the held things was not used for the longest time, and how large all are together.
#[derive(Debug, Default)]
struct Ages {
    held: BTreeMap<Sha256, (usize, u64)>,
    by_age: BTreeMap<u64, Sha256>,
    bytes: usize,
    next: u64,
}

impl Ages {
    fn touch(&mut self, key: Sha256) {
        if let Some((_, age)) = self.held.get_mut(&key) {
            self.by_age.remove(age);
            *age = self.next;
            self.by_age.insert(self.next, key);
            self.next += 1;
        }
    }

    fn forget(&mut self, key: Sha256) {
        if let Some((bytes, age)) = self.held.remove(&key) {
            self.by_age.remove(&age);
            self.bytes -= bytes;
        }
    }

    /// Adds `key` and gives what must go so that all stay within `bytes_max`.
    fn add(&mut self, key: Sha256, bytes: usize, bytes_max: usize) -> Vec<Sha256> {
        self.forget(key);
        self.held.insert(key, (bytes, self.next));
        self.by_age.insert(self.next, key);
        self.next += 1;
        self.bytes += bytes;
        let mut gone = Vec::new();
        while self.bytes > bytes_max {
            let Some((_, oldest)) = self.by_age.first_key_value() else { break };
            let oldest = *oldest;
            self.forget(oldest);
            gone.push(oldest);
        }
        gone
    }
}

#[derive(Default)]
struct Memory {
    ages: Ages,
    sentences: BTreeMap<Sha256, Pcm>,
}

struct Disk {
    dir: PathBuf,
    ages: Mutex<Ages>,
    bytes_max: usize,
}

/// Sentences by the digest of everything that decides how they sound. When full, the one not used for
/// the longest time goes.
pub struct SentenceCache {
    memory: Mutex<Memory>,
    bytes_max: usize,
    disk: Option<Disk>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both indexes are whole between statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SentenceCache {
    /// Holds at most `bytes_max` bytes, in memory alone.
    #[must_use]
    pub fn in_memory(bytes_max: usize) -> Self {
        Self { memory: Mutex::default(), bytes_max, disk: None }
    }

    /// The same, and at most `disk_bytes_max` in files of `dir`. A directory that can't be used is
    /// told in the log; then memory has to do.
    #[must_use]
    pub fn with_disk(bytes_max: usize, dir: &Path, disk_bytes_max: usize) -> Self {
        let disk = match found(dir) {
            Ok(ages) => Some(Disk {
                dir: dir.to_owned(),
                ages: Mutex::new(ages),
                bytes_max: disk_bytes_max,
            }),
            Err(fault) => {
                tracing::warn!(dir = %dir.display(), %fault, "sentences are kept in memory only");
                None
            }
        };
        Self { disk, ..Self::in_memory(bytes_max) }
    }

    /// The sentence of that digest.
    #[must_use]
    pub fn get(&self, key: Sha256) -> Option<Pcm> {
        {
            let mut memory = lock(&self.memory);
            if let Some(pcm) = memory.sentences.get(&key).cloned() {
                memory.ages.touch(key);
                return Some(pcm);
            }
        }
        let pcm = self.disk.as_ref()?.read(key)?;
        self.remember(key, pcm.clone());
        Some(pcm)
    }

    /// Keeps a sentence. One larger than the whole limit is not kept.
    pub fn put(&self, key: Sha256, pcm: &Pcm) {
        self.remember(key, pcm.clone());
        if let Some(disk) = &self.disk
            && let Err(fault) = disk.write(key, pcm)
        {
            tracing::warn!(dir = %disk.dir.display(), %fault, "a sentence was not kept on disk");
        }
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        lock(&self.memory).ages.bytes
    }

    fn remember(&self, key: Sha256, pcm: Pcm) {
        let mut memory = lock(&self.memory);
        let gone = memory.ages.add(key, pcm.bytes(), self.bytes_max);
        memory.sentences.insert(key, pcm);
        for key in gone {
            memory.sentences.remove(&key);
        }
    }
}

/// What an earlier run left in `dir`, oldest first.
fn found(dir: &Path) -> std::io::Result<Ages> {
    std::fs::create_dir_all(dir)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(Sha256::parse);
        let ours = path.extension().is_some_and(|extension| extension == EXTENSION);
        if let Some(key) = stem.filter(|_| ours) {
            let meta = std::fs::metadata(&path)?;
            files.push((meta.modified()?, key, meta.len()));
        }
    }
    files.sort();
    let mut ages = Ages::default();
    for (_, key, length) in files {
        let _none = ages.add(key, usize::try_from(length).unwrap_or(usize::MAX / 2), usize::MAX);
    }
    Ok(ages)
}

impl Disk {
    fn path(&self, key: Sha256) -> PathBuf {
        self.dir.join(format!("{key}.{EXTENSION}"))
    }

    /// Reads and verifies; a damaged file goes.
    fn read(&self, key: Sha256) -> Option<Pcm> {
        if !lock(&self.ages).held.contains_key(&key) {
            return None;
        }
        let bytes = std::fs::read(self.path(key)).ok();
        let pcm = bytes.as_deref().and_then(|bytes| parse(key, bytes));
        let mut ages = lock(&self.ages);
        if pcm.is_some() {
            ages.touch(key);
        } else {
            ages.forget(key);
            drop(std::fs::remove_file(self.path(key)));
        }
        pcm
    }

    fn write(&self, key: Sha256, pcm: &Pcm) -> std::io::Result<()> {
        let mut body = pcm.rate_hz.to_le_bytes().to_vec();
        body.extend(pcm.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let part = self.path(key).with_extension("part");
        let mut file = std::fs::File::create(&part)?;
        file.write_all(&seal(key, &body).0)?;
        file.write_all(&body)?;
        drop(file);
        std::fs::rename(&part, self.path(key))?;
        let gone = lock(&self.ages).add(key, body.len() + 32, self.bytes_max);
        for key in gone {
            std::fs::remove_file(self.path(key))?;
        }
        Ok(())
    }
}

/// Digest of name and content, so that a file under a wrong name is noticed too.
fn seal(key: Sha256, body: &[u8]) -> Sha256 {
    Sha256::of(&[key.0.as_slice(), body].concat())
}

fn parse(key: Sha256, bytes: &[u8]) -> Option<Pcm> {
    let (digest, body) = bytes.split_at_checked(HEAD_BYTES - 4)?;
    let (rate, samples) = body.split_first_chunk::<4>()?;
    if seal(key, body).0.as_slice() != digest || samples.len() % 2 == 1 {
        return None;
    }
    let (pairs, _) = samples.as_chunks::<2>();
    let samples = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    Some(Pcm { rate_hz: u32::from_le_bytes(*rate), samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pcm(n: usize) -> Pcm {
        let samples: Vec<i16> = (0..n).map(|n| i16::try_from(n % 100).unwrap()).collect();
        Pcm { rate_hz: 24_000, samples: samples.into() }
    }

    fn key(n: u8) -> Sha256 {
        Sha256::of(&[n])
    }

    #[test]
    fn the_sentence_not_used_for_longest_goes() {
        let cache = SentenceCache::in_memory(1_000);
        cache.put(key(1), &pcm(200));
        cache.put(key(2), &pcm(200));
        assert_eq!(cache.get(key(1)), Some(pcm(200)));
        cache.put(key(3), &pcm(200));
        assert_eq!(cache.get(key(2)), None, "two is the oldest");
        assert!(cache.get(key(1)).is_some() && cache.get(key(3)).is_some());
        cache.put(key(4), &pcm(5_000));
        assert_eq!(cache.get(key(4)), None, "larger than everything");
        assert!(cache.memory_bytes() <= 1_000);
    }

    #[test]
    fn files_outlive_a_restart_and_damage_is_noticed() {
        let dir = std::env::temp_dir().join(format!("mingluo-sentences-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        let open = || SentenceCache::with_disk(10_000, &dir, 1_000);
        open().put(key(1), &pcm(200));
        let cache = open();
        assert_eq!(cache.get(key(1)), Some(pcm(200)));
        cache.put(key(2), &pcm(200));
        cache.put(key(3), &pcm(200));
        let again = open();
        assert_eq!(again.get(key(1)), None, "three do not fit");
        let path = dir.join(format!("{}.{EXTENSION}", key(2)));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(again.get(key(2)), None);
        assert!(!path.exists(), "a damaged file is removed");
        let other = dir.join(format!("{}.{EXTENSION}", key(9)));
        std::fs::rename(dir.join(format!("{}.{EXTENSION}", key(3))), &other).unwrap();
        assert_eq!(open().get(key(9)), None, "a file under another name is not that sentence");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_used_leaves_memory() {
        let cache = SentenceCache::with_disk(10_000, Path::new("/proc/no-such/dir"), 1_000);
        cache.put(key(1), &pcm(10));
        assert_eq!(cache.get(key(1)), Some(pcm(10)));
    }
}
