//! The names of the files that hobbit writes into a study's directory. Whatever is called otherwise is
//! somebody else's, and is left alone.

use crate::trial::TrialId;

/// What a study is.
pub(crate) const STUDY: &str = "study.ron";
/// What happened.
pub(crate) const JOURNAL: &str = "journal.ron";
/// The ranked table.
pub(crate) const RESULTS: &str = "results.ron";
/// The directory of the saved models.
pub(crate) const WEIGHTS: &str = "weights";
/// Locked while a process works on the study.
pub(crate) const LOCK: &str = "lock";
/// Stands for the lock where the file system has none.
pub(crate) const LOCK_OWNER: &str = "lock.owner";
/// What machines elsewhere are at while a sweep runs.
pub(crate) const LIVE: &str = "live.ron";
/// A damaged journal that `salvage` put aside.
pub(crate) const DAMAGED: &str = "journal.ron.damaged";

/// What a file is called behind its own name while it is being written.
pub(crate) const TEMPORARY: &str = ".tmp";
/// What a trial's saved model is called behind the trial's name.
const MODEL: &str = ".safetensors";

/// What the directory of a study that was overwritten is called before its number.
const OLD: &str = "old-";

/// The files in the study's directory that are written as a whole: under a temporary name first.
const WHOLE: [&str; 4] = [STUDY, JOURNAL, RESULTS, DAMAGED];

/// Whether a file or directory of this name, in the directory of a study, is hobbit's.
pub(crate) fn is_own(name: &str) -> bool {
    // the last ones are there only for a moment, while the lock of a process that is gone is taken over
    let is_taken_over = |pid: &str| pid.parse::<u32>().is_ok();
    WHOLE.contains(&name)
        || matches!(name, WEIGHTS | LOCK | LOCK_OWNER | LIVE)
        || is_temporary(name)
        || name.strip_prefix("lock.owner.").is_some_and(is_taken_over)
}

/// Whether a file of this name, in the directory of a study, is one of its records: what it is, what
/// happened, what came out.
pub(crate) fn is_whole(name: &str) -> bool {
    WHOLE.contains(&name)
}

/// The directory of a study that was overwritten, in that of the study that came after it.
pub(crate) fn old(number: u64) -> String {
    format!("{OLD}{number}")
}

/// Whether a directory of this name, in the directory of a study, has a study that was overwritten.
pub(crate) fn is_old(name: &str) -> bool {
    name.strip_prefix(OLD).and_then(|number| number.parse().ok()).is_some_and(|number| old(number) == name)
}

/// Whether a file of this name, in the directory of a study, is one that hobbit had begun to write.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).is_some_and(|name| WHOLE.contains(&name) || name == LIVE)
}

/// The file of a trial's saved model, in the directory of weights.
pub(crate) fn model(trial: TrialId) -> String {
    format!("{trial}{MODEL}")
}

/// The trial whose saved model has this name, in the directory of weights; nothing if it is not hobbit's.
pub(crate) fn trial_of(name: &str) -> Option<TrialId> {
    name.strip_suffix(MODEL)?.parse().ok()
}

/// A saved model of a trial that comes from elsewhere, while it does: there may be several of a trial.
pub(crate) fn incoming_model(trial: TrialId, number: u64) -> String {
    format!("{trial}{MODEL}.{number}{TEMPORARY}")
}

/// The directory, in that of weights, where other machines that have it mounted leave saved models.
pub(crate) const INCOMING: &str = "incoming";
/// The file in it by which they know that they see it.
#[cfg(feature = "nats")]
pub(crate) const BEACON: &str = "beacon";

/// Whether this is the name of a file in a directory, and leads nowhere else.
#[cfg(feature = "nats")]
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Whether a file of this name, in the directory of weights, is a saved model that hobbit had begun to write.
pub(crate) fn is_temporary_model(name: &str) -> bool {
    let Some(name) = name.strip_suffix(TEMPORARY) else { return false };
    let incoming = name.rsplit_once('.').filter(|(_, number)| number.parse::<u64>().is_ok());
    trial_of(name).or_else(|| trial_of(incoming?.0)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hobbit_writes_is_its_own() {
        for name in
            ["study.ron", "journal.ron", "results.ron", "journal.ron.damaged", "weights", "lock", "live.ron"]
        {
            assert!(is_own(name) && !is_temporary(name), "{name}");
        }
        for name in
            ["study.ron.tmp", "journal.ron.tmp", "results.ron.tmp", "journal.ron.damaged.tmp", "live.ron.tmp"]
        {
            assert!(is_own(name) && is_temporary(name), "{name}");
        }
        assert!(is_old("old-1") && is_old("old-17") && old(17) == "old-17");
        assert!(["old-", "old-x", "old-01", "old-+1", "old"].iter().all(|name| !is_old(name)));
        assert!(is_own("lock.owner") && is_own("lock.owner.42"));
        let foreign =
            ["notes.tmp", "weights.tmp", "lock.tmp", ".tmp", "x.ron", "lock.old", "lock.owner.x", ""];
        for name in foreign.into_iter().chain(["1-1.safetensors", "study.ron.tmp.tmp", "Study.ron"]) {
            assert!(!is_own(name) && !is_temporary(name), "{name}");
        }
    }

    #[test]
    fn models_are_known_by_their_trials() {
        let trial = TrialId { iteration: 2, bracket: 3, index: 17 };
        assert_eq!(model(trial), "2.3-17.safetensors");
        assert_eq!(trial_of("2.3-17.safetensors"), Some(trial));
        assert!(is_temporary_model("2.3-17.safetensors.tmp"));
        assert!(
            is_temporary_model(&incoming_model(trial, 4)) && trial_of(&incoming_model(trial, 4)).is_none()
        );
        for name in ["best.safetensors", "1-01.safetensors", "0-1.safetensors", "1-1.safetensors.bak", "1-1"]
        {
            assert_eq!(trial_of(name), None, "{name}");
            assert!(!is_temporary_model(&format!("{name}.tmp")), "{name}");
        }
        assert!(!is_temporary_model("pretrained.tmp"));
    }
}
