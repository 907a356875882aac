//! Auditing within a tolerance: when it applies, and what it comes to.

use std::path::PathBuf;
use std::sync::Arc;

use reenact_core::digest::Digest;
use reenact_core::format::{Calibration, Environment, Object};
use reenact_core::verify::{
    Challenge, Finding, Place, Recording, Replay, Segment, SegmentOutcome, SegmentReport,
    Tolerance, ToleranceBasis, sketch_key,
};
use tempfile::TempDir;

use crate::calibrated::Calibrated;
use crate::draw::fresh_nonce;
use crate::event::Silent;
use crate::failure::Failure;
use crate::replays::Replays;

/// Says how deviations from a recording of another class are measured.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    /// Folds the residuals.
    pub(crate) key: Digest,
    /// What is allowed; none to measure only.
    pub(crate) calibration: Option<Arc<Calibration>>,
    /// Holds, for each segment, the kernels that its first replay chose on this
    /// class of device, for which the recording has none. Its second replay computes
    /// with them: otherwise two honest ones would not agree.
    kernels: Arc<TempDir>,
}

impl Within {
    /// Makes room for what the replays of an audit choose.
    pub(crate) fn new(key: Digest, calibration: Option<Arc<Calibration>>) -> Result<Self, Failure> {
        let kernels = tempfile::tempdir()
            .map_err(|error| Failure::inconclusive(format!("no temporary folder: {error}")))?;
        Ok(Self { key, calibration, kernels: Arc::new(kernels) })
    }

    /// Names the file for the kernels of a segment.
    pub(crate) fn kernels_of(&self, segment: u64) -> PathBuf {
        self.kernels.path().join(format!("{segment}.json"))
    }

    /// Says whether a replay has to be taken once more before it counts.
    pub(crate) fn doubts(&self, replay: &Replay) -> bool {
        if self.calibration.is_none() { replay.divergence.is_some() } else { !replay.agrees() }
    }

    /// Notes what is beyond the tolerance. The initial state is not held against
    /// a recording where the two classes derive it differently.
    pub(crate) fn judge(&self, outcome: &mut SegmentOutcome) {
        let Some(calibration) = &self.calibration else { return };
        let SegmentOutcome::Replayed { replay } = outcome else { return };
        if let Some(deviation) = &mut replay.deviation {
            deviation.judge(calibration);
        }
        if !calibration.initial_state_agrees {
            replay.initial.clear();
            replay.initial_unread = None;
        }
    }
}

/// Says how a recording is compared.
pub(crate) enum Comparison {
    /// Every bit. A calibration that was given is not needed, which is noted.
    BitExact(Option<Finding>),
    /// Within the tolerance.
    Within,
    /// Not at all: the calibration does not hold for this recording here.
    Objection(Finding),
}

/// Decides how a recording is compared. Bit for bit, unless its class is another
/// and a calibration for exactly these two is given.
pub(crate) fn comparison(
    calibrated: Option<&Calibrated>,
    recording: &Recording<'_>,
    auditor: &Environment,
) -> Comparison {
    let Some(calibrated) = calibrated else { return Comparison::BitExact(None) };
    let trained_by = &recording.history.trained_by();
    let place = || Place::object(Object::Journal);
    if trained_by.iter().all(|(_, found)| found.same_class(auditor)) {
        let note = "it was trained on this class of device, so every bit was compared, and the \
                    calibration was not needed";
        return Comparison::BitExact(Some(Finding::note(place(), note)));
    }
    let calibration = &calibrated.calibration;
    let objection = calibration.objection(&recording.spec, trained_by, auditor).or_else(|| {
        let circular = calibration.runs.contains(&recording.commitment);
        circular.then(|| {
            "the calibration rests on this very recording, which would pass whatever it holds: \
             calibrate on others, whose training you trust"
                .into()
        })
    });
    match objection {
        Some(problem) => {
            let problem = format!("{problem}. Nothing was replayed");
            Comparison::Objection(Finding::inconclusive(place(), problem))
        }
        None => Comparison::Within,
    }
}

/// Returns what workers need to measure deviations. The key of the sketches
/// comes from the nonce: the trainer could not know it.
pub(crate) fn task(
    calibrated: &Calibrated,
    recording: &Recording<'_>,
    challenge: Option<&Challenge>,
) -> Result<Within, Failure> {
    let nonce = match challenge {
        Some(challenge) => challenge.nonce.to_string(),
        None => fresh_nonce()?.to_string(),
    };
    let calibration = Some(Arc::new(calibrated.calibration.clone()));
    Within::new(sketch_key(recording.commitment, &nonce), calibration)
}

/// Adds up what the segments deviate by. If that speaks against the recording,
/// every segment is replayed once more: only what two processes agree on is held
/// against it.
pub(crate) fn judge(
    calibrated: &Calibrated,
    replays: &Replays<'_>,
    within: &Within,
    reports: &mut [SegmentReport],
) -> Tolerance {
    let Calibrated { calibration, digest, vouched } = calibrated;
    let basis = ToleranceBasis {
        calibration: *digest,
        vouched: vouched.clone(),
        runs: calibration.runs.len() as u64,
        segments: calibration.segments,
        margin: calibration.margin,
        false_alarms: calibration.false_alarms,
        initial_state_compared: calibration.initial_state_agrees,
        sketch_key: within.key,
    };
    let mut first = reports.to_vec();
    let tolerance = Tolerance::new(basis.clone(), calibration, reports);
    let alone = first.iter().any(SegmentReport::leaves_recording);
    if alone || tolerance.drift_objection().is_none() {
        return tolerance;
    }
    let segments: Vec<Segment> = first.iter().map(|report| report.segment).collect();
    let second = replays.of(&segments, &Silent);
    for (report, second) in first.iter_mut().zip(second) {
        let SegmentOutcome::Replayed { replay: first } = &report.outcome else { continue };
        match second.outcome {
            SegmentOutcome::Replayed { replay } if *first != replay => {
                report.outcome = SegmentOutcome::Unstable { first: first.clone(), second: replay };
            }
            SegmentOutcome::Replayed { .. } => {}
            unconfirmed => report.outcome = unconfirmed,
        }
    }
    let tolerance = Tolerance::new(basis, calibration, &mut first);
    reports.clone_from_slice(&first);
    tolerance
}
