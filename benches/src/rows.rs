//! What was measured, for people and for machines.

use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

use crate::pairs::{Pair, quantile};

/// Holds one comparison of A with B.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What is measured.
    pub name: String,
    /// What A is.
    pub a: String,
    /// What B is.
    pub b: String,
    /// Median of A's times.
    pub a_seconds: f64,
    /// Median of B's times.
    pub b_seconds: f64,
    /// Median of the ratios of the pairs.
    pub ratio: f64,
    /// The ratio below which a tenth of the pairs lies.
    pub ratio_p10: f64,
    /// The ratio below which nine tenths of the pairs lie.
    pub ratio_p90: f64,
    /// Median of the ratios of the processor's time; none where other processes
    /// do the work.
    pub cpu_ratio: Option<f64>,
    /// Number of pairs.
    pub pairs: usize,
    /// Bytes that each of the two goes through, where that is what counts.
    pub bytes: Option<u64>,
    /// What the median ratio has to keep to, if anything.
    pub limit: Option<Limit>,
    /// Whether it does.
    pub ok: Option<bool>,
}

/// Limits a ratio.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The ratio may be this or less.
    AtMost(f64),
    /// The ratio has to be this or more.
    AtLeast(f64),
}

impl Limit {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }

    fn show(self) -> String {
        match self {
            Self::AtMost(limit) => format!("<= {limit}"),
            Self::AtLeast(limit) => format!(">= {limit}"),
        }
    }
}

impl Row {
    /// Sums up pairs by the ratio of A's time to B's.
    pub fn of_times(name: &str, (a, b): (&str, &str), pairs: &[Pair]) -> Self {
        let cpu_ratio = quantile(pairs.iter().map(Pair::cpu_ratio), 0.5);
        Self { cpu_ratio: Some(cpu_ratio), ..Self::of(name, (a, b), pairs, Pair::ratio) }
    }

    /// Sums up pairs by the ratio of A's speed to B's.
    pub fn of_speeds(name: &str, (a, b): (&str, &str), pairs: &[Pair]) -> Self {
        Self::of(name, (a, b), pairs, |pair| 1.0 / pair.ratio())
    }

    fn of(name: &str, (a, b): (&str, &str), pairs: &[Pair], ratio: impl Fn(&Pair) -> f64) -> Self {
        let ratios = |share| quantile(pairs.iter().map(&ratio), share);
        Self {
            name: name.into(),
            a: a.into(),
            b: b.into(),
            a_seconds: quantile(pairs.iter().map(|pair| pair.a.wall), 0.5),
            b_seconds: quantile(pairs.iter().map(|pair| pair.b.wall), 0.5),
            ratio: ratios(0.5),
            ratio_p10: ratios(0.1),
            ratio_p90: ratios(0.9),
            cpu_ratio: None,
            pairs: pairs.len(),
            bytes: None,
            limit: None,
            ok: None,
        }
    }

    /// Sets a limit.
    pub fn limited(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ok: Some(limit.holds(self.ratio)), ..self }
    }

    /// Says how many bytes both go through.
    pub fn over_bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    fn side(&self, name: &str, seconds: f64) -> String {
        let rate = self.bytes.map(|bytes| format!(", {:.2} GB/s", bytes as f64 / seconds / 1e9));
        format!("{name}: {}{}", show_seconds(seconds), rate.unwrap_or_default())
    }
}

fn show_seconds(seconds: f64) -> String {
    match seconds {
        1.0.. => format!("{seconds:.2} s"),
        1e-3.. => format!("{:.2} ms", 1e3 * seconds),
        _ => format!("{:.2} us", 1e6 * seconds),
    }
}

/// Lays out rows for a person.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["measured", "A", "B", "ratio", "p10..p90", "cpu", "pairs", "limit", "ok"]);
    for row in rows {
        table.add_row([
            row.name.clone(),
            row.side(&row.a, row.a_seconds),
            row.side(&row.b, row.b_seconds),
            format!("{:.4}", row.ratio),
            format!("{:.4}..{:.4}", row.ratio_p10, row.ratio_p90),
            row.cpu_ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.4}")),
            row.pairs.to_string(),
            row.limit.map_or_else(|| "-".into(), Limit::show),
            row.ok.map_or("-", |ok| if ok { "yes" } else { "NO" }).into(),
        ]);
    }
    for column in [3, 5, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
