//! Which topics a consumer subscribes to by a regular expression (Kafka: `KafkaConsumer.subscribe(Pattern)`,
//! `subscribe(SubscriptionPattern)`).

use regex_lite::Regex;

/// Kafka's own topics, which no pattern matches (`exclude.internal.topics`).
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// A regular expression that the whole name of a topic is to match (`Matcher.matches`).
#[derive(Clone, Debug)]
pub struct TopicPattern {
    regex: Regex,
    text: String,
    is_for_coordinator: bool,
}

impl TopicPattern {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(|error| error.to_string())?;
        Ok(Self { regex, text: text.to_owned(), is_for_coordinator: false })
    }

    /// The same where the coordinator looks for the topics (`SubscriptionPattern`).
    #[must_use]
    pub fn for_coordinator(self) -> Self {
        Self { is_for_coordinator: true, ..self }
    }

    /// Whether the coordinator looks for them, and not the consumer.
    #[must_use]
    pub fn is_for_coordinator(&self) -> bool {
        self.is_for_coordinator
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a topic of this name is meant. A coordinator means Kafka's own topics, too.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.regex.is_match(topic) && (self.is_for_coordinator || !INTERNAL.contains(&topic))
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.is_for_coordinator) == (&other.text, other.is_for_coordinator)
    }
}

impl Eq for TopicPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_name_is_matched_and_no_topic_of_kafkas_own() {
        let pattern = TopicPattern::parse("orders-.*|__.*").expect("a pattern");
        let matched = ["orders-eu", "orders", "my-orders-eu", "__consumer_offsets", "__mine"];
        assert_eq!(matched.map(|topic| pattern.matches(topic)), [true, false, false, false, true]);
        let pattern = pattern.for_coordinator();
        assert_eq!(matched.map(|topic| pattern.matches(topic)), [true, false, false, true, true]);
        assert!(TopicPattern::parse("orders-(").is_err());
    }
}
