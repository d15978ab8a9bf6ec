//! Every scheduler passes the laws that the suite tries.

use hobbit::schedule::{Algorithm, Scheduler, VirtualTime};
use hobbit::testing::scheduler;
use hobbit::{Direction, EpochCount};

/// One line for each algorithm.
const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::Hyperband { max_epochs: 27, eta: 3, epoch_count: EpochCount::Additional, iterations: 1 },
    Algorithm::Hyperband { max_epochs: 10, eta: 2, epoch_count: EpochCount::Cumulative, iterations: 2 },
    Algorithm::FirstBrackets {
        brackets: 1,
        max_epochs: 27,
        eta: 3,
        epoch_count: EpochCount::Additional,
        iterations: 2,
    },
    Algorithm::FirstBrackets {
        brackets: 2,
        max_epochs: 10,
        eta: 2,
        epoch_count: EpochCount::Cumulative,
        iterations: 1,
    },
    Algorithm::SuccessiveHalving { trials: 81, min_epochs: 1, max_epochs: 81, eta: 3 },
    Algorithm::SuccessiveHalving { trials: 30, min_epochs: 2, max_epochs: 9, eta: 2 },
    Algorithm::Random { trials: 60, epochs: 4 },
    Algorithm::Random { trials: 1, epochs: 1 },
    Algorithm::Asha { trials: 60, max_epochs: 27, eta: 3 },
    Algorithm::Asha { trials: 25, max_epochs: 10, eta: 2 },
    Algorithm::Pasha { trials: 60, max_epochs: 27, eta: 3 },
    Algorithm::Pasha { trials: 40, max_epochs: 100, eta: 2 },
];

#[test]
fn every_algorithm_passes() {
    for algorithm in ALGORITHMS {
        for direction in [Direction::Minimize, Direction::Maximize] {
            scheduler(|| algorithm.scheduler(direction).unwrap());
        }
    }
}

#[test]
fn every_algorithm_passes_under_virtual_time() {
    for algorithm in ALGORITHMS {
        for lookahead in [1, 2, 5] {
            let make = || -> Box<dyn Scheduler> {
                Box::new(VirtualTime::new(algorithm.scheduler(Direction::Maximize).unwrap(), lookahead))
            };
            scheduler(make);
        }
    }
}

#[test]
fn algorithms_are_written_as_they_are_read() {
    for algorithm in ALGORITHMS {
        let text = ron::to_string(&algorithm).unwrap();
        assert_eq!(ron::from_str::<Algorithm>(&text).unwrap(), algorithm, "{text}");
        assert_eq!(algorithm.settings().len(), text.matches(':').count(), "{text}");
        for setting in algorithm.settings() {
            assert!(text.contains(&format!("{}:", setting.key)), "{text}");
        }
        assert!(algorithm.call().starts_with("run("));
    }
}
