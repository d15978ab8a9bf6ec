//! What is measured: the metrics of one epoch, and those of several.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What one epoch measured: names and values, in the order in which they were reported.
///
/// Every epoch has to report the monitor; other metrics may be missing. A metric that is measured in every
/// tenth epoch, say, has a column in the history, the journal and the tables, with NaN for the other epochs.
#[derive(Clone, Default)]
pub struct Metrics {
    /// Those of this epoch first; behind them what is left of the epoch before, so that names need not be
    /// written again.
    names: Vec<Cow<'static, str>>,
    /// As many as were reported.
    values: Vec<f64>,
    /// Another number after every change of the names, which no other metrics have for other names.
    version: u64,
    /// The names, to be shared by many histories.
    shared: Option<Arc<[String]>>,
    stopped: bool,
}

impl Metrics {
    /// No metrics yet.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// Adds a value; a second value of the same name replaces the first.
    #[inline]
    pub fn report(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        let name = name.into();
        // epoch after epoch the same names come in the same order
        if self.names.get(self.values.len()).is_some_and(|known| same(known, &name)) {
            self.values.push(value);
        } else {
            self.report_out_of_turn(name, value);
        }
    }

    #[cold]
    fn report_out_of_turn(&mut self, name: Cow<'static, str>, value: f64) {
        if let Some(position) = self.position(&name) {
            self.values[position] = value;
        } else {
            self.names.truncate(self.values.len());
            self.names.push(name);
            self.values.push(value);
            static VERSIONS: AtomicU64 = AtomicU64::new(1);
            self.version = VERSIONS.fetch_add(1, Ordering::Relaxed);
            self.shared = None;
        }
    }

    /// The value of a metric.
    #[inline]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|&(known, _)| known == name).map(|(_, value)| value)
    }

    /// All names and values.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        self.names.iter().zip(&self.values).map(|(name, value)| (name.as_ref(), *value))
    }

    /// Removes all values and keeps the allocated memory.
    #[inline]
    pub fn clear(&mut self) {
        self.values.clear();
        self.stopped = false;
    }

    /// Ends the trial's stage with this epoch, because more training would not help: early stopping.
    ///
    /// The stage consists of the epochs that were trained. The trial's score competes like that of any other
    /// trial; if the trial is promoted, training continues in its next stage, where it may be stopped again.
    /// The trial's checkpoint records that the stage was stopped.
    #[inline]
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether [`stop`](Metrics::stop) was called since the metrics were cleared.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The values in their order.
    #[inline]
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The place of a metric among those reported.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.iter().position(|(known, _)| known == name)
    }

    /// The names in their order.
    pub(crate) fn names(&mut self) -> Arc<[String]> {
        match &self.shared {
            Some(names) if names.len() == self.values.len() => names.clone(),
            _ => self.shared.insert(self.iter().map(|(name, _)| name.to_owned()).collect()).clone(),
        }
    }

    /// Equal layouts mean equal names in equal order.
    #[inline]
    pub(crate) fn layout(&self) -> (u64, usize) {
        (self.version, self.values.len())
    }
}

impl<N: Into<Cow<'static, str>>, const COUNT: usize> From<[(N, f64); COUNT]> for Metrics {
    /// ```
    /// use hobbit::Metrics;
    ///
    /// let metrics = Metrics::from([("loss", 0.5), ("val_loss", 0.7)]);
    /// assert_eq!(metrics.get("val_loss"), Some(0.7));
    /// ```
    fn from(reported: [(N, f64); COUNT]) -> Metrics {
        reported.into_iter().collect()
    }
}

impl<N: Into<Cow<'static, str>>> Extend<(N, f64)> for Metrics {
    /// Reports each value.
    fn extend<I: IntoIterator<Item = (N, f64)>>(&mut self, reported: I) {
        reported.into_iter().for_each(|(name, value)| self.report(name, value));
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, f64)> for Metrics {
    /// ```
    /// use hobbit::Metrics;
    ///
    /// let mut metrics: Metrics = (0..2).map(|fold| (format!("val_loss_{fold}"), 0.5)).collect();
    /// metrics.extend([("val_loss", 0.4), ("val_loss_1", 0.3)]);
    /// let values: Vec<f64> = metrics.iter().map(|(_, value)| value).collect();
    /// assert_eq!(values, [0.5, 0.3, 0.4]);
    /// ```
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(reported: I) -> Metrics {
        let mut metrics = Metrics::new();
        metrics.extend(reported);
        metrics
    }
}

/// Names and values in their order; with a precision, each value has so many decimals.
///
/// ```
/// let metrics = hobbit::Metrics::from([("loss", 0.25), ("accuracy", 2.0 / 3.0)]);
/// assert_eq!(format!("{metrics:.3}"), "loss 0.250, accuracy 0.667");
/// ```
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name} ", if number > 0 { ", " } else { "" })?;
            fmt::Display::fmt(&value, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// As names with values, in their order.
impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metrics, D::Error> {
        let mut metrics = Metrics::new();
        for (name, value) in Vec::<(String, f64)>::deserialize(deserializer)? {
            metrics.report(name, value);
        }
        Ok(metrics)
    }
}

impl PartialEq for Metrics {
    fn eq(&self, other: &Metrics) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Equality of names, which are the same text in memory most of the time.
#[inline]
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.as_ptr() == b.as_ptr() || a == b)
}

/// The metrics of several epochs: a row for each.
///
/// There is a column for every metric that any of the epochs reported; the value is NaN in epochs that did
/// not report it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    metrics: Arc<[String]>,
    /// Row by row.
    values: Vec<f64>,
}

impl History {
    /// The names of the metrics.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The number of epochs.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.metrics.len()).unwrap_or(0)
    }

    /// Whether there is no epoch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of each epoch, in the order of [`metrics`](History::metrics).
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.metrics.len().max(1))
    }

    /// The values of one metric, by epoch.
    pub fn column(&self, metric: &str) -> Option<impl Iterator<Item = f64>> {
        let position = self.metrics.iter().position(|name| name == metric)?;
        Some(self.rows().map(move |row| row[position]))
    }

    /// The names of the metrics, as they are shared by many histories.
    #[inline]
    pub(crate) fn names(&self) -> &Arc<[String]> {
        &self.metrics
    }

    /// A value by its epoch and metric, both counted from 0.
    #[inline]
    pub(crate) fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.values.get(row.checked_mul(self.metrics.len())?.checked_add(column)?).copied()
    }

    /// No epochs yet of these metrics, with room for so many.
    pub(crate) fn new(metrics: Arc<[String]>, room: usize) -> History {
        let values = Vec::with_capacity(room * metrics.len());
        History { metrics, values }
    }

    /// Whether an epoch has the same names in the same order.
    pub(crate) fn has_layout_of(&self, epoch: &Metrics) -> bool {
        epoch.iter().map(|(name, _)| name).eq(self.metrics.iter().map(String::as_str))
    }

    /// Adds an epoch. What it did not report is NaN. What was not reported before is a new column, with NaN
    /// for the epochs before.
    pub(crate) fn push(&mut self, epoch: &Metrics) {
        if epoch.iter().any(|(name, _)| !self.metrics.iter().any(|known| known == name)) {
            self.widen(epoch);
        }
        self.values.extend(self.metrics.iter().map(|name| epoch.get(name).unwrap_or(f64::NAN)));
    }

    /// Adds the columns that an epoch has and the history does not.
    fn widen(&mut self, epoch: &Metrics) {
        let width = self.metrics.len();
        let new = epoch.iter().map(|(name, _)| name).filter(|name| !self.metrics.iter().any(|m| m == name));
        let metrics: Arc<[String]> = self.metrics.iter().cloned().chain(new.map(str::to_owned)).collect();
        let mut values = Vec::with_capacity((self.len() + 1) * metrics.len());
        for row in self.values.chunks_exact(width.max(1)) {
            values.extend_from_slice(row);
            values.resize(values.len() + metrics.len() - width, f64::NAN);
        }
        *self = History { metrics, values };
    }

    /// Adds an epoch that is known to have the same names in the same order.
    #[inline]
    pub(crate) fn push_same(&mut self, epoch: &Metrics) {
        match epoch.values() {
            // sooner there than a copy is begun
            &[value] => self.values.push(value),
            values => self.values.extend_from_slice(values),
        }
    }

    /// Whether it has a value for each metric in each epoch.
    pub(crate) fn is_sound(&self) -> bool {
        self.len() * self.metrics.len() == self.values.len()
    }

    /// A history of these metrics; `values` are row by row.
    pub(crate) fn from_parts(metrics: Arc<[String]>, values: Vec<f64>) -> History {
        History { metrics, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_layouts_mean_equal_names_also_of_other_metrics() {
        let reported = |names: &[&'static str]| {
            let mut metrics = Metrics::new();
            names.iter().for_each(|&name| metrics.report(name, 0.5));
            metrics
        };
        let mut metrics = reported(&["loss", "accuracy"]);
        let layout = metrics.layout();
        assert_ne!(layout, reported(&["accuracy", "loss"]).layout());
        assert_eq!(layout, metrics.clone().layout());
        metrics.clear();
        metrics.report("loss", 0.25);
        assert_ne!(layout, metrics.layout());
        metrics.report("accuracy", 0.75);
        assert_eq!(layout, metrics.layout());
        metrics.clear();
        metrics.report("accuracy", 0.75);
        metrics.report("loss", 0.25);
        assert_ne!(layout, metrics.layout());
        assert_eq!(metrics.iter().collect::<Vec<_>>(), [("accuracy", 0.75), ("loss", 0.25)]);
        assert_eq!(format!("{metrics:?}"), r#"{"accuracy": 0.75, "loss": 0.25}"#);
        // names of the epoch before are not shown
        metrics.clear();
        metrics.report("accuracy", 0.5);
        assert_eq!((metrics.to_string(), Metrics::new().to_string()), ("accuracy 0.5".into(), String::new()));
    }

    #[test]
    fn a_history_has_every_metric_that_any_epoch_reported() {
        let reported = |values: &[(&'static str, f64)]| {
            let mut metrics = Metrics::new();
            values.iter().for_each(|&(name, value)| metrics.report(name, value));
            metrics
        };
        let mut first = reported(&[("loss", 1.0)]);
        let mut history = History::new(first.names(), 4);
        history.push_same(&first);
        history.push(&reported(&[("test", 7.0), ("loss", 2.0)]));
        history.push(&reported(&[("loss", 3.0)]));
        history.push(&reported(&[("loss", 4.0), ("late", 5.0), ("test", 6.0)]));
        assert_eq!(history.metrics(), ["loss", "test", "late"]);
        let rows: Vec<String> = history.rows().map(|row| format!("{row:?}")).collect();
        assert_eq!(rows, ["[1.0, NaN, NaN]", "[2.0, 7.0, NaN]", "[3.0, NaN, NaN]", "[4.0, 6.0, 5.0]"]);
    }
}
