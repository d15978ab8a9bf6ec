//! Brackets and stages as text that fits where it is printed.

use super::columns::wrapped;
use crate::schedule::{EpochCount, Outline, Stage};

/// The columns between two tab stops of a terminal.
const TAB: usize = 8;

/// The brackets and stages of an algorithm: the table that is their `Display`, or a line for each bracket
/// where that is wider than `width`.
///
/// ```
/// use hobbit::observe::brackets_text;
///
/// let outline = hobbit::Plan::new(9, 3)?.outline(1);
/// assert_eq!(brackets_text(&outline, None), outline.to_string());
/// let narrow = "Bracket  trials x epochs of each stage\n1        9 x 1, 3 x 3, 1 x 9\n2        5 x 3, 1 x 9\n\
///               3        3 x 9\nTotal epochs=78\n";
/// assert_eq!(brackets_text(&outline, Some(80)), narrow);
/// # Ok::<(), hobbit::Error>(())
/// ```
pub fn brackets_text(outline: &Outline, width: Option<usize>) -> String {
    let table = outline.to_string();
    match width {
        Some(width) if table.lines().any(|line| columns_of(line) > width) => narrow(outline, width),
        _ => table,
    }
}

/// The columns that a line takes, tabs included.
fn columns_of(line: &str) -> usize {
    line.chars().fold(0, |column, c| if c == '\t' { (column / TAB + 1) * TAB } else { column + 1 })
}

fn narrow(outline: &Outline, width: usize) -> String {
    const INDENT: usize = 9;
    let stages = match outline.epoch_count() {
        EpochCount::Additional => "trials x epochs of each stage",
        EpochCount::Cumulative => "trials of each stage, and the epochs up to which",
    };
    let mut text = wrapped(&format!("Bracket  {stages}"), INDENT, width) + "\n";
    for (number, bracket) in (1..).zip(outline.brackets()) {
        let number: u64 = number;
        let stages: Vec<String> =
            bracket.stages.iter().map(|stage| stage_text(stage, outline.epoch_count())).collect();
        // the words of a stage stay together
        let stages = stages.join(", ").replace(" x ", "_x_").replace(" to ", "_to_");
        let line = wrapped(&format!("{number:<INDENT$}{stages}"), INDENT, width);
        text += &(line.replace('_', " ") + "\n");
    }
    let total = if outline.is_exact() { "Total" } else { "Expected" };
    text + &format!("{total} epochs={}\n", outline.epochs_of_repetition())
}

/// Trials and epochs of a stage: `9 x 3`; or `9 to 12`, where epochs are counted from the beginning.
pub fn stage_text(stage: &Stage, count: EpochCount) -> String {
    match count {
        EpochCount::Additional => format!("{} x {}", stage.trials, stage.epochs),
        EpochCount::Cumulative => format!("{} to {}", stage.trials, stage.trained),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Plan;

    #[test]
    fn the_golden_table_stays_where_it_fits() {
        let outline = Plan::new(81, 3).unwrap().outline(1);
        for width in [None, Some(100), Some(200)] {
            assert_eq!(brackets_text(&outline, width), outline.to_string());
        }
        // 7 brackets go beyond the rule
        let wide = Plan::new(729, 3).unwrap().outline(1);
        assert_eq!(brackets_text(&wide, Some(118)), wide.to_string());
        assert_ne!(brackets_text(&wide, Some(117)), wide.to_string());
    }

    #[test]
    fn elsewhere_every_line_fits() {
        for (r, eta) in [(1, 2), (81, 3), (729, 3), (1_000_000, 2)] {
            for count in [EpochCount::Additional, EpochCount::Cumulative] {
                let outline = Plan::counting(r, eta, count).unwrap().outline(1);
                for width in [32, 40, 80, 99] {
                    let text = brackets_text(&outline, Some(width));
                    assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
                    let stage = stage_text(&outline.brackets()[0].stages[0], count);
                    assert!(text.contains(&stage), "a stage is in one piece: {text}");
                }
            }
        }
    }
}
