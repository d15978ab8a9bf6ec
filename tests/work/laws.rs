//! The laws of workplaces, for each one that there is.

use std::sync::Arc;

use hobbit::LocalPool;
use hobbit::testing::workplace;

use super::remote::{Machines, Troubles};

#[test]
fn threads_of_this_process_keep_them() {
    for workers in [1, 3] {
        for group in [1, 2, 7] {
            workplace(|objective| LocalPool::new(objective, workers).group(group));
        }
    }
}

#[test]
fn machines_with_bad_lines_keep_them() {
    workplace(|objective| Machines {
        objectives: vec![objective.clone(), objective],
        given: Vec::new(),
        troubles: Arc::new(Troubles::default()),
    });
}
