//! Commands in and events out, each bounded and with a descriptor to wait on. Refuses to know what they mean.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use medianode_sfu::DataConsumerId;

use crate::config::Limits;
use crate::net::epoll::EventFd;
use crate::{Command, Error, Event};

/// What a message in the event queue costs beside its bytes.
const MESSAGE_OVERHEAD: usize = 256;

/// The caller's end of one worker's commands.
pub struct CommandSender {
    sender: Sender<(u64, Command)>,
    wake: Arc<EventFd>,
    limit: usize,
    /// Bytes of the messages that wait, and their bound.
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

/// The worker's end.
pub struct CommandReceiver {
    receiver: Receiver<(u64, Command)>,
    wake: Arc<EventFd>,
    bytes: Arc<AtomicUsize>,
}

/// A queue of at most `commands_queued` commands and `data_bytes_commanded` bytes of messages in them.
///
/// # Errors
/// No descriptor left.
pub fn commands(limits: &Limits) -> Result<(CommandSender, CommandReceiver), Error> {
    let wake = Arc::new(EventFd::new().map_err(Error::io("eventfd"))?);
    let bytes = Arc::new(AtomicUsize::new(0));
    let limit = limits.commands_queued;
    let (sender, receiver) = crossbeam_channel::bounded(limit);
    let sender = CommandSender {
        sender,
        wake: wake.clone(),
        limit,
        bytes: bytes.clone(),
        max_bytes: limits.data_bytes_commanded,
    };
    let receiver = CommandReceiver {
        receiver,
        wake,
        bytes,
    };
    Ok((sender, receiver))
}

impl CommandSender {
    /// # Errors
    /// [`Error::QueueFull`], or [`Error::NotRunning`] when the worker is gone.
    pub fn send(&self, id: u64, command: Command) -> Result<(), Error> {
        let weight = command.weight();
        let waiting = self.bytes.fetch_add(weight, Ordering::Relaxed);
        let sent = if weight > 0 && waiting + weight > self.max_bytes {
            Err(Error::QueueFull(self.limit))
        } else {
            self.sender
                .try_send((id, command))
                .map_err(|error| match error {
                    TrySendError::Full(_) => Error::QueueFull(self.limit),
                    TrySendError::Disconnected(_) => Error::NotRunning,
                })
        };
        match &sent {
            Ok(()) => self.wake.set(),
            Err(_) => {
                self.bytes.fetch_sub(weight, Ordering::Relaxed);
            }
        }
        sent
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
        let (id, command) = self.receiver.try_recv().ok()?;
        self.bytes.fetch_sub(command.weight(), Ordering::Relaxed);
        Some((id, command))
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
    bounds: Bounds,
}

#[derive(Clone, Copy)]
struct Bounds {
    events: usize,
    unread_per_consumer: usize,
    unread: usize,
}

#[derive(Default)]
struct Queued {
    events: VecDeque<Event>,
    /// Number of the first event in `events`.
    first: u64,
    /// Number of the newest [`Event::Lost`] that is still in `events`.
    lost: Option<u64>,
    /// Bytes of the messages in `events`: for each data consumer that has any, and in all.
    unread: AHashMap<DataConsumerId, usize>,
    all_unread: usize,
}

impl EventQueue {
    /// # Errors
    /// No descriptor left.
    pub fn new(limits: &Limits) -> Result<Self, Error> {
        let ready = EventFd::new().map_err(Error::io("eventfd"))?;
        Ok(Self {
            inner: Mutex::default(),
            ready,
            bounds: Bounds {
                events: limits.events_queued.max(1),
                unread_per_consumer: limits.data_bytes_unread_per_consumer,
                unread: limits.data_bytes_unread,
            },
        })
    }

    /// Readable while events wait.
    pub fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }

    /// Queues `events` and empties it. A full queue takes only what must not be lost, and counts the rest in one [`Event::Lost`];
    /// messages have bounds of their own, and what is beyond them is returned as a number.
    pub fn push(&self, events: &mut Vec<Event>) -> u64 {
        if events.is_empty() {
            return 0;
        }
        let mut queued = self.lock();
        let was_empty = queued.events.is_empty();
        let mut refused = 0;
        for event in events.drain(..) {
            if queued.admits(&event, &self.bounds) {
                queued.push(event, self.bounds.events);
            } else {
                refused += 1;
            }
        }
        if was_empty && !queued.events.is_empty() {
            self.ready.set();
        }
        refused
    }

    /// The next events, at most `max`.
    pub fn poll(&self, max: usize) -> Vec<Event> {
        let mut queued = self.lock();
        let count = max.min(queued.events.len());
        queued.first += count as u64;
        let events: Vec<Event> = queued.events.drain(..count).collect();
        events.iter().for_each(|event| queued.was_read(event));
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
    /// False for a message that would be too much; one message is always let in where none waits.
    fn admits(&mut self, event: &Event, bounds: &Bounds) -> bool {
        let Some((consumer, len)) = message(event) else {
            return true;
        };
        let waiting = self.unread.get(&consumer).copied().unwrap_or(0);
        let admitted = self.events.len() < bounds.events
            && self.all_unread + len <= bounds.unread
            && (waiting == 0 || waiting + len <= bounds.unread_per_consumer);
        if admitted {
            self.unread.insert(consumer, waiting + len);
            self.all_unread += len;
        }
        admitted
    }

    fn was_read(&mut self, event: &Event) {
        let Some((consumer, len)) = message(event) else {
            return;
        };
        self.all_unread -= len;
        if let Some(waiting) = self.unread.get_mut(&consumer) {
            *waiting -= len;
            if *waiting == 0 {
                self.unread.remove(&consumer);
            }
        }
    }

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

/// Whose message an event is, and what it costs to keep.
fn message(event: &Event) -> Option<(DataConsumerId, usize)> {
    match event {
        Event::DataMessage {
            data_consumer,
            payload,
        } => Some((*data_consumer, payload.len() + MESSAGE_OVERHEAD)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use medianode_sfu::{ConsumerId, DataProducerId, ProducerId, RouterId};

    use super::*;
    use crate::CloseCause;

    fn bounds(queued: usize) -> Limits {
        Limits {
            commands_queued: queued,
            events_queued: queued,
            data_bytes_commanded: 100,
            data_bytes_unread_per_consumer: 2 * (MESSAGE_OVERHEAD + 10),
            data_bytes_unread: 6 * (MESSAGE_OVERHEAD + 10),
            ..Limits::default()
        }
    }

    fn heard(consumer: u64, len: usize) -> Event {
        Event::DataMessage {
            data_consumer: DataConsumerId(consumer),
            payload: "x".repeat(len),
        }
    }

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
        let queue = EventQueue::new(&bounds(2)).unwrap();
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
        let queue = EventQueue::new(&bounds(1)).unwrap();
        queue.push(&mut vec![speaker(1), speaker(2), closed(3)]);
        assert_eq!(names(&queue.poll(2)), ["speaker 1", "lost 1"]);
        queue.push(&mut vec![speaker(4), speaker(5)]);
        assert_eq!(names(&queue.poll(9)), ["closed 3", "lost 2"]);
    }

    #[test]
    fn messages_are_bounded_for_each_consumer_and_in_all() {
        let queue = EventQueue::new(&bounds(100)).unwrap();
        let mut flood: Vec<Event> = (0..5).map(|_| heard(1, 10)).collect();
        assert_eq!(queue.push(&mut flood), 3);
        // Another consumer is heard all the same, and even a long message where none waits.
        assert_eq!(queue.push(&mut vec![heard(2, 10), heard(3, 300)]), 0);
        assert_eq!(queue.push(&mut vec![heard(4, 10), closed(5)]), 1);
        assert_eq!(queue.poll(1).len(), 1);
        assert_eq!(queue.push(&mut vec![heard(1, 10), heard(1, 10)]), 1);
        assert_eq!(queue.poll(100).len(), 5);
        assert_eq!(queue.push(&mut vec![heard(1, 10), heard(1, 10)]), 0);
        assert_eq!(queue.push(&mut vec![heard(1, 10)]), 1);
    }

    #[test]
    fn messages_in_commands_are_bounded_by_their_bytes() {
        let (sender, receiver) = commands(&bounds(9)).unwrap();
        let command = |len| Command::SendData {
            data_producer: DataProducerId(1),
            payload: "x".repeat(len),
        };
        sender.send(1, command(60)).unwrap();
        assert!(matches!(
            sender.send(2, command(60)),
            Err(Error::QueueFull(9))
        ));
        sender.send(3, command(40)).unwrap();
        receiver.take().unwrap();
        sender.send(4, command(60)).unwrap();
    }

    #[test]
    fn refuses_commands_beyond_its_bound() {
        let (sender, receiver) = commands(&bounds(1)).unwrap();
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
