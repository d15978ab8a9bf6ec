//! The machines that train for a study.

use hobbit::observe::text::{count, doing};
use hobbit::repository::{MachineOverview, Overview};

/// The most machines that have a line of their own.
const MOST_MACHINES: usize = 32;

/// How many machines there are, and what each of them is at; nothing if there never were any.
pub(crate) fn lines(overview: &Overview) -> Vec<String> {
    if overview.machines.is_empty() {
        return Vec::new();
    }
    let here: Vec<&MachineOverview> =
        overview.machines.iter().filter(|machine| machine.gone.is_none()).collect();
    let slots: u64 = here.iter().map(|machine| u64::from(machine.slots)).sum();
    let lost = overview.machines.iter().filter(|machine| matches!(machine.gone, Some((_, true)))).count();
    let mut first = match here.len() as u64 {
        0 => "none now".to_owned(),
        number => format!("{} with {}", count(number, "machine"), count(slots, "slot")),
    };
    let left = overview.machines.len() - here.len() - lost;
    for (number, what) in [(left, "left"), (lost, "lost")] {
        if number > 0 {
            first += &format!(", {number} {what}");
        }
    }
    let line = |machine: &&MachineOverview| {
        let MachineOverview { host, pid, slots, stages, doing: stages_of_it, .. } = machine;
        let (slots, stages) = (count(*slots, "slot"), count(*stages, "stage"));
        format!("process {pid} on {host}, {slots}, {stages} trained: {}", doing(stages_of_it))
    };
    let more = here.len().saturating_sub(MOST_MACHINES);
    let lines = here.iter().take(MOST_MACHINES).map(line);
    let more = (more > 0).then(|| format!("and {more} more"));
    std::iter::once(first).chain(lines).chain(more).collect()
}
