//! The files of a study: as they are, and with checksums made right, so that what is behind them is read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use hobbit::repository::{Overview, Reader};
use hobbit::{
    BoxError, Checkpoint, Direction, EpochContext, Hyperband, Keep, Metrics, Objective, TrialContext,
    TrialId, observe, search_space,
};

use super::{clear, keep, write};

// a small study, so that its files fit into an input, and reading it takes little beside reading the input
pub(super) const STUDY: &str = include_str!("../../study/study.ron");
const JOURNAL: &str = include_str!("../../study/journal.ron");
/// The best of its trials.
const BEST: TrialId = TrialId::new(1, 3);

/// `study.ron`, with the journal of another study, as hobbit 0.1 wrote it and as it is written today.
pub(super) fn study(dir: &Path, bytes: &[u8]) {
    write(dir, "study.ron", bytes);
    for journal in [JOURNAL.as_bytes().to_owned(), with_sums(recorded().join("\n").as_bytes())] {
        write(dir, "journal.ron", &journal);
        look(dir, bytes);
    }
}

/// The records of the other study, as text.
pub(super) fn recorded() -> Vec<&'static str> {
    let text = |line: &'static str| line.split_once("\", ").and_then(|(_, text)| text.strip_suffix(')'));
    JOURNAL.lines().filter_map(text).collect()
}

/// `journal.ron`: if it begins with a parenthesis as it is, otherwise with a checksum for each line, as
/// hobbit 0.1 wrote it and as it is written today.
pub(super) fn journal(dir: &Path, bytes: &[u8]) {
    keep(dir, "study.ron", STUDY);
    for journal in [with_older_sums(bytes), with_sums(bytes)] {
        write(dir, "journal.ron", &journal);
        look(dir, bytes);
        let _ = hobbit::salvage(dir);
        let _ = std::fs::remove_file(dir.join("journal.ron.damaged"));
    }
}

/// Records' texts as the lines of a journal; if the first begins with a parenthesis they are that already.
pub(super) fn with_sums(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"(") {
        return bytes.to_owned();
    }
    let (mut journal, mut all) = (Vec::new(), crc32fast::Hasher::new());
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    for (number, line) in (1..).zip(lines) {
        all.update(line);
        journal.extend_from_slice(format!("({number}, \"{:08x}\", ", all.clone().finalize()).as_bytes());
        journal.extend_from_slice(line);
        journal.extend_from_slice(b")\n");
    }
    journal
}

/// The same as hobbit 0.1 wrote them.
fn with_older_sums(bytes: &[u8]) -> Vec<u8> {
    let mut journal = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        journal.extend_from_slice(format!("(\"{:08x}\", ", crc32fast::hash(line)).as_bytes());
        journal.extend_from_slice(line);
        journal.extend_from_slice(b")\n");
    }
    journal
}

/// Records that read, with odd numbers: the bytes choose them.
pub(super) fn records(dir: &Path, bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let study = format!(
        "(format:2,hobbit:\"0.1.0\",algorithm:Hyperband(max_epochs:{},eta:{},epoch_count:{},iterations:{}),seed:{},\
         monitor:\"val_loss\",\
         direction:{},score:Best,retries:{},objective:{{}},enqueued:[],space:(name:\"P\",parameters:[]))",
        choices.small(),
        choices.small(),
        if choices.byte().is_multiple_of(2) { "Additional" } else { "Cumulative" },
        choices.small(),
        choices.whole(),
        if choices.byte().is_multiple_of(2) { "Minimize" } else { "Maximize" },
        choices.small(),
    );
    let mut lines = String::new();
    while !choices.0.is_empty() && lines.len() < 1 << 16 {
        lines += &choices.record();
        lines.push('\n');
    }
    write(dir, "study.ron", study.as_bytes());
    write(dir, "journal.ron", &with_sums(lines.as_bytes()));
    look(dir, bytes);
}

/// Bytes as choices; zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number of 32 bits, mostly a small one.
    fn small(&mut self) -> u32 {
        match self.byte() {
            small @ 0..=199 => u32::from(small) % 28,
            200 => 81,
            201 => 1000,
            202 => 1 << 16,
            203 => 1 << 31,
            204 => u32::MAX,
            205 => u32::MAX - 1,
            other => u32::from(other) << 20,
        }
    }

    fn whole(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=229 => u64::from(small) % 28,
            230 => u64::from(u32::MAX),
            231 => u64::MAX,
            232 => u64::MAX - 1,
            233 => 1 << 63,
            other => u64::from(other) << 40,
        }
    }

    fn real(&mut self) -> &'static str {
        const REALS: [&str; 20] = [
            "0.0",
            "1.0",
            "0.5",
            "0.25",
            "-1.0",
            "NaN",
            "inf",
            "-inf",
            "1e300",
            "-1e300",
            "5e-324",
            "-0.0",
            "1795486532.185",
            "1795486533.0",
            "1795486500.0",
            "1e19",
            "1.8e19",
            "0.1",
            "1e-9",
            "86400.0",
        ];
        REALS[usize::from(self.byte()) % REALS.len()]
    }

    fn text(&mut self) -> &'static str {
        const TEXTS: [&str; 8] =
            ["val_loss", "loss", "", "score", "epoch", "\\u{1b}[2J", "a\\nb", "val_loss "];
        TEXTS[usize::from(self.byte()) % TEXTS.len()]
    }

    fn trial(&mut self) -> String {
        let (iteration, bracket, index) = (self.small(), self.small(), self.small());
        match iteration {
            0..=20 => format!("{}-{}", bracket % 4, index % 10),
            _ => format!("{iteration}.{bracket}-{index}"),
        }
    }

    fn record(&mut self) -> String {
        match self.byte() % 10 {
            9 => self.machine(),
            8 => {
                let status = match self.byte() {
                    0..=99 => "Finished".to_owned(),
                    100..=199 => format!("Dropped({})", self.small() % 5),
                    200..=229 => "Unfinished".to_owned(),
                    _ => format!("Failed(epoch:{},reason:\"{}\")", self.whole(), self.text()),
                };
                format!("Ended(trial:\"{}\",status:{status})", self.trial())
            }
            0 => format!(
                "Opened(time:{},hobbit:\"{}\",host:\"{}\",pid:{},workers:{})",
                self.real(),
                self.text(),
                self.text(),
                self.small(),
                self.small()
            ),
            1 => format!(
                "Extended(time:{},algorithm:Hyperband(max_epochs:{},eta:{},epoch_count:Additional,iterations:{}))",
                self.real(),
                self.small(),
                self.small(),
                self.small()
            ),
            2 | 3 => format!(
                "Started(time:{},trial:\"{}\",stage:{},worker:{},machine:{},hparams:[(\"{}\",Float({})),(\"{}\",Int(-1))]{})",
                self.real(),
                self.trial(),
                self.small() % 5,
                self.small(),
                self.small() % 4,
                self.text(),
                self.real(),
                self.text(),
                self.origin()
            ),
            4 => {
                let reason = match self.byte() % 4 {
                    0 | 1 => "None".to_owned(),
                    2 => "Some(EpochBudget)".to_owned(),
                    _ => format!("Some(Error(\"{}\"))", self.text()),
                };
                format!("Closed(time:{},reason:{reason})", self.real())
            }
            _ => self.stage(),
        }
    }

    /// Where a configuration is from, and its point: often neither.
    fn origin(&mut self) -> String {
        let origin = match self.byte() {
            0..=99 => return String::new(),
            100..=149 => "Drawn",
            150..=199 => "Proposed",
            _ => "Given",
        };
        format!(",point:Some([Some({}),None,Some({})]),origin:Some({origin})", self.real(), self.real())
    }

    fn machine(&mut self) -> String {
        let change = match self.byte() % 4 {
            0 | 1 => format!("Joined(slots:{})", self.small()),
            2 => "Left".to_owned(),
            _ => "Lost".to_owned(),
        };
        format!(
            "Machine(time:{},machine:{},host:\"{}\",pid:{},change:{change})",
            self.real(),
            self.small() % 4,
            self.text(),
            self.small()
        )
    }

    fn stage(&mut self) -> String {
        // often as the plan has it
        let (from, to) = [(0, 1), (1, 4), (4, 13), (0, 3), (3, 12), (0, 9)][usize::from(self.byte()) % 6];
        let (from, to) = if self.byte() > 200 { (self.whole(), self.whole()) } else { (from, to) };
        let end = match self.byte() {
            0..=199 => "Trained".to_owned(),
            200..=229 => format!("Diverged(epoch:{},reason:\"{}\")", self.whole(), self.text()),
            _ => format!("Failed(epoch:{},reason:\"{}\")", self.whole(), self.text()),
        };
        let score = if self.byte() < 220 {
            format!("Some(({},{}))", self.real(), self.whole())
        } else {
            "None".to_owned()
        };
        let rows = to.saturating_sub(from).min(20) as usize;
        let rows = if self.byte() > 230 { usize::from(self.byte() % 7) } else { rows };
        let values: Vec<&str> = (0..rows).map(|_| self.real()).collect();
        format!(
            "Stage((time:{},trial:\"{}\",stage:{},from:{from},to:{to},end:{end},score:{score},attempt:{},worker:{},machine:{},seconds:{},\
             history:(metrics:[\"{}\"],values:[{}])))",
            self.real(),
            self.trial(),
            self.small() % 5,
            self.small(),
            self.small(),
            self.small() % 4,
            self.real(),
            self.text(),
            values.join(",")
        )
    }
}

/// Everything that looks at a study without changing it.
pub(super) fn look(dir: &Path, bytes: &[u8]) {
    let Ok(reader) = Reader::open(dir) else { return };
    let _ = (reader.study(), reader.models());
    let _ = reader.verify();
    let Ok(overview) = reader.overview() else { return };
    sum(&overview);
    #[cfg(feature = "interop")]
    hobbit::interop::replay(&overview);
    // pictures take longer than all of the rest
    #[cfg(feature = "report")]
    if bytes.len().is_multiple_of(8) {
        let report = hobbit::report::Report::read(&reader).expect("what has an overview has a report");
        report.html();
        report.pictures();
    }
    let _ = bytes;
}

fn sum(overview: &Overview) {
    overview.best();
    overview.pace();
    overview.is_finished();
    let _ = (overview.planned_epochs(), overview.trained_epochs());
    overview.epochs_left();
    observe::trials_csv(&overview.trials);
    observe::epochs_csv(&overview.trials);
    for trial in &overview.trials {
        observe::status(&trial.status);
        trial.score_metrics().count();
        observe::names([trial.hparams.as_slice()]);
    }
}

/// `results.ron`.
pub(super) fn results(dir: &Path, bytes: &[u8]) {
    keep(dir, "study.ron", STUDY);
    keep(dir, "journal.ron", JOURNAL);
    write(dir, "results.ron", bytes);
    let reader = Reader::open(dir).expect("the study is whole");
    let _ = reader.results::<BTreeMap<String, f64>>();
    let _ = reader.best::<Params>();
    let _ = reader.hparams_ron(BEST);
    let _ = reader.verify();
}

/// Weights: as they are, or, if they begin with a parenthesis, the text in them with the right checksum.
pub(super) fn checkpoint(dir: &Path, bytes: &[u8]) {
    keep(dir, "study.ron", STUDY);
    keep(dir, "journal.ron", JOURNAL);
    let file = with_arrays(bytes);
    write(dir, "weights/1-3.safetensors", &file);
    let reader = Reader::open(dir).expect("the study is whole");
    if let Ok(model) = reader.model(BEST) {
        let _ = (model.bytes(), model.present().bytes());
    }
    let _ = reader.verify();
}

/// Weights, with two numbers as the models if they are the text of one.
fn with_arrays(bytes: &[u8]) -> Vec<u8> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('(') => text.replace('\0', ""),
        _ => return bytes.to_owned(),
    };
    let data = 1f64.to_le_bytes();
    let mut sum = crc32fast::Hasher::new();
    sum.update(text.as_bytes());
    for name in ["last/model", "model"] {
        sum.update(format!("\n{name}: F64 []\n").as_bytes());
        sum.update(&data);
    }
    let view = || safetensors::tensor::TensorView::new(safetensors::Dtype::F64, vec![], &data);
    let views = ["last/model", "model"].map(|name| (name, view().expect("a number is an array")));
    let metadata = [("hobbit".to_owned(), format!("{:08x} {text}", sum.finalize()))];
    safetensors::serialize(views, Some(metadata.into())).expect("two numbers can be written")
}

#[search_space]
pub(crate) struct Params {
    #[uniform(0.0..=1.0)]
    rate: f64,
    /// What kind of trouble the trial makes: below 0.3 it panics, and so on, where the objective is told to.
    #[uniform(0.0..=1.0)]
    luck: f64,
}

/// Learns at once.
pub(super) struct Quick;

impl Objective for Quick {
    type Hparams = Params;
    type Model = f64;

    fn metrics(&self, _: &Params) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["loss".into(), "val_loss".into(), "val_accuracy".into()])
    }

    fn build(&self, hparams: &Params, _: &TrialContext) -> Result<f64, BoxError> {
        Ok(hparams.rate + hparams.luck)
    }

    fn train_epoch(
        &self,
        model: &mut f64,
        _: &EpochContext<'_>,
        metrics: &mut Metrics,
    ) -> Result<(), BoxError> {
        for name in ["loss", "val_loss", "val_accuracy"] {
            metrics.report(name, *model);
        }
        Ok(())
    }

    fn validate(&self, _: &mut f64, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
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

/// A study that is resumed with this journal; behind a zero, with these weights of a trial.
pub(super) fn resume(dir: &Path, bytes: &[u8]) {
    clear(dir);
    write(dir, "study.ron", STUDY.as_bytes());
    let (journal, weights) = bytes.split_at(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
    write(dir, "journal.ron", &with_sums(journal));
    if let Some((_, weights)) = weights.split_first() {
        write(dir, "weights/1-3.safetensors", &with_arrays(weights));
    }
    let study = Hyperband::of(Quick).direction(Direction::Minimize).seed(3).workers(1).quiet();
    // whatever the journal extends the study to
    let study = study.repo_dir(dir).keep(Keep::None).checkpoints(!weights.is_empty()).epoch_budget(100);
    if let Ok(results) = study.run(3, 3) {
        let _ = (results.to_string(), results.to_csv());
    }
    look(dir, bytes);
}
