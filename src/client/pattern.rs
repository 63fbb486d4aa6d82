//! Which topics a consumer subscribes to by a regular expression (Kafka: `KafkaConsumer.subscribe(Pattern)`).

use regex_lite::Regex;

/// Kafka's own topics, which no pattern matches (`exclude.internal.topics`).
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// A regular expression that the whole name of a topic is to match (`Matcher.matches`).
#[derive(Clone, Debug)]
pub struct TopicPattern {
    regex: Regex,
    text: String,
}

impl TopicPattern {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(|error| error.to_string())?;
        Ok(Self { regex, text: text.to_owned() })
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a topic of this name is meant.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.regex.is_match(topic) && !INTERNAL.contains(&topic)
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
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
        assert!(TopicPattern::parse("orders-(").is_err());
    }
}
