//! Which numbers an algorithm can be given.

use crate::error::{Error, Result};

/// Refuses the most epochs and the cut factor where they are the wrong way round. One epoch is what there is
/// to train; it cannot be meant as a factor.
pub(super) fn in_order(most: (&str, u32), eta: u32, example: &str) -> Result<()> {
    let (name, epochs) = most;
    if (2..eta).contains(&epochs) {
        return Err(Error::setting(format!(
            "{name} = {epochs} is less than eta = {eta}: {name} comes first, then eta, as in `{example}`; are they the wrong way \
             round?"
        )));
    }
    Ok(())
}

/// Refuses a number that is 0.
pub(super) fn at_least_one(name: &str, value: u32) -> Result<()> {
    match value {
        0 => Err(Error::setting(format!("{name} is 0; it has to be at least 1"))),
        _ => Ok(()),
    }
}

/// Refuses a cut factor that cuts nothing.
pub(super) fn is_a_cut(eta: u32) -> Result<()> {
    match eta {
        0 | 1 => Err(Error::setting(format!(
            "eta (the cut factor between stages) is {eta}; it has to be at least 2, usually 3 or 4"
        ))),
        _ => Ok(()),
    }
}
