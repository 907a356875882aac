//! Attacks that are planted in copies before a night begins: who does not see them sees
//! nothing.

use std::path::Path;

use reenact_audit::{Device, Executor, Observer, Programs, Request, Sabotage, Selection, audit};
use reenact_core::attack::{InRunAttack, InRunKind, PostHocAttack, PostHocKind, plant};
use reenact_core::digest::Hasher;
use reenact_core::verify::Verdict;
use reenact_store::{Directory, open_run};
use serde::{Deserialize, Serialize};

/// Edits of a finished recording that a replay of one segment has to see.
const EDITS: [PostHocKind; 2] = [PostHocKind::WeightEdit, PostHocKind::MomentEdit];
/// Runs that are tried before it is said that nothing could be planted.
const TRIES_MAX: usize = 4;

/// Says what became of an attack that was planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caught {
    /// It was called divergent.
    Yes,
    /// It was not: what this night says counts for nothing.
    Missed,
    /// It could not be planted anywhere.
    NotPlanted,
}

/// Holds an attack that was planted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// The attack.
    pub attack: String,
    /// The run in a copy of which it was planted.
    pub run: String,
    /// What became of it.
    pub caught: Caught,
    /// What the audit said.
    pub words: String,
    /// Device seconds that it took.
    pub seconds: f64,
}

/// Names a run in which attacks can be planted.
#[derive(Clone, Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) place: &'a Path,
    pub(crate) device: Device,
    /// Number of segments that are committed to.
    pub(crate) segments: u64,
    /// Steps of a segment.
    pub(crate) every: u64,
    pub(crate) is_finished: bool,
}

/// Holds what canaries need.
pub(crate) struct Aviary<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) executor: &'a dyn Executor,
    pub(crate) observer: &'a dyn Observer,
    /// By which the attacks are chosen.
    pub(crate) nonce: String,
    /// Folder for copies; none for the system's for temporary files.
    pub(crate) scratch: Option<&'a Path>,
}

impl Aviary<'_> {
    /// Plants so many attacks, each in the first of these runs that takes it.
    pub(crate) fn plant(&self, count: u64, grounds: &[Ground<'_>]) -> Vec<Canary> {
        (0..count).map(|number| self.one(grounds, self.choice(number))).collect()
    }

    fn choice(&self, number: u64) -> u64 {
        let mut hasher = Hasher::new("reenact v1 night canary");
        let digest = hasher.bytes(self.nonce.as_bytes()).u64(number).finish();
        digest.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn one(&self, grounds: &[Ground<'_>], choice: u64) -> Canary {
        let mut words = "no run has a segment yet".to_owned();
        let mut last = None;
        for ground in grounds.iter().filter(|ground| ground.segments > 0).take(TRIES_MAX) {
            match self.try_in(ground, choice) {
                Ok(canary) if canary.caught == Caught::Yes => return canary,
                // Another machine or build may compute otherwise: the next run may be of here.
                Ok(canary) => last = Some(last.unwrap_or(canary)),
                Err(problem) => words = problem,
            }
        }
        last.unwrap_or(Canary {
            attack: String::new(),
            run: String::new(),
            caught: Caught::NotPlanted,
            words,
            seconds: 0.0,
        })
    }

    fn try_in(&self, ground: &Ground<'_>, choice: u64) -> Result<Canary, String> {
        let segment = choice % ground.segments;
        if ground.is_finished {
            let kind = EDITS[(choice / ground.segments) as usize % EDITS.len()];
            for kind in [kind, PostHocKind::WeightEdit] {
                if let Ok(canary) = self.edited(ground, kind, segment) {
                    return Ok(canary);
                }
            }
        }
        // Of a run that still trains, or was resumed, the replay is attacked instead: what it
        // computes is not what was recorded.
        let step = segment * ground.every;
        let attack = InRunAttack::new(InRunKind::InRunEdit, step..step + 1);
        let words = attack.to_string();
        let sabotage = Some(Sabotage { attack, first_only: false });
        let request = Request {
            so_far: true,
            selection: Selection::listed(&[segment]),
            explains: false,
            sabotage,
            ..Request::of_all(ground.place, ground.device.clone())
        };
        self.judge(ground, words, &request)
    }

    fn edited(
        &self,
        ground: &Ground<'_>,
        kind: PostHocKind,
        segment: u64,
    ) -> Result<Canary, String> {
        let scratch = self.scratch.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = tempfile::Builder::new().prefix("canary-").tempdir_in(scratch);
        let folder = folder.map_err(|error| error.to_string())?;
        let copy = folder.path().join("copy");
        // The end of the last segment may be no multiple.
        let step = (segment + 1) * ground.every;
        let attack = PostHocAttack::new(kind, Some(step));
        let source = open_run(ground.place).map_err(|error| error.to_string())?;
        let mut into = Directory::create(&copy).map_err(|error| error.to_string())?;
        let planted = plant(&attack, source.as_ref(), None, &mut into);
        drop(into);
        let planted = planted.map_err(|error| error.to_string())?;
        let request = Request {
            selection: Selection::listed(&planted.segments),
            explains: false,
            ..Request::of_all(&copy, ground.device.clone())
        };
        self.judge(ground, attack.to_string(), &request)
    }

    fn judge(
        &self,
        ground: &Ground<'_>,
        attack: String,
        request: &Request,
    ) -> Result<Canary, String> {
        let report = audit(self.programs, request, self.executor, self.observer);
        let report = report.map_err(|failure| failure.said())?;
        let caught =
            if report.verdict == Verdict::Divergent { Caught::Yes } else { Caught::Missed };
        let words = report.reasons.first().cloned().unwrap_or_else(|| report.verdict.to_string());
        let seconds = report.segments.iter().filter_map(|found| found.seconds).sum();
        let run = ground.place.display().to_string();
        Ok(Canary { attack, run, caught, words, seconds })
    }
}
