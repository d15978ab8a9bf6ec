//! Why a sweep stopped before the end of its plan.

use serde::{Deserialize, Serialize};

/// Why a sweep stopped before the end of its plan.
///
/// In `journal.ron` it is written as the variant, and in `results.ron` as the text that it displays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StopReason {
    /// Ctrl-C (SIGINT).
    Interrupted,
    /// SIGTERM, for example from a scheduler.
    Terminated,
    /// SIGHUP: the terminal was closed.
    HungUp,
    /// The wall-clock budget was used up.
    TimeBudget,
    /// The epoch budget was used up.
    EpochBudget,
    /// The target value was reached.
    TargetReached,
    /// The callback given with `stop_when` said so.
    Callback,
    /// The process aborted, panicked while it panicked, or overflowed its stack. Only a journal says so: it
    /// is noted by the next process.
    Aborted,
    /// The process exited without ending the sweep. Only a journal says so.
    Exited,
    /// The system ended the process because memory ran out. Only a journal says so.
    OutOfMemory,
    /// An error ended the sweep: its message. Only a journal says so.
    Error(String),
}

/// All reasons that are no text.
const PLAIN: [StopReason; 10] = [
    StopReason::Interrupted,
    StopReason::Terminated,
    StopReason::HungUp,
    StopReason::TimeBudget,
    StopReason::EpochBudget,
    StopReason::TargetReached,
    StopReason::Callback,
    StopReason::Aborted,
    StopReason::Exited,
    StopReason::OutOfMemory,
];

impl StopReason {
    /// The exit code of a program that a signal ended: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    /// `None` if it was no signal.
    ///
    /// [`Results::exit_code`](crate::Results::exit_code) is what a program ends with.
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            StopReason::Interrupted => Some(130),
            StopReason::Terminated => Some(143),
            StopReason::HungUp => Some(129),
            _ => None,
        }
    }

    /// Whether the process ended without closing its work.
    pub(crate) fn is_death(&self) -> bool {
        matches!(self, StopReason::Aborted | StopReason::Exited | StopReason::OutOfMemory)
    }

    /// The reason that displays as this text.
    pub(super) fn from_text(text: String) -> StopReason {
        let known = PLAIN.into_iter().find(|reason| reason.as_str() == text);
        known.unwrap_or(StopReason::Error(text))
    }

    fn as_str(&self) -> &str {
        match self {
            StopReason::Interrupted => "interrupted",
            StopReason::Terminated => "terminated",
            StopReason::HungUp => "the terminal was closed",
            StopReason::TimeBudget => "the time budget is used up",
            StopReason::EpochBudget => "the epochs budget is used up",
            StopReason::TargetReached => "the target is reached",
            StopReason::Callback => "stopped by the callback",
            StopReason::Aborted => "the process aborted",
            StopReason::Exited => "the process exited",
            StopReason::OutOfMemory => "the system ended the process for want of memory",
            StopReason::Error(text) => text,
        }
    }
}

/// So that an error can say what stopped a sweep that has no results.
impl std::error::Error for StopReason {}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reason as the text that it displays, as `results.ron` has it.
pub(super) mod as_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::StopReason;

    pub(in crate::repository) fn serialize<S: Serializer>(
        reason: &Option<StopReason>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        reason.as_ref().map(StopReason::as_str).serialize(serializer)
    }

    pub(in crate::repository) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<StopReason>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(StopReason::from_text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_comes_back_from_its_text_and_from_ron() {
        for reason in PLAIN.into_iter().chain([StopReason::Error("the disk \"x\" is full".to_owned())]) {
            assert_eq!(StopReason::from_text(reason.to_string()), reason);
            assert_eq!(ron::from_str::<StopReason>(&ron::to_string(&reason).unwrap()).unwrap(), reason);
        }
        assert_eq!(ron::to_string(&StopReason::EpochBudget).unwrap(), "EpochBudget");
        assert!(StopReason::Aborted.is_death() && !StopReason::Interrupted.is_death());
    }
}
