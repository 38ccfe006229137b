//! Commands in and events out, each bounded and with a descriptor to wait on. Refuses to know what they mean.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::net::epoll::EventFd;
use crate::{Command, Error, Event};

/// The caller's end of one worker's commands.
pub struct CommandSender {
    sender: Sender<(u64, Command)>,
    wake: Arc<EventFd>,
    limit: usize,
}

/// The worker's end.
pub struct CommandReceiver {
    receiver: Receiver<(u64, Command)>,
    wake: Arc<EventFd>,
}

/// A queue of at most `limit` commands.
///
/// # Errors
/// No descriptor left.
pub fn commands(limit: usize) -> Result<(CommandSender, CommandReceiver), Error> {
    let wake = Arc::new(EventFd::new().map_err(Error::io("eventfd"))?);
    let (sender, receiver) = crossbeam_channel::bounded(limit);
    Ok((
        CommandSender {
            sender,
            wake: wake.clone(),
            limit,
        },
        CommandReceiver { receiver, wake },
    ))
}

impl CommandSender {
    /// # Errors
    /// [`Error::QueueFull`], or [`Error::NotRunning`] when the worker is gone.
    pub fn send(&self, id: u64, command: Command) -> Result<(), Error> {
        match self.sender.try_send((id, command)) {
            Ok(()) => {
                self.wake.set();
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(Error::QueueFull(self.limit)),
            Err(TrySendError::Disconnected(_)) => Err(Error::NotRunning),
        }
    }

    /// Makes the worker look at its flags.
    pub fn wake(&self) {
        self.wake.set();
    }
}

impl CommandReceiver {
    pub fn as_raw_fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Call before taking commands, so that none is missed.
    pub fn clear(&self) {
        self.wake.clear();
    }

    /// Makes the descriptor readable again, for what was not taken.
    pub fn rewake(&self) {
        self.wake.set();
    }

    pub fn take(&self) -> Option<(u64, Command)> {
        self.receiver.try_recv().ok()
    }

    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

/// Events of all workers, in order for each of them.
pub struct EventQueue {
    inner: Mutex<Queued>,
    ready: EventFd,
    limit: usize,
}

#[derive(Default)]
struct Queued {
    events: VecDeque<Event>,
    /// Number of the first event in `events`.
    first: u64,
    /// Number of the newest [`Event::Lost`] that is still in `events`.
    lost: Option<u64>,
}

impl EventQueue {
    /// # Errors
    /// No descriptor left.
    pub fn new(limit: usize) -> Result<Self, Error> {
        let ready = EventFd::new().map_err(Error::io("eventfd"))?;
        Ok(Self {
            inner: Mutex::default(),
            ready,
            limit: limit.max(1),
        })
    }

    /// Readable while events wait.
    pub fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }

    /// Queues `events` and empties it. A full queue takes only what must not be lost, and counts the rest in one [`Event::Lost`].
    pub fn push(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut queued = self.lock();
        let was_empty = queued.events.is_empty();
        for event in events.drain(..) {
            queued.push(event, self.limit);
        }
        if was_empty {
            self.ready.set();
        }
    }

    /// The next events, at most `max`.
    pub fn poll(&self, max: usize) -> Vec<Event> {
        let mut queued = self.lock();
        let count = max.min(queued.events.len());
        queued.first += count as u64;
        let events = queued.events.drain(..count).collect();
        if queued.lost.is_some_and(|lost| lost < queued.first) {
            queued.lost = None;
        }
        if queued.events.is_empty() {
            self.ready.clear();
        }
        events
    }

    pub fn len(&self) -> usize {
        self.lock().events.len()
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        // Nothing in here panics half way: a poisoned queue is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queued {
    fn push(&mut self, event: Event, limit: usize) {
        if self.events.len() < limit || !event.may_be_lost() {
            self.events.push_back(event);
            return;
        }
        let marker = self.lost.map(|lost| (lost - self.first) as usize);
        match marker.and_then(|at| self.events.get_mut(at)) {
            Some(Event::Lost { count }) => *count += 1,
            _ => {
                self.lost = Some(self.first + self.events.len() as u64);
                self.events.push_back(Event::Lost { count: 1 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use medianode_sfu::{ConsumerId, ProducerId, RouterId};

    use super::*;
    use crate::CloseCause;

    fn speaker(id: u64) -> Event {
        Event::ActiveSpeaker {
            router: RouterId(1),
            producer: Some(ProducerId(id)),
        }
    }

    fn closed(id: u64) -> Event {
        Event::ConsumerClosed {
            consumer: ConsumerId(id),
            cause: CloseCause::Closed,
        }
    }

    fn names(events: &[Event]) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::ActiveSpeaker {
                producer: Some(id), ..
            } => format!("speaker {}", id.0),
            Event::ConsumerClosed { consumer, .. } => format!("closed {}", consumer.0),
            Event::Lost { count } => format!("lost {count}"),
            other => format!("{other:?}"),
        };
        events.iter().map(name).collect()
    }

    #[test]
    fn a_full_queue_loses_facts_behind_one_marker_but_no_closure() {
        let queue = EventQueue::new(2).unwrap();
        queue.push(&mut vec![
            speaker(1),
            speaker(2),
            speaker(3),
            closed(4),
            speaker(5),
            closed(6),
        ]);
        let expected = ["speaker 1", "speaker 2", "lost 2", "closed 4", "closed 6"];
        assert_eq!(names(&queue.poll(100)), expected);
        queue.push(&mut vec![speaker(7)]);
        assert_eq!(names(&queue.poll(1)), ["speaker 7"]);
    }

    #[test]
    fn a_marker_that_was_read_is_not_counted_up() {
        let queue = EventQueue::new(1).unwrap();
        queue.push(&mut vec![speaker(1), speaker(2), closed(3)]);
        assert_eq!(names(&queue.poll(2)), ["speaker 1", "lost 1"]);
        queue.push(&mut vec![speaker(4), speaker(5)]);
        assert_eq!(names(&queue.poll(9)), ["closed 3", "lost 2"]);
    }

    #[test]
    fn refuses_commands_beyond_its_bound() {
        let (sender, receiver) = commands(1).unwrap();
        let command = || Command::CloseRouter {
            router: RouterId(1),
        };
        sender.send(1, command()).unwrap();
        assert!(matches!(
            sender.send(2, command()),
            Err(Error::QueueFull(1))
        ));
        assert_eq!(receiver.take().map(|(id, _)| id), Some(1));
        drop(receiver);
        assert!(matches!(sender.send(3, command()), Err(Error::NotRunning)));
    }
}
