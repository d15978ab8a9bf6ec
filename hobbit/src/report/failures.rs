//! What went wrong in a study: how many trials failed, and why.

use std::collections::BTreeMap;

use crate::observe::text::percent;
use crate::repository::{Overview, Status, TrialOverview};

/// The reasons that are listed; all of them would be as long as the table.
const REASONS: usize = 20;

/// How a trial failed, and why; nothing if it did not.
fn reason(trial: &TrialOverview) -> Option<(&str, &str)> {
    match &trial.status {
        Status::Diverged { reason, .. } => Some(("diverged", reason)),
        Status::Failed { reason, .. } => Some(("failed", reason)),
        _ => None,
    }
}

/// How many trials failed, in a sentence.
pub(super) fn failed(overview: &Overview) -> String {
    let failed = overview.trials.iter().filter(|trial| reason(trial).is_some()).count();
    match failed {
        0 => "No trial failed or diverged.".to_owned(),
        failed => {
            let share = percent(failed as f64 / overview.trials.len() as f64);
            format!("{failed} of {} trials failed or diverged ({share}).", overview.trials.len())
        }
    }
}

/// The reasons of failures, the most frequent first. Reasons that differ in numbers only count as the same.
pub(super) fn failures(overview: &Overview) -> Vec<[String; 4]> {
    let mut groups: BTreeMap<(&str, String), Vec<&TrialOverview>> = BTreeMap::new();
    for trial in &overview.trials {
        if let Some((kind, reason)) = reason(trial) {
            groups.entry((kind, without_numbers(reason))).or_default().push(trial);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((_, reason), trials)| (std::cmp::Reverse(trials.len()), reason.clone()));
    let row = |((kind, _), mut trials): ((&str, String), Vec<&TrialOverview>)| {
        trials.sort_by_key(|trial| trial.id);
        let text = reason(trials[0]).map_or("", |(_, reason)| reason);
        let mut names: Vec<String> = trials.iter().take(12).map(|trial| trial.id.to_string()).collect();
        if trials.len() > 12 {
            names.push(format!("and {} more", trials.len() - 12));
        }
        [trials.len().to_string(), kind.to_owned(), text.to_owned(), names.join(", ")]
    };
    let left_out = groups.len().saturating_sub(REASONS);
    let mut rows: Vec<_> = groups.into_iter().take(REASONS).map(row).collect();
    if left_out > 0 {
        let text = format!("and {left_out} other reasons: see the table of all trials");
        rows.push([String::new(), String::new(), text, String::new()]);
    }
    rows
}

fn without_numbers(reason: &str) -> String {
    let mut plain = String::new();
    for c in reason.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !plain.ends_with(['#', '.']) {
            plain.push(c);
        }
    }
    plain
}
