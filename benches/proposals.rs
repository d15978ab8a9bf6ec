//! What a proposal of `Kde` costs: by itself after 2000 trials of 20 parameters, and in a sweep whose trials
//! are the same with it and without.

use hobbit::schedule::Score;
use hobbit::search::{Draw, Kde, Observation, Point, Proposal, Sampler};
use hobbit::space::Value;
use hobbit::{BoxError, Direction, Key, SearchSpace, TrialId, search_space};

#[search_space]
struct Wide {
    #[length(12..=12)]
    #[uniform(0.0..=1.0)]
    real: Vec<f64>,
    #[length(5..=5)]
    #[int(1..=16)]
    whole: Vec<u32>,
    #[choice("a", "b", "c")]
    first: String,
    #[choice("a", "b", "c", "d")]
    second: String,
    #[bool]
    third: bool,
}

/// Makes so many proposals after the same outcomes.
pub(crate) fn propose(proposals: u32) {
    let space = Wide::space();
    let prior = |key: Key| Ok(Point::new(Wide::draw(key)?.encode()));
    let outcome = |index: u32| {
        let point = prior(Key::new(0).child(index.into())).expect("it can be drawn");
        let loss = point.iter().flatten().map(|unit| (unit - 0.4).abs()).sum::<f64>();
        Observation::new(TrialId::new(1, index), 0, 1, Some(Score::from(loss)), point)
    };
    let seen: Vec<Observation> = (1..=2000).map(outcome).collect();
    let pending = vec![seen[1000].point.clone(); 3];
    let sampler = Kde::new().random_share(0.0);
    for index in 0..proposals {
        let trial = TrialId::new(1, 2001 + index);
        let at = Draw::new(&space, Direction::Minimize, trial, Key::new(1).child(index.into()), &prior);
        let proposal = sampler.propose(&at.after(&seen, &pending)).expect("it proposes");
        assert!(matches!(proposal, Proposal::Point(_)), "nothing is proposed");
    }
}

/// Proposes as `Kde` does, and leaves it to chance nevertheless: all trials are those of a random search.
#[derive(Debug)]
#[cfg_attr(not(feature = "dfdx"), allow(dead_code, reason = "it is for the sweep of the digits"))]
pub(crate) struct Unheard(pub(crate) Kde);

impl Sampler for Unheard {
    fn name(&self) -> &str {
        "unheard"
    }

    fn settings(&self) -> Vec<(String, Value)> {
        self.0.settings()
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        std::hint::black_box(self.0.propose(at)?);
        Ok(Proposal::Prior)
    }
}
