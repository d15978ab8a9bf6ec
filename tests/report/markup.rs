//! A study whose names, values and messages look like markup.

use std::collections::BTreeMap;
use std::path::Path;

use hobbit::testing::Fake;
use hobbit::{EpochContext, Hyperband, Metrics, TrialContext, search_space};

/// Each would run, were it not escaped.
const SCRIPT: &str = "<script>ran = 1</script>";
const CLOSING: &str = "</script></svg></title></table>\"'><img src=x onerror=\"ran = 1\">";

#[derive(Debug)]
#[search_space]
pub(crate) struct Markup {
    /// </td><script>ran = 1</script> of a doc comment.
    #[uniform(0.0..=1.0)]
    script: f64,
    #[uniform(0.0..=1.0)]
    quoted: f64,
    #[choice("<script>ran = 1</script>", "a & b", "</script>\"'><img src=x onerror='ran = 1'>", "\u{1}$x$")]
    text: String,
}

fn injecting() -> Fake<Markup, f64> {
    let build = |hparams: &Markup, _: &TrialContext| match hparams.script {
        low if low < 0.1 => Err(SCRIPT.into()),
        low if low < 0.2 => panic!("{CLOSING}"),
        script => Ok(script),
    };
    let train = |model: &mut f64, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        *model += 0.1 * epoch.key(0).rng().unit();
        metrics.report(SCRIPT, *model);
        Ok(())
    };
    let validate = |model: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report(CLOSING, 2.0 * *model);
        Ok(())
    };
    Fake::new(build, validate)
        .training(train)
        .metrics([SCRIPT, CLOSING])
        .describing(BTreeMap::from([(SCRIPT.to_owned(), CLOSING.to_owned())]))
        .state(|model| vec![*model], |model, state| *model = state[0])
}

pub(crate) fn run(dir: &Path) {
    let dir = directory(dir);
    let study = Hyperband::of(injecting())
        .monitor(SCRIPT)
        .direction(hobbit::Direction::Minimize)
        .seed(1)
        .workers(2)
        .repo_dir(dir)
        .quiet();
    study.max_failures(hobbit::MaxFailures::Share(1.0)).run(27, 3).unwrap();
}

/// The names of the hyperparameters as they are written into the files; the macro would not take all of them.
pub(crate) const NAMES: [(&str, &str); 2] =
    [("script", SCRIPT), ("quoted", "$x$ \"quoted\" & <b onclick='ran = 1'>")];

/// The study's directory is named like that, too.
pub(crate) fn directory(dir: &Path) -> std::path::PathBuf {
    dir.join("<script>ran = 1;'\"&<")
}
