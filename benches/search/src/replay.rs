//! The objective: a trial is a row of a table, and an epoch the next number in it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use hobbit::repository::End;
use hobbit::{
    BoxError, Checkpoint, EpochContext, Event, Metrics, Objective, Observer, TrialContext, TrialId,
};

use crate::protocol::Stage;
use crate::snap::Configurations;
use crate::spaces::Rows;
use crate::tables::Table;

/// Which row each trial has.
#[derive(Default)]
struct Taken {
    rows: HashMap<TrialId, usize>,
    used: Vec<bool>,
}

/// Trains trials by looking their losses up.
pub(crate) struct Replay<R> {
    table: Arc<Table>,
    configurations: Arc<Configurations>,
    taken: Arc<Mutex<Taken>>,
    space: PhantomData<fn() -> R>,
}

impl<R: Rows> Replay<R> {
    pub(crate) fn new(table: Arc<Table>, configurations: Arc<Configurations>) -> Self {
        let taken = Taken { rows: HashMap::new(), used: vec![false; configurations.units.len()] };
        Replay { table, configurations, taken: Arc::new(Mutex::new(taken)), space: PhantomData }
    }

    /// What notes the stages of the trials.
    pub(crate) fn stages(&self) -> Stages {
        Stages { taken: self.taken.clone(), stages: Arc::default() }
    }
}

/// A trial: its row, and the epochs it had.
pub(crate) struct Row {
    row: usize,
    had: usize,
}

impl<R: Rows> Objective for Replay<R> {
    type Hparams = R;
    type Model = Row;

    fn metrics(&self, _: &R) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["val_loss".into()])
    }

    fn build(&self, hparams: &R, trial: &TrialContext) -> Result<Row, BoxError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Taken { rows, used } = &mut *taken;
        let row = match rows.get(&trial.id) {
            Some(&row) => row,
            // the one that it was moved to, or of several equal ones the first that is left
            None => {
                self.configurations.nearest(used, &hparams.unit()).ok_or("every row of the table is used")?
            }
        };
        rows.insert(trial.id, row);
        used[row] = true;
        Ok(Row { row, had: 0 })
    }

    fn train_epoch(&self, model: &mut Row, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        model.had += 1;
        Ok(())
    }

    fn validate(&self, model: &mut Row, _: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
        let loss = self.table.curves[model.row].get(model.had - 1).ok_or("the table has no more epochs")?;
        metrics.report("val_loss", *loss);
        if model.had == self.table.max_epochs() {
            // nothing is left, however long the stage was meant to be
            metrics.stop();
        }
        Ok(())
    }

    fn save(&self, model: &Row) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("had", &[1], vec![model.had as f64]);
        Ok(checkpoint)
    }

    fn load(&self, model: &mut Row, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        model.had = checkpoint.f64("had", &[1])?[0] as usize;
        Ok(())
    }
}

/// Notes the stages in the order in which they are begun; with one worker, that in which they were asked for.
#[derive(Clone)]
pub(crate) struct Stages {
    taken: Arc<Mutex<Taken>>,
    stages: Arc<Mutex<Vec<(TrialId, Stage)>>>,
}

impl Stages {
    /// Those so far, with their rows.
    pub(crate) fn list(&self) -> Vec<Stage> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(trial, stage): &(TrialId, Stage)| Some(Stage { row: *taken.rows.get(trial)?, ..*stage });
        stages.iter().filter_map(row).collect()
    }
}

impl Observer for Stages {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StageStarted { trial, from, to, .. } => {
                let (from, to) = (*from as usize, *to as usize);
                stages.push((*trial, Stage { row: usize::MAX, from, to, end: from }));
            }
            Event::StageEnded { record, .. } | Event::StageLeft { record, .. } => {
                if let Some((_, stage)) = stages.iter_mut().rev().find(|(id, _)| *id == record.trial) {
                    stage.end = match &record.end {
                        End::Diverged { epoch, .. } => *epoch as usize,
                        _ => stage.from + record.history.len(),
                    };
                }
            }
            _ => {}
        }
        Ok(())
    }
}
