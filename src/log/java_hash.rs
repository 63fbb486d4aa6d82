//! `String.hashCode` of Java: Kafka's order of hash maps and the choice of coordinators come from it.

/// Over the UTF-16 code units.
pub fn string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_hash_as_in_java() {
        assert_eq!(super::string_hash("hello"), 99_162_322);
        assert_eq!(super::string_hash(""), 0);
    }
}
