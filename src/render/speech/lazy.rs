//! Voices that load while the gateway already runs.

use super::{Deadline, Speech, SpeechFault, Utterance};
use crate::render::samples::Samples;
use crate::render::text::{FrontEnd, Lexicon};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The front end, loaded by whoever needs it first (about 0.1 s); one for all voices.
pub struct LazyFrontEnd {
    lexicon: Mutex<Option<Lexicon>>,
    made: OnceLock<Arc<FrontEnd>>,
}

impl LazyFrontEnd {
    /// With these local words.
    #[must_use]
    pub fn new(lexicon: Lexicon) -> Self {
        Self { lexicon: Mutex::new(Some(lexicon)), made: OnceLock::new() }
    }

    /// The front end.
    #[must_use]
    pub fn get(&self) -> Arc<FrontEnd> {
        let make = || {
            let lexicon = self.lexicon.lock().unwrap_or_else(PoisonError::into_inner).take();
            Arc::new(FrontEnd::new(lexicon.unwrap_or_default()))
        };
        Arc::clone(self.made.get_or_init(make))
    }
}

type Loaded = Result<Arc<dyn Speech>, SpeechFault>;

#[derive(Default)]
struct Place {
    loaded: Mutex<Option<Loaded>>,
    news: Condvar,
}

/// A voice that is perhaps still loading; who wants it waits within his own deadline.
#[derive(Clone)]
pub struct Lazy {
    name: String,
    place: Arc<Place>,
}

impl Lazy {
    /// A voice of that engine that [`Self::ready`] will deliver.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), place: Arc::default() }
    }

    /// Delivers it, or the reason why there is none.
    pub fn ready(&self, loaded: Result<Box<dyn Speech>, SpeechFault>) {
        *self.lock() = Some(loaded.map(Arc::from));
        self.place.news.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Loaded>> {
        self.place.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, deadline: Duration) -> Loaded {
        let (loaded, _) = self
            .place
            .news
            .wait_timeout_while(self.lock(), deadline, |loaded| loaded.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        loaded.clone().unwrap_or_else(|| Err(SpeechFault::Absent("it is still loading".to_owned())))
    }
}

impl Speech for Lazy {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn speak(&self, text: &str, voice: &str, deadline: Duration) -> Result<Samples, SpeechFault> {
        let utterance = Utterance { text, voice, deadline, background: false };
        self.speak_streaming(&utterance, &mut |_| {})
    }

    fn speak_streaming(
        &self,
        utterance: &Utterance<'_>,
        each: &mut dyn FnMut(&Samples),
    ) -> Result<Samples, SpeechFault> {
        let deadline = Deadline::within(utterance.deadline);
        let speech = self.wait(deadline.left())?;
        speech.speak_streaming(&Utterance { deadline: deadline.left(), ..*utterance }, each)
    }

    fn voices(&self) -> Vec<String> {
        self.lock().as_ref().and_then(|l| l.as_ref().ok()).map(|s| s.voices()).unwrap_or_default()
    }

    fn fault(&self) -> Option<SpeechFault> {
        self.lock().as_ref().and_then(|loaded| loaded.as_ref().err().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Beep;

    impl Speech for Beep {
        fn name(&self) -> String {
            "beep".to_owned()
        }
        fn speak(&self, _: &str, _: &str, _: Duration) -> Result<Samples, SpeechFault> {
            Ok(Samples { rate_hz: 16_000, mono: vec![0.5; 160] })
        }
    }

    #[test]
    fn who_comes_early_waits_and_no_longer_than_his_deadline() {
        let lazy = Lazy::new("beep");
        let early = lazy.speak("雨", "", Duration::from_millis(5));
        assert!(matches!(early, Err(SpeechFault::Absent(why)) if why.contains("loading")));
        let waiting = {
            let lazy = lazy.clone();
            std::thread::spawn(move || lazy.speak("雨", "", Duration::from_secs(30)))
        };
        lazy.ready(Ok(Box::new(Beep)));
        assert!(waiting.join().unwrap().is_ok());
        assert_eq!(lazy.fault(), None);
        let broken = Lazy::new("beep");
        broken.ready(Err(SpeechFault::Absent("not installed".to_owned())));
        assert!(broken.speak("雨", "", Duration::from_secs(30)).is_err());
        assert!(broken.fault().is_some());
    }
}
