//! Whole sweeps on several machines that get everything as bytes, over lines that lose, double, delay and
//! reorder.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hobbit::repository::SavedModel;
use hobbit::work::{
    Beginning, CheckpointId, Desk, EpochNews, Order, Report, Stop, Taken, Terms, WorkerId, Workplace,
};
use hobbit::{Error, Hyperband, Key, LocalPool, Objective, Results, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::Curve;

/// A value as it arrives on another machine.
fn sent<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = ron::to_string(value).unwrap();
    let arrived = ron::from_str(&text).unwrap();
    assert_eq!(ron::to_string(&arrived).unwrap(), text);
    arrived
}

/// Several machines with two workers each, which share nothing with the sweep.
pub(super) struct Machines<O: Objective> {
    /// The objective of each.
    pub(super) objectives: Vec<Arc<O>>,
    pub(super) given: Vec<Arc<O::Hparams>>,
    pub(super) troubles: Arc<Troubles>,
}

/// What has happened on all lines.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    lost_orders: AtomicU64,
    lost_reports: AtomicU64,
    late_reports: AtomicU64,
    doubled_reports: AtomicU64,
    /// None happen.
    none: bool,
}

impl<O: Objective> Workplace for Machines<O> {
    fn width(&self) -> usize {
        2 * self.objectives.len()
    }

    fn run(&mut self, desk: Arc<dyn Desk>) -> hobbit::Result<()> {
        std::thread::scope(|scope| {
            for (machine, objective) in (1..).zip(&self.objectives) {
                let line = Arc::new(Line::new(desk.clone(), self.troubles.clone(), machine));
                let mut pool =
                    LocalPool::new(objective.clone(), 2).machine(machine).given(self.given.clone());
                scope.spawn(move || {
                    std::thread::scope(|scope| {
                        scope.spawn(|| line.watch());
                        pool.run(line.clone()).unwrap();
                        line.hang_up();
                    });
                });
            }
        });
        Ok(())
    }
}

/// The sweep's desk, as a machine reaches it.
struct Line {
    desk: Arc<dyn Desk>,
    terms: Terms,
    stop: Stop,
    is_over: AtomicBool,
    troubles: Arc<Troubles>,
    /// Draws what happens.
    luck: (Key, AtomicU64),
    under_way: Mutex<UnderWay>,
}

/// What has not arrived yet.
#[derive(Default)]
struct UnderWay {
    /// What this machine works on.
    orders: Vec<Order>,
    /// What is given back when somebody notices that it is lost.
    lost: Vec<Order>,
    late: Vec<(WorkerId, Report)>,
}

impl Line {
    fn new(desk: Arc<dyn Desk>, troubles: Arc<Troubles>, machine: u32) -> Line {
        let (terms, luck) = (sent(desk.terms()), (Key::new(u64::from(machine)), AtomicU64::new(0)));
        let (stop, is_over, under_way) = (Stop::new(), AtomicBool::new(false), Mutex::default());
        Line { desk, terms, stop, is_over, troubles, luck, under_way }
    }

    /// Hears of the sweep's end while workers work.
    fn watch(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let news = self.desk.news();
            if self.desk.stop().is_set() {
                return self.stop.set();
            }
            if !self.is_over.load(Ordering::SeqCst) {
                self.desk.wait(news);
            }
        }
    }

    fn hang_up(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.desk.wake();
    }

    fn happens(&self, share: f64, counter: &AtomicU64) -> bool {
        let number = self.luck.1.fetch_add(1, Ordering::Relaxed);
        let happens = !self.troubles.none && self.luck.0.child(number).rng().unit() < share;
        counter.fetch_add(happens.into(), Ordering::Relaxed);
        happens
    }

    /// What was late arrives, and what was lost is noticed. Returns whether there was anything.
    fn catch_up(&self) -> bool {
        let UnderWay { lost, late, .. } = {
            let mut under_way = self.under_way.lock().unwrap();
            let orders = std::mem::take(&mut under_way.orders);
            std::mem::replace(&mut *under_way, UnderWay { orders, ..UnderWay::default() })
        };
        let is_news = !lost.is_empty() || !late.is_empty();
        for order in lost {
            self.desk.give_back(sent(&order), "it was lost on its way");
        }
        // the last to be sent arrives first
        for (worker, report) in late.into_iter().rev() {
            self.desk.hand_in(worker, &mut vec![report]);
        }
        is_news
    }
}

impl Desk for Line {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken {
        assert_ne!(worker.machine, 0);
        let mut handed_out = Vec::new();
        let taken = self.desk.take(sent(&worker), most, &mut handed_out);
        for order in handed_out {
            let order = sent(&order);
            let mut under_way = self.under_way.lock().unwrap();
            if self.happens(0.1, &self.troubles.lost_orders) {
                under_way.lost.push(order);
            } else {
                under_way.orders.push(order.clone());
                orders.push(order);
            }
        }
        taken
    }

    fn begin(&self, worker: WorkerId, beginning: Beginning) -> hobbit::Result<()> {
        self.desk.begin(worker, sent(&beginning))
    }

    fn epoch(&self, worker: WorkerId, news: EpochNews<'_>) {
        let text = ron::to_string(&news).unwrap();
        self.desk.epoch(worker, ron::from_str(&text).unwrap());
    }

    fn hand_in(&self, worker: WorkerId, reports: &mut Vec<Report>) {
        for report in reports.drain(..) {
            let report = sent(&report);
            let mut under_way = self.under_way.lock().unwrap();
            let is_its = |order: &Order| {
                (order.trial(), order.assignment.stage) == (report.record.trial, report.record.stage)
            };
            let place = under_way.orders.iter().position(is_its).expect("it was ordered");
            let order = under_way.orders.swap_remove(place);
            if report.unfinished {
                drop(under_way);
                self.desk.hand_in(worker, &mut vec![report]);
            } else if self.happens(0.1, &self.troubles.lost_reports) {
                under_way.lost.push(order);
            } else if self.happens(0.2, &self.troubles.late_reports) {
                // somebody else is asked to do it meanwhile
                under_way.lost.push(order);
                under_way.late.push((worker, report));
            } else {
                let mut several =
                    vec![report; 1 + usize::from(self.happens(0.2, &self.troubles.doubled_reports))];
                drop(under_way);
                self.desk.hand_in(worker, &mut several);
            }
        }
    }

    fn give_back(&self, order: Order, why: &str) {
        self.desk.give_back(sent(&order), why);
    }

    fn save(&self, model: Box<SavedModel>) {
        let bytes = model.to_bytes().unwrap();
        self.desk.save(Box::new(SavedModel::from_bytes(&bytes).unwrap()));
    }

    fn load(&self, checkpoint: CheckpointId) -> Result<Option<Box<SavedModel>>, String> {
        let saved = self.desk.load(sent(&checkpoint))?;
        saved.map(|saved| Ok(Box::new(SavedModel::from_bytes(&saved.to_bytes()?)?))).transpose()
    }

    fn note(&self, text: String) {
        self.desk.note(text);
    }

    fn fail(&self, error: Error) {
        self.desk.fail(error);
    }

    fn news(&self) -> u64 {
        self.desk.news()
    }

    fn wait(&self, since: u64) {
        if !self.catch_up() {
            self.desk.wait(since);
        }
    }

    fn wake(&self) {
        self.desk.wake();
    }

    fn is_settled(&self) -> bool {
        self.desk.is_settled()
    }

    fn ended(&self, known: usize, places: &mut Vec<u64>) {
        self.desk.ended(known, places);
    }
}

fn study(curve: &Curve, dir: &Path) -> Hyperband<Curve> {
    Hyperband::of(curve.clone()).quiet().seed(3).workers(2).repo_dir(dir)
}

fn machines(curve: &Curve, count: usize, troubles: &Arc<Troubles>) -> Machines<Curve> {
    let objectives = (0..count).map(|_| Arc::new(curve.clone())).collect();
    Machines { objectives, given: Vec::new(), troubles: troubles.clone() }
}

fn results(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("results.ron")).unwrap()
}

/// The bytes of all weights.
fn weights(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(dir.join("weights")).unwrap().map(Result::unwrap);
    let mut weights: Vec<_> = files
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect();
    weights.sort();
    weights
}

#[test]
fn machines_that_get_bytes_over_bad_lines_come_to_the_same_bytes() {
    let calm = Curve::default();
    let shaky = Curve { shaky: true, ..Curve::default() };
    let troubled = Curve { trouble: Some(std::time::Duration::ZERO), ..Curve::default() };
    for (curve, retries) in [(calm, 0), (shaky, 1), (troubled, 0)] {
        let here = tempfile::tempdir().unwrap();
        study(&curve, here.path()).retries(retries).run(27, 3).unwrap();
        for count in [1, 3] {
            let there = tempfile::tempdir().unwrap();
            let troubles = Arc::new(Troubles::default());
            let place = machines(&curve, count, &troubles);
            study(&curve, there.path()).retries(retries).workplace(place).run(27, 3).unwrap();
            assert_eq!(results(there.path()), results(here.path()));
            assert_eq!(weights(there.path()), weights(here.path()));
            for happened in [
                &troubles.lost_orders,
                &troubles.lost_reports,
                &troubles.late_reports,
                &troubles.doubled_reports,
            ] {
                assert!(happened.load(Ordering::Relaxed) > 0, "{troubles:?}");
            }
        }
    }
}

#[test]
fn it_is_the_same_without_a_repository_and_with_given_configurations() {
    let ranked = |results: Results<Curve>| {
        let trial = |trial: &hobbit::Trial<_>| (trial.id, trial.score, trial.epochs, trial.status.clone());
        results.trials().iter().map(trial).collect::<Vec<_>>()
    };
    let given = || crate::support::Params { rate: 0.125, luck: 0.5 };
    let study = || Hyperband::of(Curve::default()).quiet().seed(4).workers(2).enqueue(given());
    let here = ranked(study().run(27, 3).unwrap());
    let mut place = machines(&Curve::default(), 3, &Arc::new(Troubles::default()));
    place.given = vec![Arc::new(given())];
    assert_eq!(ranked(study().workplace(place).run(27, 3).unwrap()), here);
}

#[test]
fn a_sweep_stopped_there_goes_on_here_and_the_other_way_round() {
    let curve = Curve::default();
    let whole = tempfile::tempdir().unwrap();
    study(&curve, whole.path()).run(27, 3).unwrap();
    for begins_here in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let troubles = Arc::new(Troubles { none: !begins_here, ..Troubles::default() });
        for is_here in [begins_here, !begins_here] {
            let mut study = study(&curve, dir.path());
            if is_here == begins_here {
                study = study.epoch_budget(60);
            }
            if !is_here {
                study = study.workplace(machines(&curve, 2, &troubles));
            }
            let stopped = study.run(27, 3).unwrap();
            let unfinished = stopped.trials().iter().filter(|trial| trial.status == Status::Unfinished);
            assert_eq!(unfinished.count() > 0, is_here == begins_here);
        }
        assert_eq!(results(dir.path()), results(whole.path()));
    }
}

#[test]
fn a_workplace_that_cannot_work_or_does_not_ends_the_sweep() {
    struct Broken(Option<&'static str>);
    impl Workplace for Broken {
        fn width(&self) -> usize {
            1
        }
        fn run(&mut self, desk: Arc<dyn Desk>) -> hobbit::Result<()> {
            let mut orders = Vec::new();
            let taken = desk.take(WorkerId { machine: 1, index: 0 }, 3, &mut orders);
            assert_eq!((taken, orders.len()), (Taken::Orders, 3));
            match self.0 {
                Some("panics") => panic!("at work"),
                Some(_) => desk.fail(Hyperband::of(Curve::default()).run(0, 3).unwrap_err()),
                None => {}
            }
            Ok(())
        }
    }
    for (broken, said) in [
        (Some("panics"), "the workplace panicked at "),
        (Some("fails"), "is 0; it has to be at least 1"),
        (None, "the workplace has ended before the sweep was over"),
    ] {
        let study = Hyperband::of(Curve::default()).quiet().workplace(Broken(broken));
        let error = study.run(3, 3).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
}
