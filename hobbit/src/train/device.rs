//! Where models are trained, and by what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where models are trained.
///
/// Written as `cpu`, `cuda` (the first GPU), `cuda:1`, `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Device {
    /// The processor; each trial on one core.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number, counted from 0. Needs the feature `cuda`.
    Cuda(usize),
    /// All NVIDIA GPUs, the workers spread over them; the processor if there is none or the feature `cuda` is
    /// off.
    Auto,
}

/// What computes on the processor. GPUs are always dfdx's.
///
/// Both train the same descriptions, with the same initial weights, batches and dropout masks, and save the
/// same arrays; sums are added up in another order, so that results differ in their last bits and, after
/// some epochs, in more. A study belongs to the engine that it was begun with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Engine {
    /// hobbit's own forward and backward passes: several times as fast as the other, with the same bits on
    /// all processors with AVX2 or wider vectors. Networks with layers of your own or modules of dfdx are
    /// dfdx's all the same.
    #[default]
    Native,
    /// dfdx's own operations and gradients, as on GPUs: to compare with the results of a GPU, to check
    /// hobbit's passes against a second implementation, or to see what dfdx alone does.
    Dfdx,
}

impl Engine {
    pub(super) fn is_native(&self) -> bool {
        *self == Engine::Native
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Native => "native",
            Engine::Dfdx => "dfdx",
        })
    }
}

impl FromStr for Engine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Engine> {
        match text {
            "native" => Ok(Engine::Native),
            "dfdx" => Ok(Engine::Dfdx),
            _ => {
                Err(Error::setting(format!("`{text}` is not an engine; the engines are `native` and `dfdx`")))
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(number) => write!(f, "cuda:{number}"),
            Device::Auto => f.write_str("auto"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Device> {
        match text {
            "cpu" => Ok(Device::Cpu),
            "auto" => Ok(Device::Auto),
            "cuda" => Ok(Device::Cuda(0)),
            _ => match text.strip_prefix("cuda:").map(str::parse) {
                Some(Ok(number)) => Ok(Device::Cuda(number)),
                _ => Err(Error::setting(format!(
                    "`{text}` is not a device; the devices are `cpu`, `cuda`, `cuda:1` and so on, and `auto`"
                ))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_written_as_they_are_read() {
        for engine in [Engine::Native, Engine::Dfdx] {
            assert_eq!(engine.to_string().parse::<Engine>().unwrap(), engine);
        }
        assert!("torch".parse::<Engine>().unwrap_err().to_string().contains("is not an engine"));
    }

    #[test]
    fn devices_are_written_as_they_are_read() {
        for text in ["cpu", "cuda:0", "cuda:3", "auto"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
        for text in ["gpu", "cuda:", "cuda:x", "cuda:-1", ""] {
            assert!(text.parse::<Device>().unwrap_err().to_string().contains("is not a device"), "{text}");
        }
    }
}
