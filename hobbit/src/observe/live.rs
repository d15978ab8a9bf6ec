//! The live view on a terminal: a bar for each bracket under way and one for all, and the best trial so far.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

#[cfg(unix)]
use super::capture::{Capture, terminal};
use super::progress::Progress;

/// The most brackets that are shown at once.
const MOST_BRACKETS: usize = 8;
/// The most machines.
const MOST_MACHINES: usize = 8;

pub(super) struct Live {
    // dropped first: it shows what is left above the bars
    #[cfg(unix)]
    capture: Option<Capture>,
    bars: MultiProgress,
    brackets: Vec<(String, ProgressBar)>,
    all: ProgressBar,
    state: ProgressBar,
    best: ProgressBar,
    machines: Vec<ProgressBar>,
}

impl Live {
    /// Puts the view on the terminal behind standard error.
    pub(super) fn new() -> Live {
        #[cfg(unix)]
        let target = terminal()
            .map_or_else(|_| ProgressDrawTarget::stderr(), |term| ProgressDrawTarget::term(term, 10));
        #[cfg(not(unix))]
        let target = ProgressDrawTarget::stderr();
        let bars = MultiProgress::with_draw_target(target);
        let line = |template: &str| {
            let bar = bars.add(ProgressBar::new(0));
            bar.set_style(style(template));
            bar
        };
        let all = line(BAR);
        all.set_prefix("all brackets");
        let (state, best) = (line("{elapsed_precise}  {wide_msg}"), line("{wide_msg}"));
        // the time goes on while nothing happens
        state.enable_steady_tick(Duration::from_millis(200));
        #[cfg(unix)]
        let capture = {
            let bars = bars.clone();
            // without it, what others print may be painted over
            Capture::new(move |line| drop(bars.println(line))).ok()
        };
        Live {
            #[cfg(unix)]
            capture,
            bars,
            brackets: Vec::new(),
            all,
            state,
            best,
            machines: Vec::new(),
        }
    }

    /// Shows the state of things.
    pub(super) fn show(&mut self, progress: &Progress, state: String, best: String, machines: Vec<String>) {
        let under_way = |bracket: &super::progress::Bracket| bracket.has_begun() && bracket.stage().is_some();
        let shown: Vec<_> =
            progress.brackets().filter(|(_, bracket)| under_way(bracket)).take(MOST_BRACKETS).collect();
        self.brackets.retain(|(name, bar)| {
            let stays = shown.iter().any(|(shown, _)| shown == name);
            if !stays {
                self.bars.remove(bar);
            }
            stays
        });
        for (place, (name, bracket)) in shown.iter().enumerate() {
            if self.brackets.get(place).is_none_or(|(known, _)| known != name) {
                let bar = self.bars.insert(place, ProgressBar::new(0));
                bar.set_style(style(BAR));
                self.brackets.insert(place, (name.clone(), bar));
            }
            let bar = &self.brackets[place].1;
            let (done, all) = bracket.epochs();
            let stage = bracket.stage().unwrap_or(bracket.stages.len());
            bar.set_prefix(format!("bracket {name}, stage {stage} of {}", bracket.stages.len()));
            bar.set_length(all);
            bar.set_position(done);
        }
        let (done, all) = progress.epochs();
        self.all.set_length(all);
        self.all.set_position(done);
        self.state.set_message(state);
        self.best.set_message(best);
        self.show_machines(machines);
    }

    /// A line for each machine, up to some.
    fn show_machines(&mut self, mut lines: Vec<String>) {
        if lines.len() > MOST_MACHINES {
            let more = lines.split_off(MOST_MACHINES - 1).len();
            lines.push(format!("and {more} more machines"));
        }
        for bar in self.machines.drain(lines.len().min(self.machines.len())..) {
            self.bars.remove(&bar);
        }
        for (place, line) in lines.into_iter().enumerate() {
            if self.machines.len() == place {
                let bar = self.bars.add(ProgressBar::new(0));
                bar.set_style(style("  {wide_msg}"));
                self.machines.push(bar);
            }
            self.machines[place].set_message(line);
        }
    }

    /// Prints lines above the view.
    pub(super) fn print(&self, text: &str) {
        // a terminal that is gone shows nothing
        let _ = self.bars.println(text.trim_end_matches('\n'));
    }

    /// Takes the view from the terminal.
    pub(super) fn end(mut self) {
        #[cfg(unix)]
        drop(self.capture.take());
        let lines = [&self.all, &self.state, &self.best];
        for bar in self.brackets.iter().map(|(_, bar)| bar).chain(lines).chain(&self.machines) {
            bar.finish_and_clear();
        }
        // a terminal that is gone shows nothing
        let _ = self.bars.clear();
    }
}

const BAR: &str = "{prefix:23} [{wide_bar}] {pos:>6}/{len} epochs";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
