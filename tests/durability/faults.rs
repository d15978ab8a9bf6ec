//! Every writing operation of a sweep goes wrong once, in every way; and then the sweep is run again.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hobbit::{Event, Hyperband, Results, Study, TrialId, by};

use crate::support::Curve;
use crate::support::disk::{Fault, MemoryDisk, Survives};

/// The stages that observers were told of, and whether each was trained now.
type Told = Arc<Mutex<HashSet<(TrialId, u32, bool)>>>;

type Outcome = hobbit::Result<Results<Curve>>;

/// An algorithm's small sweep.
trait Algorithm: Sized {
    fn run(study: Study<Curve, Self>) -> Outcome;
}

impl Algorithm for by::Hyperband {
    fn run(study: Study<Curve, Self>) -> Outcome {
        study.run(9, 3)
    }
}

impl Algorithm for by::Asha {
    fn run(study: Study<Curve, Self>) -> Outcome {
        study.lookahead(3).run(12, 9, 3)
    }
}

fn run<A: Algorithm>(disk: &MemoryDisk, dir: &Path, every: Option<u64>) -> (Outcome, Told) {
    let told = Told::default();
    let for_observer = told.clone();
    let observer = move |event: &Event| {
        if let Event::StageEnded { record, replayed, .. } = event {
            for_observer.lock().unwrap().insert((record.trial, record.stage, !replayed));
        }
    };
    let study = Study::of(Curve::default()).quiet().seed(3).workers(2).storage(Arc::new(disk.clone()));
    let study = match every {
        Some(every) => study.checkpoint_every(every),
        None => study,
    };
    (A::run(study.repo_dir(dir).observe(observer)), told)
}

fn outcome(disk: &MemoryDisk, dir: &Path) -> (Vec<u8>, Vec<Vec<u8>>) {
    let weights = disk.files(".safetensors").iter().map(|path| disk.file(path).unwrap()).collect();
    (disk.file(dir.join("results.ron")).unwrap(), weights)
}

#[test]
fn no_fault_of_the_disk_loses_a_finished_stage_or_changes_a_result() {
    every_fault::<by::Hyperband>();
}

#[test]
fn no_fault_of_the_disk_loses_a_finished_stage_or_changes_a_result_of_asha() {
    every_fault::<by::Asha>();
}

fn every_fault<A: Algorithm>() {
    let dir = tempfile::tempdir().unwrap();
    let mut cases = 0;
    let mut errors = 0;
    for every in [None, Some(1)] {
        let good = MemoryDisk::default();
        run::<A>(&good, dir.path(), every).0.unwrap();
        let expected = outcome(&good, dir.path());
        assert_eq!(expected.1.len(), 1, "only the best trial's weights are kept");
        // how the workers' outcomes are grouped differs from run to run, so there may be some more
        let operations = good.operations() + 10;
        assert!(operations > 50);
        for operation in 0..operations {
            for fault in [Fault::Io, Fault::Full, Fault::CrashBefore, Fault::CrashAfter] {
                for survives in [Survives::Everything, Survives::Synced] {
                    let disk = MemoryDisk::default();
                    disk.fail_at(operation, fault);
                    let (first, told_first) = run::<A>(&disk, dir.path(), every);
                    if let Err(error) = &first {
                        errors += 1;
                        let text = error.to_string();
                        assert!(
                            text.contains("could not") && text.contains(&*dir.path().to_string_lossy()),
                            "{text}"
                        );
                    }
                    disk.restart(survives);
                    let (second, told_second) = run::<A>(&disk, dir.path(), every);
                    let case = format!("operation {operation}, {fault:?}, {survives:?} survives");
                    if let Err(error) = second {
                        panic!("{case}: {error}");
                    }
                    assert!(outcome(&disk, dir.path()) == expected, "{case}");
                    let told_second = told_second.lock().unwrap();
                    for &(trial, stage, _) in told_first.lock().unwrap().iter() {
                        assert!(
                            told_second.contains(&(trial, stage, false)),
                            "{case}: stage {stage} of {trial} was lost"
                        );
                    }
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} faults, {errors} of them ended the sweep with an error");
    assert!(errors > cases / 2);
}

#[test]
fn there_are_never_more_checkpoints_than_trials_that_need_them() {
    let dir = tempfile::tempdir().unwrap();
    let disk = MemoryDisk::default();
    let (for_observer, place) = (disk.clone(), dir.path().join("weights"));
    let alive = Arc::new(Mutex::new(HashSet::new()));
    let most = Arc::new(Mutex::new(0));
    let (alive_too, most_too) = (alive.clone(), most.clone());
    let observer = move |event: &Event| {
        let mut alive = alive_too.lock().unwrap();
        match event {
            Event::StageStarted { trial, .. } => drop(alive.insert(*trial)),
            Event::TrialEnded { trial, .. } => drop(alive.remove(trial)),
            _ => {}
        }
        let count =
            for_observer.files(".safetensors").iter().filter(|path| path.parent() == Some(&place)).count();
        let mut most = most_too.lock().unwrap();
        *most = count.max(*most);
        // events come a little later than the files they are about
        assert!(count <= 18 + 2, "{count}");
    };
    Hyperband::of(Curve::default())
        .quiet()
        .seed(3)
        .workers(1)
        .keep(hobbit::Keep::Best(2))
        .storage(Arc::new(disk.clone()))
        .repo_dir(dir.path())
        .observe(observer)
        .run(9, 3)
        .unwrap();
    assert_eq!(disk.files(".safetensors").len(), 2);
    assert!(*most.lock().unwrap() > 2);
    assert!(alive.lock().unwrap().is_empty());
}

/// All trials' weights are kept, or none's.
#[test]
fn keeping_all_and_none() {
    for (keep, count) in [(hobbit::Keep::All, 9 + 5 + 3), (hobbit::Keep::None, 0), (hobbit::Keep::Best(4), 4)]
    {
        let dir = tempfile::tempdir().unwrap();
        let study = Hyperband::of(Curve::default()).quiet().keep(keep).repo_dir(dir.path());
        let results = study.run(9, 3).unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("weights")).unwrap().count(), count, "{keep:?}");
        for (position, trial) in results.trials().iter().enumerate() {
            assert_eq!(results.model(trial).is_ok(), position < count, "the best are kept");
        }
    }
}
