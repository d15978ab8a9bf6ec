//! Data that stay on a device: put there once, and gathered there into batches.

use std::ptr;
use std::sync::{Arc, Weak};

use dfdx::tensor::Tensor;
use dfdx::tensor_ops::GatherTo;

use super::device::{Rows, device_error, upload};
use super::place::Place;
use crate::error::BoxError;
use crate::objective::OutOfMemory;
use crate::train::features::{Features, Given};

/// dfdx's kernels count the numbers of a tensor with 32 bits.
const LONGEST: usize = u32::MAX as usize;

/// What is kept on a device. Data go from it when they are gone from the host.
pub(super) struct Shelf<D: Place> {
    kept: Vec<Kept<D>>,
    /// The most numbers that data may have to be kept.
    longest: usize,
    /// How often data were put on the device.
    #[cfg(test)]
    puts: usize,
}

struct Kept<D: Place> {
    of: Weak<Features>,
    /// None if they do not fit into the device's memory.
    all: Option<Rows<D>>,
}

impl<D: Place> Default for Shelf<D> {
    fn default() -> Self {
        Shelf {
            kept: Vec::new(),
            longest: LONGEST,
            #[cfg(test)]
            puts: 0,
        }
    }
}

impl<D: Place> Shelf<D> {
    /// The inputs of a batch, on the device. Rows are gathered there, from data that are put there the first
    /// time; data that do not fit into the device's memory, or are too long for dfdx, are gathered on the
    /// host and sent batch by batch, now and later.
    pub(super) fn rows(&mut self, device: &D, given: Given<'_>, samples: usize) -> Result<Rows<D>, BoxError> {
        if let Given::Rows(features, rows) = given
            && let Some(all) = self.keep(device, features)?
        {
            let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
            let rows: Tensor<(usize,), usize, D> =
                device.try_tensor_from_vec(rows, (samples,)).map_err(device_error)?;
            return all.clone().try_gather(rows).map_err(device_error);
        }
        upload(device, given.numbers().into_owned(), samples)
    }

    /// The data on the device, if they fit.
    fn keep(&mut self, device: &D, features: &Arc<Features>) -> Result<Option<&Rows<D>>, BoxError> {
        self.kept.retain(|kept| kept.of.strong_count() > 0);
        let known = |kept: &Kept<D>| ptr::eq(kept.of.as_ptr(), Arc::as_ptr(features));
        let place = match self.kept.iter().position(known) {
            Some(place) => place,
            None => {
                let all = self.put(device, features)?;
                self.kept.push(Kept { of: Arc::downgrade(features), all });
                self.kept.len() - 1
            }
        };
        Ok(self.kept[place].all.as_ref())
    }

    fn put(&mut self, device: &D, features: &Features) -> Result<Option<Rows<D>>, BoxError> {
        let (length, width) = (features.values().len(), features.width());
        if length > self.longest {
            return Ok(None);
        }
        // not made from a vector, because dfdx would keep that one on the host as long as the tensor lives
        let all: Result<Rows<D>, BoxError> =
            device.try_zeros_like(&(length / width, width)).map_err(device_error);
        let mut all = match all {
            Ok(all) => all,
            Err(error) if error.is::<OutOfMemory>() => return Ok(None),
            Err(error) => return Err(error),
        };
        all.copy_from(features.values());
        #[cfg(test)]
        {
            self.puts += 1;
        }
        Ok(Some(all))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    #[cfg(feature = "cuda")]
    use std::time::Instant;

    use dfdx::tensor::Cpu;

    use super::*;
    use crate::objective::Checkpoint;
    use crate::random::Key;
    use crate::train::data::{Batch, Data, Feed, Stream};
    use crate::train::network::{Criterion, Network, Step};
    use crate::train::plan::Plan;
    use crate::train::tape::TapeNetwork;
    use crate::train::{Adam, Dataset, Loss, Optimizer, Sequential};

    /// A network on the processor that gathers its batches from a shelf.
    struct Shelved<'a>(TapeNetwork<Cpu>, &'a Mutex<Shelf<Cpu>>);

    impl Shelved<'_> {
        fn rows(&self, given: Given<'_>, samples: usize) -> Result<Rows<Cpu>, BoxError> {
            assert!(matches!(given, Given::Rows(..)));
            self.1.lock().unwrap().rows(&Cpu::seed_from_u64(0), given, samples)
        }
    }

    impl Network for Shelved<'_> {
        fn gathers(&self) -> bool {
            true
        }

        fn train(
            &mut self,
            inputs: Given<'_>,
            samples: usize,
            step: &Step,
            criterion: &mut Criterion<'_>,
        ) -> Result<(), BoxError> {
            let inputs = self.rows(inputs, samples)?;
            self.0.train_step(inputs, step, criterion)
        }

        fn outputs(&mut self, inputs: Given<'_>, samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
            let inputs = self.rows(inputs, samples)?;
            self.0.predict(inputs, to)
        }

        fn save(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
            self.0.store(checkpoint)
        }

        fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
            self.0.restore(checkpoint)
        }

        fn pause(&mut self) -> Result<(), BoxError> {
            self.0.pause()
        }
    }

    fn plan() -> Plan {
        let network =
            Sequential::new([1, 4, 3]).conv2d(3, 2).batch_norm().flatten().dropout(0.2).dense(6).dense(3);
        Plan::new(&network.input, &network.layers).unwrap()
    }

    fn network(plan: &Plan) -> TapeNetwork<Cpu> {
        trained_by(plan, Adam::new(0.01).into())
    }

    fn trained_by(plan: &Plan, optimizer: Optimizer) -> TapeNetwork<Cpu> {
        TapeNetwork::new(Cpu::seed_from_u64(0), plan, plan.initial(Key::new(3)), optimizer).unwrap()
    }

    fn samples(count: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
        let mut rng = Key::new(seed).rng();
        ((0..count * 12).map(|_| rng.unit() as f32).collect(), (0..count as u32).map(|n| n % 3).collect())
    }

    /// Some epochs with validation; what was learned, and what is made of the validation samples in the end.
    fn train(mut network: impl Network, data: &Data, fold: usize, plan: &Plan) -> (Checkpoint, Vec<f32>) {
        let (mut batch, mut outputs) = (Batch::default(), Vec::new());
        for epoch in 0..3 {
            let feed = Feed {
                key: Key::new(7),
                fold,
                epoch,
                batch_size: 5,
                loss: Loss::CrossEntropy,
                widths: plan.widths(),
                by_rows: network.gathers(),
                joins: false,
            };
            let take = &mut |batch: &Batch, number: usize, _: Option<usize>| {
                let batch = batch.weighed(&[1.0, 2.0, 0.5]);
                let step = Step {
                    key: Key::new(9).child(epoch).child(number as u64),
                    learning_rate: 0.01,
                    clip_norm: None,
                    clip_value: None,
                    l1: 0.0,
                    l2: 0.0,
                };
                network.train(batch.given(), batch.samples, &step, &mut |outputs, gradient| {
                    feed.loss.of(outputs, &batch, 0.0, gradient)?;
                    Ok(true)
                })?;
                Ok(true)
            };
            data.train(&feed, &mut Stream::default(), &mut batch, take).unwrap();
            outputs.clear();
            let take = &mut |batch: &Batch, _: usize, _: Option<usize>| {
                network.outputs(batch.given(), batch.samples, &mut outputs)?;
                Ok(true)
            };
            data.validate(&feed, &mut batch, take).unwrap();
        }
        let mut checkpoint = Checkpoint::new();
        network.save(&mut checkpoint).unwrap();
        (checkpoint, outputs)
    }

    #[test]
    fn rows_train_bit_for_bit_like_their_numbers() {
        let plan = plan();
        let apart = Dataset::new(samples(23, 1), samples(11, 2)).unwrap();
        let apart = apart.training_weights((1..=23).map(|n| n as f32).collect::<Vec<f32>>()).unwrap();
        let folds = Dataset::k_fold(3, samples(20, 3), 0).unwrap();
        for (data, puts) in [(Data::from(apart), 2), (Data::from(folds), 1)] {
            let shelf = Mutex::new(Shelf::default());
            // one after the other, as a thread trains trials
            for fold in 0..data.folds() {
                let of_numbers = train(network(&plan), &data, fold, &plan);
                for _ in 0..2 {
                    let of_rows = train(Shelved(network(&plan), &shelf), &data, fold, &plan);
                    assert_eq!(of_rows, of_numbers);
                }
            }
            assert_eq!(shelf.lock().unwrap().puts, puts);
        }
    }

    #[test]
    fn data_that_are_gone_are_taken_off() {
        let plan = plan();
        let shelf = Mutex::new(Shelf::default());
        let data = |seed| Data::from(Dataset::new(samples(9, seed), samples(4, seed + 1)).unwrap());
        let first = data(1);
        train(Shelved(network(&plan), &shelf), &first, 0, &plan);
        let of_first: Vec<_> = shelf.lock().unwrap().kept.iter().map(|kept| kept.of.clone()).collect();
        assert!(of_first.len() == 2 && of_first.iter().all(|of| of.strong_count() == 1));
        drop(first);
        assert!(of_first.iter().all(|of| of.strong_count() == 0));
        let second = data(3);
        let of_rows = train(Shelved(network(&plan), &shelf), &second, 0, &plan);
        assert_eq!(of_rows, train(network(&plan), &second, 0, &plan));
        let shelf = shelf.lock().unwrap();
        assert!(shelf.kept.len() == 2 && shelf.kept.iter().all(|kept| kept.of.strong_count() == 1));
        assert_eq!(shelf.puts, 4);
    }

    #[test]
    fn data_that_do_not_fit_are_sent_batch_by_batch() {
        let plan = plan();
        let data = Data::from(Dataset::new(samples(23, 1), samples(11, 2)).unwrap());
        // the validation data fit
        let shelf = Mutex::new(Shelf { longest: 11 * 12, ..Shelf::default() });
        let of_rows = train(Shelved(network(&plan), &shelf), &data, 0, &plan);
        assert_eq!(of_rows, train(network(&plan), &data, 0, &plan));
        let shelf = shelf.lock().unwrap();
        assert_eq!(shelf.puts, 1);
        assert_eq!(shelf.kept.iter().filter(|kept| kept.all.is_none()).count(), 1);
    }

    /// This needs a GPU, as all tests with this feature.
    #[cfg(feature = "cuda")]
    #[test]
    fn the_gpu_gathers_its_batches() {
        let plan = plan();
        let data = Data::from(Dataset::new(samples(23, 1), samples(11, 2)).unwrap());
        // not Adam, which makes whole steps of the rounding that is the gradient of a bias before a batch
        // norm
        let (values, sgd) = (plan.initial(Key::new(3)), crate::train::Sgd::new(0.01).into());
        let gpu = crate::train::tape::CudaNetwork::new(0, &plan, values, sgd).unwrap();
        assert!(gpu.gathers());
        let (_, of_rows) = train(gpu, &data, 0, &plan);
        let (_, of_numbers) = train(trained_by(&plan, sgd), &data, 0, &plan);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs().max(1.0);
        assert!(of_rows.iter().zip(&of_numbers).all(near), "{of_rows:?} and {of_numbers:?}");
    }

    /// Figures for scripts/gpu-check.sh: 10,000 samples of MNIST's size, in batches of 64.
    #[cfg(feature = "cuda")]
    fn time<D: Place>(device: &D, name: &str) {
        let values = (0..10_000 * 784).map(|place| (place % 1009) as f32).collect();
        let features = Arc::new(Features::new(values, 784));
        let mut shelf = Shelf::default();
        let order: Vec<u32> = (0..10_000).map(|place| place * 7919 % 10_000).collect();
        let mut by = |shelved: bool| {
            let start = Instant::now();
            let mut last = None;
            for rows in order.chunks(64) {
                let given = Given::Rows(&features, rows);
                last = Some(match shelved {
                    true => shelf.rows(device, given, rows.len()).unwrap(),
                    false => upload(device, given.numbers().into_owned(), rows.len()).unwrap(),
                });
            }
            // waits for the device
            let last = last.unwrap().as_vec();
            assert_eq!(last, *Given::Rows(&features, &order[10_000 / 64 * 64..]).numbers());
            start.elapsed().as_secs_f64() * 1e6 / order.len().div_ceil(64) as f64
        };
        let (first, gathered) = (by(true), by(true));
        let sent = by(false);
        println!("{name}: a batch of 64 x 784 is gathered in {gathered:.0} us and sent in {sent:.0} us");
        println!("{name}: in the first epoch, with putting the data there, a batch took {first:.0} us");
    }

    /// Shelved and sent batches are the same; on a GPU only, where the times are worth knowing.
    #[cfg(feature = "cuda")]
    #[test]
    fn the_time_of_a_batch() {
        time(&Cpu::seed_from_u64(0), "cpu");
        time(&dfdx::tensor::Cuda::seed_from_u64(0), "cuda");
    }
}
