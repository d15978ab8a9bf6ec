//! The live view on a terminal: a bar for each bracket under way and one for all, and lines below them.

use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

#[cfg(unix)]
use super::capture::{Capture, terminal};
use super::progress::Progress;

/// The most brackets that are shown at once.
const MOST_BRACKETS: usize = 8;
/// On a terminal that is wider than this a bar has a length of its own: a longer one says no more.
const WIDE: usize = 110;

pub(super) struct Live {
    // dropped first: it shows what is left above the bars
    #[cfg(unix)]
    capture: Option<Capture>,
    bars: MultiProgress,
    term: Term,
    brackets: Vec<(String, ProgressBar)>,
    all: ProgressBar,
    state: ProgressBar,
    lines: Vec<ProgressBar>,
}

impl Live {
    /// Puts the view on the terminal behind standard error.
    pub(super) fn new() -> Live {
        #[cfg(unix)]
        let term = terminal().unwrap_or_else(|_| Term::stderr());
        #[cfg(not(unix))]
        let term = Term::stderr();
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term(term.clone(), 10));
        // how many epochs there are is said by the first `show`
        let all = bars.add(unseen(0).with_style(style("{prefix}")).with_prefix("all brackets"));
        let state = bars.add(unseen(0).with_style(style("{elapsed_precise}  {wide_msg}")));
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
            term,
            brackets: Vec::new(),
            all,
            state,
            lines: Vec::new(),
        }
    }

    /// The columns that a line has.
    pub(super) fn width(&self) -> usize {
        usize::from(self.term.size().1)
    }

    /// Shows the state of things, and lines below it.
    pub(super) fn show(&mut self, progress: &Progress, state: String, lines: Vec<String>) {
        self.show_brackets(progress, lines.len());
        let (done, all) = progress.epochs();
        if self.all.length() == Some(0) && all > 0 {
            self.all.set_length(all);
            self.all.set_style(style(bar(&self.term)));
        }
        tell(&self.all, done, all);
        self.state.set_message(state);
        for bar in self.lines.drain(lines.len().min(self.lines.len())..) {
            self.bars.remove(&bar);
        }
        for (place, line) in lines.into_iter().enumerate() {
            if self.lines.len() == place {
                let bar = unseen(0).with_style(style("{wide_msg}")).with_message(line);
                self.lines.push(self.bars.add(bar));
            } else {
                self.lines[place].set_message(line);
            }
        }
    }

    /// Shows the brackets under way, as many as leave room for the lines below them.
    fn show_brackets(&mut self, progress: &Progress, lines: usize) {
        let under_way = |bracket: &super::progress::Bracket| bracket.has_begun() && bracket.stage().is_some();
        let room = usize::from(self.term.size().0).saturating_sub(lines + 3).clamp(1, MOST_BRACKETS);
        let shown: Vec<_> =
            progress.brackets().filter(|(_, bracket)| under_way(bracket)).take(room).collect();
        self.brackets.retain(|(name, bar)| {
            let stays = shown.iter().any(|(shown, _)| shown == name);
            if !stays {
                self.bars.remove(bar);
            }
            stays
        });
        let template = bar(&self.term);
        for (place, (name, bracket)) in shown.iter().enumerate() {
            let (done, all) = bracket.epochs();
            if self.brackets.get(place).is_none_or(|(known, _)| known != name) {
                let bar = unseen(all).with_style(style(template)).with_position(done);
                self.brackets.insert(place, (name.clone(), self.bars.insert(place, bar)));
            }
            let bar = &self.brackets[place].1;
            let stage = bracket.stage().unwrap_or(bracket.stages.len());
            bar.set_prefix(format!("bracket {name}, stage {stage} of {}", bracket.stages.len()));
            tell(bar, done, all);
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
        let brackets = self.brackets.iter().map(|(_, bar)| bar);
        for bar in brackets.chain([&self.all, &self.state]).chain(&self.lines) {
            bar.finish_and_clear();
        }
        // a terminal that is gone shows nothing
        let _ = self.bars.clear();
    }
}

/// A bar of so many epochs that is not shown before it is put among others.
fn unseen(epochs: u64) -> ProgressBar {
    ProgressBar::with_draw_target(Some(epochs), ProgressDrawTarget::hidden())
}

/// Sets how far a bar is. What stands behind it has one width for all, so that they end below each other.
fn tell(bar: &ProgressBar, done: u64, all: u64) {
    bar.set_length(all);
    bar.set_position(done);
    bar.set_message(format!("{done}/{all}"));
}

/// A bar as it looks on this terminal.
fn bar(term: &Term) -> &'static str {
    match usize::from(term.size().1) {
        ..=WIDE => "{prefix:23} [{wide_bar}] {msg:>11} epochs",
        _ => "{prefix:23} [{bar:60}] {msg:>11} epochs",
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
