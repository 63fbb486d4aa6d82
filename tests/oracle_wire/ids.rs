//! What a real broker chose, and what the simulated one chose instead.

use loglab::log::partition_metadata::uuid_text;
use uuid::Uuid;

/// Recorded and simulated ids, as bytes of the same length: they are exchanged in frames wherever they stand.
#[derive(Default)]
pub struct Ids {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Ids {
    /// Something is called otherwise here. What is called the same need not be known.
    pub fn learn(&mut self, recorded: &[u8], simulated: &[u8]) -> Result<(), String> {
        if recorded.len() != simulated.len() {
            return Err(format!("ids of other lengths: {recorded:?} was recorded, and is {simulated:?}"));
        }
        // It is the same, or was exchanged on its way here.
        if recorded == simulated {
            return Ok(());
        }
        if let Some((_, known)) = self.pairs.iter().find(|(known, _)| known == recorded) {
            let is_same = known == simulated;
            return if is_same { Ok(()) } else { Err(format!("{recorded:?} is two ids: {known:?}, {simulated:?}")) };
        }
        self.pairs.push((recorded.to_vec(), simulated.to_vec()));
        Ok(())
    }

    /// A topic's id.
    pub fn learn_topic(&mut self, recorded: &str, simulated: Uuid) -> Result<(), String> {
        self.learn(uuid(recorded)?.as_bytes(), simulated.as_bytes())
    }

    /// A recorded frame with simulated ids.
    pub fn to_simulated(&self, frame: &mut [u8]) {
        self.pairs.iter().for_each(|(recorded, simulated)| replace(frame, recorded, simulated));
    }

    /// A simulated frame with recorded ids.
    pub fn to_recorded(&self, frame: &mut [u8]) {
        self.pairs.iter().for_each(|(recorded, simulated)| replace(frame, simulated, recorded));
    }
}

fn replace(frame: &mut [u8], from: &[u8], to: &[u8]) {
    let last = frame.len().saturating_sub(from.len());
    let mut place = 0;
    while place <= last && frame.len() >= from.len() {
        if frame[place..].starts_with(from) {
            frame[place..place + to.len()].copy_from_slice(to);
            place += to.len();
        } else {
            place += 1;
        }
    }
}

/// An id as Kafka writes it: sixteen bytes in base64.
pub fn uuid(text: &str) -> Result<Uuid, String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut number: u128 = 0;
    for (place, letter) in text.bytes().enumerate() {
        let value = LETTERS.iter().position(|it| *it == letter).ok_or_else(|| format!("no id: {text}"))? as u128;
        // The last of the 22 letters has two bits.
        number = if place < 21 { number << 6 | value } else { number << 2 | value >> 4 };
    }
    let id = Uuid::from_u128(number);
    if uuid_text(id) == text { Ok(id) } else { Err(format!("no id: {text}")) }
}
