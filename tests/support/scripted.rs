//! Sweeps whose epochs are what a function says.

use hobbit::testing::{Fake, Script};
use hobbit::{EpochContext, Hyperband, Metrics, search_space};

#[derive(Debug, Clone)]
#[search_space]
pub(crate) struct Rate {
    #[uniform(0.0..=1.0)]
    pub(crate) rate: f64,
}

/// Follows a script, and reports at least the metrics of some names.
pub(crate) type Scripted = Fake<Rate, Script<Rate>>;

/// A quiet sweep over a script, with one worker, that optimizes the first of the metrics.
pub(crate) fn scripted(
    metrics: &'static [&'static str],
    script: fn(&Rate, &EpochContext<'_>, &mut Metrics),
) -> Hyperband<Scripted> {
    let script = move |rate: &Rate, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        script(rate, epoch, metrics);
        Ok(())
    };
    let fake = Fake::scripted(script).metrics(metrics.iter().copied());
    Hyperband::of(fake).quiet().workers(1).monitor(metrics[0])
}
