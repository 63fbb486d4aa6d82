//! What a client asked for, recorded and simulated.

use loglab::wire::{Message, frame};

use super::apis::{Standing, standing};
use super::broker::World;
use super::case::{Case, Exchange};
use super::ids::Ids;
use super::play::{NOT_DONE, REPEATED, error_codes};
use super::tree::tree;

/// What a recorded client asked for, but for what comes later, and what it asked again since something was not done.
pub fn recorded(case: &Case, client: &str) -> Result<Vec<Message>, String> {
    let is_of_it = |exchange: &&Exchange| {
        exchange.client_id.as_deref() == Some(client) && standing(&exchange.api) != Standing::Later
    };
    let is_not_done = |exchange: &Exchange| {
        let is_so = NOT_DONE.iter().any(|(_, error)| exchange.errors.contains_key(*error));
        is_so && REPEATED.contains(&exchange.api.as_str())
    };
    let of_it = case.exchanges.iter().filter(is_of_it).filter(|it| !is_not_done(it));
    of_it.map(|exchange| read(&exchange.request()?)).collect()
}

/// What the simulated one asked for, with recorded ids.
pub fn simulated(world: &World, ids: &Ids, place: usize) -> Result<Vec<Message>, String> {
    let is_not_done = |message: &Message| {
        let answer = world.answer_to(place, message);
        let codes = answer.and_then(|answer| tree(&answer.body).ok()).map(|said| error_codes(&said));
        let is_so = NOT_DONE.iter().any(|(error, _)| codes.iter().flatten().any(|code| code == error));
        is_so && REPEATED.contains(&message.body.api().name())
    };
    let asked = world.asked_by_program(place).filter(|message| !is_not_done(message));
    asked
        .map(|message| {
            let mut bytes = frame::write_request(message, None)?;
            ids.to_recorded(&mut bytes);
            read(&bytes)
        })
        .collect()
}

fn read(bytes: &[u8]) -> Result<Message, String> {
    Ok(frame::read_request(bytes).map_err(|error| error.to_string())?.message)
}
