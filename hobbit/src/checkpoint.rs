//! What is saved of a model: named arrays, and words.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BoxError;
use crate::repository::{from_text, to_text};

/// A model's saved state: named arrays, and a few words of text.
///
/// In a repository it becomes a safetensors file. So each array has as many values as its shape says, and
/// none is named `__metadata__` or has a name that begins with `last/`; a trial whose checkpoint breaks one
/// of these rules fails.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// The arrays by name.
    pub arrays: BTreeMap<String, Array>,
    /// Anything else, as text.
    pub metadata: BTreeMap<String, String>,
}

/// An array of a [`Checkpoint`], in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The length of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values; as many as the product of the shape.
    pub data: ArrayData,
}

/// The values of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ArrayData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Bytes.
    U8(Vec<u8>),
}

impl Checkpoint {
    /// Creates an empty checkpoint.
    pub fn new() -> Checkpoint {
        Checkpoint::default()
    }

    /// Adds an array of 32-bit floats.
    pub fn insert_f32(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f32>) {
        self.arrays.insert(name.into(), Array { shape: shape.to_vec(), data: ArrayData::F32(data) });
    }

    /// Adds an array of 64-bit floats.
    pub fn insert_f64(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f64>) {
        self.arrays.insert(name.into(), Array { shape: shape.to_vec(), data: ArrayData::F64(data) });
    }

    /// The values of an array of 32-bit floats with this shape.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<&[f32], BoxError> {
        match self.array(name, shape)? {
            ArrayData::F32(data) => Ok(data),
            _ => Err(format!("`{name}` in the checkpoint does not hold 32-bit floats").into()),
        }
    }

    /// The values of an array of 64-bit floats with this shape.
    pub fn f64(&self, name: &str, shape: &[usize]) -> Result<&[f64], BoxError> {
        match self.array(name, shape)? {
            ArrayData::F64(data) => Ok(data),
            _ => Err(format!("`{name}` in the checkpoint does not hold 64-bit floats").into()),
        }
    }

    /// Adds bytes, as an array of one dimension.
    pub fn insert_bytes(&mut self, name: impl Into<String>, bytes: Vec<u8>) {
        self.arrays.insert(name.into(), Array { shape: vec![bytes.len()], data: ArrayData::U8(bytes) });
    }

    /// Adds anything that can be serialized, as bytes of RON text.
    ///
    /// # Errors
    /// It cannot be serialized.
    ///
    /// ```
    /// use hobbit::Checkpoint;
    ///
    /// let mut checkpoint = Checkpoint::new();
    /// checkpoint.insert_state("optimizer", &(0.1, vec![1.5, f64::NAN]))?;
    /// let (rate, moments): (f64, Vec<f64>) = checkpoint.state("optimizer")?;
    /// assert_eq!((rate, moments[0]), (0.1, 1.5));
    /// # Ok::<(), hobbit::BoxError>(())
    /// ```
    pub fn insert_state<S: Serialize + ?Sized>(
        &mut self,
        name: impl Into<String>,
        state: &S,
    ) -> Result<(), BoxError> {
        self.insert_bytes(name, to_text(state)?.into_bytes());
        Ok(())
    }

    /// The shape of an array, if there is one of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.arrays.get(name).map(|array| &*array.shape)
    }

    /// The bytes that [`insert_bytes`](Checkpoint::insert_bytes) added.
    pub fn get_bytes(&self, name: &str) -> Result<&[u8], BoxError> {
        let array = self.arrays.get(name).ok_or_else(|| format!("the checkpoint has no `{name}`"))?;
        match &array.data {
            ArrayData::U8(data) => Ok(data),
            _ => Err(format!("`{name}` in the checkpoint does not hold bytes").into()),
        }
    }

    /// What [`insert_state`](Checkpoint::insert_state) added.
    ///
    /// # Errors
    /// There is no such entry, or it is of another type.
    pub fn state<S: DeserializeOwned>(&self, name: &str) -> Result<S, BoxError> {
        let text = std::str::from_utf8(self.get_bytes(name)?);
        let state = text.map_err(BoxError::from).and_then(from_text);
        state.map_err(|error| format!("`{name}` in the checkpoint does not fit: {error}").into())
    }

    /// The bytes of all arrays.
    pub fn bytes(&self) -> usize {
        let size = |array: &Array| match &array.data {
            ArrayData::F32(data) => 4 * data.len(),
            ArrayData::F64(data) => 8 * data.len(),
            ArrayData::I64(data) => 8 * data.len(),
            ArrayData::U8(data) => data.len(),
        };
        self.arrays.values().map(size).sum()
    }

    /// Whether a file can hold it.
    pub(crate) fn check(&self) -> Result<(), BoxError> {
        for (name, Array { shape, data }) in &self.arrays {
            if name == "__metadata__" || name.starts_with("last/") {
                return Err(format!(
                    "the checkpoint has an array `{name}`; `__metadata__` and names that begin with `last/` are taken, so it needs \
                     another"
                )
                .into());
            }
            let values = match data {
                ArrayData::F32(data) => data.len(),
                ArrayData::F64(data) => data.len(),
                ArrayData::I64(data) => data.len(),
                ArrayData::U8(data) => data.len(),
            };
            let product = shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length));
            if product != Some(values) {
                return Err(
                    format!("`{name}` in the checkpoint has shape {shape:?} and {values} values").into()
                );
            }
        }
        Ok(())
    }

    fn array(&self, name: &str, shape: &[usize]) -> Result<&ArrayData, BoxError> {
        let array = self.arrays.get(name).ok_or_else(|| format!("the checkpoint has no `{name}`"))?;
        if array.shape != shape {
            return Err(format!(
                "`{name}` has shape {:?} in the checkpoint and {shape:?} in the model",
                array.shape
            )
            .into());
        }
        Ok(&array.data)
    }
}
