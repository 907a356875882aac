//! What audits have covered is not drawn again, and tampering gets past all of them as often
//! as is said.

mod common;

use common::{covered, record, remembered, remembered_draw, spec_with, whole};
use proptest::prelude::*;
use reenact_core::digest::{Digest, Hasher};
use reenact_core::in_memory::MemoryRun;
use reenact_core::verify::{
    Challenge, Coverage, Draw, DrawRule, Nonce, Recording, Remembered, SegmentSet, recall,
};

const SEGMENTS: u64 = 20;
const RUNS: u64 = 2000;

/// A run of 20 segments.
fn recorded() -> MemoryRun {
    record(&spec_with(|spec| (spec.steps, spec.checkpoint_every) = (SEGMENTS, 1)))
}

fn nonce(run: u64, night: u64) -> Nonce {
    Nonce::from_bytes(Hasher::new("reenact test nonce").u64(run).u64(night).finish().0)
}

/// Audits one recording night after night.
struct Nights<'a> {
    recording: Recording<'a>,
    run: u64,
    left: Vec<Remembered>,
    drawn: Vec<Vec<u64>>,
}

impl<'a> Nights<'a> {
    fn new(stored: &'a MemoryRun, run: u64) -> Self {
        Self { recording: whole(stored), run, left: Vec::new(), drawn: Vec::new() }
    }

    /// Begins anew, as examining the recording again would cost the most.
    fn begin(&mut self, run: u64) {
        self.recording.spec.steps = SEGMENTS;
        (self.run, self.left, self.drawn) = (run, Vec::new(), Vec::new());
    }

    fn coverage(&self) -> Coverage {
        recall(self.recording.run, Some(&self.recording), &self.left).coverage
    }

    fn challenge(&self, count: u64, grows: bool) -> Challenge {
        let Recording { commitment, .. } = self.recording;
        let (nonce, total) =
            (nonce(self.run, self.left.len() as u64), self.recording.segment_count());
        let covered = self.coverage().covered().clone();
        Challenge { covered, grows, ..Challenge::new(commitment, nonce, total, count) }
    }

    fn audit(&mut self, count: u64, grows: bool) {
        let challenge = self.challenge(count, grows);
        let night = 1 + self.left.len() as u64;
        self.left.push(remembered_draw(&self.recording, &challenge, 100 * night));
        self.drawn.push(challenge.draw());
    }

    /// Takes back what was covered at a time.
    fn disown(&mut self, night: usize, at_seconds: u64) {
        let rows = self.left[night].covered.iter_mut();
        rows.for_each(|row| row.disowned_at_seconds = Some(at_seconds));
    }

    /// Says whether none of these was drawn, but by a device that was disowned.
    fn escaped(&self, tampered: &[u64]) -> bool {
        let standing = self.left.iter().flat_map(|left| &left.covered);
        let mut standing = standing.filter(|row| row.disowned_at_seconds.is_none());
        !standing.any(|row| tampered.contains(&row.segment.index))
    }
}

/// C(total - tampered, drawn) / C(total, drawn), one after the other.
fn missed(total: u64, tampered: u64, drawn: u64) -> f64 {
    let left = |i| total.saturating_sub(tampered + i) as f64 / (total - i) as f64;
    (0..drawn).map(left).product()
}

fn is_close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-9
}

#[test]
fn over_one_finished_run_the_chances_are_those_of_one_draw_of_all() {
    let stored = recorded();
    let counts = prop::collection::vec(1u64..7, 0..7);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tried = runner.run(&(0u64..1000, counts, 1..=SEGMENTS), |(run, counts, tampered)| {
        let mut nights = Nights::new(&stored, run);
        for count in &counts {
            let planned = nights.coverage().escape_after(*count, false, tampered);
            nights.audit(*count, false);
            prop_assert!(is_close(nights.coverage().escape(tampered), planned), "as planned");
        }
        let coverage = nights.coverage();
        let drawn = counts.iter().sum::<u64>().min(SEGMENTS);
        prop_assert_eq!(coverage.covered().count(), drawn, "each night draws others");
        // The last one is drawn by the rule, and left alone by whoever knows it.
        let besides = drawn.saturating_sub(1);
        let expected = match tampered > SEGMENTS - drawn {
            true => 0.0,
            false => missed(SEGMENTS - 1, tampered, besides),
        };
        let found = coverage.escape(tampered);
        prop_assert!(is_close(found, expected), "{found}, {expected} expected");
        Ok(())
    });
    tried.unwrap();
}

#[test]
fn a_sample_of_everything_leaves_no_chance() {
    let stored = recorded();
    let mut nights = Nights::new(&stored, 0);
    assert_eq!(nights.coverage().escape(1), 1.0);
    nights.audit(SEGMENTS, false);
    assert_eq!([1, 2, 20].map(|tampered| nights.coverage().escape(tampered)), [0.0; 3]);
    nights.audit(3, false);
    assert_eq!(nights.drawn[1].len(), 3, "who asks for three gets three");
    assert_eq!(nights.coverage().draws(), 1, "what is drawn again shows nothing new");
}

/// Plays nights, and returns how often tampering escaped and how often it should have.
fn played(tampered: &[u64], play: impl Fn(&mut Nights<'_>)) -> (f64, f64) {
    let stored = recorded();
    let (mut escaped, mut expected) = (0u64, 0.0);
    let mut nights = Nights::new(&stored, 0);
    for run in 0..RUNS {
        nights.begin(run);
        play(&mut nights);
        escaped += u64::from(nights.escaped(tampered));
        expected += nights.coverage().escape(tampered.len() as u64);
    }
    (escaped as f64 / RUNS as f64, expected / RUNS as f64)
}

fn spread(chance: f64) -> f64 {
    (chance * (1.0 - chance) / RUNS as f64).sqrt()
}

#[test]
fn tampering_with_a_finished_run_escapes_as_often_as_is_said() {
    let counts = [4, 2, 5];
    let (found, expected) = played(&[3, 11], |nights| {
        counts.iter().for_each(|count| nights.audit(*count, false));
    });
    // One of eleven is the last. C(9, 2) / C(19, 2).
    assert!(is_close(expected, 36.0 / 171.0), "{expected}");
    assert!((found - expected).abs() <= 4.0 * spread(expected), "{found}, {expected} expected");
}

#[test]
fn tampering_with_a_run_that_grows_escapes_no_more_often_than_is_said() {
    let grow = |nights: &mut Nights<'_>| {
        for (steps, count) in [(5, 2), (9, 3), (14, 3), (18, 2)] {
            nights.recording.spec.steps = steps;
            nights.audit(count, true);
        }
    };
    for tampered in [&[16, 17][..], &[0, 1], &[3, 16], &[8, 13], &[17], &[9], &[13, 14, 15, 16, 17]]
    {
        let (found, stated) = played(tampered, grow);
        assert!(stated < 1.0 && found <= stated + 4.0 * spread(stated), "{tampered:?}: {found}");
    }
    // The latest is where it escapes most; there the chance is no larger than it has to be.
    let (found, stated) = played(&[17], grow);
    assert!((found - stated).abs() <= 4.0 * spread(stated), "{found}, {stated} stated");
}

#[test]
fn what_a_disowned_device_had_covered_lowers_no_chance() {
    let disowning = |nights: &mut Nights<'_>| {
        nights.audit(7, false);
        nights.audit(4, false);
        nights.disown(0, 250);
        nights.audit(3, false);
    };
    let stored = recorded();
    let mut nights = Nights::new(&stored, 3);
    disowning(&mut nights);
    // Six besides the last were disowned: the second night drew 4 from 13, and these may be
    // any 4 of 19. The last has to be drawn again, and cannot be in the second night's pool.
    let (stated, drawn) = (nights.coverage().escape(2), &nights.drawn);
    assert!(drawn[2].contains(&(SEGMENTS - 1)));
    assert_eq!(
        nights.coverage().covered(),
        &drawn[1..].concat().into_iter().collect::<SegmentSet>()
    );
    assert!(is_close(stated, missed(19, 1, 4) * missed(15, 2, 2)), "{stated}");
    for tampered in [[3, 11], [0, 18], [4, 5]] {
        let (found, stated) = played(&tampered, disowning);
        assert!(found <= stated + 4.0 * spread(stated), "{tampered:?}: {found}, {stated} stated");
    }
}

#[test]
fn what_was_chosen_by_hand_and_disowned_is_taken_for_tampered_with() {
    let stored = recorded();
    let mut nights = Nights::new(&stored, 0);
    let by_hand = covered(&nights.recording, 4, false, 50);
    nights.left.push(Remembered { covered: vec![by_hand], ..remembered(&nights.recording, 50) });
    nights.audit(5, true);
    assert!(!nights.drawn[0].contains(&4));
    assert!(is_close(nights.coverage().escape(1), missed(19, 1, 5)));
    nights.disown(0, 300);
    assert_eq!(nights.coverage().escape(1), 1.0, "who knew it could tamper there");
    assert!(is_close(nights.coverage().escape(2), missed(19, 1, 5)));
    // Before the draw, it would have been in the pool.
    nights.disown(0, 60);
    assert!(is_close(nights.coverage().escape(1), missed(19, 1, 5)));
}

#[test]
fn one_nonce_counts_once() {
    let stored = recorded();
    let mut nights = Nights::new(&stored, 0);
    nights.audit(5, true);
    let once = nights.coverage().escape(1);
    let again = nights.left[0].clone();
    nights.left.push(Remembered { audited_at_seconds: 900, ..again });
    assert_eq!((nights.coverage().escape(1), nights.coverage().draws()), (once, 1));
}

#[test]
fn samples_of_older_ledgers_multiply_and_take_nothing_out_of_the_pool() {
    let stored = recorded();
    let mut nights = Nights::new(&stored, 0);
    let before = |rule, nonce: u64, count, at| {
        let Recording { commitment, .. } = nights.recording;
        let nonce = self::nonce(99, nonce);
        let old = Challenge { rule, ..Challenge::new(commitment, nonce, SEGMENTS, count) };
        let (pool, agreed) = old.pool();
        let (nonce, total) = (old.nonce, old.total);
        let draw = Draw { nonce, drawn_at_seconds: at, total, pool, agreed: Some(agreed) };
        Remembered { draw: Some(draw), ..remembered(&nights.recording, at) }
    };
    let mut other = before(DrawRule::Uniform, 3, 9, 3);
    other.commitment = Some(Digest([1; 32]));
    nights.left = vec![
        before(DrawRule::Uniform, 1, 4, 1),
        before(DrawRule::LastAlways, 2, 4, 2),
        before(DrawRule::LastAlways, 2, 4, 2),
        other,
    ];
    assert!(nights.coverage().covered().is_empty());
    let old = missed(20, 2, 4) * missed(19, 2, 3);
    assert!(is_close(nights.coverage().escape(2), old));
    nights.audit(4, false);
    assert!(is_close(nights.coverage().escape(2), old * missed(19, 2, 3)));
}
