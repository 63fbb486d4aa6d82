//! Whether an intervention does anything to what it is done to: what is down cannot be killed, and what is not stored does not rot.

use super::damage;
use super::interventions::{Hit, Intervention};
use super::observer::Observer;
use super::scenario::FaultAction;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;

/// Drops what the intervention does nothing to, and says why, in a sentence each.
pub fn keep_what_applies(intervention: &mut Intervention, observer: &Observer<'_>) -> Vec<String> {
    if intervention.hits.is_empty() {
        return vec!["there is none now".to_owned()];
    }
    let action = intervention.action;
    let mut reasons = Vec::new();
    intervention.hits.retain(|hit| match why_not(action, *hit, observer) {
        None => true,
        Some(reason) => {
            reasons.push(reason);
            false
        }
    });
    reasons
}

fn why_not(action: FaultAction, hit: Hit, observer: &Observer<'_>) -> Option<String> {
    match hit {
        Hit::Process(id) => why_not_process(action, id, observer),
        Hit::Message(number) if !action.is_repair() && !observer.kernel.is_on_its_way(number) => {
            Some(format!("message {number} is not on its way"))
        }
        Hit::Replica(id, partition) if damage::faults(action, hit, observer).is_empty() => {
            let (broker, name) = (observer.names.process(id), observer.names.partition(partition));
            Some(match action {
                _ if observer.kernel.status(id) == Status::PoweredOff => {
                    format!("{broker} has no power: what of {name} is left on its disk shows when it is back")
                }
                FaultAction::BitRot { offset } => format!("no batch of {name} on {broker} holds offset {offset}"),
                _ if is_up(id, observer) => format!("{broker} runs and has the files of {name} open"),
                _ => format!("{broker} has no such files of {name}"),
            })
        }
        Hit::Link(from, to) if action == FaultAction::Heal && observer.kernel.is_whole(from, to) => {
            Some(format!("{} -> {} is whole", observer.names.process(from), observer.names.process(to)))
        }
        Hit::Message(_) | Hit::Replica(..) | Hit::Link(..) | Hit::Next(..) => None,
    }
}

fn why_not_process(action: FaultAction, id: ProcessId, observer: &Observer<'_>) -> Option<String> {
    let status = observer.kernel.status(id);
    let disk = observer.kernel.disk(id);
    let reason = match (action, status) {
        (FaultAction::Kill | FaultAction::Pause, Status::Killed | Status::PoweredOff) => "is down",
        (FaultAction::Pause, Status::Paused) => "is paused already",
        (FaultAction::PowerLoss, Status::PoweredOff) => "has no power already",
        (FaultAction::Restart, Status::Running | Status::Paused) => "runs already",
        (FaultAction::HealDisk, _) if disk.slowdown_us() == 0 && !disk.is_limited() => "has a disk without a fault",
        (FaultAction::Resume, Status::Running) => "is not paused",
        (FaultAction::Resume, Status::Killed | Status::PoweredOff) => "is down",
        _ => return None,
    };
    Some(format!("{} {reason}", observer.names.process(id)))
}

fn is_up(id: ProcessId, observer: &Observer<'_>) -> bool {
    matches!(observer.kernel.status(id), Status::Running | Status::Paused)
}
