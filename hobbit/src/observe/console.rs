//! What the person who runs a sweep sees.
//!
//! Plan, notes and results go to standard output; progress goes to standard error: a live view on a terminal,
//! plain lines elsewhere.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::brackets::brackets_text;
use super::columns::known_width;
use super::estimate::{Estimate, at_least};
use super::live::Live;
use super::progress::Progress;
use super::scene::Scene;
use super::text::{count, doing, duration, number, seconds};
use super::wording::Wording;
use super::{Event, Observer, StudyInfo};
use crate::error::{BoxError, Result};
use crate::printable::{printable, printable_lines, printable_page};
use crate::repository::{End, Machine, StageRecord};
use crate::schedule::Plan;
use crate::space::Value;
use crate::trial::TrialId;

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The live view changes at most this often.
const SHOW_EVERY: Duration = Duration::from_millis(100);
/// Epochs a second are those of so long.
const RATE_OVER: Duration = Duration::from_secs(10);
/// So many failures are told of, unless every stage is.
const FAILURES_TOLD: u64 = 3;

/// The most machines that the live view has a line for.
const MOST_MACHINES: usize = 8;

/// How much is printed while a sweep runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Verbosity {
    /// Nothing.
    Quiet,
    /// The plan, an estimate, progress, the first failures, the best trials.
    #[default]
    Normal,
    /// A line for every stage of a trial, too.
    Verbose,
}

/// What a line has told, so that the next one tells what has changed.
#[derive(Default)]
struct Told {
    epochs: u64,
    trials: u64,
    failed: u64,
    /// The best trial, and the bits of its score.
    best: Option<(TrialId, u64)>,
}

/// Prints the plan, an estimate, and progress.
pub(crate) struct Console {
    verbose: bool,
    /// The live view, and what only it shows.
    live: Option<(Live, Scene)>,
    progress: Progress,
    estimate: Estimate,
    workers: u32,
    machines: Arc<[Machine]>,
    monitor: String,
    wording: Wording,
    /// What was told last.
    told: Told,
    start: Instant,
    shown: Instant,
    /// The epochs trained at some moments of the last while.
    moments: VecDeque<(Instant, u64)>,
    announced: bool,
}

impl Console {
    pub(crate) fn new(verbose: bool, info: &StudyInfo) -> Console {
        let now = Instant::now();
        Console {
            verbose,
            live: None,
            progress: Progress::new(&info.outline, info.losses(), info.direction),
            estimate: Estimate::default(),
            workers: info.workers,
            machines: Arc::default(),
            monitor: printable(&info.monitor).into_owned(),
            wording: Wording::new(&info.space),
            told: Told::default(),
            start: now,
            shown: now,
            moments: VecDeque::from([(now, 0)]),
            announced: false,
        }
    }

    fn begin(&mut self, info: &StudyInfo) {
        print(&heading(info));
        if std::io::stderr().is_terminal() {
            self.live = Some((Live::new(), Scene::default()));
        }
    }

    fn say(&self, text: &str) {
        match &self.live {
            Some((live, _)) => live.print(&printable_page(text)),
            None => print(text),
        }
    }

    /// The state of things beside the trials, for view and lines alike.
    fn pace(&self) -> String {
        let mut text = String::new();
        if let Some(rate) = self.rate() {
            text += &format!(", {} epochs/s", number(rate));
        }
        if !self.machines.is_empty() {
            let machines = self.machines.len() as u64;
            text += &format!(", {} with {}", count(machines, "machine"), count(self.slots(), "slot"));
        }
        let left = self.estimate.of(&self.progress, self.workers.saturating_add(self.slots()));
        let (done, all) = self.progress.epochs();
        match left.map(|left| at_least(left, all.saturating_sub(done), self.rate())) {
            // less is none, as it would be written
            Some(left) if left.as_secs_f64() >= 0.05 => text += &format!(", about {} left", duration(left)),
            _ => {}
        }
        text
    }

    /// How many stages are trained at once elsewhere.
    fn slots(&self) -> u32 {
        self.machines.iter().map(|machine| machine.slots).fold(0, u32::saturating_add)
    }

    /// What each machine is at.
    fn machine_lines(&self) -> Vec<String> {
        let line = |machine: &Machine| {
            let Machine { host, pid, slots, .. } = machine;
            let slots = count(*slots, "slot");
            format!("  process {pid} on {}, {slots}: {}", printable(host), doing(&machine.doing))
        };
        let more = self.machines.len().saturating_sub(MOST_MACHINES);
        let more = (more > 0).then(|| format!("  and {more} more machines"));
        self.machines.iter().take(MOST_MACHINES).map(line).chain(more).collect()
    }

    fn rate(&self) -> Option<f64> {
        let (then, trained) = self.moments.front()?;
        let seconds = then.elapsed().as_secs_f64();
        let epochs = self.progress.trained - trained;
        (epochs > 0 && seconds > 0.0).then(|| epochs as f64 / seconds)
    }

    fn refresh(&mut self) {
        let every = if self.live.is_some() { SHOW_EVERY } else { LINE_EVERY };
        if self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let pace = self.pace();
        self.moments.push_back((self.shown, self.progress.trained));
        while self.moments.len() > 2 && self.moments[1].0.elapsed() > RATE_OVER {
            self.moments.pop_front();
        }
        let machines = if self.live.is_some() { self.machine_lines() } else { Vec::new() };
        let Some((live, scene)) = &mut self.live else { return self.line(&pace, false) };
        let (begun, trials) = self.progress.trials();
        let mut lines = scene.lines(&self.progress.ranking, &self.monitor, &self.wording, live.width());
        lines.extend(machines);
        live.show(&self.progress, format!("{begun}/{trials} trials{pace}"), lines);
    }

    /// Prints a line with what has changed since the last one, or with everything.
    fn line(&mut self, pace: &str, is_last: bool) {
        let (done, all) = self.progress.epochs();
        let (begun, trials) = self.progress.trials();
        let failed = self.progress.failed;
        let best = self.progress.ranking.best();
        let best = best.map(|(trial, ranked)| ((trial, ranked.score.value.to_bits()), ranked.score.value));
        let now = Told { epochs: done, trials: begun, failed, best: best.map(|(named, _)| named) };
        let told = std::mem::replace(&mut self.told, now);
        let is_news = told.epochs != done || told.trials != begun || told.failed != failed;
        if !is_last && !is_news {
            return;
        }
        let mut text = format!("{done}/{all} epochs");
        if is_last || told.trials != begun {
            text += &format!(", {begun}/{trials} trials");
        }
        if failed > 0 && (is_last || told.failed != failed) {
            text += &format!(", {failed} failed");
        }
        text += pace;
        if let Some((named, score)) = best.filter(|(named, _)| is_last || told.best != Some(*named)) {
            text += &format!("; best {} {} ({})", self.monitor, number(score), named.0);
        }
        // nobody may be listening any more
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    fn ended(&mut self, record: &StageRecord, replayed: bool, hparams: &[(String, Value)]) {
        self.estimate.learn(record, replayed);
        let failed = matches!(record.end, End::Failed { .. });
        if !replayed && (self.verbose || failed && self.progress.failed <= FAILURES_TOLD) {
            self.say(&outcome(record, &self.monitor, &self.wording.line(hparams)));
        }
        if !replayed && !self.announced {
            self.announce();
        }
    }

    fn announce(&mut self) {
        let Some(time) = self.estimate.of(&self.progress, self.workers) else { return };
        self.announced = true;
        let (done, all) = self.progress.epochs();
        let workers = count(self.workers, "worker");
        let left = all.saturating_sub(done);
        if left == 0 {
            return;
        }
        self.say(&format!(
            "Estimated from the first trial: {} for the remaining {left} epochs on {workers}\n",
            duration(time)
        ));
    }

    fn end(&mut self, stopped: Option<&str>) {
        if let Some((live, _)) = self.live.take() {
            live.end();
        }
        self.line(&self.pace(), true);
        let took = duration(self.start.elapsed());
        match stopped {
            Some(reason) => print(&format!("Stopped after {took}: {}\n", printable_lines(reason))),
            None => print(&format!("Done in {took}\n")),
        }
    }
}

impl Observer for Console {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        self.progress.event(event);
        if let Some((_, scene)) = &mut self.live {
            scene.event(event);
            if let Event::StageEnded { .. } | Event::StageLeft { .. } = event {
                scene.best(self.progress.ranking.best().map(|(_, ranked)| ranked.score.value));
            }
        }
        match event {
            Event::Started(info) => self.begin(info),
            Event::StageEnded { record, replayed, hparams } => self.ended(record, *replayed, hparams),
            Event::Note(text) => self.say(&format!("Note: {}\n", printable_lines(text))),
            Event::Machines(machines) => self.machines = machines.clone(),
            Event::Ended { stopped } => {
                self.end(stopped.as_deref());
                return Ok(());
            }
            Event::StageStarted { .. }
            | Event::Epoch { .. }
            | Event::StageLeft { .. }
            | Event::TrialEnded { .. } => {}
        }
        self.refresh();
        Ok(())
    }
}

/// What is printed before anything is trained.
fn heading(info: &StudyInfo) -> String {
    let outline = &info.outline;
    let mut text = brackets_text(outline, known_width());
    if outline.repetitions() > 1 {
        text += &format!("{} times: {} epochs in all\n", outline.repetitions(), outline.total_epochs());
    }
    text += &format!(
        "{} on {}, to {} {}, seed {}\n",
        count(outline.total_trials(), "trial"),
        count(info.workers, "worker"),
        info.direction,
        printable(&info.monitor),
        info.seed
    );
    if let Some(dir) = &info.repo_dir {
        text += &format!("Repository: {}\n", printable(&dir.to_string_lossy()));
    }
    if info.known_stages > 0 {
        text += &format!(
            "Continuing: {} stages ({} epochs) are known from before and are not trained again\n",
            info.known_stages, info.known_epochs
        );
    }
    text
}

/// A line on how a stage of a trial ended.
fn outcome(record: &StageRecord, monitor: &str, hparams: &str) -> String {
    let StageRecord { trial, stage, .. } = record;
    let took = seconds(record.seconds);
    let what = match (&record.end, record.end.status()) {
        (End::Diverged { reason, .. } | End::Failed { reason, .. }, Some(fate)) => {
            format!("{fate}: {}", printable_lines(reason))
        }
        _ => {
            let score = record.score.map_or(String::new(), |(score, epoch)| {
                format!(", {monitor} {} of epoch {epoch}", number(score))
            });
            let early = record
                .stopped_at()
                .map_or(String::new(), |_| format!(", stopped early of up to {}", record.to - record.from));
            format!("epochs {} to {}{early} in {took}{score}", record.from + 1, record.reached())
        }
    };
    format!("Trial {trial}, stage {}: {what}; {hparams}\n", stage + 1)
}

/// Prints the plan for `max_epochs` (`R`) and `eta`, for trying values; nothing is trained.
///
/// # Errors
/// As [`Plan::new`].
///
/// ```
/// hobbit::visualize(27, 3)?;
/// # Ok::<(), hobbit::Error>(())
/// ```
pub fn visualize(max_epochs: u32, eta: u32) -> Result<Plan> {
    let plan = Plan::new(max_epochs, eta)?;
    print(&brackets_text(&plan.outline(1), known_width()));
    Ok(plan)
}

/// Prints to standard output, which may be closed. Whatever the text holds, the terminal only shows it.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(printable_page(text).as_bytes()).and_then(|()| out.flush());
}
