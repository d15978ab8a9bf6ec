//! Numbers that begin at a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line: as many as those of the widest vectors.
const LINE: usize = 64;

/// Like a vector, but beginning at a cache line, so that the vectors of the processor do not span two, which
/// takes twice as long.
#[derive(Debug, Default)]
pub(super) struct Buffer<T> {
    /// With room in front of the numbers.
    data: Vec<T>,
    start: usize,
}

impl<T: Copy + Default> Buffer<T> {
    pub(super) const fn new() -> Buffer<T> {
        Buffer { data: Vec::new(), start: 0 }
    }

    pub(super) fn zeros(length: usize) -> Buffer<T> {
        let mut buffer = Buffer::new();
        buffer.grow(length);
        buffer
    }

    /// The first numbers of a buffer which only grows: users of different sizes take turns. When it does, all
    /// are zero.
    pub(super) fn grow(&mut self, length: usize) -> &mut [T] {
        if self.len() < length {
            let room = LINE / size_of::<T>();
            self.data = vec![T::default(); length + room];
            self.start = self.data.as_ptr().align_offset(LINE).min(room);
            self.data.truncate(self.start + length);
        }
        &mut self[..length]
    }
}

impl<T: Copy + Default> FromIterator<T> for Buffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Buffer<T> {
        let values: Vec<T> = values.into_iter().collect();
        let mut buffer = Buffer::zeros(values.len());
        buffer.copy_from_slice(&values);
        buffer
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.start..]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_at_a_cache_line() {
        for length in [1, 7, 64, 1000] {
            let mut buffer: Buffer<f32> = (0..length).map(|i| i as f32).collect();
            assert_eq!((buffer.len(), buffer[length - 1]), (length, (length - 1) as f32));
            assert_eq!(buffer.as_ptr().addr() % LINE, 0);
            assert_eq!(buffer.grow(length + 100).len(), length + 100);
            assert_eq!(buffer.as_ptr().addr() % LINE, 0);
            assert!(buffer.iter().all(|&x| x == 0.0));
            assert_eq!((buffer.grow(3).len(), buffer.len()), (3, length + 100));
        }
        assert!(Buffer::<f64>::new().is_empty());
    }
}
