//! dfdx's prelude and hobbit's in one file: names that both have are chosen by a `use` of their own.

use dfdx::prelude::*;
use hobbit::prelude::*;
use hobbit::train::{Adam, Device, Optimizer, Sgd};

#[search_space]
struct Both {
    #[log_uniform(1e-3..=1e-1)]
    learning_rate: f64,
    #[optional(0.5)]
    #[int(1..=3)]
    hidden: Option<usize>,
}

#[test]
fn both_preludes_compile_together() {
    let model = |hp: &Both| {
        let optimizer: Optimizer = match hp.hidden {
            Some(_) => Adam::new(hp.learning_rate).into(),
            None => Sgd::new(hp.learning_rate).into(),
        };
        let network = Sequential::new([1]).dense(hp.hidden.unwrap_or(1));
        network.dense(1).compile(optimizer, Loss::MeanSquaredError)
    };
    // tensors of dfdx beside it
    let tensor: Tensor<Rank1<4>, f32, Cpu> = Cpu::default().tensor([0.0, 1.0, 2.0, 3.0]);
    let (x, y) = (tensor.as_vec(), (tensor * 2.0).as_vec());
    let data = Dataset::new((&x, &y), (&x, &y)).unwrap();
    let results = Hyperband::new(model).dataset(data).device(Device::Cpu).quiet().run(3, 3).unwrap();
    assert!(results.best().score.is_some());
}
