//! Layers without products: activations on their own, dropout, embeddings, residual blocks.

use super::activations::{activate, derive, derive_gelu};
use super::math::{Real, Work, simd};
use super::{Chain, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::activation::Activation;
use crate::train::init::Drops;

/// An activation that no dense layer or convolution takes over.
pub(super) struct Activate(pub(super) Activation);

impl<T: Real> Kernel<T> for Activate {
    fn forward(&mut self, _: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        y.copy_from_slice(x);
        activate(self.0, y);
        Ok(())
    }

    fn backward(
        &mut self,
        _: &mut Store<T>,
        _: Pass,
        x: &[T],
        y: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) -> Result<(), BoxError> {
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
            if self.0.derivative_from_value() {
                derive(self.0, y, dx);
            } else {
                derive_gelu(x, dx);
            }
        }
        Ok(())
    }
}

/// Dropout, drawn from the step's key.
pub(super) struct Dropout {
    pub(super) probability: f64,
    pub(super) id: u64,
    /// 1 for what was kept, 0 for what was dropped.
    pub(super) kept: Vec<u8>,
}

impl<T: Real> Kernel<T> for Dropout {
    fn identity(&self, pass: Pass) -> bool {
        pass.key.is_none() || self.probability == 0.0
    }

    fn forward(&mut self, _: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        if let Some(key) = pass.key {
            let drops = Drops::new(self.probability, key.child(self.id));
            self.kept.resize(x.len(), 0);
            simd(DropPass { drops, x, y, kept: &mut self.kept });
        }
        Ok(())
    }

    fn backward(
        &mut self,
        _: &mut Store<T>,
        _: Pass,
        _: &[T],
        _: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) -> Result<(), BoxError> {
        if let Some(dx) = dx {
            let kept = &self.kept;
            let scale = T::from_f32(Drops::scale_of(self.probability));
            simd(|| {
                let values = dx.iter_mut().zip(dy.iter()).zip(kept);
                values.for_each(|((dx, &dy), &kept)| *dx = dy * (T::from_f32(f32::from(kept)) * scale));
            });
        }
        Ok(())
    }

    fn free(&mut self) {
        self.kept = Vec::new();
    }
}

/// One pass of dropout.
struct DropPass<'a, T> {
    drops: Drops,
    x: &'a [T],
    y: &'a mut [T],
    kept: &'a mut [u8],
}

impl<T: Real> Work for DropPass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const HALF: usize = Drops::HALF;
        let drops = self.drops;
        let scale = T::from_f32(drops.scale);
        let factor = |kept| if kept { scale } else { T::ZERO };
        let (x, last_x) = self.x.as_chunks::<{ Drops::BLOCK }>();
        let (y, last_y) = self.y.as_chunks_mut::<{ Drops::BLOCK }>();
        let (kept, last_kept) = self.kept.as_chunks_mut::<{ Drops::BLOCK }>();
        let blocks = x.len();
        for (number, ((x, y), kept)) in x.iter().zip(y).zip(kept).enumerate() {
            for place in 0..HALF {
                let [first, second] = drops.pair(number, place);
                (kept[place], kept[HALF + place]) = (u8::from(first), u8::from(second));
                y[place] = x[place] * factor(first);
                y[HALF + place] = x[HALF + place] * factor(second);
            }
        }
        if !last_y.is_empty() {
            let drawn = drops.block(blocks);
            for (((y, &x), kept), drawn) in last_y.iter_mut().zip(last_x).zip(last_kept).zip(drawn) {
                *kept = u8::from(drawn);
                *y = x * factor(drawn);
            }
        }
    }
}

/// Vectors looked up by their places.
pub(super) struct Embedding {
    pub(super) words: usize,
    pub(super) width: usize,
    pub(super) weight: usize,
}

/// The place that a number stands for.
pub(in crate::train) fn place(value: f64, words: usize) -> Result<usize, BoxError> {
    if value >= 0.0 && value < words as f64 && value.fract() == 0.0 {
        Ok(value as usize)
    } else {
        Err(format!("an embedding of {words} vectors was asked for number {value}; it takes whole numbers below {words}").into())
    }
}

impl<T: Real> Kernel<T> for Embedding {
    fn forward(&mut self, store: &mut Store<T>, _: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        let weight = &store.values[self.weight];
        for (x, y) in x.iter().zip(y.chunks_exact_mut(self.width)) {
            let start = place(x.to_f64(), self.words)? * self.width;
            y.copy_from_slice(&weight[start..start + self.width]);
        }
        Ok(())
    }

    fn backward(
        &mut self,
        store: &mut Store<T>,
        _: Pass,
        x: &[T],
        _: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) -> Result<(), BoxError> {
        let gradient = &mut store.gradients[self.weight];
        gradient.fill(T::ZERO);
        for (x, dy) in x.iter().zip(dy.chunks_exact(self.width)) {
            let start = place(x.to_f64(), self.words)? * self.width;
            gradient[start..start + self.width].iter_mut().zip(dy).for_each(|(to, &dy)| *to += dy);
        }
        // places have no slope
        if let Some(dx) = dx {
            dx.fill(T::ZERO);
        }
        Ok(())
    }
}

/// A block whose output is added to its input.
pub(super) struct Residual<T: Real> {
    pub(super) chain: Chain<T>,
}

impl<T: Real> Kernel<T> for Residual<T> {
    fn forward(&mut self, store: &mut Store<T>, pass: Pass, x: &[T], y: &mut [T]) -> Result<(), BoxError> {
        self.chain.forward(store, pass, x)?;
        let inner = self.chain.output(pass.samples, x);
        simd(|| y.iter_mut().zip(x).zip(inner).for_each(|((y, &x), &inner)| *y = x + inner));
        Ok(())
    }

    fn backward(
        &mut self,
        store: &mut Store<T>,
        pass: Pass,
        x: &[T],
        _: &[T],
        dy: &mut [T],
        dx: Option<&mut [T]>,
    ) -> Result<(), BoxError> {
        self.chain.gradient(dy.len()).copy_from_slice(dy);
        let inner = self.chain.backward(store, pass, x, dx.is_some())?;
        if let Some(dx) = dx {
            simd(|| dx.iter_mut().zip(dy.iter()).zip(inner).for_each(|((dx, &dy), &inner)| *dx = dy + inner));
        }
        Ok(())
    }

    fn has_parameters(&self) -> bool {
        self.chain.has_parameters()
    }

    fn free(&mut self) {
        self.chain.free();
    }
}
