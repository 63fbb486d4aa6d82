//! What was done beside a conversation: the state in which it finds its broker, and the words of `setup`.

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteRecordsRequest, InitProducerIdRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use loglab::broker::coordinators::hash_code;
use loglab::log::batch::BatchBuilder;
use loglab::wire::{Request, Response};
use serde_json::{Map, Value};

use super::broker::World;
use super::case::{BrokerState, Case, Op};
use super::ids::Ids;

/// How long an administrator waits.
const TIMEOUT_MS: i32 = 30_000;

/// Brings a fresh broker to where the recorded one was.
pub fn prepare(state: &BrokerState, world: &mut World, ids: &mut Ids) -> Result<(), String> {
    for topic in &state.topics {
        let config = [("cleanup.policy", "compact")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        create_topic(world, ids, &topic.topic, topic.leader_epochs.len() as i32, &config, &topic.topic_id)?;
    }
    if state.topics.iter().any(|topic| topic.leader_epochs.iter().any(|epoch| *epoch > 0)) {
        (0..state.clean_restarts_before).try_for_each(|_| world.restart(true))?;
    }
    for topic in &state.topics {
        let epochs = leader_epochs(world, &topic.topic);
        if epochs != topic.leader_epochs {
            return Err(format!("{}: leader epochs {:?}, here {epochs:?}", topic.topic, topic.leader_epochs));
        }
    }
    use_up_producer_ids(world, state.next_producer_id)?;
    for (topic, of_ids) in &state.coordinator_partitions {
        let partitions = state.topics.iter().find(|it| it.topic == *topic).map_or(3, |it| it.leader_epochs.len());
        for (id, partition) in of_ids {
            // What stands there was reckoned by the recorder, which masks the sign. A real broker takes the absolute value
            // (`Utils.abs`): asked for `g-range` among 3 partitions, 4.3.1 wrote into partition 0.
            let reckoned = (hash_code(id) & i32::MAX) % partitions as i32;
            if reckoned != *partition {
                return Err(format!("{id} is in partition {partition} of {topic}, by its hash in {reckoned}"));
            }
        }
    }
    Ok(())
}

fn leader_epochs(world: &World, topic: &str) -> Vec<i32> {
    let topics = &world.broker().image().topics;
    let topic = topics.named(topic).and_then(|number| topics.get(number));
    topic.map(|topic| topic.partitions.iter().map(|partition| partition.leader_epoch).collect()).unwrap_or_default()
}

/// Takes producer ids until the next one is this.
fn use_up_producer_ids(world: &mut World, next: i64) -> Result<(), String> {
    for id in 0..next {
        let given = match world.ask(Request::InitProducerId(
            InitProducerIdRequest::default()
                .with_transactional_id(None)
                .with_transaction_timeout_ms(60_000)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1),
        ))? {
            Response::InitProducerId(response) if response.error_code == 0 => response.producer_id.0,
            other => return Err(format!("no producer id: {other:?}")),
        };
        if given != id {
            return Err(format!("producer id {given} was given instead of {id}"));
        }
    }
    Ok(())
}

/// Creates a topic, and waits until the broker leads all of it.
pub fn create_topic(
    world: &mut World,
    ids: &mut Ids,
    name: &str,
    partitions: i32,
    config: &[(String, String)],
    id: &str,
) -> Result<(), String> {
    let topic = CreatableTopic::default().with_num_partitions(partitions).with_replication_factor(1);
    create_with(world, ids, topic.with_name(topic_name(name)), config, id)
}

fn create_with(
    world: &mut World,
    ids: &mut Ids,
    topic: CreatableTopic,
    config: &[(String, String)],
    id: &str,
) -> Result<(), String> {
    let configs = config.iter().map(|(name, value)| {
        let config = CreatableTopicConfig::default().with_name(StrBytes::from_string(name.clone()));
        config.with_value(Some(StrBytes::from_string(value.clone())))
    });
    let name = topic.name.to_string();
    let topic = topic.with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
    match world.ask(Request::CreateTopics(request))? {
        Response::CreateTopics(response) if response.topics[0].error_code == 0 => {
            ids.learn_topic(id, response.topics[0].topic_id)?;
        }
        other => return Err(format!("{name} is not created: {other:?}")),
    }
    world.wait_for("the broker to lead a topic", |world| {
        world.broker().image().topics.named(&name).is_some() && world.leads_all()
    })
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// `create_topic`.
pub fn create(world: &mut World, ids: &mut Ids, case: &Case, op: &Op) -> Result<(), String> {
    let config = op.fields.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let config = config.into_iter().map(|(name, value)| Ok((name, value.as_str().ok_or("no setting")?.to_owned())));
    let config = config.collect::<Result<Vec<(String, String)>, String>>()?;
    if let Some(assignment) = op.fields.get("assignment").and_then(Value::as_object) {
        let name = text(&op.fields, "topic")?;
        let id = case.head.topic_ids.get(name).ok_or("its id is not told")?;
        let assignments = assignment.iter().map(|(index, replicas)| {
            let replicas = replicas.as_array().map(|ids| ids.iter().filter_map(Value::as_i64)).ok_or("no replicas")?;
            Ok(CreatableReplicaAssignment::default()
                .with_partition_index(index.parse().map_err(|_| "no partition")?)
                .with_broker_ids(replicas.map(|id| BrokerId(id as i32)).collect()))
        });
        let topic = CreatableTopic::default().with_num_partitions(-1).with_replication_factor(-1);
        let topic = topic.with_assignments(assignments.collect::<Result<_, &str>>()?);
        return create_with(world, ids, topic.with_name(topic_name(name)), &config, id);
    }
    if number(&op.fields, "replication_factor")? != 1 {
        return Err("one broker holds more than one replica".to_owned());
    }
    let partitions = number(&op.fields, "partitions")? as i32;
    create_topic(world, ids, text(&op.fields, "topic")?, partitions, &config, text(&op.fields, "topic_id")?)
}

/// `fill`.
pub fn fill(world: &mut World, op: &Op) -> Result<(), String> {
    let (topic, partition) = (text(&op.fields, "topic")?, number(&op.fields, "partition")? as i32);
    let records = op.fields.get("records").and_then(Value::as_array).ok_or("no records")?;
    for record in records {
        let record = record.as_object().ok_or("no record")?;
        let mut batch = BatchBuilder::new();
        add_record(&mut batch, record, number(record, "timestamp")?)?;
        produce(world, topic, partition, None, batch)?;
    }
    Ok(())
}

/// Adds a record as the recordings write it: key, value (or one letter and how often it stands there), headers.
pub fn add_record(batch: &mut BatchBuilder, record: &Map<String, Value>, timestamp: i64) -> Result<(), String> {
    let bytes = |name: &str| record.get(name).and_then(Value::as_str).map(|text| text.as_bytes().to_vec());
    let value = match record.get("value_repeat").and_then(Value::as_str) {
        Some(letter) => Some(letter.repeat(number(record, "value_length")? as usize).into_bytes()),
        None => bytes("value"),
    };
    let headers = record.get("headers").and_then(Value::as_array).map_or(0, Vec::len);
    if headers > 0 {
        return Err("records with headers are not filled in".to_owned());
    }
    batch.record(timestamp, bytes("key").as_deref(), value.as_deref());
    Ok(())
}

/// Appends a batch with acks=all.
pub fn produce(
    world: &mut World,
    topic: &str,
    partition: i32,
    transactional_id: Option<&str>,
    batch: BatchBuilder,
) -> Result<i64, String> {
    let request = produce_request(world, topic, partition, batch)?
        .with_transactional_id(transactional_id.map(|id| StrBytes::from_string(id.to_owned()).into()));
    match world.ask(Request::Produce(request))? {
        Response::Produce(response) if response.responses[0].partition_responses[0].error_code == 0 => {
            Ok(response.responses[0].partition_responses[0].base_offset)
        }
        other => Err(format!("{topic}-{partition} takes no batch: {other:?}")),
    }
}

fn produce_request(world: &World, topic: &str, partition: i32, batch: BatchBuilder) -> Result<ProduceRequest, String> {
    let topics = &world.broker().image().topics;
    let id = topics.named(topic).map(|number| topics.id_of(number)).ok_or_else(|| format!("no topic {topic}"))?;
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch.build()));
    let data = TopicProduceData::default().with_topic_id(id).with_partition_data(vec![data]);
    Ok(ProduceRequest::default().with_acks(-1).with_timeout_ms(TIMEOUT_MS).with_topic_data(vec![data]))
}

/// `produce`: somebody else waits for what the followers make of it.
pub fn tell(world: &mut World, case: &Case, op: &Op) -> Result<(), String> {
    let (topic, partition) = (text(&op.fields, "topic")?, number(&op.fields, "partition")?);
    let offset = number(&op.fields, "baseOffset")?;
    let mut batch = BatchBuilder::new();
    let records = op.fields.get("records").and_then(Value::as_array).ok_or("no records")?;
    for (record, offset) in records.iter().zip(offset..) {
        let timestamp = case.timestamp_of(topic, partition, offset).ok_or("nobody has read it")?;
        add_record(&mut batch, record.as_object().ok_or("no record")?, timestamp)?;
    }
    let request = produce_request(world, topic, partition as i32, batch)?;
    world.tell(Request::Produce(request.with_acks(number(&op.fields, "acks")? as i16)));
    Ok(())
}

/// `delete_records`.
pub fn delete_records(world: &mut World, op: &Op) -> Result<(), String> {
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(number(&op.fields, "partition")? as i32)
        .with_offset(number(&op.fields, "before_offset")?);
    let topic = DeleteRecordsTopic::default().with_name(topic_name(text(&op.fields, "topic")?));
    let request = DeleteRecordsRequest::default().with_topics(vec![topic.with_partitions(vec![partition])]);
    match world.ask(Request::DeleteRecords(request.with_timeout_ms(TIMEOUT_MS)))? {
        Response::DeleteRecords(response) if response.topics[0].partitions[0].error_code == 0 => Ok(()),
        other => Err(format!("records are not deleted: {other:?}")),
    }
}

pub fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    fields.get(name).and_then(Value::as_str).ok_or_else(|| format!("no {name}"))
}

pub fn number(fields: &Map<String, Value>, name: &str) -> Result<i64, String> {
    fields.get(name).and_then(Value::as_i64).ok_or_else(|| format!("no {name}"))
}
