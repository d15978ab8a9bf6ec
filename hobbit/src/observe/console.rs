//! What the person at the terminal sees while a sweep runs.
//!
//! Plan and notes go to standard output; progress goes to standard error: a live bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::estimate::{Estimate, duration};
use super::{Event, Observer, StudyInfo, number};
use crate::error::BoxError;
use crate::repository::End;
use crate::trial::{Direction, TrialId};

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Prints the plan, an estimate, and progress.
pub(crate) struct Console {
    bar: Option<ProgressBar>,
    start: Instant,
    last_line: Instant,
    total_epochs: u64,
    planned_trials: u64,
    /// Epochs that were trained or, with trials that ended early, will not be.
    epochs: u64,
    /// Epochs of running stages, counted as they pass.
    trials: u64,
    failed: u64,
    workers: u32,
    monitor: String,
    direction: Direction,
    best: Option<(f64, TrialId)>,
    estimate: Estimate,
    announced: bool,
}

impl Console {
    pub(crate) fn new() -> Console {
        let now = Instant::now();
        Console {
            bar: None,
            start: now,
            last_line: now,
            total_epochs: 0,
            planned_trials: 0,
            epochs: 0,
            trials: 0,
            failed: 0,
            workers: 1,
            monitor: String::new(),
            direction: Direction::Minimize,
            best: None,
            estimate: Estimate::default(),
            announced: false,
        }
    }

    fn begin(&mut self, info: &StudyInfo) {
        let StudyInfo { plan, iterations, workers, .. } = info;
        let iterations = u64::from(*iterations);
        self.total_epochs = plan.total_epochs() * iterations;
        self.planned_trials = plan.total_trials() * iterations;
        self.workers = *workers;
        self.monitor.clone_from(&info.monitor);
        self.direction = info.direction;
        print(&plan.to_string());
        if iterations > 1 {
            print(&format!("{iterations} times: {} epochs in all\n", self.total_epochs));
        }
        let goal = match info.direction {
            Direction::Minimize => "minimize",
            Direction::Maximize => "maximize",
        };
        print(&format!(
            "{} trials on {workers} workers, to {goal} {}, seed {}\n",
            self.planned_trials, info.monitor, info.seed
        ));
        if let Some(dir) = &info.repo_dir {
            print(&format!("Repository: {}\n", dir.display()));
        }
        if info.known_stages > 0 {
            print(&format!(
                "Continuing: {} stages ({} epochs) are known from before and are not trained again\n",
                info.known_stages, info.known_epochs
            ));
        }
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(self.total_epochs), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{elapsed} [{wide_bar}] {pos}/{len} epochs  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar.enable_steady_tick(Duration::from_millis(200));
            self.bar = Some(bar);
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print(text)),
            None => print(text),
        }
    }

    /// The state of things, for bar and lines alike.
    fn message(&self) -> String {
        let mut text = format!("{}/{} trials", self.trials, self.planned_trials);
        if self.failed > 0 {
            text += &format!(", {} failed", self.failed);
        }
        if let Some((score, trial)) = self.best {
            text += &format!(", best {} {} ({trial})", self.monitor, number(score));
        }
        if let Some(left) = self.estimate.of(self.total_epochs.saturating_sub(self.epochs), self.workers) {
            text += &format!(", {} left", duration(left));
        }
        text
    }

    fn refresh(&mut self) {
        let message = self.message();
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.epochs.min(self.total_epochs));
                bar.set_message(message);
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                self.line(&message);
            }
            None => {}
        }
    }

    fn line(&self, message: &str) {
        let _ = writeln!(std::io::stderr(), "{}/{} epochs, {message}", self.epochs, self.total_epochs);
    }
}

/// Prints to standard output, which may be closed.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Observer for Console {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        match event {
            Event::Started(info) => self.begin(info),
            Event::Epoch { .. } => {
                self.epochs += 1;
                self.refresh();
            }
            Event::StageEnded { record, replayed, .. } => {
                if *replayed {
                    self.epochs += record.to - record.from;
                } else {
                    self.estimate.learn(record);
                }
                self.trials += u64::from(record.stage == 0);
                self.failed += u64::from(record.end != End::Trained);
                if let Some((score, _)) = record.score
                    && record.end == End::Trained
                    && self.best.is_none_or(|(best, _)| self.direction.better(score, best))
                {
                    self.best = Some((score, record.trial));
                }
                if !self.announced
                    && let Some(time) =
                        self.estimate.of(self.total_epochs.saturating_sub(self.epochs), self.workers)
                {
                    self.announced = true;
                    self.say(&format!(
                        "Estimated from the first trial: {} for the remaining {} epochs on {} workers\n",
                        duration(time),
                        self.total_epochs.saturating_sub(self.epochs),
                        self.workers
                    ));
                }
                self.refresh();
            }
            Event::Note(text) => self.say(&format!("Note: {text}\n")),
            Event::Ended { stopped } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                self.line(&self.message());
                let took = duration(self.start.elapsed());
                match stopped {
                    Some(reason) => print(&format!("Stopped after {took}: {reason}\n")),
                    None => print(&format!("Done in {took}\n")),
                }
            }
            Event::StageStarted { .. } | Event::TrialEnded { .. } => {}
        }
        Ok(())
    }
}
