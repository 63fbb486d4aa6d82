//! A process of a cluster, whatever it is, and how a scenario becomes processes.

use std::sync::Arc;

use super::scenario::{self, Config, Scenario, TopicConfig};
use crate::broker::{Broker, BrokerSettings};
use crate::client::{AdminSettings, ConsumerSettings, GroupSettings, NetworkSettings, ProducerSettings};
use crate::controller::{Controller, ControllerSettings, NewTopic};
use crate::note::Note;
use crate::service::{Administrator, LoadGenerator, Pipeline, PipelineSettings, Reader, ReaderSettings};
use crate::settings::Fix;
use crate::sim::kernel::Kernel;
use crate::sim::process::{Context, Input, Lane, Process};
use crate::sim::queue::EventKind;
use crate::wire::{CONTROLLER_PROCESS, ClusterImage, Message};

/// A process of a cluster.
#[allow(clippy::large_enum_variant, reason = "each lies behind the pointer of its slot")]
#[derive(Clone, Debug)]
pub enum Node {
    /// The controller.
    Controller(Controller),
    /// A broker.
    Broker(Broker),
    /// A program that sends: a scenario's producer.
    LoadGenerator(LoadGenerator),
    /// A program that reads: a scenario's consumer.
    Reader(Reader),
    /// A program that looks after the cluster.
    Administrator(Administrator),
    /// A program that reads and sends on: a member of a scenario's pipeline.
    Pipeline(Pipeline),
}

impl Node {
    /// What a timer of this process is for, in words that follow its name.
    #[must_use]
    pub fn timer_words(&self, purpose: u64) -> String {
        match self {
            Self::Controller(_) => Controller::timer_words(purpose),
            Self::Broker(_) => Broker::timer_words(purpose),
            Self::LoadGenerator(_) => LoadGenerator::timer_words(purpose),
            Self::Reader(_) => Reader::timer_words(purpose),
            Self::Administrator(_) => Administrator::timer_words(purpose),
            Self::Pipeline(_) => Pipeline::timer_words(purpose),
        }
    }
}

impl Process for Node {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self {
            Self::Controller(controller) => controller.handle(input, context),
            Self::Broker(broker) => broker.handle(input, context),
            Self::LoadGenerator(program) => program.handle(input, context),
            Self::Reader(program) => program.handle(input, context),
            Self::Administrator(program) => program.handle(input, context),
            Self::Pipeline(program) => program.handle(input, context),
        }
    }

    fn reborn(&self) -> Self {
        match self {
            Self::Controller(controller) => Self::Controller(controller.reborn()),
            Self::Broker(broker) => Self::Broker(broker.reborn()),
            Self::LoadGenerator(program) => Self::LoadGenerator(program.reborn()),
            Self::Reader(program) => Self::Reader(program.reborn()),
            Self::Administrator(program) => Self::Administrator(program.reborn()),
            Self::Pipeline(program) => Self::Pipeline(program.reborn()),
        }
    }

    fn listens(&self) -> bool {
        match self {
            Self::Broker(broker) => broker.listens(),
            Self::Controller(_)
            | Self::LoadGenerator(_)
            | Self::Reader(_)
            | Self::Pipeline(_)
            | Self::Administrator(_) => true,
        }
    }

    fn receive_buffer_bytes(&self) -> u64 {
        match self {
            Self::Broker(broker) => broker.receive_buffer_bytes(),
            // No client writes to these.
            Self::Controller(_)
            | Self::LoadGenerator(_)
            | Self::Reader(_)
            | Self::Pipeline(_)
            | Self::Administrator(_) => u64::MAX,
        }
    }

    fn lane(&self, what: &EventKind<Message>) -> Lane {
        match self {
            Self::Broker(broker) => broker.lane(what),
            Self::Controller(_)
            | Self::LoadGenerator(_)
            | Self::Reader(_)
            | Self::Pipeline(_)
            | Self::Administrator(_) => Lane::MAIN,
        }
    }
}

/// The cluster's metadata at the controller.
pub fn image(kernel: &Kernel<Node>) -> &ClusterImage {
    let controller = kernel.process(CONTROLLER_PROCESS);
    let Node::Controller(controller) = controller else {
        unreachable!("process 0 is the controller, not {controller:?}")
    };
    controller.image()
}

/// The processes of a scenario: the controller, the brokers, the producers, the consumers, and the administrator if there is one.
/// The processes of a scenario: the controller, the brokers, the producers, the consumers, the pipelines.
#[must_use]
pub fn processes(scenario: &Scenario) -> Vec<Node> {
    let controller = Node::Controller(Controller::new(controller_settings(scenario)));
    let brokers = (1..=scenario.cluster.brokers as i32).map(|id| {
        let settings = BrokerSettings::of(&scenario.cluster.config, id, scenario.cluster.brokers);
        let settings = BrokerSettings { rack: scenario.cluster.rack(id).map(str::to_owned), ..settings };
        Node::Broker(Broker::new(settings.before(scenario.cluster.without)))
    });
    let producers = scenario.producers.iter().map(|producer| {
        Node::LoadGenerator(LoadGenerator::new(producer.load(), producer_settings(scenario, producer)))
    });
    let consumers = scenario.consumers.iter().map(|consumer| {
        let defaults = ProducerSettings::default();
        let producer = ProducerSettings { network: bootstrapped(scenario, defaults.network), ..defaults };
        Node::Reader(Reader::new(reader_settings(consumer), consumer_settings(scenario, consumer), producer))
    });
    let pipelines = scenario.pipelines.iter().map(|it| Node::Pipeline(pipeline(scenario, it)));
    let administrator = (!scenario.commands.is_empty()).then(|| administrator(scenario));
    let clients = producers.chain(consumers).chain(pipelines).chain(administrator);
    std::iter::once(controller).chain(brokers).chain(clients).collect()
}

/// Settings with another value than Kafka's default.
fn settings_said(config: &TopicConfig) -> u32 {
    let defaults = TopicConfig::default().entries();
    config.entries().iter().filter(|(name, value)| defaults.get(*name) != Some(*value)).count() as u32
}

fn controller_settings(scenario: &Scenario) -> ControllerSettings {
    let topics = scenario.topics.iter().map(|topic| NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        config: topic.config.entries(),
        config_records: settings_said(&topic.config),
        at_us: topic.at_us,
        delete_at_us: topic.delete_at_us,
    });
    ControllerSettings {
        brokers: scenario.cluster.brokers,
        racks: (1..=scenario.cluster.brokers as i32)
            .filter_map(|it| scenario.cluster.rack(it))
            .map(Into::into)
            .collect(),
        topics: topics.collect(),
        without_broker_epoch_check: scenario.cluster.without.lacks(Fix::Kip903),
        ..ControllerSettings::of(&scenario.cluster.config)
    }
}

fn producer_settings(scenario: &Scenario, producer: &scenario::Producer) -> ProducerSettings {
    let settings = ProducerSettings::of(&producer.config);
    let network = NetworkSettings { client: producer.client, ..bootstrapped(scenario, settings.network) };
    ProducerSettings { network, ..settings }
}

fn reader_settings(consumer: &scenario::Consumer) -> ReaderSettings {
    ReaderSettings {
        name: consumer.name.clone(),
        topics: consumer.topics.clone(),
        pattern: consumer.pattern.clone(),
        work: consumer.work,
        commits: consumer.commits,
        hands_over: consumer.hands_over,
        poison: consumer.poison.clone(),
    }
}

fn consumer_settings(scenario: &Scenario, consumer: &scenario::Consumer) -> ConsumerSettings {
    let settings = ConsumerSettings::of(&consumer.config);
    let group = GroupSettings { id: consumer.group.clone(), ..settings.group };
    ConsumerSettings { network: bootstrapped(scenario, settings.network), group, ..settings }
}

fn administrator(scenario: &Scenario) -> Node {
    let settings = AdminSettings::default();
    let settings = AdminSettings { network: bootstrapped(scenario, settings.network), ..settings };
    Node::Administrator(Administrator::new(scenario.commands.clone().into(), Arc::new(settings)))
}

fn pipeline(scenario: &Scenario, it: &scenario::Pipeline) -> Pipeline {
    let settings = PipelineSettings {
        name: it.name.clone(),
        from: it.from.clone(),
        to: it.to.clone(),
        copies: it.copies,
        work_us: it.work_us,
        commits: it.commits,
        again_after_us: it.again_after_us,
        poison: it.poison.clone(),
    };
    let (consumer, producer) = (ConsumerSettings::of(&it.consumer), ProducerSettings::of(&it.producer));
    let group = GroupSettings { id: Some(it.group.clone()), ..consumer.group };
    let consumer = ConsumerSettings { network: bootstrapped(scenario, consumer.network), group, ..consumer };
    let network = NetworkSettings { client: it.client, ..bootstrapped(scenario, producer.network) };
    let producer = ProducerSettings { network, ..producer };
    Pipeline::new(settings, consumer, producer)
}

/// The bootstrap servers of all clients are all brokers, and what the scenario is without they are without.
fn bootstrapped(scenario: &Scenario, network: NetworkSettings) -> NetworkSettings {
    NetworkSettings { bootstrap: scenario.cluster.brokers, without: scenario.cluster.without, ..network }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenario::BUILTINS;
    use crate::log::LogConfig;
    use crate::settings::{BOUNDS, Raw};

    /// Everything that a scenario tells its processes.
    fn told(scenario: &Scenario) -> String {
        let inherited = TopicConfig::of_cluster(&scenario.cluster.config);
        let broker = BrokerSettings::of(&scenario.cluster.config, 1, scenario.cluster.brokers);
        let producer = producer_settings(scenario, &scenario.producers[0]);
        let consumer = consumer_settings(scenario, &scenario.consumers[0]);
        format!("{:?}{broker:?}{inherited:?}{producer:?}{consumer:?}", controller_settings(scenario))
    }

    /// Gives `config` another value for `name`, one that it takes.
    fn change<C: Config>(config: &mut C, name: &str) {
        let before = config.entries();
        let numbers = [1, 2, 3, 1_000, 20_000, 2_000_000, 20_000_000].map(Raw::Integer);
        let words = [
            "1",
            "0.25",
            "earliest",
            "latest",
            "LogAppendTime",
            "compact",
            "none",
            "gzip",
            "read_committed",
            "sticky",
            "consumer",
            "RoundRobinPartitioner",
            "RackAwareReplicaSelector",
            "disabled",
        ]
        .map(|word| Raw::Text(word.to_owned()));
        let values = numbers.into_iter().chain(words).chain([Raw::Boolean(true), Raw::Boolean(false)]);
        let changed = values.into_iter().any(|value| config.set(name, &value).is_ok() && config.entries() != before);
        assert!(changed, "no other value found for {name}");
    }

    /// The settings of this kind that a scenario may give and that reach no process.
    fn ignored<C: Config>(config_of: impl Fn(&mut Scenario) -> &mut C) -> Vec<&'static str> {
        let scenario = BUILTINS[0].scenario().expect("a built-in scenario is right");
        let reaches_nobody = |name: &&str| {
            let mut other = scenario.clone();
            change(config_of(&mut other), name);
            told(&other) == told(&scenario)
        };
        C::table().iter().map(|setting| setting.name).filter(reaches_nobody).collect()
    }

    #[test]
    fn a_log_takes_whatever_a_topic_may_say() {
        let log_config = |topic: &TopicConfig| {
            let entries = topic.entries();
            LogConfig::with(entries.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        };
        for setting in TopicConfig::table() {
            let bounds = setting.values.split_once(" to ").map(|(least, most)| [least, most]);
            let words = setting.values.split(", ").collect::<Vec<_>>();
            for value in bounds.as_ref().map_or(words.as_slice(), |bounds| bounds.as_slice()) {
                let mut topic = TopicConfig::default();
                topic.set(setting.name, &Raw::Text((*value).to_owned())).expect("a value of the table");
                assert_eq!(log_config(&topic).err(), None, "{} = {value}", setting.name);
            }
        }
    }

    #[test]
    fn every_setting_that_a_scenario_may_give_reaches_a_process() {
        let none: [&str; 0] = [];
        let mut brokers = ignored(|scenario| &mut scenario.cluster.config);
        // These bound others, or stand for others where a file is read.
        let coarser = ["log.roll.hours", "log.retention.minutes", "log.retention.hours"];
        brokers.retain(|name| BOUNDS.iter().all(|(_, least, most)| name != least && name != most));
        brokers.retain(|name| !coarser.contains(name));
        assert_eq!(brokers, none, "brokers");
        assert_eq!(ignored(|scenario| &mut scenario.topics[0].config), none, "topics");
        assert_eq!(ignored(|scenario| &mut scenario.producers[0].config), none, "producers");
        assert_eq!(ignored(|scenario| &mut scenario.consumers[0].config), none, "consumers");
    }
}
