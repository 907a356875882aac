//! Which attacks a drill plants, how strong and where.

use reenact_core::attack::{InRunAttack, InRunKind, PostHocAttack, PostHocKind};
use reenact_core::digest::Hasher;
use reenact_core::spec::Spec;
use reenact_core::steering::ValidationSteps;
use reenact_core::verify::Segment;

/// A change that nobody could take for rounding.
const LARGE_ULPS: f64 = 1_048_576.0;

pub(super) const REWRITE: &str = "rewrite";
pub(super) const TOOLCHAIN: &str = "poisoned-toolchain";
pub(super) const FLAKY: &str = "flaky-device";

/// Names what a drill does not plant, and why not.
pub(super) const ELSEWHERE: [(&str, &str); 1] = [(
    "grinding",
    "no edit of a recording can show it: tests hold that the nonce is drawn after the commitment was read",
)];

/// Says what is done.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// The training misbehaves.
    InRun(InRunAttack),
    /// The recording is edited.
    PostHoc(PostHocAttack),
    /// Another recording is put in the place of an audited one.
    Rewrite,
    /// Trainer and auditor misbehave alike.
    Toolchain(InRunAttack),
    /// A replay misbehaves once; the recording is honest.
    Flaky(InRunAttack),
}

/// Holds one row of the table to be.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) id: String,
    pub(super) strength: String,
    pub(super) deed: Deed,
}

/// Returns every id, each once.
pub(super) fn ids() -> Vec<String> {
    let mut ids: Vec<String> = PostHocKind::all().map(|kind| kind.to_string()).collect();
    ids.extend(InRunKind::all().map(|kind| kind.to_string()));
    ids.extend([REWRITE, TOOLCHAIN, FLAKY].map(str::to_owned));
    let mut known = std::collections::BTreeSet::new();
    ids.retain(|id| known.insert(id.clone()));
    ids
}

/// Draws the places of attacks in a run, reproducibly.
pub(super) struct Places<'a> {
    pub(super) spec: &'a Spec,
    pub(super) seed: u64,
    /// Only one strength of each, in the last segment: the cheapest to train.
    pub(super) quick: bool,
}

impl Places<'_> {
    /// Plans every attack.
    pub(super) fn plan(&self) -> Vec<Plan> {
        let mut plans: Vec<Plan> =
            PostHocKind::all().flat_map(|kind| self.post_hoc(kind)).collect();
        plans.extend(InRunKind::all().flat_map(|kind| self.in_run(kind)));
        let place = |id| self.one_step(InRunKind::LrTamper, id);
        let plan = |id: &str, deed| Plan { id: id.into(), strength: String::new(), deed };
        plans.push(plan(REWRITE, Deed::Rewrite));
        plans.push(plan(TOOLCHAIN, Deed::Toolchain(place(TOOLCHAIN))));
        plans.push(plan(FLAKY, Deed::Flaky(place(FLAKY))));
        plans
    }

    fn post_hoc(&self, kind: PostHocKind) -> Vec<Plan> {
        let usual = PostHocAttack::new(kind, None).strength;
        let strengths = match kind {
            PostHocKind::WeightEdit => vec![1.0, LARGE_ULPS],
            PostHocKind::MomentEdit => vec![1.01, 0.0],
            PostHocKind::Truncated => vec![1.0, 0.0],
            _ => vec![usual],
        };
        let plan = |strength| {
            let what = format!("post-hoc {kind} {strength}");
            let step = match kind {
                kind if kind.is_everywhere() => None,
                PostHocKind::Truncated => Some(self.step(&what)),
                PostHocKind::FiguresEdit => Some(self.validated(&what)),
                _ => Some(self.boundary(&what)),
            };
            let attack = PostHocAttack { strength, ..PostHocAttack::new(kind, step) };
            let strength = post_hoc_text(&attack);
            Plan { id: kind.to_string(), strength, deed: Deed::PostHoc(attack) }
        };
        strengths.into_iter().take(self.at_most()).map(plan).collect()
    }

    fn in_run(&self, kind: InRunKind) -> Vec<Plan> {
        let usual = InRunAttack::new(kind, 0..0).strength;
        let strengths = match kind {
            InRunKind::LrTamper => vec![1.05, 2.0],
            InRunKind::LabelFlip => vec![1.0, 8.0],
            InRunKind::InRunEdit => vec![1.0, 1000.0],
            InRunKind::MomentEdit => vec![1.01, 0.0],
            _ => vec![usual],
        };
        let attack = |strength| {
            let placed = match kind {
                InRunKind::SeedSwap => InRunAttack::new(kind, 0..u64::MAX),
                // It acts where a segment ends.
                InRunKind::UnderTolerance => {
                    let end = self.segment(&format!("in-run {kind} {strength}")).step_end;
                    InRunAttack::new(kind, end - 1..end)
                }
                _ => self.one_step(kind, &format!("in-run {kind} {strength}")),
            };
            InRunAttack { strength, ..placed }
        };
        let mut attacks: Vec<InRunAttack> = strengths.into_iter().map(attack).collect();
        if kind == InRunKind::LrTamper {
            attacks.push(self.to_the_end(kind));
        }
        let plan = |attack: InRunAttack| {
            let strength = in_run_text(&attack);
            Plan { id: kind.to_string(), strength, deed: Deed::InRun(attack) }
        };
        attacks.into_iter().take(self.at_most()).map(plan).collect()
    }

    fn at_most(&self) -> usize {
        if self.quick { 1 } else { usize::MAX }
    }

    fn one_step(&self, kind: InRunKind, what: &str) -> InRunAttack {
        let step = self.step(what);
        InRunAttack::new(kind, step..step + 1)
    }

    fn to_the_end(&self, kind: InRunKind) -> InRunAttack {
        let what = format!("in-run {kind} to the end");
        let Segment { step_start, step_end, .. } = self.segment(&what);
        let first = step_start.max(1).min(step_end - 1);
        let start = first + self.draw(&what, (step_end - first).div_ceil(2));
        InRunAttack::new(kind, start..step_end)
    }

    fn segments(&self) -> u64 {
        self.spec.steps.div_ceil(self.spec.checkpoint_every)
    }

    /// Draws a segment.
    pub(super) fn segment(&self, what: &str) -> Segment {
        let segments = self.segments();
        let index = if self.quick { segments - 1 } else { self.draw(what, segments) };
        self.segment_at(index * self.spec.checkpoint_every)
    }

    /// Returns the segment of a step.
    pub(super) fn segment_at(&self, step: u64) -> Segment {
        let every = self.spec.checkpoint_every;
        let index = step / every;
        let step_start = index * every;
        Segment { index, step_start, step_end: (step_start + every).min(self.spec.steps) }
    }

    /// Draws a step; not the first of the run, before which there is nothing
    /// that could be scaled or forgotten.
    fn step(&self, what: &str) -> u64 {
        let Segment { step_start, step_end, .. } = self.segment(what);
        let first = step_start.max(1).min(step_end - 1);
        first + self.draw(&format!("{what} step"), step_end - first)
    }

    /// Returns the last step of a drawn segment after which the model is measured, or else the
    /// last one of the run.
    fn validated(&self, what: &str) -> u64 {
        let Segment { step_start, step_end, .. } = self.segment(what);
        let due = ValidationSteps::of(self.spec).ok();
        let due = |step: &u64| due.as_ref().is_some_and(|due| due.after(*step));
        (step_start..step_end).rev().find(due).unwrap_or(self.spec.steps - 1)
    }

    /// Draws a boundary with segments on both sides, if there is one.
    fn boundary(&self, what: &str) -> u64 {
        let interior = self.segments() - 1;
        if interior == 0 {
            return self.spec.steps;
        }
        let index = if self.quick { interior } else { 1 + self.draw(what, interior) };
        index * self.spec.checkpoint_every
    }

    /// Draws a number below `below`; the bias of the remainder is of no
    /// consequence here.
    fn draw(&self, what: &str, below: u64) -> u64 {
        let mut hasher = Hasher::new("reenact v1 drill place");
        let digest = hasher.u64(self.seed).bytes(what.as_bytes()).finish();
        let (head, _) = digest.0.split_first_chunk().expect("a digest has 32 bytes");
        u64::from_le_bytes(*head) % below.max(1)
    }
}

fn post_hoc_text(attack: &PostHocAttack) -> String {
    let strength = attack.strength;
    match attack.kind {
        PostHocKind::BitFlip => "1 bit".into(),
        PostHocKind::WeightEdit => format!("{strength} ulp"),
        PostHocKind::MomentEdit | PostHocKind::FiguresEdit => format!("x{strength}"),
        PostHocKind::Truncated if strength == 0.0 => "old commitment".into(),
        PostHocKind::Truncated => "forged end".into(),
        _ => String::new(),
    }
}

fn in_run_text(attack: &InRunAttack) -> String {
    let strength = attack.strength;
    match attack.kind {
        InRunKind::LrTamper => {
            let steps = attack.steps.end - attack.steps.start;
            format!("x{strength}, {steps} step{}", if steps == 1 { "" } else { "s" })
        }
        InRunKind::LrRecorded | InRunKind::MomentEdit => format!("x{strength}"),
        InRunKind::LabelFlip | InRunKind::PixelEdit => {
            format!("{strength} sample{}", if strength == 1.0 { "" } else { "s" })
        }
        InRunKind::InRunEdit | InRunKind::UnderTolerance => format!("{strength} ulp"),
        InRunKind::KernelSwap => format!("{strength} bits"),
        InRunKind::SeedSwap | InRunKind::DropoutOff => format!("seed +{strength}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn toy(steps: u64, every: u64) -> Spec {
        let text = include_str!("../../../../../replay-specs/toy-plane.toml");
        let spec = Spec::parse(text).unwrap();
        Spec { steps, checkpoint_every: every, ..spec }
    }

    fn plan(spec: &Spec, seed: u64, quick: bool) -> Vec<Plan> {
        Places { spec, seed, quick }.plan()
    }

    fn steps(plan: &Plan) -> Vec<u64> {
        match &plan.deed {
            Deed::InRun(attack) | Deed::Toolchain(attack) | Deed::Flaky(attack) => {
                vec![attack.steps.start, attack.steps.end - 1]
            }
            Deed::PostHoc(attack) => attack.step.into_iter().collect(),
            Deed::Rewrite => Vec::new(),
        }
    }

    #[test]
    fn every_id_is_planned() {
        for quick in [false, true] {
            let plans = plan(&toy(60, 10), 0, quick);
            let planned: BTreeSet<String> = plans.iter().map(|plan| plan.id.clone()).collect();
            assert_eq!(planned, ids().into_iter().collect());
        }
    }

    #[test]
    fn places_lie_in_the_run_and_follow_the_seed() {
        for (run_steps, every) in [(60, 10), (61, 10), (5, 1), (1, 1), (7, 7)] {
            let spec = toy(run_steps, every);
            for seed in 0..50 {
                for plan in plan(&spec, seed, seed % 2 == 0) {
                    let swaps_seed = plan.id == "seed-swap";
                    let inside = |step: &u64| *step <= run_steps || swaps_seed;
                    assert!(steps(&plan).iter().all(inside), "{plan:?}");
                }
            }
        }
        let spec = toy(60, 10);
        let all = |seed| plan(&spec, seed, false).iter().flat_map(steps).collect::<Vec<u64>>();
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }

    #[test]
    fn a_quick_drill_trains_the_last_segment_only() {
        for plan in plan(&toy(60, 10), 5, true) {
            let whole = matches!(plan.id.as_str(), "seed-swap" | "rewrite" | "no-training");
            assert!(whole || steps(&plan).iter().all(|&step| step >= 50), "{plan:?}");
        }
    }
}
