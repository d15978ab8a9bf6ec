//! Dropout.

use super::kernel::{Back, Kernel, Pass, Store};
use crate::error::BoxError;
use crate::train::math::{Drops, Real, Work, simd};
use crate::train::plan::Node;

/// Dropout, drawn from the step's key.
pub(super) struct Dropout {
    probability: f64,
    id: u64,
    /// 1 for what was kept, 0 for what was dropped.
    kept: Vec<u8>,
}

impl Dropout {
    pub(super) fn new(probability: f64, node: &Node) -> Dropout {
        Dropout { probability, id: node.id, kept: Vec::new() }
    }
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

    fn backward(&mut self, _: &mut Store<T>, back: Back<'_, T>) -> Result<(), BoxError> {
        let Back { dy, dx, .. } = back;
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
