//! Which trials are shown, in which order, and which of their columns: in the words that the report's table
//! has.

use std::cmp::Ordering;

use hobbit::observe::{self, Wording, text};
use hobbit::repository::{Overview, TrialOverview};
use hobbit::space::Value;

use crate::failure::Failure;
use crate::state::{self, State};

/// What of a study's trials is shown.
#[derive(clap::Args)]
pub(crate) struct Choice {
    /// Only trials that match this: words that a cell contains, or conditions such as `epochs>10`,
    /// `status=finished` or `learning_rate<=0.01`. All of them have to match.
    #[arg(long = "where", short = 'w', value_name = "WORDS", conflicts_with = "trial")]
    words: Vec<String>,
    /// Sorted by this column, the smallest first; trials without a value come last.
    #[arg(long, value_name = "COLUMN", conflicts_with = "trial")]
    sort: Option<String>,
    /// With --sort: the largest first.
    #[arg(long, requires = "sort")]
    reverse: bool,
    /// These columns beside rank and trial, metrics among them; in text only.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', conflicts_with = "trial")]
    columns: Vec<String>,
}

/// The table of all trials.
pub(crate) struct Sheet<'a> {
    overview: &'a Overview,
    names: Vec<String>,
    /// The columns that are shown unless others are asked for.
    usual: usize,
    /// A row for each trial.
    rows: Vec<Vec<Cell>>,
}

/// What stands in a column: a text, and what it is as a number.
struct Cell {
    text: String,
    number: Option<f64>,
}

impl Cell {
    fn text(text: String) -> Cell {
        Cell { text, number: None }
    }

    fn number(number: f64) -> Cell {
        Cell { text: text::number(number), number: Some(number).filter(|number| !number.is_nan()) }
    }

    fn count(count: u64) -> Cell {
        Cell { text: count.to_string(), number: Some(count as f64) }
    }

    /// A field as people write it, with the number that it is, if it is one.
    fn field(text: &str, value: Option<&Value>) -> Cell {
        Cell { text: text.to_owned(), number: value.and_then(|value| Cell::value(value).number) }
    }

    fn none() -> Cell {
        Cell::text("-".to_owned())
    }

    fn value(value: &Value) -> Cell {
        let number = match value {
            Value::Int(value) => Some(*value as f64),
            Value::UInt(value) => Some(*value as f64),
            Value::Float(value) => Some(*value).filter(|value| !value.is_nan()),
            _ => None,
        };
        Cell { text: text::cell(value), number }
    }
}

/// A configuration's fields with what they are.
type Written = Vec<(String, String)>;

/// The columns that every study has: rank, trial, score, epochs and status. Where configurations are from
/// comes next, if there is something to say about it.
const FIXED: usize = 5;

impl<'a> Sheet<'a> {
    pub(crate) fn new(overview: &'a Overview) -> Sheet<'a> {
        let monitor = &overview.study.monitor;
        let wording = Wording::new(&overview.study.space);
        let written: Vec<_> = overview.trials.iter().map(|trial| wording.fields(&trial.hparams)).collect();
        let fields = observe::names(written.iter().map(Vec::as_slice));
        // what people write in one piece can still be asked for piece by piece
        let mut hparams = observe::names(overview.trials.iter().map(|trial| trial.hparams.as_slice()));
        hparams.retain(|name| !fields.contains(name));
        let mut metrics: Vec<&str> = Vec::new();
        for name in
            overview.trials.iter().flat_map(|trial| &trial.stages).flat_map(|stage| stage.history.metrics())
        {
            if name != monitor && !metrics.contains(&name.as_str()) {
                metrics.push(name);
            }
        }
        let fixed: [&str; FIXED] = ["rank", "trial", monitor, "epochs", "status"];
        let has_origins = overview.has_origins();
        let fixed = fixed.into_iter().chain(has_origins.then_some("origin"));
        let names = fixed.chain([&fields[..], &hparams, &metrics].concat());
        let state = State::of(overview);
        let row = |(rank, (trial, written)): (u64, (&TrialOverview, &Written))| {
            let mut cells = vec![
                Cell::count(rank),
                Cell::text(trial.id.to_string()),
                trial.score.map_or_else(Cell::none, |(score, _)| Cell::number(score)),
                Cell::count(trial.epochs()),
                Cell::text(state::fate(trial, state)),
            ];
            if has_origins {
                let origin = trial.origin.map(|origin| Cell::text(origin.to_string()));
                cells.push(origin.unwrap_or_else(Cell::none));
            }
            cells.extend(fields.iter().map(|name| {
                let field = written.iter().find(|(known, _)| known == name);
                field.map_or_else(Cell::none, |(name, text)| Cell::field(text, trial.hparam(name)))
            }));
            cells.extend(hparams.iter().map(|name| trial.hparam(name).map_or_else(Cell::none, Cell::value)));
            let measured: Vec<(&str, f64)> = trial.score_metrics().collect();
            let metric = |name: &&str| measured.iter().find(|(known, _)| known == name);
            cells.extend(
                metrics
                    .iter()
                    .map(|name| metric(name).map_or_else(Cell::none, |(_, value)| Cell::number(*value))),
            );
            cells
        };
        Sheet {
            overview,
            usual: FIXED + usize::from(has_origins) + fields.len(),
            names: names.map(str::to_owned).collect(),
            rows: (1..).zip(overview.trials.iter().zip(&written)).map(row).collect(),
        }
    }

    /// The place of a column.
    fn column(&self, name: &str) -> Result<usize, Failure> {
        let known = self.names.iter().position(|known| known.eq_ignore_ascii_case(name));
        known.ok_or_else(|| {
            Failure::Usage(format!("there is no column `{name}`; there are: {}", self.names.join(", ")))
        })
    }

    /// The trials that are shown, as places in the list of all.
    pub(crate) fn chosen(&self, choice: &Choice) -> Result<Vec<usize>, Failure> {
        let tests: Vec<Test> = choice
            .words
            .iter()
            .flat_map(|words| words.split_whitespace())
            .map(|word| self.test(word))
            .collect();
        let mut chosen: Vec<usize> = (0..self.rows.len())
            .filter(|&row| tests.iter().all(|test| test.holds(&self.rows[row])))
            .collect();
        if let Some(name) = &choice.sort {
            let column = self.column(name)?;
            chosen.sort_by(|&a, &b| self.compare(column, a, b, choice.reverse));
        }
        Ok(chosen)
    }

    fn compare(&self, column: usize, a: usize, b: usize, reverse: bool) -> Ordering {
        let turned = |order: Ordering| if reverse { order.reverse() } else { order };
        if column == 1 {
            return turned(self.overview.trials[a].id.cmp(&self.overview.trials[b].id));
        }
        let (a, b) = (&self.rows[a][column], &self.rows[b][column]);
        match (a.number, b.number) {
            (Some(a), Some(b)) => turned(a.total_cmp(&b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => (a.text == "-").cmp(&(b.text == "-")).then_with(|| turned(a.text.cmp(&b.text))),
        }
    }

    /// The columns that are shown, as places, with their names.
    pub(crate) fn columns(&self, choice: &Choice) -> Result<Vec<(usize, &str)>, Failure> {
        let places = match choice.columns.as_slice() {
            [] => (0..self.usual).collect(),
            names => {
                let asked = names.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
                [0, 1].into_iter().chain(asked.into_iter().filter(|place| *place > 1)).collect::<Vec<_>>()
            }
        };
        Ok(places.into_iter().map(|place| (place, self.names[place].as_str())).collect())
    }

    /// What stands in a row.
    pub(crate) fn cells(&self, row: usize, columns: &[(usize, &str)]) -> Vec<String> {
        columns.iter().map(|(column, _)| self.rows[row][*column].text.clone()).collect()
    }

    /// What a word asks for: a condition of a column, if it names one; otherwise that it is in some cell.
    fn test(&self, word: &str) -> Test {
        for sign in ["<=", ">=", "<", ">", "="] {
            if let Some((name, value)) = word.split_once(sign)
                && !value.is_empty()
                && let Ok(column) = self.column(name)
            {
                let (value, number) = (value.to_lowercase(), value.parse().ok());
                return Test::Condition { column, sign, value, number };
            }
        }
        Test::Word(word.to_lowercase())
    }
}

/// What a trial has to be like.
enum Test {
    Word(String),
    Condition { column: usize, sign: &'static str, value: String, number: Option<f64> },
}

impl Test {
    fn holds(&self, row: &[Cell]) -> bool {
        match self {
            Test::Word(word) => row.iter().any(|cell| cell.text.to_lowercase().contains(word)),
            Test::Condition { column, sign, value, number } => {
                let cell = &row[*column];
                match (cell.number, number, *sign) {
                    // as it is shown, or as it is
                    (Some(cell), Some(number), "=") => {
                        cell == *number || text::number(cell) == text::number(*number)
                    }
                    (_, _, "=") => cell.text.to_lowercase().starts_with(value),
                    (Some(cell), Some(number), "<=") => cell <= *number,
                    (Some(cell), Some(number), ">=") => cell >= *number,
                    (Some(cell), Some(number), "<") => cell < *number,
                    (Some(cell), Some(number), _) => cell > *number,
                    _ => false,
                }
            }
        }
    }
}
