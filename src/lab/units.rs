//! Durations, rates and shares as people write them.

/// Microseconds of `"500us"`, `"1ms"`, `"2s"`, `"1.5s"` or `"1m"`. Whole arithmetic, so that each target reads the same.
pub fn duration(text: &str) -> Option<u64> {
    let (digits, unit_us) = [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000)]
        .into_iter()
        .find_map(|(suffix, unit_us)| text.strip_suffix(suffix).map(|digits| (digits.trim_end(), unit_us)))?;
    scaled(digits, unit_us)
}

/// A decimal number times a unit; nothing if it is no whole number of microseconds.
fn scaled(digits: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let whole = number(whole)?.checked_mul(unit)?;
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = number(fraction)?.checked_mul(unit)?;
    if fraction % scale != 0 {
        return None;
    }
    whole.checked_add(fraction / scale)
}

/// A number of digits alone; `str::parse` would also take a sign.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// A number a second, of `"20/s"`.
pub fn rate(text: &str) -> Option<u64> {
    number(text.strip_suffix("/s")?.trim_end())
}

/// The shortest text that [`duration`] reads as this many microseconds.
pub fn duration_text(us: u64) -> String {
    match us {
        0 => "0s".to_owned(),
        us if us % 60_000_000 == 0 => format!("{}m", us / 60_000_000),
        us if us % 1_000_000 == 0 => format!("{}s", us / 1_000_000),
        us if us % 1_000 == 0 => format!("{}ms", us / 1_000),
        us => format!("{us}us"),
    }
}

/// A time of the run, to be compared by eye with others: to a millisecond, as `12.030 s`.
#[must_use]
pub fn seconds(us: u64) -> String {
    format!("{}.{:03} s", us / 1_000_000, us / 1_000 % 1_000)
}

/// Several as one says them: `a, b and c`.
#[must_use]
pub fn list(all: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = all.into_iter().collect();
    match all.pop() {
        Some(last) if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        last => last.unwrap_or_default(),
    }
}

/// The first of them and how many more there are: a line that names a thousand partitions is read by nobody.
#[must_use]
pub fn shortened(mut all: Vec<String>) -> String {
    const NAMED: usize = 6;
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    all.extend((more > 0).then(|| format!("{more} more")));
    list(all)
}

/// A duration to either side, of `"200ms"` or `"-200ms"`, in microseconds.
#[must_use]
pub fn shift(text: &str) -> Option<i64> {
    let (sign, digits) = signed(text);
    i64::try_from(duration(digits)?).ok().map(|us| sign * us)
}

/// The shortest text that [`shift`] reads as this many microseconds.
#[must_use]
pub fn shift_text(us: i64) -> String {
    format!("{}{}", if us < 0 { "-" } else { "" }, duration_text(us.unsigned_abs()))
}

/// Parts per million to either side, of `"500ppm"` or `"-500ppm"`.
#[must_use]
pub fn ppm(text: &str) -> Option<i64> {
    let (sign, digits) = signed(text.strip_suffix("ppm")?.trim_end());
    i64::try_from(number(digits)?).ok().map(|ppm| sign * ppm)
}

/// The text that [`ppm`] reads as this many parts per million.
#[must_use]
pub fn ppm_text(ppm: i64) -> String {
    format!("{ppm}ppm")
}

fn signed(text: &str) -> (i64, &str) {
    text.strip_prefix('-').map_or((1, text), |digits| (-1, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_to_the_microsecond() {
        assert_eq!(duration("500us"), Some(500));
        assert_eq!(duration("1ms"), Some(1_000));
        assert_eq!(duration("1.5s"), Some(1_500_000));
        assert_eq!(duration("2 m"), Some(120_000_000));
        for wrong in ["", "s", "1", "-1s", "+1s", "1.s", ".5s", "0.5us", "1h", "1e3s", "99999999999999999999s", "٣s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for us in [0, 1, 999, 1_000, 1_500, 60_000_000, 61_000_000, 3_600_000_000] {
            assert_eq!(duration(&duration_text(us)), Some(us));
        }
    }

    #[test]
    fn rates_are_a_number_a_second() {
        assert_eq!(rate("20/s"), Some(20));
        assert_eq!(rate("20"), None);
        assert_eq!(rate("-1/s"), None);
    }
}
