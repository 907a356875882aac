//! The challenge draws the last segment always and the others uniformly, and
//! tampering escapes as often as is said.

mod common;

use common::{audit, matches, planted, record, spec};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::in_memory::MemoryRun;
use reenact_core::verify::{Challenge, DrawRule, Nonce, Recording, segments_for};

fn nonce(round: u64) -> Nonce {
    Nonce::from_bytes(Hasher::new("reenact test nonce").u64(round).finish().0)
}

fn challenge(round: u64, total: u64, count: u64) -> Challenge {
    Challenge::new(Digest([5; 32]), nonce(round), total, count)
}

fn draw(round: u64, total: u64, count: u64) -> Vec<u64> {
    challenge(round, total, count).draw()
}

/// Draws `count` besides the last one, which is drawn always.
fn draw_others(round: u64, total: u64, count: u64) -> Vec<u64> {
    let mut drawn = draw(round, total + 1, count + 1);
    assert_eq!(drawn.pop(), Some(total));
    drawn
}

fn draw_uniformly(round: u64, total: u64, count: u64) -> Vec<u64> {
    Challenge { rule: DrawRule::Uniform, ..challenge(round, total, count) }.draw()
}

type Draw = fn(u64, u64, u64) -> Vec<u64>;
/// Both rules draw so many of so many, each equally likely.
const DRAWS: [Draw; 2] = [draw_others, draw_uniformly];

/// Returns chi-squared of how often each segment was drawn. Drawing without
/// replacement spreads less than drawing with; the factor makes up for it.
fn chi_squared(draw: Draw, total: u64, count: u64, rounds: u64) -> f64 {
    let mut drawn = vec![0u64; total as usize];
    for round in 0..rounds {
        for segment in draw(round, total, count) {
            drawn[segment as usize] += 1;
        }
    }
    let expected = (rounds * count) as f64 / total as f64;
    let sum: f64 = drawn.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
    sum * (total - 1) as f64 / (total - count) as f64
}

#[test]
fn every_segment_is_equally_likely() {
    // At 19 degrees of freedom, p = 0.001 lies at 43.8, and p = 0.999 at 5.4.
    for (draw, count) in DRAWS.into_iter().flat_map(|draw| [1, 5, 19].map(|count| (draw, count))) {
        let found = chi_squared(draw, 20, count, 10_000);
        assert!((5.4..43.8).contains(&found), "{count} of 20: {found}");
    }
}

#[test]
fn every_pair_is_equally_likely() {
    for draw in DRAWS {
        let mut drawn = std::collections::BTreeMap::new();
        for round in 0..10_000 {
            *drawn.entry(draw(round, 7, 2)).or_insert(0u64) += 1;
        }
        let expected = 10_000.0 / 21.0;
        let sum: f64 = drawn.values().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
        // At 20 degrees of freedom.
        assert!(drawn.len() == 21 && (5.9..45.3).contains(&sum), "{sum}");
    }
}

#[test]
fn a_larger_draw_holds_a_smaller_one() {
    for round in 0..200 {
        for total in 1..12 {
            let draws: Vec<_> = (0..=total).map(|count| draw(round, total, count)).collect();
            for pair in draws.windows(2) {
                assert!(pair[0].iter().all(|segment| pair[1].contains(segment)), "{pair:?}");
            }
        }
    }
}

#[test]
fn draws_are_ascending_distinct_and_in_range() {
    for round in 0..1000 {
        let segments = draw(round, 11, round % 13);
        assert_eq!(segments.len() as u64, (round % 13).min(11));
        assert!(segments.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(segments.iter().all(|&segment| segment < 11));
    }
    assert_eq!(draw(0, 0, 5), [0; 0]);
}

#[test]
fn tampering_escapes_as_often_as_reported() {
    const AUDITS: u64 = 2000;
    for (total, tampered, drawn) in [(20, 1, 5), (20, 3, 4), (100, 10, 10), (8, 2, 3), (50, 1, 49)]
    {
        // Which segments were tampered with does not matter, but for the last.
        let bad = |segment: u64| segment < tampered;
        let escaped = |round: &u64| !draw(*round, total, drawn).into_iter().any(bad);
        let found = (0..AUDITS).filter(escaped).count() as f64;
        let chance = challenge(0, total, drawn).escape(tampered);
        let spread = (AUDITS as f64 * chance * (1.0 - chance)).sqrt();
        let expected = AUDITS as f64 * chance;
        assert!(
            (found - expected).abs() <= 4.0 * spread,
            "{drawn} of {total}, {tampered} tampered: {found} escaped, {expected} expected"
        );
    }
}

#[test]
fn the_planned_number_of_segments_is_enough() {
    let drawn = segments_for(40, 2, 0.9);
    let caught = (0..2000).filter(|&round| draw(round, 40, drawn).iter().any(|s| *s < 2)).count();
    // 90 % of 2,000, less four standard deviations.
    assert!(caught as f64 >= 1800.0 - 4.0 * (2000.0f64 * 0.9 * 0.1).sqrt(), "{caught}");
}

fn challenge_of(recording: &Recording<'_>, round: u64, count: u64) -> Challenge {
    Challenge::new(recording.commitment, nonce(round), recording.segment_count(), count)
}

/// Audits with drawn segments, and says whether the audit was a match.
fn passes(run: &MemoryRun, round: u64, count: u64) -> (bool, Vec<u64>) {
    let recording = common::examined(run).recording.unwrap();
    let drawn = challenge_of(&recording, round, count).draw();
    (matches(&audit(run, Some(&drawn))), drawn)
}

#[test]
fn an_audit_catches_what_it_draws_and_nothing_else() {
    let (planted, run) = planted("weight-edit@6*1", &record(&spec()));
    let touched = [planted.segments, planted.segments_after].concat();
    let mut escaped = 0;
    for round in 0..200 {
        let (passed, drawn) = passes(&run, round, 2);
        assert_eq!(passed, !drawn.iter().any(|index| touched.contains(index)), "{drawn:?}");
        escaped += u64::from(passed);
    }
    // Two of the three segments besides the last were touched, and one of the three is
    // drawn: a third of 200, within four standard deviations.
    assert!((40..=93).contains(&escaped), "{escaped}");
}

#[test]
fn an_edit_changes_the_draw() {
    // The trainer cannot keep a sample that it liked: whatever it edits, the
    // commitment is another.
    let honest = record(&spec());
    let (_, run) = planted("weight-edit@6*1", &honest);
    let of = |run: &MemoryRun| {
        let recording = common::examined(run).recording.unwrap();
        (0..64).map(|round| challenge_of(&recording, round, 2).draw()).collect::<Vec<_>>()
    };
    assert_ne!(of(&honest), of(&run));
}

/// How often the worst segment is drawn, of `rounds` nonces of the auditor's.
fn drawn_of(commitment: Digest, segment: u64, rounds: u64) -> f64 {
    let challenge = |round| Challenge::new(commitment, nonce(round), 20, 5);
    (0..rounds).filter(|&round| challenge(round).draw().contains(&segment)).count() as f64
}

#[test]
fn grinding_commitments_gains_nothing() {
    // A prover who tampered with segment 3 guesses a nonce and tries 10,000
    // commitments (another note in the environment makes another one) until
    // that nonce, and the next 40 as well, leave segment 3 alone.
    const TAMPERED: u64 = 3;
    let guesses = |commitment: Digest| {
        let challenge = |round: u64| Challenge::new(commitment, nonce(1_000_000 + round), 20, 5);
        (0..41).take_while(|&round| !challenge(round).draw().contains(&TAMPERED)).count()
    };
    let commitments =
        (0..10_000).map(|try_| Hasher::new("reenact test nonce").u64(7).u64(try_).finish());
    let best = commitments.max_by_key(|&commitment| guesses(commitment)).unwrap();
    assert!(guesses(best) > 15, "grinding works on what is guessed: {}", guesses(best));
    let rounds = 4000.0;
    let chance = 1.0 - challenge(0, 20, 5).escape(1);
    let (found, expected) = (drawn_of(best, TAMPERED, rounds as u64), rounds * chance);
    let spread = (rounds * chance * (1.0 - chance)).sqrt();
    assert!((found - expected).abs() <= 4.0 * spread, "{found} drawn, {expected} expected");
}

#[test]
fn all_but_the_nonce_tells_nothing_of_the_sample() {
    // Two nonces that differ in their last bit draw samples that have no more
    // in common than any two: of 20 besides the last, 5 share 5 * 5 / 20.
    let rounds = 4000u64;
    let shared = |round: u64| {
        let text = |last: char| format!("{}{last}", &nonce(round).to_string()[..63]);
        let draw = |text: String| {
            let nonce = text.parse().unwrap();
            Challenge { nonce, ..challenge(0, 21, 6) }.draw()
        };
        let (first, second) = (draw(text('0')), draw(text('1')));
        first.iter().filter(|segment| second.contains(segment)).count() - 1
    };
    let found = (0..rounds).map(shared).sum::<usize>() as f64;
    let expected = rounds as f64 * 1.25;
    // The variance of the hypergeometric number: 5 * 1/4 * 3/4 * 15/19.
    let spread = (rounds as f64 * 5.0 * 0.25 * 0.75 * 15.0 / 19.0).sqrt();
    assert!((found - expected).abs() <= 4.0 * spread, "{found} shared, {expected} expected");
}
