//! The networks that are measured, here and in other tools (`benches/peers`): equal layers, batches, optimizers and losses.

use hobbit::train::{
    Activation, Adam, Compiled, Conv2d, Dataset, Device, Engine, Loss, Model, RmsProp, Sequential,
};
use hobbit::{EpochContext, Hyperband, Key, Metrics, Objective, TrialContext, TrialId, search_space};

/// A network, and the batches it is trained on.
#[derive(Clone, Copy)]
pub(crate) struct Net {
    pub(crate) name: &'static str,
    pub(crate) batch: usize,
    /// The widths of its layers if it is dense; the inputs first.
    pub(crate) widths: &'static [usize],
    model: fn() -> Compiled,
}

pub(crate) const NETS: [Net; 6] = [
    Net { name: "64-16-10", batch: 32, widths: &[64, 16, 10], model: || digits(16) },
    Net { name: "64-128-10", batch: 32, widths: &[64, 128, 10], model: || digits(128) },
    Net { name: "784-32-32-10", batch: 64, widths: &[784, 32, 32, 10], model: || dense(32) },
    Net { name: "784-128-128-10", batch: 64, widths: &[784, 128, 128, 10], model: || dense(128) },
    Net { name: "784-512-512-10", batch: 64, widths: &[784, 512, 512, 10], model: || dense(512) },
    Net { name: "lenet", batch: 64, widths: &[], model: lenet },
];

/// As in the digits example.
fn digits(hidden: usize) -> Compiled {
    Sequential::new([64])
        .dense(hidden)
        .activation(Activation::Relu)
        .dropout(0.3)
        .dense(10)
        .compile(RmsProp::new(1e-3), Loss::CrossEntropy)
}

fn dense(hidden: usize) -> Compiled {
    Sequential::new([784])
        .dense(hidden)
        .activation(Activation::Relu)
        .dense(hidden)
        .activation(Activation::Relu)
        .dense(10)
        .compile(Adam::new(1e-3), Loss::CrossEntropy)
}

fn lenet() -> Compiled {
    Sequential::new([1, 28, 28])
        .layer(Conv2d::new(8, 3).padding(1))
        .activation(Activation::Relu)
        .max_pool(2)
        .layer(Conv2d::new(16, 3).padding(1))
        .activation(Activation::Relu)
        .max_pool(2)
        .flatten()
        .dense(64)
        .activation(Activation::Relu)
        .dense(10)
        .compile(Adam::new(1e-3), Loss::CrossEntropy)
}

/// Nothing is tuned here.
#[search_space]
pub(crate) struct Nothing {
    #[fixed(0)]
    pub(crate) nothing: u8,
}

/// Where networks are trained: `HOBBIT_DEVICE=cuda` measures on the GPU.
pub(crate) fn device() -> Device {
    let device = std::env::var("HOBBIT_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    device.parse().expect("HOBBIT_DEVICE is a device")
}

impl Net {
    pub(crate) fn inputs(&self) -> usize {
        self.widths.first().copied().unwrap_or(784)
    }

    /// What trains it on so many batches of noise an epoch, and validates it on one.
    pub(crate) fn objective(self, batches: usize) -> impl Objective<Hparams = Nothing, Model = Model> {
        self.objective_of(batches, Engine::default())
    }

    /// The same, by this engine where the processor computes.
    pub(crate) fn objective_of(
        self,
        batches: usize,
        engine: Engine,
    ) -> impl Objective<Hparams = Nothing, Model = Model> {
        let mut rng = Key::new(1).rng();
        let (samples, inputs) = (batches * self.batch, self.inputs());
        let x: Vec<f32> = (0..samples * inputs).map(|_| rng.unit() as f32).collect();
        let y: Vec<u8> = (0..samples).map(|_| rng.below(10) as u8).collect();
        let validation = (&x[..self.batch * inputs], &y[..self.batch]);
        let dataset = Dataset::new((&x, &y), validation).expect("the sizes fit");
        let model = self.model;
        let study = Hyperband::new(move |_: &Nothing| model()).dataset(dataset).device(device());
        study.engine(engine).batch_size(self.batch).into_objective()
    }

    /// Trains an epoch of so many batches with every call.
    pub(crate) fn training(self, batches: usize) -> impl FnMut() {
        let objective = self.objective(batches);
        let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(2));
        let mut model = objective.build(&Nothing { nothing: 0 }, &trial).expect("the model is sound");
        let (mut metrics, mut number) = (Metrics::new(), 0);
        move || {
            let epoch = EpochContext { trial: &trial, epoch: number, stage_end: u64::MAX };
            number += 1;
            metrics.clear();
            objective.train_epoch(&mut model, &epoch, &mut metrics).expect("training works");
        }
    }
}
