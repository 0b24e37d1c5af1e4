//! Which session of a terminal is the living one, and the way of its words to the gateway.
//!
//! When a terminal connects again before its old session is gone, the broker ends the old one, and
//! tells of that end whenever it comes. Only the end of the living session makes a terminal offline.

use crate::deliver::link::LinkInput;
use rmqtt::types::Id;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// The gateway no longer listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopping;

/// The living sessions by client id; at most as many as the broker lets in.
pub(super) struct Sessions {
    living: Mutex<BTreeMap<String, Id>>,
    inputs: Mutex<Option<mpsc::Sender<LinkInput>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only whole values are written under these locks; a panic elsewhere leaves them good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The library compares addresses only; the time of birth tells two sessions of one port apart.
fn same(a: &Id, b: &Id) -> bool {
    a == b && a.create_time == b.create_time
}

impl Sessions {
    pub(super) fn new(inputs: mpsc::Sender<LinkInput>) -> Self {
        Self { living: Mutex::default(), inputs: Mutex::new(Some(inputs)) }
    }

    fn inputs(&self) -> Option<mpsc::Sender<LinkInput>> {
        locked(&self.inputs).clone()
    }

    /// Hands one input over and waits while the queue is full.
    pub(super) async fn take(&self, input: LinkInput) -> Result<(), Stopping> {
        let inputs = self.inputs().ok_or(Stopping)?;
        inputs.send(input).await.map_err(|_| Stopping)
    }

    /// A session came up; gives whether it takes the place of a living one.
    pub(super) async fn up(&self, id: &Id) -> bool {
        let Some(inputs) = self.inputs() else { return false };
        // The place in the queue comes first, so that the order of words is the order of the table.
        let Ok(place) = inputs.reserve().await else { return false };
        let client_id = id.client_id.to_string();
        let mut living = locked(&self.living);
        let before = living.insert(client_id.clone(), id.clone());
        place.send(LinkInput::Connected { client_id });
        before.is_some()
    }

    /// A session ended. Told only when it was the living one.
    pub(super) async fn down(&self, id: &Id) {
        let Some(inputs) = self.inputs() else { return };
        let Ok(place) = inputs.reserve().await else { return };
        let client_id = id.client_id.to_string();
        let mut living = locked(&self.living);
        if living.get(&client_id).is_some_and(|known| same(known, id)) {
            let _ended = living.remove(&client_id);
            place.send(LinkInput::Disconnected { client_id });
        }
    }

    /// Nothing is handed over any more.
    pub(super) fn stop(&self) {
        let _sender = locked(&self.inputs).take();
        locked(&self.living).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(port: u16) -> Id {
        let from = ([127, 0, 0, 1], port).into();
        Id::new(1, 0, None, Some(from), "430621100001-001".into(), None)
    }

    #[tokio::test]
    async fn the_end_of_an_old_session_says_nothing_about_the_living_one() {
        let (sender, mut inputs) = mpsc::channel(8);
        let sessions = Sessions::new(sender);
        let (old, new) = (id(1), id(2));
        assert!(!sessions.up(&old).await);
        assert!(sessions.up(&new).await, "it takes the place of the old one");
        sessions.down(&old).await;
        sessions.down(&new).await;
        sessions.down(&new).await;
        sessions.stop();
        assert_eq!(sessions.take(LinkInput::Up).await, Err(Stopping));
        let client_id = "430621100001-001".to_owned();
        let connected = LinkInput::Connected { client_id: client_id.clone() };
        for expect in [connected.clone(), connected, LinkInput::Disconnected { client_id }] {
            assert_eq!(inputs.recv().await, Some(expect));
        }
        assert_eq!(inputs.recv().await, None);
    }
}
