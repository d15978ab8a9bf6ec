//! How many trials failed, and when that is too many.

use super::settings::MaxFailures;
use crate::error::Error;
use crate::repository::{End, StageRecord};

/// Counts trials that failed in this process.
pub(crate) struct Failures {
    pub(crate) allowed: MaxFailures,
    pub(crate) tried: u32,
    pub(crate) failed: u32,
    pub(crate) first: Option<String>,
}

impl Failures {
    /// Takes an outcome; an error if there have been too many failures.
    pub(super) fn enter(&mut self, record: &StageRecord) -> Option<Error> {
        self.tried += u32::from(record.stage == 0);
        let (End::Diverged { epoch, reason } | End::Failed { epoch, reason }) = &record.end else {
            return None;
        };
        self.failed += 1;
        let first =
            &*self.first.get_or_insert_with(|| format!("trial {}, epoch {epoch}: {reason}", record.trial));
        let (tried, failed) = (self.tried, self.failed);
        let hopeless = match self.allowed {
            MaxFailures::FirstAll(n) => tried == failed && failed >= n.max(1),
            MaxFailures::Count(n) => failed > n,
            MaxFailures::Share(share) => tried >= 5 && f64::from(failed) > share * f64::from(tried),
        };
        hopeless.then(|| {
            Error::study(format!(
                "{failed} of {tried} trials failed, the sweep is given up (`max_failures` sets how many may fail); the first was \
                 {first}"
            ))
        })
    }
}
