//! Keys and values against the bytes that a real 4.3.1 wrote (a broker that was asked, its `__consumer_offsets` read).

use bytes::Bytes;
use uuid::{Uuid, uuid};

use super::*;

const TOPIC: Uuid = uuid!("156a0eac-6e95-4f06-b586-4e4e8c330fad");

fn bytes(hex: &str) -> Bytes {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("a byte")).collect()
}

fn group() -> String {
    "g-h".to_owned()
}

#[test]
fn keys_are_those_that_kafka_writes() {
    let (group, member) = (group(), "m1".to_owned());
    let keys = [
        (Key::Offset { group: group.clone(), topic: "k9".to_owned(), partition: 0 }, "00010003672d6800026b3900000000"),
        (Key::Classic { group: "g-range".to_owned() }, "00020007672d72616e6765"),
        (Key::Consumer { group: group.clone() }, "00030003672d68"),
        (Key::Member { group: group.clone(), member: member.clone() }, "00050003672d6800026d31"),
        (Key::Target { group: group.clone() }, "00060003672d68"),
        (Key::TargetOf { group: group.clone(), member: member.clone() }, "00070003672d6800026d31"),
        (Key::Current { group, member }, "00080003672d6800026d31"),
    ];
    for (key, hex) in keys {
        assert_eq!(key.write(), bytes(hex), "{key:?}");
        assert_eq!(Key::read(&bytes(hex)), Some(key));
    }
    assert_eq!(Key::read(&bytes("000a0003672d68")), None, "a record of another kind");
    assert_eq!(Key::read(&bytes("00050003672d")), None);
}

#[test]
fn a_committed_offset_is_written_as_kafka_writes_it() {
    let value = OffsetValue {
        offset: 0,
        leader_epoch: -1,
        metadata: "m".to_owned(),
        timestamp_ms: 0x01a2_2cf4_e072,
        topic_id: TOPIC,
    };
    let hex = "00040000000000000000ffffffff026d000001a22cf4e072010010156a0eac6e954f06b5864e4e8c330fad";
    assert_eq!(value.write(), bytes(hex));
    assert_eq!(OffsetValue::read(&bytes(hex)), Some(value));
}

#[test]
fn a_classic_group_is_written_as_kafka_writes_it() {
    let empty = ClassicValue {
        protocol_type: String::new(),
        generation: 0,
        protocol: None,
        leader: None,
        since_ms: 0x01a2_2cf5_8e6a,
        members: Vec::new(),
    };
    let hex = "0003000000000000ffffffff000001a22cf58e6a00000000";
    assert_eq!(empty.write(), bytes(hex));
    assert_eq!(ClassicValue::read(&bytes(hex)), Some(empty.clone()));
    let member = ClassicMemberValue {
        id: "m".to_owned(),
        instance: Some("i".to_owned()),
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        rebalance_timeout_ms: 300_000,
        session_timeout_ms: 45_000,
        subscription: bytes("0001"),
        assignment: bytes("0002"),
    };
    let full = ClassicValue {
        protocol_type: "consumer".to_owned(),
        generation: 7,
        protocol: Some("range".to_owned()),
        leader: Some("m".to_owned()),
        members: vec![member],
        ..empty
    };
    assert_eq!(ClassicValue::read(&full.write()), Some(full));
}

#[test]
fn a_consumer_group_is_written_as_kafka_writes_it() {
    let epoch = EpochValue { epoch: 2, metadata_hash: 0xeb2f_15dd_066e_5e32_u64.cast_signed() };
    let hex = "000000000002010008eb2f15dd066e5e32";
    assert_eq!((epoch.write(), EpochValue::read(&bytes(hex))), (bytes(hex), Some(epoch)));
    let emptied = EpochValue { epoch: 7, metadata_hash: 0 };
    assert_eq!(emptied.write(), bytes("00000000000700"));
    let target = TargetValue { epoch: 2, timestamp_ms: 0x01a2_2cf4_d915 };
    let hex = "000000000002010008000001a22cf4d915";
    assert_eq!((target.write(), TargetValue::read(&bytes(hex))), (bytes(hex), Some(target)));
    let member = MemberValue {
        instance: Some("i1".to_owned()),
        rack: None,
        client_id: "raw".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        topics: vec!["k9".to_owned()],
        regex: Some(String::new()),
        rebalance_timeout_ms: 5_000,
        assignor: None,
        classic: None,
    };
    let hex = "000003693100047261770b2f3132372e302e302e3102036b3901000013880001000100";
    assert_eq!((member.write(), MemberValue::read(&bytes(hex))), (bytes(hex), Some(member)));
}

#[test]
fn a_member_of_the_classic_protocol_is_written_as_kafka_writes_it() {
    let subscription = bytes("000300000001000174ffffffff00000000ffffffffffff");
    let member = MemberValue {
        instance: Some("x".to_owned()),
        rack: None,
        client_id: "s".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        topics: vec!["t".to_owned()],
        regex: Some(String::new()),
        rebalance_timeout_ms: 20_000,
        assignor: None,
        classic: Some(ClassicSaid {
            session_timeout_ms: 20_000,
            protocols: ["range", "cooperative-sticky"].map(|it| (it.to_owned(), subscription.clone())).to_vec(),
        }),
    };
    let hex = "000002780002730b2f3132372e302e302e310202740100004e20000100520100004e20030672616e6765180003000000010001\
               74ffffffff00000000ffffffffffff0013636f6f70657261746976652d737469636b7918000300000001000174ffffffff0000\
               0000ffffffffffff0000";
    assert_eq!((member.write(), MemberValue::read(&bytes(hex))), (bytes(hex), Some(member)));
}

#[test]
fn a_regular_expression_is_written_as_kafka_writes_it() {
    let key = Key::Regex { group: group(), regex: "rx-.*".to_owned() };
    assert_eq!((key.write(), Key::read(&key.write())), (bytes("00100003672d68000572782d2e2a"), Some(key)));
    let value = RegexValue {
        topics: ["rx-a", "rx-b"].map(str::to_owned).into(),
        version: 1_103,
        timestamp_ms: 1_796_090_020_616,
    };
    let hex = "0000030572782d610572782d62000000000000044f000001a22f4ec30800";
    assert_eq!((value.write(), RegexValue::read(&bytes(hex))), (bytes(hex), Some(value)));
}

#[test]
fn assignments_are_written_as_kafka_writes_them() {
    let target = Partitions::from([(TOPIC, [0, 1].into())]);
    let hex = "000002156a0eac6e954f06b5864e4e8c330fad0300000000000000010000";
    assert_eq!((write_target(&target), read_target(&bytes(hex))), (bytes(hex), Some(target)));
    assert_eq!(write_target(&Partitions::new()), bytes("00000100"));
    let current = CurrentValue {
        epoch: 2,
        previous_epoch: 0,
        state: 1,
        assigned: OwnedPartitions::from([(TOPIC, [(0, 2)].into())]),
        pending_revocation: OwnedPartitions::from([(TOPIC, [(1, 2)].into())]),
    };
    let hex = "000000000002000000000102156a0eac6e954f06b5864e4e8c330fad02000000000100050200000002\
               02156a0eac6e954f06b5864e4e8c330fad0200000001010005020000000200";
    assert_eq!((current.write(), CurrentValue::read(&bytes(hex))), (bytes(hex), Some(current)));
}
