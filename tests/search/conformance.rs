//! Samplers: hobbit's own, the toy of the tests, and some that break a law each.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use hobbit::search::{Draw, Kde, Point, Prior, Proposal, Sampler};
use hobbit::{BoxError, search_space, testing};

use super::toy::NearBest;
use crate::space::{Everything, Optimizer};

/// Runs the suite on something that breaks a law; it has to say so in these words.
#[track_caller]
fn breaks(suite: impl FnOnce(), words: &[&str]) {
    let panic = catch_unwind(AssertUnwindSafe(suite)).expect_err("the suite notices nothing");
    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn random_search_keeps_the_laws() {
    testing::sampler::<Everything, _>(|| Prior);
    testing::sampler::<Optimizer, _>(|| Prior);
}

#[test]
fn kde_keeps_the_laws() {
    testing::sampler::<Everything, _>(Kde::new);
    testing::sampler::<Optimizer, _>(|| Kde::new().random_share(0.0));
}

#[test]
fn the_toy_keeps_the_laws() {
    testing::sampler::<Everything, _>(NearBest::default);
    testing::sampler::<Optimizer, _>(NearBest::default);
}

#[search_space]
struct Rate {
    #[uniform(0.0..=1.0)]
    rate: f64,
}

/// A sampler that is wrong in some way.
struct Wrong<F> {
    name: &'static str,
    learns: bool,
    propose: F,
}

impl<F> Debug for Wrong<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl<F: Fn(&Draw<'_>) -> Result<Vec<Option<f64>>, BoxError> + Send + Sync> Sampler for Wrong<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn learns(&self) -> bool {
        self.learns
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        Ok(Proposal::Point(Point::new((self.propose)(at)?)))
    }
}

fn wrong<F: Fn(&Draw<'_>) -> Result<Vec<Option<f64>>, BoxError> + Send + Sync>(propose: F) -> Wrong<F> {
    Wrong { name: "wrong", learns: true, propose }
}

#[test]
fn a_sampler_with_a_state_is_noticed() {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let counts = || wrong(|_| Ok(vec![Some(1.0 / (ASKED.fetch_add(1, Ordering::Relaxed) as f64 + 2.0))]));
    breaks(|| testing::sampler::<Rate, _>(counts), &["equal arguments", "asked again"]);
    let by_address = || wrong(|at| Ok(vec![Some((at.seen.as_ptr().addr() % 9973) as f64 / 9973.0)]));
    breaks(|| testing::sampler::<Rate, _>(by_address), &["equal arguments", "somewhere else in memory"]);
    let made = AtomicU64::new(0);
    let by_maker = || {
        let number = made.fetch_add(1, Ordering::Relaxed) as f64;
        wrong(move |_| Ok(vec![Some(1.0 / (number + 2.0))]))
    };
    breaks(|| testing::sampler::<Rate, _>(by_maker), &["equal arguments", "another sampler"]);
    let by_thread = || {
        wrong(|_| {
            let name = std::thread::current().name().map_or(0, str::len);
            Ok(vec![Some(1.0 / (name as f64 + 2.0))])
        })
    };
    breaks(|| testing::sampler::<Rate, _>(by_thread), &["equal arguments", "two threads"]);
}

#[test]
fn a_point_that_is_none_is_noticed() {
    breaks(|| testing::sampler::<Rate, _>(|| wrong(|_| Ok(vec![Some(1.0)]))), &["`rate` is 1;", "[0, 1)"]);
    breaks(
        || testing::sampler::<Rate, _>(|| wrong(|_| Ok(vec![]))),
        &["each of the 1 parameters", "it had 0"],
    );
    breaks(|| testing::sampler::<Rate, _>(|| wrong(|_| Ok(vec![None]))), &["`rate` has no coordinate"]);
    let all = || wrong(|at| Ok(at.space.parameters().iter().map(|_| Some(0.5)).collect()));
    breaks(|| testing::sampler::<Optimizer, _>(all), &["has a coordinate, but does not exist"]);
}

#[test]
fn a_sampler_without_an_answer_or_a_name_is_noticed() {
    breaks(|| testing::sampler::<Rate, _>(|| wrong(|_| Err("singular".into()))), &["no answer: singular"]);
    let picky = || {
        wrong(|at| {
            at.seen
                .iter()
                .find(|seen| seen.score.is_some())
                .map_or(Err("none".into()), |_| Ok(vec![Some(0.5)]))
        })
    };
    breaks(|| testing::sampler::<Rate, _>(picky), &["after 0 trials", "no answer: none"]);
    let unnamed = || Wrong { name: " ", learns: true, propose: |_: &Draw<'_>| Ok(vec![Some(0.5)]) };
    breaks(|| testing::sampler::<Rate, _>(unnamed), &["a line of text"]);
    let secret = || Wrong {
        name: "secret",
        learns: false,
        propose: |at: &Draw<'_>| Ok(vec![Some(1.0 / (at.seen.len() as f64 + 2.0))]),
    };
    breaks(|| testing::sampler::<Rate, _>(secret), &["does not learn"]);
}
