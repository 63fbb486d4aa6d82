//! What is said beside an action and its target: by how much, or which batch.

use crate::lab::units;

/// A parameter of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its key in a file, and its word in a command.
    pub key: &'static str,
    /// What it takes.
    pub amount: Amount,
    /// As a command gives it.
    pub example: &'static str,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A duration between two bounds, in microseconds.
    Delay(i64, i64),
    /// A duration to either side, up to a bound in microseconds, but not 0.
    Shift(i64),
    /// Parts per million to either side, up to a bound, but not 0.
    Rate(i64),
    /// A record's offset.
    Offset,
    /// How many, up to a bound.
    Count(i64),
}

impl Amount {
    /// In the words of the documentation.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Delay(least, most) => {
                format!("duration, {} to {}", units::shift_text(least), units::shift_text(most))
            }
            Self::Shift(most) => format!("duration up to {0} or down to -{0}, not 0", units::shift_text(most)),
            Self::Rate(most) => format!("rate up to {0} or down to -{0}, not 0", units::ppm_text(most)),
            Self::Offset => "whole number from 0".to_owned(),
            Self::Count(most) => format!("whole number, 0 to {most}"),
        }
    }

    /// The amount that a text gives; nothing where it is none or out of its bounds.
    #[must_use]
    pub fn read(self, text: &str) -> Option<i64> {
        let amount = match self {
            Self::Delay(..) => i64::try_from(units::duration(text)?).ok()?,
            Self::Shift(_) => units::shift(text)?,
            Self::Rate(_) => units::ppm(text)?,
            Self::Offset | Self::Count(_) => {
                text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??
            }
        };
        self.holds(amount).then_some(amount)
    }

    /// The text that [`read`](Self::read) reads as this amount.
    #[must_use]
    pub fn write(self, amount: i64) -> String {
        match self {
            Self::Delay(..) | Self::Shift(_) => units::shift_text(amount),
            Self::Rate(_) => units::ppm_text(amount),
            Self::Offset | Self::Count(_) => amount.to_string(),
        }
    }

    /// Whether a file writes it as a number, not as text.
    #[must_use]
    pub fn is_number(self) -> bool {
        match self {
            Self::Offset | Self::Count(_) => true,
            Self::Delay(..) | Self::Shift(_) | Self::Rate(_) => false,
        }
    }

    /// Whether an amount lies within the bounds.
    #[must_use]
    pub fn holds(self, amount: i64) -> bool {
        match self {
            Self::Delay(least, most) => (least..=most).contains(&amount),
            Self::Shift(most) | Self::Rate(most) => amount != 0 && (-most..=most).contains(&amount),
            Self::Offset => amount >= 0,
            Self::Count(most) => (0..=most).contains(&amount),
        }
    }
}

/// By how much messages and disk operations take longer.
pub const DELAY: Parameter = Parameter { key: "by", amount: Amount::Delay(100, 10_000_000), example: "100ms" };
/// By how much a wall clock is ahead, or behind.
pub const SHIFT: Parameter = Parameter { key: "by", amount: Amount::Shift(3_600_000_000), example: "200ms" };
/// How much faster a clock runs, or slower.
pub const RATE: Parameter = Parameter { key: "by", amount: Amount::Rate(100_000), example: "500ppm" };
/// How many programs.
pub const COUNT: Parameter = Parameter { key: "to", amount: Amount::Count(100), example: "5" };
/// An offset that the damaged batch holds, or at which a program goes on.
pub const OFFSET: Parameter = Parameter { key: "offset", amount: Amount::Offset, example: "120" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_it_is_written_and_only_within_its_bounds() {
        for Parameter { amount, example, .. } in [DELAY, SHIFT, RATE, OFFSET, COUNT] {
            let read = amount.read(example).expect(example);
            assert_eq!(amount.write(read), example);
            let bounds = match amount {
                Amount::Delay(least, most) => vec![least, most],
                Amount::Shift(most) | Amount::Rate(most) => vec![-most, -1, 1, most],
                Amount::Offset => vec![0, i64::MAX],
                Amount::Count(most) => vec![0, most],
            };
            for within in bounds {
                assert_eq!(amount.read(&amount.write(within)), Some(within), "{amount:?}");
            }
            let beyond = match amount {
                Amount::Delay(least, most) => vec![least - 1, most + 1, -least],
                Amount::Shift(most) | Amount::Rate(most) => vec![-most - 1, 0, most + 1],
                Amount::Offset => vec![-1],
                Amount::Count(most) => vec![-1, most + 1],
            };
            for beyond in beyond {
                assert_eq!(amount.read(&amount.write(beyond)), None, "{amount:?} {beyond}");
            }
            for wrong in ["", "x", "1.5", "--1ms", "+1ms", "1", "9999999999999999999999us"] {
                assert!(amount.is_number() && wrong == "1" || amount.read(wrong).is_none(), "{amount:?} {wrong}");
            }
        }
    }
}
