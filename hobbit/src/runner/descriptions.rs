//! Whether the trials of a repository are what the objective makes of their hyperparameters today.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::configurations::Configurations;
use super::panics::catch;
use crate::error::Result;
use crate::objective::Objective;
use crate::repository::{Examined, Record};
use crate::space::SearchSpace;
use crate::trial::TrialId;

/// What an objective makes of a trial, by name.
type Description = BTreeMap<String, String>;

/// Describing a trial takes microseconds. Where it takes so long that this is over before all are described,
/// the rest is let be: then every so many of them were.
const AT_MOST: Duration = Duration::from_secs(2);
const STRIDE: usize = 64;

/// The trials that are named for a difference.
const NAMED: usize = 3;
/// The characters of a description that are shown.
const SHOWN: usize = 160;

/// What the objective makes of these hyperparameters, for a trial that can get so many epochs. One that
/// panics over them fails the trial, not the sweep.
pub(super) fn describe<O: Objective>(objective: &O, hparams: &O::Hparams, epochs: u64) -> Description {
    let panicked = |_| BTreeMap::from([("the description".to_owned(), "a panic".to_owned())]);
    catch(|| objective.describe_trial(hparams, epochs)).unwrap_or_else(panicked)
}

/// Compares the trials of a journal with what is drawn and made for them now.
///
/// # Errors
/// A trial has other hyperparameters now, or none can be drawn.
pub(super) fn examine<O: Objective>(
    records: &[Record],
    objective: &O,
    configurations: &Configurations<O::Hparams>,
) -> Result<Examined> {
    let mut examined = Examined::default();
    let known = known(records, configurations)?;
    let trials: Vec<(TrialId, &Description)> = known.into_iter().collect();
    let mut changes = Changes::default();
    let mut undescribed = 0;
    let begin = Instant::now();
    let order = (0..STRIDE).flat_map(|first| (first..trials.len()).step_by(STRIDE));
    for (compared, place) in order.enumerate() {
        if compared > 0 && begin.elapsed() > AT_MOST {
            examined.notes.push(format!(
                "{compared} of {} trials were compared with what is trained now; describing all of them would take too long",
                trials.len()
            ));
            break;
        }
        let (trial, was) = trials[place];
        let is = describe(objective, &*configurations.get(trial)?, configurations.epochs(trial));
        if is == *was {
            continue;
        }
        if was.is_empty() {
            undescribed += 1;
        } else {
            changes.add(trial, was, &is);
        }
        examined.models.insert(trial, is);
    }
    examined.differences = changes.in_words();
    let is_old = records.iter().all(|record| !matches!(record, Record::Opened { descriptions: Some(_), .. }));
    if is_old && !trials.is_empty() {
        examined.notes.push(
            "an older hobbit began the study and did not write down what its trials are made of: a change since then cannot be \
             noticed, later ones can"
                .to_owned(),
        );
    } else if undescribed > 0 {
        examined.notes.push(format!(
            "{undescribed} trials were begun without a description of what they are made of: a change since then cannot be noticed, \
             later ones can"
        ));
    }
    Ok(examined)
}

/// The study's trials that the journal has begun, with their latest descriptions; without one, where there is
/// none.
fn known<'a, H: SearchSpace>(
    records: &'a [Record],
    configurations: &Configurations<H>,
) -> Result<BTreeMap<TrialId, &'a Description>> {
    let mut known = BTreeMap::new();
    for record in records {
        match record {
            Record::Started { trial, stage: 0, hparams, model, point, .. }
                if configurations.outline().has(*trial) =>
            {
                configurations.recall(*trial, point.as_ref(), hparams)?;
                known.insert(*trial, model);
            }
            Record::Opened { descriptions: Some(descriptions), .. } => {
                for (trial, model) in &descriptions.models {
                    known.entry(*trial).and_modify(|known| *known = model);
                }
            }
            _ => {}
        }
    }
    Ok(known)
}

/// Differences by what differs.
#[derive(Default)]
struct Changes(BTreeMap<String, Change>);

/// What differs of one or more trials.
struct Change {
    /// Of the first trial, before and now.
    texts: (Option<String>, Option<String>),
    /// Whether it is the same of all.
    same: bool,
    trials: BTreeSet<TrialId>,
}

impl Changes {
    fn add(&mut self, trial: TrialId, was: &Description, is: &Description) {
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let texts = (was.get(name), is.get(name));
            if texts.0 == texts.1 {
                continue;
            }
            let texts = (texts.0.cloned(), texts.1.cloned());
            match self.0.get_mut(name) {
                None => {
                    let change = Change { texts, same: true, trials: BTreeSet::from([trial]) };
                    self.0.insert(name.clone(), change);
                }
                Some(change) => {
                    change.same &= change.texts == texts;
                    if change.trials.first().is_some_and(|first| trial < *first) {
                        change.texts = texts;
                    }
                    change.trials.insert(trial);
                }
            }
        }
    }

    /// A line for each.
    fn in_words(&self) -> Vec<String> {
        self.0.iter().map(|(name, change)| change.in_words(name)).collect()
    }
}

impl Change {
    fn in_words(&self, name: &str) -> String {
        let Change { texts: (was, is), same, trials } = self;
        let count = trials.len();
        let (was, is) = excerpts(was.as_deref(), is.as_deref());
        let named: Vec<String> = trials.iter().take(NAMED).map(ToString::to_string).collect();
        let trials = match count {
            1 => format!("trial {}", named[0]),
            _ if count <= NAMED => format!("trials {}", named.join(", ")),
            _ => format!("trials {} and {} more", named.join(", "), count - NAMED),
        };
        // names of several things end like them
        let several = name.ends_with('s') && !name.ends_with("ss");
        let (past, present) = if several { ("were", "are") } else { ("was", "is") };
        let of = if *same { String::new() } else { format!(" (of trial {})", named[0]) };
        format!("{trials}: {name} {past} {was}, {present} {is}{of}")
    }
}

/// Two texts as they are shown: where they are long, around their first difference.
fn excerpts(was: Option<&str>, is: Option<&str>) -> (String, String) {
    let chars = |text: Option<&str>| text.unwrap_or_default().chars().collect::<Vec<char>>();
    let (a, b) = (chars(was), chars(is));
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let start = if a.len().max(b.len()) > SHOWN { same.saturating_sub(SHOWN / 4) } else { 0 };
    let excerpt = |text: Option<&str>, chars: &[char]| {
        if text.is_none() {
            return "none".to_owned();
        }
        let start = start.min(chars.len());
        let end = (start + SHOWN).min(chars.len());
        let shown: String = chars[start..end].iter().collect();
        let (before, after) = (if start > 0 { "…" } else { "" }, if end < chars.len() { "…" } else { "" });
        format!("`{before}{shown}{after}`")
    };
    (excerpt(was, &a), excerpt(is, &b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(parts: &[(&str, &str)]) -> Description {
        parts.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn differences_name_the_trials_and_both_texts() {
        let mut changes = Changes::default();
        let was =
            description(&[("early stopping", "val_loss, 3"), ("class weights", "1 2"), ("loss", "mse")]);
        let is = description(&[("class weights", "1 1"), ("loss", "mse")]);
        changes.add(TrialId::new(1, 3), &was, &is);
        let expected = [
            "trial 1-3: class weights were `1 2`, are `1 1`",
            "trial 1-3: early stopping was `val_loss, 3`, is none",
        ];
        assert_eq!(changes.in_words(), expected);
        for index in [7, 1, 2, 9] {
            changes.add(
                TrialId::new(1, index),
                &description(&[("loss", "mse")]),
                &description(&[("loss", "mae")]),
            );
        }
        assert_eq!(changes.in_words()[2], "trials 1-1, 1-2, 1-7 and 1 more: loss was `mse`, is `mae`");
        let (was, is) = (description(&[("loss", "a")]), description(&[("loss", "b")]));
        changes.add(TrialId::new(1, 1), &was, &is);
        let last = "trials 1-1, 1-2, 1-7 and 1 more: loss was `mse`, is `mae` (of trial 1-1)";
        assert_eq!(changes.in_words()[2], last);
    }

    #[test]
    fn long_texts_are_shown_around_their_first_difference() {
        let long = "dense 64 > ".repeat(50);
        let (was, is) = (format!("{long}relu{long}"), format!("{long}tanh{long}"));
        let (was, is) = excerpts(Some(&was), Some(&is));
        assert!(was.contains(" > relu") && is.contains(" > tanh"), "{was}, {is}");
        assert!(was.starts_with("`…") && was.ends_with("…`") && was.chars().count() == SHOWN + 4, "{was}");
        let (was, is) = excerpts(Some(&long), None);
        assert!(was.starts_with("`dense 64 > dense") && is == "none", "{was}, {is}");
    }
}
