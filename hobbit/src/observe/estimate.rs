//! How long a sweep will take.

use std::time::Duration;

use crate::repository::{End, StageRecord};

/// Learns what an epoch costs from the stages that were trained.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    epochs: u64,
    seconds: f64,
}

impl Estimate {
    /// Takes an outcome into account.
    pub(super) fn learn(&mut self, record: &StageRecord) {
        if record.end == End::Trained {
            self.epochs += record.to - record.from;
            self.seconds += record.seconds;
        }
    }

    /// How long so many epochs take on so many workers; nothing before the first trial.
    pub(super) fn of(&self, epochs: u64, workers: u32) -> Option<Duration> {
        let each = (self.epochs > 0).then(|| self.seconds / self.epochs as f64)?;
        Duration::try_from_secs_f64(each * epochs as f64 / f64::from(workers.max(1))).ok()
    }
}

/// A duration as people say it: `2 h 03 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{:.1} s", duration.as_secs_f64()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let of = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(of(0.26), "0.3 s");
        assert_eq!(of(59.9), "59 s");
        assert_eq!(of(61.0), "1 min 01 s");
        assert_eq!(of(7384.0), "2 h 03 min");
        assert_eq!(of(180_000.0), "2 d 02 h");
    }
}
