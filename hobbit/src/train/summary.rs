//! A model as a table: layers, shapes, parameters, memory.

use comfy_table::{Table, presets};

use super::compiled::Compiled;
use super::parameter::Role;
use super::plan::{Node, Plan};
use crate::error::Result;

impl Compiled {
    /// The number of trainable parameters.
    ///
    /// # Errors
    /// As [`check`](Compiled::check).
    pub fn parameters(&self) -> Result<usize> {
        Ok(self.plan()?.trainable())
    }

    /// The approximate number of bytes that training takes with batches of `batch_size` samples: parameters,
    /// gradients, optimizer state and activations.
    ///
    /// # Errors
    /// As [`check`](Compiled::check).
    pub fn training_memory(&self, batch_size: usize) -> Result<usize> {
        let plan = self.plan()?;
        let copies = 2 + self.optimizer.slots();
        // each activation has its gradient
        Ok(4 * (plan.trainable() * copies + 2 * plan.activations() * batch_size))
    }

    /// A table of the layers, their output shapes and parameters.
    ///
    /// # Errors
    /// As [`check`](Compiled::check).
    pub fn summary(&self) -> Result<String> {
        let plan = self.plan()?;
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["layer", "output", "parameters"]);
        table.add_row(["input".to_owned(), format!("{:?}", self.input), String::new()]);
        rows(&plan, &plan.nodes, "", &mut table);
        let lines: String = table.to_string().lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        Ok(format!(
            "{lines}{} parameters, trained by {} to minimize {}\n",
            plan.trainable(),
            self.optimizer.name(),
            self.loss.name()
        ))
    }
}

fn rows(plan: &Plan, nodes: &[Node], indent: &str, table: &mut Table) {
    for node in nodes {
        let specs = &plan.parameters[node.parameters.clone()];
        let trained = specs.iter().filter(|spec| spec.role != Role::Statistic);
        let parameters: usize = trained.map(|spec| spec.len()).sum();
        let parameters = if parameters == 0 { String::new() } else { parameters.to_string() };
        table.add_row([format!("{indent}{}", node.layer.name()), format!("{:?}", node.output), parameters]);
        rows(plan, &node.block, &format!("{indent}  "), table);
    }
}

#[cfg(test)]
mod tests {
    use crate::train::{Activation, Adam, Loss, Sequential};

    #[test]
    fn a_summary_has_shapes_and_parameters() {
        let model = Sequential::new([8, 8]).flatten().dense(32).activation(Activation::Relu).dense(10);
        let model = model.compile(Adam::new(0.01), Loss::CrossEntropy);
        let summary = model.summary().unwrap();
        assert!(
            summary.contains("[8, 8]") && summary.contains("2080") && summary.contains("[10]"),
            "{summary}"
        );
        assert_eq!(model.parameters().unwrap(), 65 * 32 + 33 * 10);
        assert!(model.training_memory(32).unwrap() > 4 * 4 * 2410);
    }
}
