//! `study.ron`: what a study is, and whether two are the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::records::{Descriptions, Record};
use super::warm_start::WarmStart;
use crate::error::Result;
use crate::random::Key;
use crate::schedule::{Algorithm, EpochCount, Lottery, Promotion, Scheduler, Setting, VirtualTime};
use crate::search::SamplerId;
use crate::space::{Space, Value};
use crate::trial::Direction;

/// The version of the format of `study.ron` and `journal.ron` that this hobbit writes, and the newest it
/// reads.
pub const FORMAT: u32 = 2;

/// Which of a trial's values is its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ScoreBy {
    /// The best value seen so far; the weights that are kept are those of that epoch.
    #[default]
    Best,
    /// The last value.
    Last,
}

/// What decides between trials whose scores are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Ties {
    /// The smaller id: in studies that were begun before there was another rule.
    #[default]
    ById,
    /// The lower loss, then fewer epochs, then the smaller id.
    ByLoss,
}

/// `study.ron`: what a study is. Written once, and compared when the study is resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
    /// The version of the files' format.
    pub format: u32,
    /// The version of hobbit that made the study.
    pub hobbit: String,
    /// The algorithm that it is run with.
    pub algorithm: Algorithm,
    /// The number of stages that may be under way, as far as decisions are concerned; `None` where no
    /// decision depends on that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookahead: Option<u32>,
    /// What proposes configurations; `None` if they are drawn at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<SamplerId>,
    /// The outcomes of other studies that the sampler began with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warm_start: Vec<WarmStart>,
    /// How the trials of a stage are promoted; `None` if the best ones are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promotion>,
    /// The seed of everything random.
    pub seed: u64,
    /// The metric that is optimized.
    pub monitor: String,
    /// The direction in which it improves.
    pub direction: Direction,
    /// Which of a trial's values is its score.
    pub score: ScoreBy,
    /// What decides between equal scores.
    #[serde(default)]
    pub ties: Ties,
    /// How many times a failed trial is retried.
    pub retries: u32,
    /// What else the objective depends on: its data, batch size, ...
    pub objective: BTreeMap<String, String>,
    /// Configurations that were given instead of drawn, as the first trials.
    pub enqueued: Vec<Vec<(String, Value)>>,
    /// The search space.
    pub space: Space,
}

impl StudyRecord {
    /// What decides, not asked for anything yet.
    ///
    /// # Errors
    /// The settings of the algorithm are not possible.
    pub(crate) fn scheduler(&self) -> Result<Box<dyn Scheduler>> {
        let scheduler = self.bare_scheduler()?;
        Ok(match self.lookahead {
            Some(lookahead) => Box::new(VirtualTime::new(scheduler, lookahead)),
            None => scheduler,
        })
    }

    /// The same without a clock of its own.
    ///
    /// # Errors
    /// As [`scheduler`](StudyRecord::scheduler).
    pub(crate) fn bare_scheduler(&self) -> Result<Box<dyn Scheduler>> {
        self.algorithm.scheduler_promoting(self.direction, self.lottery())
    }

    /// By what trials are promoted, if not by their ranks.
    pub(super) fn lottery(&self) -> Option<Lottery> {
        self.promotion.and_then(|promotion| promotion.lottery(Key::new(self.seed)))
    }

    /// The most epochs a stage adds (`R`), if the algorithm has such a setting.
    pub fn max_epochs(&self) -> Option<u32> {
        self.number("max_epochs")
    }

    /// The cut factor between stages, if the algorithm has one.
    pub fn eta(&self) -> Option<u32> {
        self.number("eta")
    }

    /// The number of times that the whole of Hyperband is run; 1 for other algorithms.
    pub fn iterations(&self) -> u32 {
        self.number("iterations").unwrap_or(1)
    }

    /// The number of brackets of Hyperband that are run, where it was set.
    pub fn brackets(&self) -> Option<u32> {
        self.number("brackets")
    }

    /// How epochs are counted.
    pub fn epoch_count(&self) -> EpochCount {
        match self.algorithm {
            Algorithm::Hyperband { epoch_count, .. } | Algorithm::FirstBrackets { epoch_count, .. } => {
                epoch_count
            }
            _ => EpochCount::default(),
        }
    }

    /// What its sampler began with, for example `57 trials of runs/before`; `None` if it began with nothing.
    pub fn started_from(&self) -> Option<String> {
        let each: Vec<String> = self.warm_start.iter().map(ToString::to_string).collect();
        (!each.is_empty()).then(|| each.join(", "))
    }

    /// The sizes of its algorithm, for example `R = 9, eta = 3`, with its name if it is not Hyperband.
    pub fn sizes(&self) -> String {
        if !matches!(self.algorithm, Algorithm::Hyperband { .. } | Algorithm::FirstBrackets { .. }) {
            let settings = self.algorithm.settings().into_iter();
            let sizes = settings.map(|size| format!(", {} = {}", size.key, size.value));
            return std::iter::once(self.algorithm.name().to_owned()).chain(sizes).collect();
        }
        let settings = self.algorithm.settings().into_iter();
        let sizes = settings.filter(|setting| !matches!(setting.key, "epoch_count" | "iterations"));
        sizes.map(|size| format!("{} = {}", size.name, size.value)).collect::<Vec<_>>().join(", ")
    }

    /// A setting of the algorithm that is a number.
    fn number(&self, key: &str) -> Option<u32> {
        let settings = self.algorithm.settings();
        settings.iter().find(|setting| setting.key == key)?.value.parse().ok()
    }

    /// Takes over what a record of the journal changes about the study.
    pub(super) fn take_over(&mut self, record: &Record) {
        match record {
            Record::Extended { algorithm, .. } => self.algorithm = *algorithm,
            Record::Opened {
                descriptions: Some(Descriptions { objective: Some(objective), .. }), ..
            } => {
                self.objective.clone_from(objective);
            }
            _ => {}
        }
    }
}

/// What of the settings of two studies is not the same, in words; `ours` is asked for now, `theirs` is what
/// the repository holds.
pub(crate) fn differences(ours: &StudyRecord, theirs: &StudyRecord) -> Vec<String> {
    differences_in(ours, theirs, |_| true)
}

/// The same, but for the sizes by which a study may be made larger.
pub(super) fn differences_beside_sizes(ours: &StudyRecord, theirs: &StudyRecord) -> Vec<String> {
    differences_in(ours, theirs, |setting| !SIZES.contains(&setting))
}

/// The same, with those settings of the algorithm that count.
fn differences_in(ours: &StudyRecord, theirs: &StudyRecord, counts: fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare =
        |name: &str, ours: String, theirs: String| found.extend(difference(name, &ours, &theirs));
    compare("the algorithm", ours.algorithm.name().to_owned(), theirs.algorithm.name().to_owned());
    for (ours, theirs) in pairs(&ours.algorithm, &theirs.algorithm) {
        if counts(ours.key) {
            compare(ours.name, ours.value, theirs.value);
        }
    }
    let lookahead = |study: &StudyRecord| study.lookahead.map_or("not set".to_owned(), |p| p.to_string());
    compare("lookahead", lookahead(ours), lookahead(theirs));
    let sampler =
        |study: &StudyRecord| study.sampler.as_ref().map_or("random".to_owned(), ToString::to_string);
    compare("the sampler", sampler(ours), sampler(theirs));
    let promotion =
        |study: &StudyRecord| study.promotion.map_or_else(|| Promotion::Best.to_string(), |p| p.to_string());
    compare("the promotion", promotion(ours), promotion(theirs));
    compare("the seed", ours.seed.to_string(), theirs.seed.to_string());
    compare("the monitor", format!("`{}`", ours.monitor), format!("`{}`", theirs.monitor));
    compare("the direction", format!("{:?}", ours.direction), format!("{:?}", theirs.direction));
    compare("the score", format!("{:?}", ours.score), format!("{:?}", theirs.score));
    compare("retries", ours.retries.to_string(), theirs.retries.to_string());
    let mut enqueued = ours.enqueued.iter().zip(&theirs.enqueued);
    if ours.enqueued.len() != theirs.enqueued.len()
        || !enqueued.all(|(values, recorded)| ours.space.is_recorded_as(values, recorded))
    {
        found.push("the enqueued configurations are not the same".to_owned());
    }
    let mut starts = ours.warm_start.iter().zip(&theirs.warm_start);
    if ours.warm_start.len() != theirs.warm_start.len() || !starts.all(|(ours, theirs)| ours.is_same(theirs))
    {
        let text = |study: &StudyRecord| study.started_from().unwrap_or_else(|| "not set".to_owned());
        found.extend(difference("the warm start", &text(ours), &text(theirs)));
    }
    found.extend(ours.space.differences(&theirs.space));
    found
}

/// The settings of algorithms that a study may have more of when it is made larger.
const SIZES: [&str; 3] = ["max_epochs", "iterations", "trials"];

/// The settings of two algorithms, side by side; none if they are not the same algorithm.
fn pairs(ours: &Algorithm, theirs: &Algorithm) -> Vec<(Setting, Setting)> {
    if ours.name() != theirs.name() {
        return Vec::new();
    }
    // what only one of them has is not set in the other
    let counterpart = |setting: &Setting, others: &[Setting]| {
        let found = others.iter().find(|other| other.key == setting.key).cloned();
        found.unwrap_or_else(|| Setting { value: "not set".to_owned(), ..setting.clone() })
    };
    let (ours, theirs) = (ours.settings(), theirs.settings());
    let only_theirs = theirs.iter().filter(|their| ours.iter().all(|our| our.key != their.key));
    let only_theirs = only_theirs.map(|their| (counterpart(their, &ours), their.clone()));
    let both: Vec<_> = ours.iter().map(|our| (our.clone(), counterpart(our, &theirs))).collect();
    both.into_iter().chain(only_theirs).collect()
}

/// Whether an algorithm is another one made larger: more epochs, trials or repetitions, and otherwise the
/// same.
pub(super) fn is_larger(ours: &Algorithm, theirs: &Algorithm) -> bool {
    let number = |setting: &Setting| setting.value.parse::<u64>().unwrap_or(0);
    let has_shrunk =
        |(ours, theirs): &(Setting, Setting)| SIZES.contains(&ours.key) && number(ours) < number(theirs);
    let is_size = |(ours, _): &(Setting, Setting)| SIZES.contains(&ours.key);
    let pairs = pairs(ours, theirs);
    let grown = pairs.iter().any(|pair| is_size(pair) && pair.0.value != pair.1.value);
    grown && !pairs.iter().any(has_shrunk)
}

/// What of the descriptions of two studies' objectives is not the same, in words.
pub(crate) fn objective_differences(ours: &StudyRecord, theirs: &StudyRecord) -> Vec<String> {
    fn value<'a>(of: &'a StudyRecord, name: &str) -> &'a str {
        of.objective.get(name).map_or("not set", String::as_str)
    }
    let names: BTreeSet<&String> = ours.objective.keys().chain(theirs.objective.keys()).collect();
    let compare = |name: &String| difference(name, value(ours, name), value(theirs, name));
    names.into_iter().filter_map(compare).collect()
}

fn difference(name: &str, ours: &str, theirs: &str) -> Option<String> {
    (ours != theirs).then(|| format!("{name} is {ours}, but {theirs} in the repository"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> StudyRecord {
        ron::from_str(include_str!("../../../tests/data/repository_2/study.ron")).unwrap()
    }

    fn hyperband(max_epochs: u32, eta: u32, iterations: u32) -> Algorithm {
        Algorithm::Hyperband { max_epochs, eta, epoch_count: EpochCount::Additional, iterations }
    }

    #[test]
    fn every_setting_that_differs_is_named_with_both_values() {
        let theirs = study();
        assert_eq!(differences(&study(), &theirs), [""; 0]);
        type Change = fn(&mut StudyRecord);
        let changes: [(Change, &str); 6] = [
            (|study| study.algorithm = hyperband(27, 3, 1), "R is 27, but 9 in the repository"),
            (|study| study.algorithm = hyperband(9, 4, 1), "eta is 4, but 3 in the repository"),
            (|study| study.algorithm = hyperband(9, 3, 2), "iterations is 2, but 1 in the repository"),
            (|study| study.lookahead = Some(8), "lookahead is 8, but not set in the repository"),
            (
                |study| {
                    let settings = Vec::new();
                    study.sampler = Some(SamplerId { name: "near".to_owned(), version: 2, settings });
                },
                "the sampler is near (version 2), but random in the repository",
            ),
            (|study| study.seed = 4, "the seed is 4, but 3 in the repository"),
        ];
        for (change, expected) in changes {
            let mut ours = study();
            change(&mut ours);
            assert_eq!(differences(&ours, &theirs), [expected]);
            let text = ron::to_string(&ours).unwrap();
            assert_eq!(ron::from_str::<StudyRecord>(&text).unwrap(), ours);
        }
        let text = ron::to_string(&theirs).unwrap();
        assert!(
            !text.contains("lookahead") && !text.contains("sampler"),
            "what is not set is left out: {text}"
        );
    }

    #[test]
    fn a_study_grows_by_epochs_and_repetitions_alone() {
        let small = hyperband(9, 3, 1);
        for larger in [hyperband(27, 3, 1), hyperband(9, 3, 2), hyperband(10, 3, 7)] {
            assert!(is_larger(&larger, &small) && !is_larger(&small, &larger), "{larger:?}");
        }
        for other in [small, hyperband(3, 3, 2), hyperband(27, 3, 0), hyperband(3, 3, 1)] {
            assert!(!is_larger(&other, &small), "{other:?}");
        }
        // whatever else differs is named all the same
        assert!(is_larger(&hyperband(27, 4, 1), &small));
    }

    #[test]
    fn a_study_of_format_1_is_the_same_study() {
        let text = include_str!("../../../tests/data/repository_1/study.ron");
        let older = super::super::format1::study(text).unwrap();
        assert_eq!(older.format, 1);
        assert_eq!(differences(&study(), &older), [""; 0]);
        assert_eq!((older.max_epochs(), older.eta(), older.iterations()), (Some(9), Some(3), 1));
        assert_eq!(older.sizes(), "R = 9, eta = 3");
    }

    #[test]
    fn every_algorithm_is_kept_and_told_from_the_others() {
        let halving = |trials| Algorithm::SuccessiveHalving { trials, min_epochs: 1, max_epochs: 9, eta: 3 };
        let random = |trials| Algorithm::Random { trials, epochs: 3 };
        for (small, larger) in [(halving(9), halving(27)), (random(9), random(27))] {
            let ours = StudyRecord { algorithm: small, ..study() };
            let text = crate::repository::to_pretty(&ours).unwrap();
            assert_eq!(ron::from_str::<StudyRecord>(&text).unwrap(), ours);
            let said = differences(&ours, &study());
            assert_eq!(said, [format!("the algorithm is {}, but Hyperband in the repository", small.name())]);
            assert!(is_larger(&larger, &small) && !is_larger(&small, &larger));
            assert!(!is_larger(&larger, &hyperband(3, 3, 1)) && !is_larger(&hyperband(81, 3, 1), &small));
            let grown = StudyRecord { algorithm: larger, ..study() };
            assert_eq!(differences(&grown, &ours).len(), 1);
        }
    }
}
