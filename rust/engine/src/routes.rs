//! Which worker has which object. Owns the map and what can be answered without a worker; refuses to know what commands do.

use ahash::AHashMap;
use medianode_sfu::{
    ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, TransportId,
};

use crate::{Command, Event, Refusal, RefusalKind, Reply};

/// Name of any object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Object {
    Router(RouterId),
    Transport(TransportId),
    Producer(ProducerId),
    Consumer(ConsumerId),
    DataProducer(DataProducerId),
    DataConsumer(DataConsumerId),
}

/// What a command is to the map.
enum Aim {
    Create(Object, Option<Object>),
    Use(Object),
    Close(Object),
}

/// Where a command goes.
pub enum Verdict {
    Worker(usize),
    /// Nobody needs to be asked.
    Answered(Event),
}

/// The map.
pub struct Routes {
    ids: u64,
    workers: AHashMap<Object, usize>,
    /// Objects whose creation is not answered yet, by command.
    creating: AHashMap<u64, Object>,
    /// Routers and transports of each worker.
    load: Vec<usize>,
}

impl Routes {
    pub fn new(workers: usize) -> Self {
        let (workers_of, creating) = (AHashMap::new(), AHashMap::new());
        Self {
            ids: 0,
            workers: workers_of,
            creating,
            load: vec![0; workers],
        }
    }

    pub fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Chooses the worker for a command, and remembers what it creates there.
    pub fn route(&mut self, id: u64, command: &Command) -> Verdict {
        match Aim::of(command) {
            Aim::Create(object, _) if self.workers.contains_key(&object) => {
                let detail = format!("{} exists already", object.kind());
                answered(id, Err(Refusal::new(RefusalKind::Conflict, detail)))
            }
            Aim::Create(object, parent) => {
                let worker = match parent {
                    Some(parent) => match self.workers.get(&parent) {
                        Some(worker) => *worker,
                        None => return unknown(id, parent),
                    },
                    None => self.least_loaded(),
                };
                self.insert(object, worker);
                self.creating.insert(id, object);
                Verdict::Worker(worker)
            }
            Aim::Use(object) => match self.workers.get(&object) {
                Some(worker) => Verdict::Worker(*worker),
                None => unknown(id, object),
            },
            Aim::Close(object) => match self.workers.get(&object) {
                Some(worker) => Verdict::Worker(*worker),
                None => answered(id, Ok(Reply::Done)),
            },
        }
    }

    /// A command was not queued after all.
    pub fn take_back(&mut self, id: u64) {
        if let Some(object) = self.creating.remove(&id) {
            self.remove(object);
        }
    }

    /// Follows what an event says about an object's existence.
    pub fn learn(&mut self, event: &Event) {
        match event {
            Event::Reply {
                id,
                refusal: Some(_),
                ..
            } => self.take_back(*id),
            Event::Reply { id, .. } => {
                self.creating.remove(id);
            }
            Event::RouterClosed { router, .. } => self.remove(Object::Router(*router)),
            Event::TransportClosed { transport, .. } => self.remove(Object::Transport(*transport)),
            Event::ProducerClosed { producer, .. } => self.remove(Object::Producer(*producer)),
            Event::ConsumerClosed { consumer, .. } => self.remove(Object::Consumer(*consumer)),
            Event::DataProducerClosed { data_producer, .. } => {
                self.remove(Object::DataProducer(*data_producer));
            }
            Event::DataConsumerClosed { data_consumer, .. } => {
                self.remove(Object::DataConsumer(*data_consumer));
            }
            _ => {}
        }
    }

    fn insert(&mut self, object: Object, worker: usize) {
        self.workers.insert(object, worker);
        if object.is_load() {
            self.load[worker] += 1;
        }
    }

    fn remove(&mut self, object: Object) {
        if let Some(worker) = self.workers.remove(&object)
            && object.is_load()
        {
            self.load[worker] = self.load[worker].saturating_sub(1);
        }
    }

    fn least_loaded(&self) -> usize {
        let least = self.load.iter().enumerate().min_by_key(|(_, load)| **load);
        least.map_or(0, |(worker, _)| worker)
    }
}

impl Object {
    fn kind(self) -> &'static str {
        match self {
            Object::Router(_) => "router",
            Object::Transport(_) => "transport",
            Object::Producer(_) => "producer",
            Object::Consumer(_) => "consumer",
            Object::DataProducer(_) => "data producer",
            Object::DataConsumer(_) => "data consumer",
        }
    }

    fn is_load(self) -> bool {
        matches!(self, Object::Router(_) | Object::Transport(_))
    }
}

impl Aim {
    fn of(command: &Command) -> Self {
        use Object::{Consumer, DataConsumer, DataProducer, Producer, Router, Transport};
        match *command {
            Command::CreateRouter { router } => Aim::Create(Router(router), None),
            Command::CloseRouter { router } => Aim::Close(Router(router)),
            Command::CreateWebRtcTransport {
                router, transport, ..
            }
            | Command::CreateDirectTransport { router, transport } => {
                Aim::Create(Transport(transport), Some(Router(router)))
            }
            Command::ConnectTransport { transport, .. }
            | Command::RestartIce { transport }
            | Command::SetTransportCap { transport, .. } => Aim::Use(Transport(transport)),
            Command::CloseTransport { transport } => Aim::Close(Transport(transport)),
            Command::CreateProducer {
                transport,
                producer,
                ..
            } => Aim::Create(Producer(producer), Some(Transport(transport))),
            Command::CloseProducer { producer } => Aim::Close(Producer(producer)),
            Command::PauseProducer { producer } | Command::ResumeProducer { producer } => {
                Aim::Use(Producer(producer))
            }
            Command::CreateConsumer {
                transport,
                consumer,
                ..
            } => Aim::Create(Consumer(consumer), Some(Transport(transport))),
            Command::SwitchConsumer { consumer, .. }
            | Command::PauseConsumer { consumer }
            | Command::ResumeConsumer { consumer }
            | Command::SetConsumerLayers { consumer, .. }
            | Command::RequestKeyframe { consumer } => Aim::Use(Consumer(consumer)),
            Command::CloseConsumer { consumer } => Aim::Close(Consumer(consumer)),
            Command::CreateDataProducer {
                transport,
                data_producer,
                ..
            } => Aim::Create(DataProducer(data_producer), Some(Transport(transport))),
            Command::SendData { data_producer, .. } => Aim::Use(DataProducer(data_producer)),
            Command::CloseDataProducer { data_producer } => Aim::Close(DataProducer(data_producer)),
            Command::CreateDataConsumer {
                transport,
                data_consumer,
                ..
            } => Aim::Create(DataConsumer(data_consumer), Some(Transport(transport))),
            Command::CloseDataConsumer { data_consumer } => Aim::Close(DataConsumer(data_consumer)),
        }
    }
}

fn unknown(id: u64, object: Object) -> Verdict {
    let detail = format!("{} is not known here", object.kind());
    answered(id, Err(Refusal::new(RefusalKind::NotFound, detail)))
}

fn answered(id: u64, answer: Result<Reply, Refusal>) -> Verdict {
    let (reply, refusal) = match answer {
        Ok(reply) => (Some(reply), None),
        Err(refusal) => (None, Some(refusal)),
    };
    Verdict::Answered(Event::Reply { id, reply, refusal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseCause;

    fn create(router: u64) -> Command {
        Command::CreateRouter {
            router: RouterId(router),
        }
    }

    fn transport(router: u64, transport: u64) -> Command {
        let (router, transport) = (RouterId(router), TransportId(transport));
        Command::CreateWebRtcTransport {
            router,
            transport,
            sctp: false,
            name: String::new(),
        }
    }

    fn worker(verdict: Verdict) -> usize {
        match verdict {
            Verdict::Worker(worker) => worker,
            Verdict::Answered(event) => panic!("{event:?}"),
        }
    }

    fn refusal(verdict: Verdict) -> Option<RefusalKind> {
        match verdict {
            Verdict::Answered(Event::Reply { refusal, .. }) => refusal.map(|refusal| refusal.kind),
            _ => panic!("went to a worker"),
        }
    }

    #[test]
    fn a_router_goes_to_the_least_loaded_worker_and_all_it_has_follows() {
        let mut routes = Routes::new(2);
        assert_eq!(worker(routes.route(1, &create(1))), 0);
        assert_eq!(worker(routes.route(2, &transport(1, 1))), 0);
        assert_eq!(worker(routes.route(3, &create(2))), 1);
        assert_eq!(worker(routes.route(4, &create(3))), 1);
        let closed = Event::TransportClosed {
            transport: TransportId(1),
            cause: CloseCause::Closed,
        };
        routes.learn(&closed);
        assert_eq!(worker(routes.route(5, &create(4))), 0);
    }

    #[test]
    fn answers_itself_what_no_worker_knows() {
        let mut routes = Routes::new(1);
        assert_eq!(
            refusal(routes.route(1, &transport(1, 1))),
            Some(RefusalKind::NotFound)
        );
        let close = Command::CloseRouter {
            router: RouterId(1),
        };
        assert_eq!(refusal(routes.route(2, &close)), None);
        worker(routes.route(3, &create(1)));
        assert_eq!(
            refusal(routes.route(4, &create(1))),
            Some(RefusalKind::Conflict)
        );
    }

    #[test]
    fn forgets_what_was_refused_or_not_queued() {
        let mut routes = Routes::new(1);
        worker(routes.route(1, &create(1)));
        let refusal = Refusal::new(RefusalKind::LimitReached, "full");
        routes.learn(&Event::Reply {
            id: 1,
            reply: None,
            refusal: Some(refusal),
        });
        worker(routes.route(2, &create(1)));
        routes.take_back(2);
        worker(routes.route(3, &create(1)));
        routes.learn(&Event::Reply {
            id: 3,
            reply: Some(Reply::Done),
            refusal: None,
        });
        routes.take_back(3);
        assert_eq!(routes.load, [1]);
    }
}
