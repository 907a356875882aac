//! Which run is audited tonight, with how many segments, and why.
//!
//! In this order: what an open incident is about; what could not be judged last time; what
//! each run needs to keep its date; then one segment after the other where it lowers weight
//! times chance of escape the most for a device second; and a share for what is covered
//! already. A pure function of its arguments: the order of the candidates decides nothing.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use reenact_core::verify::Coverage;
use serde::{Deserialize, Serialize};

/// A chance of 2 in 20 is as little as 1 - 0.9, though the numbers differ in their last bits.
pub(crate) const ROUNDING: f64 = 1e-12;

/// Holds what a plan knows of a run.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Names it: where it lies.
    pub run: String,
    /// How much it weighs beside others.
    pub weight: f64,
    /// What is covered of it, and how many segments it has now.
    pub coverage: Coverage,
    /// Segments that open incidents are about.
    pub incident_segments: Vec<u64>,
    /// Whether it could not be judged last time.
    pub unjudged: bool,
    /// How long the replay of a segment takes, in device seconds.
    pub segment_seconds: f64,
    /// When its oldest uncovered segment has to be certain, in seconds since 1970; none if all
    /// are covered.
    pub deadline_at_seconds: Option<u64>,
    /// Covered segments that another device or build may look at once more.
    pub revisits: Vec<u64>,
}

/// Says what may be spent, and what is to be reached.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Device seconds that may be spent.
    pub device_seconds: f64,
    /// Number of tampered segments that are to be found.
    pub tampered: u64,
    /// With which probability.
    pub confidence: f64,
    /// Share of the device seconds for covered segments.
    pub revisit: f64,
    /// How often a night is due, in seconds.
    pub period_seconds: u64,
    /// When it is, in seconds since 1970.
    pub now_seconds: u64,
}

/// Says why a run is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// An incident of it is open.
    Incident,
    /// It could not be judged last time.
    Unjudged,
    /// It has to keep its date.
    Date,
    /// It lowers the chance of escape the most for a device second.
    Worth,
    /// Another device or build looks at what is covered.
    Revisit,
}

/// Names segments of a run that are replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Which run.
    pub run: String,
    /// Why.
    pub why: Why,
    /// How many are drawn.
    pub count: u64,
    /// Which are replayed instead, if nothing is drawn.
    pub listed: Vec<u64>,
    /// Device seconds that this is expected to take.
    pub seconds: f64,
}

/// Says what a plan comes to for a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// Which run.
    pub run: String,
    /// The chance of escape before and after.
    pub escape: (f64, f64),
    /// Number of segments that it needs to keep its date, tonight; beyond what is planned if
    /// the budget is too small.
    pub needed: u64,
    /// When the promised certainty is reached if each night does as much, in seconds since
    /// 1970; none if nothing is planned though more is needed.
    pub certain_at_seconds: Option<u64>,
}

/// Holds what a night is going to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// In the order in which they are done.
    pub units: Vec<Unit>,
    /// What that comes to, run by run.
    pub reach: Vec<Reach>,
    /// Device seconds that it is expected to take.
    pub seconds: f64,
    /// Device seconds that may be spent.
    pub budget_seconds: f64,
}

impl Why {
    /// Says it in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Incident => "an incident is open",
            Self::Unjudged => "not judged last time",
            Self::Date => "to keep its date",
            Self::Worth => "lowers the chance of escape the most",
            Self::Revisit => "covered, for another device or build",
        }
    }
}

impl Candidate {
    fn escape_after(&self, terms: &Terms, more: u64) -> f64 {
        self.coverage.foresee(terms.tampered.min(self.coverage.total()).max(1), more)
    }

    /// Returns how many segments more make it as certain as promised.
    pub fn needed(&self, terms: &Terms) -> u64 {
        let (mut low, mut high) = (0, self.coverage.uncovered());
        if self.coverage.total() == 0 {
            return 0;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.escape_after(terms, middle) <= 1.0 - terms.confidence + ROUNDING {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Returns how many segments have to be drawn tonight to keep the date: what is needed,
    /// spread over the nights that are left.
    fn tonight(&self, terms: &Terms) -> u64 {
        let needed = self.needed(terms);
        let Some(deadline) = self.deadline_at_seconds.filter(|_| needed > 0) else { return 0 };
        let left_seconds = deadline.saturating_sub(terms.now_seconds);
        let nights = left_seconds / terms.period_seconds.max(1) + 1;
        needed.div_ceil(nights)
    }
}

/// Counts what is planned of one candidate.
#[derive(Clone, Copy, Default)]
struct Planned {
    count: u64,
    why: Option<Why>,
}

struct Spender<'a> {
    candidates: Vec<&'a Candidate>,
    planned: Vec<Planned>,
    left_seconds: f64,
}

impl Plan {
    /// Plans a night.
    pub fn of(candidates: &[Candidate], terms: &Terms) -> Self {
        let mut sorted: Vec<&Candidate> = candidates.iter().collect();
        sorted.sort_by(|a, b| a.run.cmp(&b.run));
        let incidents: Vec<Unit> = sorted.iter().filter_map(|found| incident(found)).collect();
        let spent: f64 = incidents.iter().map(|unit| unit.seconds).sum();
        let revisiting_seconds = terms.revisit * terms.device_seconds;
        let mut spender = Spender {
            planned: vec![Planned::default(); sorted.len()],
            candidates: sorted,
            left_seconds: (terms.device_seconds - spent - revisiting_seconds).max(0.0),
        };
        spender.unjudged();
        spender.dates(terms);
        spender.worth(terms);
        let left_seconds = spender.left_seconds + revisiting_seconds.min(terms.device_seconds);
        let mut units = incidents;
        units.extend(spender.units());
        units.extend(revisits(&spender.candidates, left_seconds.min(revisiting_seconds)));
        // The sum of nothing is -0, which reads badly.
        let seconds = units.iter().map(|unit| unit.seconds).sum::<f64>() + 0.0;
        let reach = spender.reach(terms);
        Self { units, reach, seconds, budget_seconds: terms.device_seconds }
    }
}

fn incident(candidate: &Candidate) -> Option<Unit> {
    let mut listed = candidate.incident_segments.clone();
    listed.sort_unstable();
    listed.dedup();
    let seconds = candidate.segment_seconds * listed.len() as f64;
    let run = candidate.run.clone();
    (!listed.is_empty()).then_some(Unit { run, why: Why::Incident, count: 0, listed, seconds })
}

fn revisits(candidates: &[&Candidate], mut left_seconds: f64) -> Vec<Unit> {
    let mut units = Vec::new();
    for candidate in candidates {
        let fits = (left_seconds / candidate.segment_seconds.max(f64::MIN_POSITIVE)) as usize;
        let listed: Vec<u64> = candidate.revisits.iter().copied().take(fits).collect();
        if listed.is_empty() {
            continue;
        }
        let seconds = candidate.segment_seconds * listed.len() as f64;
        left_seconds -= seconds;
        let run = candidate.run.clone();
        units.push(Unit { run, why: Why::Revisit, count: 0, listed, seconds });
    }
    units
}

impl Spender<'_> {
    /// Plans so many more of a candidate, as far as the budget goes; says whether it went.
    fn spend(&mut self, index: usize, wanted: u64, why: Why) -> bool {
        let candidate = self.candidates[index];
        let planned = self.planned[index].count;
        let left = candidate.coverage.uncovered() - planned.min(candidate.coverage.uncovered());
        let wanted = wanted.min(left);
        let seconds = candidate.segment_seconds.max(f64::MIN_POSITIVE);
        let fits = (self.left_seconds / seconds).min(wanted as f64) as u64;
        if fits > 0 {
            self.planned[index].count += fits;
            self.planned[index].why.get_or_insert(why);
            self.left_seconds = (self.left_seconds - seconds * fits as f64).max(0.0);
        }
        fits == wanted
    }

    /// What was drawn and not judged is due, and comes along with any draw.
    fn unjudged(&mut self) {
        for index in 0..self.candidates.len() {
            let candidate = self.candidates[index];
            let seconds = candidate.segment_seconds;
            if candidate.unjudged && seconds <= self.left_seconds {
                self.planned[index] = Planned { count: 1, why: Some(Why::Unjudged) };
                self.left_seconds -= seconds;
            }
        }
    }

    /// The earliest date first.
    fn dates(&mut self, terms: &Terms) {
        let mut order: Vec<(u64, usize, u64)> = Vec::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            let tonight = candidate.tonight(terms);
            if tonight > 0 {
                order.push((candidate.deadline_at_seconds.unwrap_or(u64::MAX), index, tonight));
            }
        }
        order.sort_unstable();
        for (_, index, tonight) in order {
            let more = tonight.saturating_sub(self.planned[index].count);
            self.spend(index, more, Why::Date);
        }
    }

    fn worth(&mut self, terms: &Terms) {
        let next = |spender: &Self, index: usize| {
            let candidate = spender.candidates[index];
            let count = spender.planned[index].count;
            if count >= candidate.coverage.uncovered() {
                return None;
            }
            let after = |more| candidate.escape_after(terms, more);
            let fall = candidate.weight * (after(count) - after(count + 1));
            let worth = fall / candidate.segment_seconds.max(f64::MIN_POSITIVE);
            (worth > 0.0).then_some(Worth { worth, index })
        };
        let mut heap: BinaryHeap<Worth> =
            (0..self.candidates.len()).filter_map(|index| next(self, index)).collect();
        while let Some(Worth { index, .. }) = heap.pop() {
            // What does not fit leaves room for something shorter.
            if self.spend(index, 1, Why::Worth) {
                heap.extend(next(self, index));
            }
        }
    }

    fn units(&self) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        for (candidate, planned) in self.candidates.iter().zip(&self.planned) {
            let Some(why) = planned.why else { continue };
            let (run, count) = (candidate.run.clone(), planned.count);
            let seconds = candidate.segment_seconds * count as f64;
            units.push(Unit { run, why, count, listed: Vec::new(), seconds });
        }
        units.sort_by(|a, b| a.why.cmp(&b.why).then_with(|| a.run.cmp(&b.run)));
        units
    }

    fn reach(&self, terms: &Terms) -> Vec<Reach> {
        let each = self.candidates.iter().zip(&self.planned);
        each.map(|(candidate, planned)| {
            let count = planned.count.min(candidate.coverage.uncovered());
            let escape = |more| candidate.escape_after(terms, more);
            let needed = candidate.needed(terms);
            let nights = match (needed, count) {
                (0, _) => Some(0),
                (_, 0) => None,
                (needed, count) => Some(needed.div_ceil(count)),
            };
            Reach {
                run: candidate.run.clone(),
                escape: (escape(0), escape(count)),
                needed: candidate.tonight(terms),
                certain_at_seconds: nights.map(|nights| {
                    let more = nights.saturating_sub(1).saturating_mul(terms.period_seconds);
                    terms.now_seconds.saturating_add(more)
                }),
            }
        })
        .collect()
    }
}

/// The most worth comes first; of equals, the first run.
#[derive(PartialEq)]
struct Worth {
    worth: f64,
    index: usize,
}

impl Eq for Worth {}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth.total_cmp(&other.worth).then_with(|| other.index.cmp(&self.index))
    }
}

/// Returns the runs of which less is planned than their date needs.
impl Plan {
    /// Names the runs that the budget is too small for.
    pub fn short(&self) -> Vec<&Reach> {
        let mut most: BTreeMap<&str, u64> = BTreeMap::new();
        for unit in &self.units {
            let known = most.entry(&unit.run).or_default();
            *known = unit.count.max(*known);
        }
        let most = |run: &str| most.get(run).copied().unwrap_or_default();
        self.reach.iter().filter(|reach| reach.needed > most(&reach.run)).collect()
    }
}

#[cfg(test)]
mod tests;
