//! The laws of [`Sampler`].

use crate::error::Result;
use crate::random::Key;
use crate::schedule::Score;
use crate::search::{Chosen, Draw, Known, Observation, Point, Proposal, Sampler, SamplerId, choose};
use crate::space::{Root, SearchSpace, Space, Tree};
use crate::trial::{Direction, TrialId};

/// Checks that a sampler keeps the promises that a study relies on, by asking it for configurations of `H`
/// after made-up histories: none, short and long ones, of failures only, of equal scores, of scores at the
/// ends of what floats can hold.
///
/// - Equal arguments get the same answer, bit for bit: from the same sampler and from another one made by
///   `make`, in any order of asking, from several threads at once, wherever the arguments lie in memory.
/// - There is an answer to every history; none is an error or a panic.
/// - A point has a number in `[0, 1)` for each parameter that exists in its configuration, and `None` for
///   the others. It may break a constraint; then it is asked for again, and in the end there is a
///   configuration with all values in their domains, which its point decodes to.
/// - A sampler that does not [learn](Sampler::learns) answers the same whatever the history is.
/// - Its name is a line of text, and name, version and settings are the same every time, also when they were
///   written to a file and read back.
///
/// ```
/// use hobbit::{search::Prior, search_space, testing};
///
/// #[search_space]
/// struct Hparams {
///     #[uniform(0.0..=1.0)]
///     rate: f64,
/// }
///
/// testing::sampler::<Hparams, _>(|| Prior);
/// ```
///
/// # Panics
/// At the first law that is broken, with a message that says which.
pub fn sampler<H: SearchSpace, S: Sampler>(make: impl Fn() -> S) {
    let sampler = make();
    identity(&sampler, &make());
    let space = H::space();
    let tree =
        space.tree().unwrap_or_else(|error| panic!("the search space has no tree of conditions: {error}"));
    let prior = |key| Ok(Point::new(H::draw(key)?.encode()));
    let situations = situations::<H>();
    let ask = |sampler: &S, situation: &Situation| situation.ask(sampler, &space, &prior);
    let answers: Vec<Answer> = situations.iter().map(|situation| ask(&sampler, situation)).collect();
    for (situation, answer) in situations.iter().zip(&answers) {
        fits(situation, answer, &space, &tree);
        configurations::<H>(situation, &sampler, &space);
        same(answer, &ask(&sampler, situation), situation, "when it was asked again");
        same(answer, &ask(&make(), situation), situation, "of another sampler made the same way");
        let moved = situation.moved();
        same(answer, &ask(&sampler, &moved), situation, "when the history lay somewhere else in memory");
        if !sampler.learns() {
            let nothing = Situation { seen: Vec::new(), pending: Vec::new(), ..situation.moved() };
            same(answer, &ask(&sampler, &nothing), situation, "without a history, though it does not learn");
        }
    }
    for (situation, answer) in situations.iter().zip(&answers).rev() {
        same(answer, &ask(&sampler, situation), situation, "in another order of asking");
    }
    // each thread has a prior of its own, so that spaces need not be shared
    let in_turn = |turn: usize| {
        let prior = |key| Ok(Point::new(H::draw(key)?.encode()));
        for place in 0..situations.len() {
            let place = (place + turn * situations.len() / 2) % situations.len();
            let again = situations[place].ask(&sampler, &space, &prior);
            same(&answers[place], &again, &situations[place], "when two threads asked at once");
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| in_turn(1));
        in_turn(0);
        if let Err(panic) = other.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Name, version and settings.
fn identity(sampler: &dyn Sampler, other: &dyn Sampler) {
    let id = sampler.id();
    assert!(
        !id.name.trim().is_empty() && !id.name.chars().any(char::is_control),
        "the name of a sampler has to be a line of text, and is {:?}",
        id.name
    );
    let parts = SamplerId {
        name: sampler.name().to_owned(),
        version: sampler.version(),
        settings: sampler.settings(),
    };
    assert_eq!(id, parts, "`id` has to be made of `name`, `version` and `settings`");
    assert_eq!(other.id(), id, "another sampler made the same way has another name, version or settings");
    let text = ron::to_string(&id).unwrap_or_else(|error| panic!("{id} cannot be written: {error}"));
    let read = ron::from_str::<SamplerId>(&text);
    let read = read.unwrap_or_else(|error| panic!("{id} cannot be read from {text}: {error}"));
    assert_eq!(read, id, "what was written of the sampler reads back as something else");
}

/// An answer, by the bits of its coordinates; none for one that is drawn at random.
type Answer = Option<Vec<Option<u64>>>;

/// Arguments to ask with.
struct Situation {
    label: String,
    direction: Direction,
    trial: TrialId,
    key: Key,
    seen: Vec<Observation>,
    pending: Vec<Point>,
}

impl Situation {
    fn ask(&self, sampler: &impl Sampler, space: &Space, prior: &dyn Fn(Key) -> Result<Point>) -> Answer {
        let at = Draw::new(space, self.direction, self.trial, self.key, prior);
        match sampler.propose(&at.after(&self.seen, &self.pending)) {
            Ok(Proposal::Prior) => None,
            Ok(Proposal::Point(point)) => Some(point.iter().map(|unit| unit.map(f64::to_bits)).collect()),
            Err(error) => panic!("after {}, the sampler has no answer: {error}", self.label),
        }
    }

    /// The same at other addresses.
    fn moved(&self) -> Situation {
        let copied = |point: &Point| Point::new(point.iter().copied());
        let mut seen = Vec::with_capacity(self.seen.len() + 1);
        seen.extend(self.seen.iter().map(|outcome| {
            let Observation { trial, stage, epochs, score, point } = outcome;
            Observation::new(*trial, *stage, *epochs, *score, copied(point))
        }));
        let pending = self.pending.iter().map(copied).collect();
        let Situation { direction, trial, key, .. } = *self;
        Situation { label: self.label.clone(), direction, trial, key, seen, pending }
    }
}

fn same(expected: &Answer, answer: &Answer, situation: &Situation, when: &str) {
    let shown = |answer: &Answer| match answer {
        None => "one drawn at random".to_owned(),
        Some(bits) => format!("{:?}", bits.iter().map(|unit| unit.map(f64::from_bits)).collect::<Vec<_>>()),
    };
    assert!(
        expected == answer,
        "equal arguments have to get the same answer; after {}, it was {} and {when} it was {}",
        situation.label,
        shown(expected),
        shown(answer)
    );
}

/// Whether the point of an answer has the coordinates of a configuration.
fn fits(situation: &Situation, answer: &Answer, space: &Space, tree: &Tree) {
    let Some(bits) = answer else { return };
    let label = &situation.label;
    let coordinates: Vec<Option<f64>> = bits.iter().map(|unit| unit.map(f64::from_bits)).collect();
    let parameters = space.parameters();
    assert!(
        coordinates.len() == parameters.len(),
        "a point has to have a coordinate for each of the {} parameters; after {label}, it had {}",
        parameters.len(),
        coordinates.len()
    );
    for (place, (parameter, coordinate)) in parameters.iter().zip(&coordinates).enumerate() {
        let name = parameter.name();
        match (coordinate, tree.is_active(place, &coordinates)) {
            (Some(unit), true) => assert!(
                (0.0..1.0).contains(unit),
                "after {label}, the coordinate of `{name}` is {unit}; it has to be in [0, 1)"
            ),
            (Some(_), false) => {
                panic!("after {label}, `{name}` has a coordinate, but does not exist in that configuration")
            }
            (None, true) => {
                panic!("after {label}, `{name}` has no coordinate, but exists in that configuration")
            }
            (None, false) => {}
        }
    }
}

/// Whether there is a configuration in the end.
fn configurations<H: SearchSpace>(situation: &Situation, sampler: &dyn Sampler, space: &Space) {
    let Situation { label, direction, trial, key, seen, pending } = situation;
    let known = Known { space, direction: *direction, seen, pending };
    let chosen = choose::<H>(sampler, &Root::default(), known, (*trial, *key));
    let Chosen { hparams, point, .. } =
        chosen.unwrap_or_else(|error| panic!("after {label}, there is no configuration: {error}"));
    if let Err(error) = hparams.check() {
        panic!("after {label}, the configuration is none of the space: {error}");
    }
    if let Some(point) = point {
        let decoded = H::decode(&point).map(|decoded| decoded.values()).ok();
        assert_eq!(decoded, Some(hparams.values()), "after {label}, a point decodes to something else");
    }
}

/// How the scores of a history are.
#[derive(Debug, Clone, Copy)]
enum Scores {
    Ordinary,
    Failed,
    Equal,
    Extreme,
}

fn situations<H: SearchSpace>() -> Vec<Situation> {
    let mut situations = Vec::new();
    for (number, scores) in
        [Scores::Ordinary, Scores::Failed, Scores::Equal, Scores::Extreme].into_iter().enumerate()
    {
        for length in [0, 1, 3, 10, 50] {
            for direction in [Direction::Minimize, Direction::Maximize] {
                for pending in [0, 4] {
                    let key = Key::new(number as u64).child(length).child(pending);
                    let way = if direction == Direction::Minimize { "minimized" } else { "maximized" };
                    situations.push(Situation {
                        label: format!(
                            "{length} trials with scores of the kind {scores:?} that are {way}, and {pending} under way"
                        ),
                        direction,
                        trial: TrialId::new(1, (length + pending) as u32 + 1),
                        key: key.child(u64::MAX),
                        seen: history::<H>(scores, length, key),
                        pending: (0..pending).map(|place| drawn::<H>(key.child(1).child(place))).collect(),
                    });
                }
            }
        }
    }
    situations
}

fn drawn<H: SearchSpace>(key: Key) -> Point {
    let drawn = H::draw(key).unwrap_or_else(|error| panic!("nothing can be drawn from the space: {error}"));
    Point::new(drawn.encode())
}

/// Outcomes of so many trials, a third of which have a second stage.
fn history<H: SearchSpace>(scores: Scores, trials: u64, key: Key) -> Vec<Observation> {
    let mut seen = Vec::new();
    for index in 0..trials {
        let mut rng = key.child(2).child(index).rng();
        let (trial, point) = (TrialId::new(1, index as u32 + 1), drawn::<H>(key.child(3).child(index)));
        let mut score = || match scores {
            Scores::Failed => None,
            Scores::Equal => Some(Score::from(0.5)),
            Scores::Ordinary if rng.below(5) == 0 => None,
            Scores::Ordinary => Some(Score { loss: rng.unit(), epochs: 1, ..Score::from(rng.unit()) }),
            Scores::Extreme => {
                let ends = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -5e-324, 0.0, -0.0];
                Some(Score {
                    loss: f64::INFINITY,
                    ..Score::from(ends[rng.below(ends.len() as u64) as usize])
                })
            }
        };
        seen.push(Observation::new(trial, 0, 1, score(), point.clone()));
        if index % 3 == 0 {
            seen.push(Observation::new(trial, 1, 4, score(), point));
        }
    }
    seen
}
