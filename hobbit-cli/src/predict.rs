//! `hobbit predict`: what the best model of a study says of the rows of a table.

use std::path::PathBuf;

use hobbit::TrialId;

/// Predicts the rows of a CSV file with a study's best model.
///
/// The model is made from the study's directory alone. It finds its columns by the names that its data had,
/// in whatever order they are, and leaves others alone; if its data had no names, the file must have just
/// its columns, in their order.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The directory of the study, or a file of weights.
    dir: PathBuf,
    /// The CSV file, gzipped or not. Its first line has the columns' names.
    file: PathBuf,
    /// The file to write. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Another trial than the best one, as `3-17`, if its weights were kept.
    #[arg(long)]
    trial: Option<TrialId>,
    /// What separates the file's fields.
    #[arg(long, default_value_t = ',', value_name = "CHARACTER")]
    delimiter: char,
    /// How the output is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Format {
    /// A line for each row.
    #[default]
    Csv,
    /// One JSON document.
    Json,
}

const AFTER: &str = "\
Examples:
  hobbit predict my_study new.csv
  hobbit predict my_study new.csv -o predictions.csv
  hobbit predict model.safetensors new.csv --delimiter ';'

CSV, a line for each row of the file: for classes, class and then
  probability.NAME for each; for several questions of yes or no,
  probability.NAME for each; otherwise prediction (prediction.1,
  prediction.2, ... if there are several).

JSON (--format json): an array with an object for each row, which has the same
  names.

Models with layers of a program's own need that program (`load_with`). The
command needs `cargo install hobbit-cli --features predict`.

Exit code 4: no trial has a score yet, or the weights are not there.";

#[cfg(not(feature = "predict"))]
pub(crate) fn run(args: &Args) -> crate::failure::Outcome {
    let Args { dir: _, file: _, output: _, trial: _, delimiter: _, format: _ } = args;
    let (Format::Csv | Format::Json) = args.format;
    Err(crate::failure::Failure::Usage(
        "this `hobbit` was installed without predictions, which need the crates that models are trained with: install it \
         with `cargo install hobbit-cli --features predict`"
            .to_owned(),
    ))
}

#[cfg(feature = "predict")]
pub(crate) use with_models::run;

#[cfg(feature = "predict")]
mod with_models {
    use std::io::Write;
    use std::path::Path;

    use hobbit::observe::printable;
    use hobbit::repository::Reader;
    use hobbit::train::{self, Model, OutputKind, Predictions, ReadOptions, Table};

    use super::{Args, Format};
    use crate::failure::{Failure, Outcome};
    use crate::view::Map;
    use crate::{output, state};

    pub(crate) fn run(args: &Args) -> Outcome {
        let model = load(args)?;
        let table = ReadOptions::new().delimiter(args.delimiter).table(&args.file)?;
        let predictions = predict(&model, &table, &args.file)?;
        let predicted = Predicted::new(&predictions);
        let text = match args.format {
            Format::Csv => predicted.csv()?,
            Format::Json => output::json(&predicted.objects())?,
        };
        output::write(args.output.as_deref(), &text, &args.dir)
    }

    /// The model that is asked for.
    fn load(args: &Args) -> Result<Model, Failure> {
        if args.dir.is_file() {
            return match args.trial {
                None => Ok(train::load(&args.dir)?),
                Some(_) => {
                    Err(Failure::Usage("a file of weights is of one trial: leave `--trial` out".to_owned()))
                }
            };
        }
        let reader = Reader::open(&args.dir)?;
        let overview = reader.overview()?;
        let trial = match args.trial {
            Some(id) => overview.trial(id).ok_or_else(|| format!("{} has no trial {id}", args.dir.display())),
            None => {
                overview.best().ok_or_else(|| format!("no trial of {} has a score yet", args.dir.display()))
            }
        };
        let trial = trial.map_err(Failure::NotThere)?;
        state::weights(&reader, trial).map_err(Failure::NotThere)?;
        Ok(match args.trial {
            Some(id) => reader.trained_model(id)?,
            None => reader.best_model()?,
        })
    }

    fn predict(model: &Model, table: &Table, file: &Path) -> Result<Predictions, Failure> {
        if !model.feature_names().is_empty() {
            return Ok(model.predict_table(table)?);
        }
        let width: usize = model.sample_shape().iter().product();
        if table.names().len() != width {
            return Err(Failure::Foreign(format!(
                "the model takes {width} numbers and does not know what they are called, since its data had no \
                 `feature_names`; {} has {} columns, so it is not known which of them they are",
                file.display(),
                table.names().len()
            )));
        }
        let columns: Vec<&str> = table.names().iter().map(String::as_str).collect();
        let shown = printable(&columns.join(", ")).into_owned();
        // nobody may be listening
        let _ = writeln!(std::io::stderr(), "Note: the columns are taken in the file's order: {shown}");
        Ok(model.predict(&table.numbers(&columns)?)?)
    }

    /// Predictions as a table.
    struct Predicted {
        header: Vec<String>,
        /// The class, where there are some, and the numbers of each row.
        rows: Vec<(Option<String>, Vec<f32>)>,
    }

    /// A class or a number.
    #[derive(serde::Serialize)]
    #[serde(untagged)]
    enum Cell<'a> {
        Class(&'a str),
        Number(f32),
    }

    impl Predicted {
        fn new(predictions: &Predictions) -> Predicted {
            let probabilities = predictions.class_names().iter().map(|name| format!("probability.{name}"));
            let width = predictions.width();
            let labels = predictions.labels();
            let header: Vec<String> = match (predictions.output(), &labels) {
                (OutputKind::Numbers, _) if width == 1 => vec!["prediction".to_owned()],
                (OutputKind::Numbers, _) => {
                    (1..=width).map(|number| format!("prediction.{number}")).collect()
                }
                (_, Ok(_)) => std::iter::once("class".to_owned()).chain(probabilities).collect(),
                (_, Err(_)) => probabilities.collect(),
            };
            let numbers: Vec<Vec<f32>> = match predictions.output() {
                OutputKind::Numbers => predictions.rows().map(<[f32]>::to_vec).collect(),
                _ => predictions.probabilities(),
            };
            let label = |row: usize| labels.as_ref().ok().map(|labels| labels[row].to_owned());
            let rows = numbers.into_iter().enumerate().map(|(row, numbers)| (label(row), numbers));
            Predicted { header, rows: rows.collect() }
        }

        fn csv(&self) -> Result<String, Failure> {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let failed = |error: csv::Error| Failure::Output(format!("could not write as CSV: {error}"));
            writer.write_record(&self.header).map_err(failed)?;
            for (class, numbers) in &self.rows {
                let numbers = numbers.iter().map(f32::to_string);
                writer.write_record(class.iter().cloned().chain(numbers)).map_err(failed)?;
            }
            let bytes = writer.into_inner().map_err(|error| Failure::Output(error.to_string()))?;
            String::from_utf8(bytes).map_err(|error| Failure::Output(error.to_string()))
        }

        /// The rows for JSON.
        fn objects(&self) -> Vec<Map<Cell<'_>>> {
            self.rows
                .iter()
                .map(|(class, numbers)| {
                    let class = class.iter().map(|class| Cell::Class(class));
                    let cells = class.chain(numbers.iter().map(|&number| Cell::Number(number)));
                    Map(self.header.iter().cloned().zip(cells).collect())
                })
                .collect()
        }
    }
}
