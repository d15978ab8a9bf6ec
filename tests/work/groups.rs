//! Trials that are trained together: what comes of each is what comes of it alone.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hobbit::testing::Fake;
use hobbit::{
    BoxError, Checkpoint, EpochContext, Hyperband, Member, Metrics, Objective, Results, TrialContext,
    search_space,
};

#[search_space]
#[derive(Debug)]
struct Params {
    #[uniform(0.0..=1.0)]
    rate: f64,
    /// Trials of different kinds are not trained together.
    #[int(0..=1)]
    kind: u64,
}

/// Falls with some noise. Of some trials an epoch fails or panics, others diverge or stop early.
#[derive(Default)]
struct Walk {
    /// The largest group, and how many epochs were trained in groups.
    largest: Arc<AtomicUsize>,
    together: Arc<AtomicUsize>,
    /// Groups panic, and nobody knows whose fault it is.
    is_clumsy: bool,
}

impl Objective for Walk {
    type Hparams = Params;
    type Model = [f64; 4];

    fn metrics(&self, _: &Params) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["loss".into(), "val_loss".into()])
    }

    fn training_loss(&self) -> Option<&'static str> {
        Some("loss")
    }

    fn fuses(&self, hparams: &Params) -> Option<u64> {
        Some(hparams.kind)
    }

    fn build(&self, hparams: &Params, trial: &TrialContext) -> Result<[f64; 4], BoxError> {
        let luck = trial.key.child(1).rng().unit();
        if luck > 0.95 {
            return Err("it cannot be built".into());
        }
        Ok([1.0, hparams.rate, luck, hparams.kind as f64])
    }

    fn train_epoch(
        &self,
        [x, rate, luck, _]: &mut [f64; 4],
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        *x = *x * *rate + epoch.key(2).rng().unit();
        let is_late = epoch.epoch > 1;
        metrics.report("loss", if *luck < 0.1 && is_late { f64::INFINITY } else { *x });
        match *luck {
            0.1..0.2 if is_late => Err("it failed".into()),
            0.2..0.3 if is_late => panic!("it panicked"),
            _ => Ok(()),
        }
    }

    fn validate(
        &self,
        [x, _, luck, _]: &mut [f64; 4],
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        assert!(x.is_finite() && (*luck >= 0.1 || epoch.epoch < 2), "what diverged is not validated");
        metrics.report("val_loss", *x);
        if (0.3..0.4).contains(luck) && epoch.epoch == 1 {
            metrics.stop();
        }
        Ok(())
    }

    fn train_epochs(&self, members: &mut [Member<'_, Self>]) {
        self.largest.fetch_max(members.len(), Ordering::Relaxed);
        if members.len() > 1 {
            self.together.fetch_add(members.len(), Ordering::Relaxed);
            assert!(!self.is_clumsy, "somebody stumbled");
        }
        let kind = members[0].model[3];
        for member in members {
            assert!(member.model[3] == kind, "trials of two kinds are together");
            member.train_alone(self);
        }
    }

    fn save(&self, model: &[f64; 4]) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("x", &[1], vec![model[0]]);
        Ok(checkpoint)
    }

    fn load(&self, model: &mut [f64; 4], checkpoint: &Checkpoint) -> Result<(), BoxError> {
        model[0] = checkpoint.f64("x", &[1])?[0];
        Ok(())
    }
}

fn study(walk: Walk, group: usize, workers: usize, retries: u32) -> Hyperband<Walk> {
    Hyperband::of(walk).quiet().seed(3).workers(workers).group(group).retries(retries)
}

/// The results as a repository has them.
fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

/// The weights of the best trial as a repository has them.
fn weights(dir: &Path, best: &Results<Walk>) -> Vec<u8> {
    std::fs::read(dir.join(format!("weights/{}.safetensors", best.best().id))).unwrap()
}

#[test]
fn results_do_not_depend_on_the_group() {
    for retries in [0, 1] {
        let alone = tempfile::tempdir().unwrap();
        let best = study(Walk::default(), 1, 1, retries).repo_dir(alone.path()).run(27, 3).unwrap();
        for (group, workers) in [(2, 1), (7, 1), (32, 1), (3, 3)] {
            let walk = Walk::default();
            let (largest, together) = (walk.largest.clone(), walk.together.clone());
            let dir = tempfile::tempdir().unwrap();
            study(walk, group, workers, retries).repo_dir(dir.path()).run(27, 3).unwrap();
            assert_eq!(results(dir.path()), results(alone.path()), "groups of {group}");
            assert_eq!(weights(dir.path(), &best), weights(alone.path(), &best), "groups of {group}");
            let (largest, together) = (largest.load(Ordering::Relaxed), together.load(Ordering::Relaxed));
            assert!(largest <= group && (workers > 1 || largest > group.min(8) / 2), "{largest} of {group}");
            assert!(together > 0, "nobody was trained together in groups of {group}");
        }
    }
}

#[test]
fn a_study_goes_on_with_other_groups() {
    let whole = tempfile::tempdir().unwrap();
    study(Walk::default(), 1, 1, 0).repo_dir(whole.path()).run(27, 3).unwrap();
    for (first, then) in [(1, 7), (7, 1), (7, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let begun = study(Walk::default(), first, 1, 0).repo_dir(dir.path()).epoch_budget(100);
        assert!(begun.run(27, 3).unwrap().stopped().is_some());
        study(Walk::default(), then, 1, 0).repo_dir(dir.path()).run(27, 3).unwrap();
        assert_eq!(results(dir.path()), results(whole.path()), "groups of {first}, then of {then}");
    }
}

#[test]
fn a_group_that_panics_is_trained_one_by_one() {
    let alone = tempfile::tempdir().unwrap();
    study(Walk::default(), 1, 1, 0).repo_dir(alone.path()).run(9, 3).unwrap();
    let walk = Walk { is_clumsy: true, ..Walk::default() };
    let dir = tempfile::tempdir().unwrap();
    study(walk, 4, 1, 0).repo_dir(dir.path()).run(9, 3).unwrap();
    assert_eq!(results(dir.path()), results(alone.path()));
}

#[test]
fn who_does_not_fuse_is_trained_alone() {
    let outcomes = |group| {
        let fake = Fake::constant(|hparams: &Params| hparams.rate).fusing(|hparams| {
            assert!(hparams.kind == 0, "this one cannot be asked");
            None
        });
        let results = Hyperband::of(fake).quiet().workers(1).group(group).run(9, 3).unwrap();
        results.trials().iter().map(|trial| (trial.id, trial.score)).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(1), outcomes(5));
}

#[test]
fn trials_of_a_group_share_their_time() {
    let fake = Fake::constant(|hparams: &Params| hparams.rate).fusing(|_| Some(0));
    let study = Hyperband::of(fake.pace(Duration::from_millis(1))).quiet().workers(1).group(9);
    let begin = Instant::now();
    let results = study.run(9, 3).unwrap();
    let stages = results.trials().iter().flat_map(|trial| &trial.stages);
    let (sum, all) = (stages.map(|record| record.seconds).sum::<f64>(), begin.elapsed().as_secs_f64());
    // an epoch takes a millisecond at least
    assert!(sum > 0.05 && sum <= all, "{sum} of {all} seconds");
}

#[test]
fn a_group_has_a_member_at_least() {
    let error = study(Walk::default(), 0, 1, 0).run(9, 3).unwrap_err().to_string();
    assert!(error.contains("the size of a group is 0"), "{error}");
}
