//! A study whose names, values and messages look like markup.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use hobbit::{BoxError, Checkpoint, EpochContext, Hyperband, Metrics, Objective, TrialContext, search_space};

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

pub(crate) struct Injecting;

impl Objective for Injecting {
    type Hparams = Markup;
    type Model = f64;

    fn metrics(&self, _: &Markup) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec![SCRIPT.into(), CLOSING.into()])
    }

    fn describe(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(SCRIPT.to_owned(), CLOSING.to_owned())])
    }

    fn build(&self, hparams: &Markup, _: &TrialContext) -> Result<f64, BoxError> {
        match hparams.script {
            low if low < 0.1 => Err(SCRIPT.into()),
            low if low < 0.2 => panic!("{CLOSING}"),
            script => Ok(script),
        }
    }

    fn train_epoch(
        &self,
        model: &mut f64,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        *model += 0.1 * epoch.key(0).rng().unit();
        metrics.report(SCRIPT, *model);
        Ok(())
    }

    fn validate(&self, model: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
        metrics.report(CLOSING, 2.0 * *model);
        Ok(())
    }

    fn save(&self, model: &f64) -> Result<Checkpoint, BoxError> {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("model", &[], vec![*model]);
        Ok(checkpoint)
    }

    fn load(&self, model: &mut f64, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        *model = checkpoint.f64("model", &[])?[0];
        Ok(())
    }
}

pub(crate) fn run(dir: &Path) {
    let dir = directory(dir);
    let study = Hyperband::of(Injecting)
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
