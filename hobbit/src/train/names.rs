//! What the outputs of a model mean, and what its classes and inputs are called.

use serde::{Deserialize, Serialize};

use super::data::Encoder;
use super::loss::Loss;
use crate::error::{Error, Result};

/// What the outputs of a model mean, which follows from its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutputKind {
    /// An output for each class: predictions are its probability.
    Classes,
    /// Each output is a yes or a no: predictions are the probability of yes.
    Binary,
    /// Predictions are numbers.
    Numbers,
}

impl OutputKind {
    pub(super) fn of(loss: Loss) -> OutputKind {
        match loss {
            Loss::BinaryCrossEntropy => OutputKind::Binary,
            _ if loss.has_classes() => OutputKind::Classes,
            _ => OutputKind::Numbers,
        }
    }

    /// How many classes so many outputs tell apart.
    fn classes(self, outputs: usize) -> usize {
        match self {
            OutputKind::Classes => outputs,
            OutputKind::Binary if outputs == 1 => 2,
            OutputKind::Binary => outputs,
            OutputKind::Numbers => 0,
        }
    }
}

/// What classes and inputs are called; empty where they have no names.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Names {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) classes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) features: Vec<String>,
    /// What makes numbers of the rows of a table, if the data were made by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoder: Option<Encoder>,
}

impl Names {
    /// Whether they are those of a model with samples of `width` numbers and so many outputs.
    pub(super) fn check(&self, width: usize, outputs: usize, loss: Loss) -> Result<()> {
        let Names { classes, features, encoder } = self;
        let output = OutputKind::of(loss);
        if !classes.is_empty() && output == OutputKind::Numbers {
            return Err(Error::data(format!(
                "there are {} class names, but the loss is {}, whose outputs are numbers",
                classes.len(),
                loss.name()
            )));
        }
        let known = output.classes(outputs);
        if !classes.is_empty() && classes.len() != known {
            let names = classes.join(", ");
            return Err(Error::data(format!(
                "there are {} class names ({names}), but the model tells {known} classes apart",
                classes.len()
            )));
        }
        if let Some(encoder) = encoder {
            encoder.check(width, features)?;
        }
        if !features.is_empty() && features.len() != width {
            return Err(Error::data(format!(
                "there are {} feature names, but the model takes samples of {width} numbers",
                features.len()
            )));
        }
        for (what, names) in [("class", classes), ("feature", features)] {
            let mut sorted: Vec<&String> = names.iter().collect();
            sorted.sort_unstable();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Error::data(format!("two {what} names are `{}`", pair[0])));
            }
        }
        Ok(())
    }

    /// What predictions call the classes of so many outputs: their names, or their numbers where they have
    /// none.
    pub(super) fn labels(&self, output: OutputKind, outputs: usize) -> Vec<String> {
        match self.classes.is_empty() {
            true => (0..output.classes(outputs)).map(|class| class.to_string()).collect(),
            false => self.classes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_the_models_are_errors() {
        let names = |classes: &[&str], features: &[&str]| Names {
            classes: classes.iter().map(|name| (*name).to_owned()).collect(),
            features: features.iter().map(|name| (*name).to_owned()).collect(),
            encoder: None,
        };
        let check = |names: Names, outputs, loss| names.check(2, outputs, loss).map_err(|e| e.to_string());
        let text = check(names(&["a", "b"], &[]), 3, Loss::CrossEntropy).unwrap_err();
        assert!(text.contains("2 class names (a, b)") && text.contains("3 classes"), "{text}");
        assert!(check(names(&["a", "b"], &[]), 1, Loss::MeanSquaredError).unwrap_err().contains("numbers"));
        assert!(check(names(&[], &["x"]), 3, Loss::CrossEntropy).unwrap_err().contains("1 feature names"));
        assert!(check(names(&[], &["x", "x"]), 3, Loss::CrossEntropy).unwrap_err().contains("`x`"));
        check(names(&["no", "yes"], &["x", "y"]), 1, Loss::BinaryCrossEntropy).unwrap();
        check(names(&["red", "round", "ripe"], &[]), 3, Loss::BinaryCrossEntropy).unwrap();
        check(Names::default(), 3, Loss::MeanAbsoluteError).unwrap();
    }
}
