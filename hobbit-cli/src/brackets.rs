//! The brackets of a study: which are over, and how far the stages of the others are.

use std::collections::BTreeSet;

use console::Style;
use hobbit::observe::text::count;
use hobbit::repository::Overview;

use crate::state::State;
use crate::table::Table;

/// Whether how many trials and epochs later stages have is an expectation.
fn is_expected(overview: &Overview) -> bool {
    !overview.outline.is_exact()
}

/// The brackets of which nothing is left, all repetitions together.
pub(crate) fn over(overview: &Overview, state: State) -> BTreeSet<u32> {
    let mut over: BTreeSet<u32> = overview.stage_totals().iter().map(|stage| stage.bracket).collect();
    if state == State::Finished {
        return over;
    }
    let mut healthy = (0, u64::MAX);
    for stage in overview.stage_totals() {
        let before = if healthy.0 == stage.bracket { healthy.1 } else { u64::MAX };
        // those that failed go no further
        let expected = stage.planned.min(before);
        let ended = stage.trained + stage.failed;
        if is_expected(overview) || stage.running > 0 || ended < expected {
            over.remove(&stage.bracket);
        }
        healthy = (stage.bracket, expected.saturating_sub(stage.failed));
    }
    over
}

/// What is over, in words; nothing if nothing is.
pub(crate) fn said(over: &BTreeSet<u32>, overview: &Overview) -> Option<String> {
    if over.is_empty() {
        return None;
    }
    let of_them = || overview.stage_totals().iter().filter(|stage| over.contains(&stage.bracket));
    let trials: u64 =
        of_them().filter(|stage| stage.stage == 0).map(|stage| stage.trained + stage.failed).sum();
    let all: BTreeSet<u32> = overview.stage_totals().iter().map(|stage| stage.bracket).collect();
    let names: Vec<String> = over.iter().map(u32::to_string).collect();
    let which = match names.as_slice() {
        [name] => format!("bracket {name}"),
        _ if *over == all => format!("all {} brackets", names.len()),
        [names @ .., last] => format!("brackets {} and {last}", names.join(", ")),
        [] => String::new(),
    };
    Some(format!("{which}, with {}", count(trials, "trial")))
}

/// A row for each stage of each bracket that is not over, all repetitions together.
pub(crate) fn table(overview: &Overview, state: State, over: &BTreeSet<u32>) -> Table {
    let is_lost = !state.is_live() && overview.stage_totals().iter().any(|stage| stage.running > 0);
    let begun = if is_lost { "lost" } else { "running" };
    let planned = if is_expected(overview) { "expected" } else { "trials" };
    let mut table = Table::new(2)
        .numbers(["bracket", "stage", "epochs", planned, "done", begun, "failed"])
        .text("progress");
    for stage in overview.stage_totals().iter().filter(|stage| !over.contains(&stage.bracket)) {
        let (planned, trained, failed, running) = (stage.planned, stage.trained, stage.failed, stage.running);
        let or_dash = |n: u64| if n == 0 { "-".to_owned() } else { n.to_string() };
        let colour = match () {
            () if running > 0 && state.is_live() => Style::new().cyan(),
            () if trained + failed == 0 => Style::new().dim(),
            () => Style::new(),
        };
        let cells = vec![
            if stage.stage == 0 { stage.bracket.to_string() } else { String::new() },
            (stage.stage + 1).to_string(),
            stage.epochs.to_string(),
            planned.to_string(),
            or_dash(trained),
            or_dash(running),
            or_dash(failed),
            bar(trained + failed, planned),
        ];
        table.row(cells, colour);
    }
    table
}

fn bar(done: u64, planned: u64) -> String {
    const LENGTH: u64 = 20;
    let full = (u128::from(LENGTH) * u128::from(done.min(planned))).checked_div(planned.into()).unwrap_or(0)
        as usize;
    format!("[{}{}]", "=".repeat(full), " ".repeat(LENGTH as usize - full))
}
