//! What the measured regrets say: means, thresholds, ranks, and how sure they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hobbit::Key;

use crate::runs::{EVERY, Measured, Run};
use crate::tables::Table;

const AT: [usize; 6] = [100, 200, 400, 700, 1000, 2000];
const TO: [f64; 4] = [0.30, 0.20, 0.10, 0.05];
const RANK_AT: usize = 1000;
/// The bootstrap's.
const SAMPLES: usize = 1000;
/// The numbers of whole curves that random search is known for exactly.
const CURVES: [usize; 3] = [10, 20, 40];

/// The runs of a method with a lookahead.
struct Group<'a> {
    method: &'a str,
    lookahead: u32,
    by_seed: BTreeMap<u64, Vec<&'a [f64]>>,
    /// The last regret of each run, with its table.
    ends: Vec<(&'a str, f64)>,
}

impl<'a> Group<'a> {
    /// Those of these tables, in order.
    fn of(tables: &BTreeSet<&str>, runs: &'a Measured) -> Vec<Group<'a>> {
        let mut groups = BTreeMap::<(&str, u32), Group>::new();
        for (run, regrets) in runs.iter().filter(|(run, _)| tables.contains(&*run.table)) {
            let Run { method, lookahead, seed, .. } = run;
            let new = || Group { method, lookahead: *lookahead, by_seed: BTreeMap::new(), ends: Vec::new() };
            let group = groups.entry((method, *lookahead)).or_insert_with(new);
            group.ends.extend(regrets.last().map(|end| (&*run.table, *end)));
            group.by_seed.entry(*seed).or_default().push(regrets);
        }
        groups.into_values().collect()
    }

    fn seeds(&self) -> Vec<u64> {
        self.by_seed.keys().copied().collect()
    }

    /// The mean over tables and these seeds, of which some may come more than once.
    fn mean(&self, seeds: &[u64]) -> Vec<f64> {
        let chosen = || seeds.iter().filter_map(|seed| self.by_seed.get(seed)).flatten();
        let length = chosen().map(|regrets| regrets.len()).min().unwrap_or(0);
        let mut mean = vec![0.0; length];
        for regrets in chosen() {
            mean.iter_mut().zip(*regrets).for_each(|(sum, regret)| *sum += regret);
        }
        let count = chosen().count() as f64;
        mean.iter_mut().for_each(|sum| *sum /= count);
        mean
    }

    /// Means over seeds drawn with replacement.
    fn bootstrap(&self) -> Vec<Vec<f64>> {
        let seeds = self.seeds();
        let mut rng = Key::new(0).rng();
        let mut drawn = || seeds.iter().map(|_| seeds[rng.below(seeds.len() as u64) as usize]).collect();
        (0..SAMPLES).map(|_| self.mean(&Vec::from_iter::<Vec<u64>>(drawn()))).collect()
    }

    /// Its line of the table, without its rank.
    fn line(&self) -> String {
        let mean = self.mean(&self.seeds());
        let samples = self.bootstrap();
        let mut text = format!("| {} | {} | {} |", self.method, self.lookahead, self.by_seed.len());
        for at in AT {
            let place = at / EVERY - 1;
            let between = interval(samples.iter().filter_map(|sample| sample.get(place).copied()));
            let _ = match (mean.get(place), between) {
                (Some(mean), Some((low, high))) => write!(text, " {mean:.3} [{low:.3}, {high:.3}] |"),
                _ => write!(text, " |"),
            };
        }
        for to in TO {
            let epochs =
                |sample: &Vec<f64>| reached(sample, to).map_or(f64::INFINITY, |epochs| epochs as f64);
            let shown = |epochs: f64| if epochs.is_finite() { epochs.to_string() } else { "–".to_owned() };
            let _ = match (reached(&mean, to), interval(samples.iter().map(epochs))) {
                (Some(epochs), Some((low, high))) => {
                    write!(text, " {epochs} [{}, {}] |", shown(low), shown(high))
                }
                _ => write!(text, " – |"),
            };
        }
        text
    }
}

/// The epochs until a mean regret is at most `to`.
fn reached(mean: &[f64], to: f64) -> Option<usize> {
    mean.iter().position(|&regret| regret <= to).map(|place| (place + 1) * EVERY)
}

/// A suite's methods: mean regrets and epochs, with what 95 % of bootstrap samples over seeds lie between.
pub(crate) fn summary(suite: &str, tables: &[&Table], runs: &Measured) -> String {
    let names: BTreeSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let groups = Group::of(&names, runs);
    let mut text = format!("{suite}, {} tables: mean regret after epochs of budget\n\n", tables.len());
    let _ = write!(text, "| method | P | seeds |");
    let heads = AT.iter().map(|at| at.to_string()).chain(TO.iter().map(|to| format!("to {to:.2}")));
    heads.for_each(|head| text += &format!(" {head} |"));
    let columns = AT.len() + TO.len() + 4;
    let _ = writeln!(text, " rank at {RANK_AT} |\n|{}", "---|".repeat(columns));
    let ranks = ranks(&names, runs);
    for group in &groups {
        let rank = ranks.get(&(group.method, group.lookahead));
        let rank = rank.map_or_else(String::new, |rank| format!(" {rank:.2}"));
        let _ = writeln!(text, "{}{rank} |", group.line());
    }
    text += &by_table(tables, &groups);
    let exact: Vec<String> = CURVES.iter().map(|&k| format!("{:.4}", exact(tables, k))).collect();
    let _ = writeln!(
        text,
        "\nExact for random search over whole curves, k = {}: {}.",
        CURVES.map(|k| k.to_string()).join(", "),
        exact.join(", ")
    );
    text
}

/// The mean regret at the end of the budget on each table, with its standard error.
fn by_table(tables: &[&Table], groups: &[Group]) -> String {
    let mut text =
        "\nMean regret at the end of the budget, by table, ± its standard error\n\n| method | P |".to_owned();
    tables.iter().for_each(|table| text += &format!(" {} |", table.name));
    let _ = writeln!(text, "\n|{}", "---|".repeat(tables.len() + 2));
    for group in groups {
        let _ = write!(text, "| {} | {} |", group.method, group.lookahead);
        for table in tables {
            let ends: Vec<f64> =
                group.ends.iter().filter(|end| end.0 == table.name).map(|end| end.1).collect();
            let count = ends.len() as f64;
            let mean = ends.iter().sum::<f64>() / count;
            let squares: f64 = ends.iter().map(|end| (end - mean).powi(2)).sum();
            let _ = match ends.len() {
                0 => write!(text, " |"),
                1 => write!(text, " {mean:.3} |"),
                _ => write!(text, " {mean:.3} ± {:.3} |", (squares / (count - 1.0) / count).sqrt()),
            };
        }
        text.push('\n');
    }
    text
}

/// The expected regret of the best of `k` whole curves drawn without replacement, as the mean over tables:
/// Σⱼ r₍ⱼ₎ · C(n−1−j, k−1) / C(n, k).
pub(crate) fn exact(tables: &[&Table], k: usize) -> f64 {
    let of_table = |table: &&Table| {
        let best = |curve: &Vec<f64>| {
            let healthy = curve.iter().copied().take_while(|loss| loss.is_finite());
            healthy.map(|loss| table.regret(loss)).fold(1.0, f64::min)
        };
        let mut regrets: Vec<f64> = table.curves.iter().map(best).collect();
        regrets.sort_by(f64::total_cmp);
        // all are drawn, or the best of k has so many worse ones beside it
        let (n, k) = (regrets.len(), k.min(regrets.len()));
        let mut chance = k as f64 / n as f64;
        let mut sum = 0.0;
        for (j, regret) in regrets.iter().enumerate().take(n - k + 1) {
            sum += regret * chance;
            // C(n−2−j, k−1) / C(n−1−j, k−1)
            chance *= (n - k - j) as f64 / (n - 1 - j).max(1) as f64;
        }
        sum
    };
    tables.iter().map(of_table).sum::<f64>() / tables.len() as f64
}

/// What 95 % lie between.
fn interval(samples: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    let last = samples.len().checked_sub(1)?;
    let at = |share: f64| samples[((samples.len() as f64 * share) as usize).min(last)];
    Some((at(0.025), at(0.975)))
}

/// Each method's mean rank among those that have the same lookahead, table and seed, 1 for the best; equal
/// ones share their ranks.
fn ranks<'a>(tables: &BTreeSet<&str>, runs: &'a Measured) -> BTreeMap<(&'a str, u32), f64> {
    let mut contests = BTreeMap::<_, Vec<(&str, f64)>>::new();
    for (run, regrets) in runs.iter().filter(|(run, _)| tables.contains(&*run.table)) {
        let Some(regret) = regrets.get(RANK_AT / EVERY - 1) else { continue };
        contests
            .entry((run.table.as_str(), run.lookahead, run.seed))
            .or_default()
            .push((&run.method, *regret));
    }
    let mut sums: BTreeMap<(&str, u32), (f64, f64)> = BTreeMap::new();
    for ((_, lookahead, _), contest) in &contests {
        for (method, regret) in contest {
            let better = contest.iter().filter(|(_, other)| other < regret).count() as f64;
            let equal = contest.iter().filter(|(_, other)| other == regret).count() as f64;
            let sum = sums.entry((method, *lookahead)).or_default();
            *sum = (sum.0 + better + (equal + 1.0) / 2.0, sum.1 + 1.0);
        }
    }
    sums.into_iter().map(|(method, (sum, count))| (method, sum / count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bests: &[f64]) -> Table {
        let curves = bests.iter().map(|&best| vec![0.9, best, f64::NAN]).collect();
        Table { name: "t".to_owned(), curves, initial: 1.0, best: 0.0 }
    }

    #[test]
    fn the_closed_form_is_the_mean_over_all_subsets() {
        let bests = [0.0, 0.7, 0.2, 0.5, 0.8, 0.1, 0.2];
        let table = table(&bests);
        for k in 1..=bests.len() {
            let subsets = (0_u32..1 << bests.len()).filter(|set| set.count_ones() as usize == k);
            let best = |set: u32| {
                let chosen = (0..bests.len()).filter(|i| set >> i & 1 == 1);
                chosen.map(|i| bests[i]).fold(1.0, f64::min)
            };
            let all: Vec<f64> = subsets.map(best).collect();
            let expected = all.iter().sum::<f64>() / all.len() as f64;
            assert!((exact(&[&table], k) - expected).abs() < 1e-12, "{k}");
        }
    }

    fn measured(rows: &[(&str, &str, u64, f64)]) -> Measured {
        let run = |&(table, method, seed, regret): &(&str, &str, u64, f64)| {
            let (table, method) = (table.to_owned(), method.to_owned());
            let regrets = (0..200).map(|i| if i < 30 { 1.0 } else { regret }).collect();
            (Run { table, method, lookahead: 4, seed }, regrets)
        };
        rows.iter().map(run).collect()
    }

    #[test]
    fn methods_are_summed_up_by_tables_and_seeds() {
        let (a, b) = (table(&[0.0]), Table { name: "u".to_owned(), ..table(&[0.0]) });
        let runs = measured(&[
            ("t", "x", 0, 0.1),
            ("t", "x", 1, 0.1),
            ("u", "x", 0, 0.2),
            ("u", "x", 1, 0.2),
            ("t", "y", 0, 0.05),
            ("t", "y", 1, 0.1),
            ("elsewhere", "z", 0, 0.0),
        ]);
        let text = summary("suite", &[&a, &b], &runs);
        let line = |method: &str| text.lines().find(|line| line.starts_with(&format!("| {method} |")));
        let x = line("x").unwrap();
        assert!(
            text.contains("| x | 4 | 0.100 ± 0.000 | 0.200 ± 0.000 |\n| y | 4 | 0.075 ± 0.025 | |\n"),
            "{text}"
        );
        assert!(x.starts_with("| x | 4 | 2 | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] | 0.150 ["), "{x}");
        assert!(x.ends_with("| 310 [310, 310] | 310 [310, 310] | – | – | 1.38 |"), "{x}");
        assert!(line("y").unwrap().ends_with("| 310 [310, 310] | – | 1.25 |"), "{text}");
        assert_eq!(line("z"), None);
    }
}
