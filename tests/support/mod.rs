//! An objective that learns without a network: a simulated learning curve, with trouble on demand.

pub(crate) mod disk;
mod farewell;
pub(crate) mod journal;
pub(crate) mod kill;
pub(crate) mod scripted;
#[cfg(unix)]
pub(crate) mod terminal;
#[cfg_attr(not(unix), allow(dead_code, reason = "for tests on terminals and of the command"))]
pub(crate) mod texts;
#[cfg_attr(not(unix), allow(dead_code, reason = "for tests on terminals"))]
pub(crate) mod wide;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hobbit::testing::Fake;
use hobbit::{
    BoxError, Checkpoint, EpochContext, Hyperband, Metrics, Objective, OutOfMemory, SearchSpace,
    TrialContext, search_space,
};

pub(crate) use farewell::Farewell;

#[derive(Debug)]
#[search_space]
pub(crate) struct Params {
    #[uniform(0.0..=1.0)]
    pub(crate) rate: f64,
    /// What kind of trouble the trial makes: below 0.3 it panics, and so on, where the objective is told to.
    #[uniform(0.0..=1.0)]
    pub(crate) luck: f64,
}

/// A curve that falls towards `rate`, with keyed noise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curve {
    /// 30 % of the trials panic, 10 % report NaN, 5 % hang for this long.
    pub(crate) trouble: Option<Duration>,
    /// The luck of all trials, instead of their own.
    pub(crate) luck: Option<f64>,
    /// The trials that are being trained. Half of them do not fit into memory beside others, and a tenth not even alone.
    pub(crate) crowd: Option<Arc<AtomicU64>>,
    /// The last bracket's trials begin in twos.
    pub(crate) pairs: Option<Arc<Pairs>>,
    /// An epoch fails now and then, depending on the trial's key.
    pub(crate) shaky: bool,
    /// How long an epoch takes.
    pub(crate) pace: Duration,
    /// Every epoch is told of, in both outputs.
    pub(crate) loud: bool,
    /// The third trial sends the process an interrupt and fails at once, as if a child process had got it
    /// first.
    pub(crate) interrupts_itself: bool,
    /// The third trial ends the process.
    pub(crate) farewell: Option<Farewell>,
    /// Counts the epochs that are trained.
    pub(crate) epochs: Arc<AtomicU64>,
    /// How many workers it asks for.
    pub(crate) asks_for: Option<usize>,
    /// What it says of its trials, beside their rate.
    pub(crate) says: Option<&'static str>,
    /// Counts the workers that have ended.
    pub(crate) ended: Arc<AtomicU64>,
}

/// Where two threads wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    arrived: Mutex<u64>,
    news: Condvar,
}

impl Pairs {
    fn meet(&self) -> Result<(), BoxError> {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        let pair = arrived.div_ceil(2);
        self.news.notify_all();
        let (_arrived, waited) = self
            .news
            .wait_timeout_while(arrived, Duration::from_secs(60), |arrived| *arrived < 2 * pair)
            .unwrap();
        if waited.timed_out() { Err("nobody came".into()) } else { Ok(()) }
    }
}

pub(crate) struct Model {
    loss: f64,
    steps: f64,
    luck: f64,
}

impl Objective for Curve {
    type Hparams = Params;
    type Model = Model;

    fn metrics(&self, _: &Params) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["loss".into(), "val_loss".into(), "val_accuracy".into()])
    }

    fn workers(&self) -> Option<usize> {
        self.asks_for
    }

    fn describe_trial(&self, hparams: &Params, _: u64) -> BTreeMap<String, String> {
        self.says.iter().map(|says| ("curve".to_owned(), format!("{says}, {:?}", hparams.rate))).collect()
    }

    fn worker_ends(&self) {
        // somebody who does not wait would not see it
        std::thread::sleep(self.pace);
        // on a worker's own thread
        if std::thread::current().name().is_some_and(|name| name.starts_with("hobbit-")) {
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn build(&self, hparams: &Params, trial: &TrialContext) -> Result<Model, BoxError> {
        let luck = self.luck.unwrap_or(hparams.luck);
        if self.trouble.is_some() && luck < 0.1 {
            panic!("unlucky at {luck}");
        }
        Ok(Model { loss: 1.0 + trial.key.child(9).rng().unit(), steps: 0.0, luck })
    }

    fn train_epoch(
        &self,
        model: &mut Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        let trained = self.epochs.fetch_add(1, Ordering::Relaxed);
        if self.loud {
            println!("said {trained:02}");
            eprintln!("also said {trained:02}");
        }
        let others = self.crowd.as_ref().map_or(0, |crowd| crowd.fetch_add(1, Ordering::SeqCst));
        std::thread::sleep(self.pace);
        if let Some(farewell) = self.farewell
            && epoch.trial.id.index == 3
        {
            farewell.say();
        }
        #[cfg(unix)]
        if self.interrupts_itself && epoch.trial.id == hobbit::TrialId::new(1, 3) {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT)?;
            return Err("the child process was interrupted".into());
        }
        if let Some(pairs) = &self.pairs
            && epoch.epoch == 0
            && epoch.stage_end > 9
        {
            pairs.meet()?;
        }
        if let Some(crowd) = &self.crowd {
            let others = others.max(crowd.fetch_sub(1, Ordering::SeqCst) - 1);
            if model.luck < 0.1 || model.luck < 0.5 && others > 0 {
                return Err(Box::new(OutOfMemory::new(format!("{} does not fit", model.luck))));
            }
        }
        if let Some(hang) = self.trouble {
            match model.luck {
                luck if luck < 0.3 => panic!("unlucky at {luck}"),
                luck if luck < 0.4 => model.loss = f64::NAN,
                luck if luck < 0.45 => std::thread::sleep(hang),
                _ => {}
            }
        }
        if self.shaky && epoch.key(3).rng().unit() < 0.08 {
            return Err("shaky".into());
        }
        model.steps += 1.0;
        model.loss = 0.7 * model.loss + 0.1 * epoch.key(1).rng().unit();
        metrics.report("loss", model.loss);
        Ok(())
    }

    fn validate(
        &self,
        model: &mut Model,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        metrics.report("val_loss", model.loss + 0.01 * epoch.key(2).rng().unit());
        metrics.report("val_accuracy", 1.0 / (1.0 + model.loss));
        Ok(())
    }

    fn save(&self, model: &Model) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("loss", &[], vec![model.loss]);
        checkpoint.insert_f64("steps", &[], vec![model.steps]);
        Ok(checkpoint)
    }

    fn load(&self, model: &mut Model, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        model.loss = checkpoint.f64("loss", &[])?[0];
        model.steps = checkpoint.f64("steps", &[])?[0];
        Ok(())
    }

    fn memory(&self, _: &Model) -> usize {
        16
    }
}

/// Another space than that of [`Curve`].
#[search_space]
pub(crate) struct OtherParams {
    #[uniform(0.0..=2.0)]
    pub(crate) rate: f64,
}

/// A sweep that learns nothing, over any space.
pub(crate) fn flat<H: SearchSpace + Send + Sync + 'static>() -> Hyperband<Fake<H, f64>> {
    Hyperband::of(Fake::constant(|_| 0.5))
}
