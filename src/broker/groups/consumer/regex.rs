//! Subscriptions by a regular expression that the coordinator compares with the names of all topics (Kafka:
//! `maybeUpdateRegularExpressions`, `refreshRegularExpressions`, `handleRegularExpressionsResult`). Kafka's are RE2's; here they
//! are those of a library alike.

use std::borrow::Cow;
use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use regex_lite::Regex;

use super::super::records::{EpochValue, RegexValue, record, tombstone};
use super::super::timers::{Kind, Purpose, TimerKey};
use super::super::turn::Turn;
use super::answers::Refused;
use super::group::{ConsumerGroup, metadata_hash};
use super::member::ConsumerMember;

/// The least time between two looks of a group at the topics (`REGEX_BATCH_REFRESH_MIN_INTERVAL_MS`).
const LEAST_INTERVAL_MS: i64 = 10_000;

impl ConsumerGroup {
    /// What a member has said of its regular expression now. The group as it is known after that, and whether what the expression
    /// means is known of another member.
    pub(super) fn follow_regex(
        &self,
        former: &ConsumerMember,
        member: &ConsumerMember,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(Cow<'_, Self>, bool), Refused> {
        let mut group = Cow::Borrowed(self);
        let (mut is_new, mut means_others) = (false, false);
        if former.regex() != member.regex() {
            if let Some(regex) = former.regex()
                && self.forget_regex(regex, &former.id, turn)
            {
                group.to_mut().regexes.remove(regex);
            }
            if let Some(regex) = member.regex() {
                if self.has_regex(regex, &former.id) {
                    means_others = self.regexes.contains_key(regex);
                } else {
                    parse(regex)?;
                    is_new = true;
                }
            }
        }
        if is_new || self.members.values().any(|member| member.regex().is_some()) {
            self.plan_look(is_new, turn);
        }
        Ok((group, means_others))
    }

    /// Whether a member subscribes by this, beside one.
    fn has_regex(&self, regex: &str, beside: &str) -> bool {
        self.members.values().any(|member| member.id != beside && member.regex() == Some(regex))
    }

    /// A member does not subscribe by this any more: what nobody does is forgotten. Whether it is.
    pub(super) fn forget_regex(&self, regex: &str, member: &str, turn: &mut Turn<'_, '_>) -> bool {
        let is_last = !self.has_regex(regex, member);
        if is_last {
            turn.write(tombstone(&self.regex_key(regex)));
        }
        is_last
    }

    /// Lets all expressions be looked at, which another thread does: where one was not yet, there may be topics that it was not
    /// compared with, or the last look is too old.
    fn plan_look(&self, is_new: bool, turn: &mut Turn<'_, '_>) {
        let key = TimerKey::of_group(&self.id, Kind::Regex);
        let now_ms = turn.moment.wall_ms;
        let last_ms = self.regexes.values().map(|it| it.timestamp_ms).max().unwrap_or(0);
        if turn.soft.timers.is_set(&key) || now_ms <= last_ms.saturating_add(LEAST_INTERVAL_MS) {
            return;
        }
        let newest = newest_topics(turn);
        let is_unknown = |member: &ConsumerMember| member.regex().is_some_and(|it| !self.regexes.contains_key(it));
        let is_due = is_new
            || self.members.values().any(is_unknown)
            || now_ms > last_ms.saturating_add(turn.moment.settings.groups.regex_refresh_interval_ms)
            || self.regexes.values().any(|it| it.version < newest);
        if is_due {
            turn.set_timer(key, 0, Purpose::Plain);
        }
    }

    /// Compares all expressions with the names of all topics, Kafka's own included.
    pub(super) fn resolve_regexes(&self, turn: &mut Turn<'_, '_>) {
        newest_topics(turn);
        let mut group = self.clone();
        let regexes: BTreeSet<&str> = self.members.values().filter_map(ConsumerMember::regex).collect();
        for regex in regexes {
            // Whoever said it was refused where it is wrong.
            let Ok(compiled) = parse(regex) else { continue };
            let names = turn.moment.image.topics.names().map(|(name, _)| name);
            let topics = names.filter(|name| compiled.is_match(name)).map(str::to_owned).collect();
            let value = RegexValue { topics, version: turn.moment.image.offset, timestamp_ms: turn.moment.wall_ms };
            turn.write(record(&self.regex_key(regex), value.write()));
            group.regexes.insert(regex.to_owned(), value);
        }
        let metadata_hash = metadata_hash(group.subscriptions(group.members.values()).into_iter(), turn.moment.image);
        if metadata_hash != self.metadata_hash {
            let value = EpochValue { epoch: self.epoch + 1, metadata_hash };
            turn.write(record(&self.epoch_key(), value.write()));
        }
    }
}

/// The offset of the first metadata that are known to have the newest topic (`lastMetadataImageWithNewTopics`).
fn newest_topics(turn: &mut Turn<'_, '_>) -> i64 {
    let image = turn.moment.image;
    let newest = image.topics.iter().map(|(number, _)| number).max();
    if newest > turn.soft.newest_topic.0 {
        turn.soft.newest_topic = (newest, image.offset);
    }
    turn.soft.newest_topic.1
}

/// The whole name of a topic is to match.
fn parse(regex: &str) -> Result<Regex, Refused> {
    // By itself first: a bracket too many is not to close the one that is put around it.
    let compiled = Regex::new(regex).and_then(|_| Regex::new(&format!("^(?:{regex})$")));
    compiled.map_err(|error| {
        let message = format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}.");
        Refused::new(ResponseError::InvalidRegularExpression, message)
    })
}
