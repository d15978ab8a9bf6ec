//! Where models are trained.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where models are trained.
///
/// Written as `cpu`, `cuda` (the first GPU), `cuda:1`, `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The processor; each trial on one core.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number, counted from 0. Needs the feature `cuda`.
    Cuda(usize),
    /// All NVIDIA GPUs, the workers spread over them; the processor if there is none or the feature `cuda` is off.
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

/// A device for each worker; more workers begin again with the first.
///
/// # Errors
/// A device that is not there, with what to do.
pub(super) fn resolve(wanted: &[Device]) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for device in wanted {
        match *device {
            Device::Cpu => devices.push(Device::Cpu),
            Device::Auto => match gpus() {
                Err(_) | Ok(0) => devices.push(Device::Cpu),
                Ok(count) => devices.extend((0..count).map(Device::Cuda)),
            },
            Device::Cuda(number) => {
                let there = match gpus() {
                    Ok(count) if number < count => {
                        devices.push(Device::Cuda(number));
                        continue;
                    }
                    Ok(0) => "there is no NVIDIA GPU".to_owned(),
                    Ok(1) => "there is one NVIDIA GPU, number 0".to_owned(),
                    Ok(count) => format!("there are {count} NVIDIA GPUs, numbers 0 to {}", count - 1),
                    Err(why) => why,
                };
                return Err(Error::setting(format!("the device {device} cannot be used: {there}")));
            }
        }
    }
    if devices.is_empty() {
        return Err(Error::setting("there are no devices to train on: name at least one"));
    }
    Ok(devices)
}

/// How many GPUs there are, or in words why none can be used.
#[cfg(feature = "cuda")]
fn gpus() -> std::result::Result<usize, String> {
    super::tape::gpus().map_err(|why| {
        format!(
            "NVIDIA's driver reports {why}. Install the driver and look whether `nvidia-smi` sees the GPU; to train on the processor, \
             choose the device `cpu`, or `auto`, which takes what there is"
        )
    })
}

#[cfg(not(feature = "cuda"))]
fn gpus() -> std::result::Result<usize, String> {
    Err("this program was built without hobbit's feature `cuda`".to_owned())
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

    #[test]
    fn what_is_not_there_is_an_error_that_says_so() {
        assert_eq!(resolve(&[Device::Cpu, Device::Cpu]).unwrap(), [Device::Cpu, Device::Cpu]);
        assert!(resolve(&[]).is_err());
        if !gpus().is_ok_and(|count| count > 0) {
            assert_eq!(resolve(&[Device::Auto]).unwrap(), [Device::Cpu]);
            let error = resolve(&[Device::Cpu, Device::Cuda(1)]).unwrap_err().to_string();
            assert!(error.starts_with("the device cuda:1 cannot be used: "), "{error}");
        }
    }
}
