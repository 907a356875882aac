//! What nights remember of each run, beside what audits do.

use reenact_core::digest::Digest;
use reenact_core::verify::SegmentSet;
use serde::{Deserialize, Serialize};

use crate::found::{Head, Peek, State};

/// How often a run may have grown that is remembered one by one; then the oldest are joined.
const GROWTH_MAX: usize = 400;

/// Holds what nights remember of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Name of its group.
    pub group: String,
    /// Name of the run.
    pub name: String,
    /// Digest of its spec; none if it could never be read.
    pub spec: Option<Digest>,
    /// Declared steps.
    pub steps_declared: u64,
    /// Steps that were committed to when it was seen last.
    pub steps: u64,
    /// Segments that were committed to then.
    pub segments: u64,
    /// Whether it still trained; none if it could not be read.
    pub state: Option<State>,
    /// What it was committed to when it was judged last.
    pub head: Option<Head>,
    /// What it is committed to now.
    pub head_now: Option<Head>,
    /// When it was seen first, in seconds since 1970.
    pub first_at_seconds: u64,
    /// When it was seen last.
    pub last_at_seconds: u64,
    /// When it was not there any more.
    pub vanished_at_seconds: Option<u64>,
    /// When which segments were there first.
    pub growth: Vec<Growth>,
    /// What the last audit of it said.
    pub verdict: Option<String>,
    /// When that was.
    pub judged_at_seconds: Option<u64>,
    /// Why it could not be judged last time; none if it could, or was not looked at.
    pub unjudged: Option<String>,
    /// How many nights in a row it could not be judged.
    pub unjudged_nights: u64,
    /// The verdicts of the last nights, newest last: when, and a letter.
    pub marks: Vec<(u64, Mark)>,
    /// Number of the night that the newest mark is of.
    #[serde(default)]
    pub marked_night: u64,
    /// When all of it was read and hashed last.
    pub read_at_seconds: Option<u64>,
}

/// Says that a run had so many segments, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// How many.
    pub segments: u64,
    /// When that was seen first, in seconds since 1970.
    pub at_seconds: u64,
}

/// Says what a night made of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// What was looked at agrees.
    Matched,
    /// Something diverges.
    Divergent,
    /// It was to be looked at, and could not be judged.
    Unjudged,
    /// It was not looked at.
    Idle,
    /// It was gone.
    Vanished,
}

/// Nights that the map of a run shows.
pub(crate) const MARKS_MAX: usize = 60;

impl Watched {
    /// Remembers that a run is there, and how far it has come.
    pub fn see(&mut self, group: &str, peek: Option<&Peek>, now_seconds: u64) {
        if self.first_at_seconds == 0 {
            self.first_at_seconds = now_seconds;
        }
        (self.last_at_seconds, self.vanished_at_seconds) = (now_seconds, None);
        self.group = group.to_owned();
        self.state = peek.map(|peek| peek.state);
        let Some(peek) = peek else { return };
        self.name.clone_from(&peek.name);
        self.spec = Some(peek.spec);
        self.head_now = peek.head;
        (self.steps_declared, self.steps) = (peek.steps_declared, peek.steps);
        let segments = peek.segments();
        if segments > self.growth.last().map_or(0, |last| last.segments) {
            self.growth.push(Growth { segments, at_seconds: now_seconds });
        }
        self.segments = segments;
    }

    /// Says whether something else lies there than was judged. Who has a key can rewrite what
    /// was covered, and has to be looked at for that alone.
    pub fn is_another(&self) -> bool {
        let Some(judged) = self.head else { return false };
        // A run that still trained has gone on since; what it goes on from, audits tell.
        let goes_on = |now: Head| !judged.is_whole && now.frames > judged.frames;
        self.head_now.is_none_or(|now| now != judged && !goes_on(now))
    }

    /// Says since when the oldest segment is there that is not covered; none if all are.
    pub fn oldest_uncovered_at_seconds(&self, covered: &SegmentSet) -> Option<u64> {
        let first = covered.missing_below(self.segments).next()?;
        let grown = self.growth.iter().find(|growth| growth.segments > first);
        Some(grown.map_or(self.first_at_seconds, |growth| growth.at_seconds))
    }

    /// Forgets what is covered from the list of growth, so that it stays short.
    pub fn tidy(&mut self, covered: &SegmentSet) {
        let first = covered.missing_below(self.segments).next().unwrap_or(self.segments);
        let last = self.growth.len().saturating_sub(1);
        let mut place = 0;
        self.growth.retain(|growth| {
            place += 1;
            growth.segments > first || place > last
        });
        if let Some(more @ 1..) = self.growth.len().checked_sub(GROWTH_MAX) {
            // The joined ones count as old as the oldest of them.
            let at_seconds = self.growth[0].at_seconds;
            self.growth.drain(..more);
            self.growth[0].at_seconds = at_seconds;
        }
    }

    /// Adds what a night made of it. A night that is gone on with may come to its end twice: it
    /// counts as one.
    pub fn mark(&mut self, night: u64, now_seconds: u64, mark: Mark) {
        let before = self.marks.pop_if(|_| self.marked_night == night);
        let counted = before.is_some_and(|(_, before)| before == Mark::Unjudged);
        match mark {
            Mark::Matched | Mark::Divergent => self.unjudged_nights = 0,
            Mark::Unjudged if !counted => self.unjudged_nights += 1,
            Mark::Unjudged | Mark::Idle | Mark::Vanished => {}
        }
        self.marked_night = night;
        self.marks.push((now_seconds, mark));
        let more = self.marks.len().saturating_sub(MARKS_MAX);
        self.marks.drain(..more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peek(steps: u64) -> Peek {
        Peek {
            name: "cnn".into(),
            spec: Digest([1; 32]),
            device: "cpu".into(),
            steps_declared: 100,
            steps,
            checkpoint_every: 10,
            state: State::Trains,
            head: None,
            bytes: 0,
        }
    }

    fn set(segments: &[u64]) -> SegmentSet {
        segments.iter().copied().collect()
    }

    #[test]
    fn segments_are_as_old_as_the_night_that_saw_them_first() {
        let mut watched = Watched::default();
        for (steps, now) in [(20, 100), (20, 200), (50, 300), (60, 400)] {
            watched.see("g", Some(&peek(steps)), now);
        }
        assert_eq!((watched.segments, watched.growth.len()), (6, 3));
        let oldest = |covered: &[u64]| watched.oldest_uncovered_at_seconds(&set(covered));
        assert_eq!(oldest(&[]), Some(100));
        assert_eq!(oldest(&[0]), Some(100));
        assert_eq!(oldest(&[0, 1, 3]), Some(300));
        assert_eq!(oldest(&[0, 1, 2, 3, 4]), Some(400));
        assert_eq!(oldest(&[0, 1, 2, 3, 4, 5]), None);
    }

    #[test]
    fn what_is_covered_is_forgotten_and_nothing_becomes_younger() {
        let mut watched = Watched::default();
        for night in 1..=1000 {
            watched.see("g", Some(&peek(10 * night)), night);
            watched.tidy(&set(&[0]));
        }
        assert_eq!(watched.growth.len(), GROWTH_MAX);
        let covered: SegmentSet = (0..1).collect();
        assert_eq!(watched.oldest_uncovered_at_seconds(&covered), Some(2));
        watched.tidy(&(0..1000).collect());
        assert_eq!(watched.growth.len(), 1);
    }
}
