//! Where models are trained.

use std::fmt;
use std::str::FromStr;

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
                    "`{text}` is no device; there is `cpu`, `cuda`, `cuda:1` and so on, and `auto`"
                ))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_written_as_they_are_read() {
        for text in ["cpu", "cuda:0", "cuda:3", "auto"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
        for text in ["gpu", "cuda:", "cuda:x", "cuda:-1", ""] {
            assert!(text.parse::<Device>().unwrap_err().to_string().contains("is no device"), "{text}");
        }
    }
}
