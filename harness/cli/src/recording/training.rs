//! Training under record, until it is done or asked to stop.

use indicatif::ProgressBar;
use reenact_core::figure::{Figure, Figures};
use reenact_core::format::Commitment;
use reenact_core::record::{Recorder, Stopped};
use reenact_core::spec::Spec;
use reenact_core::symptoms::Symptom;
use reenact_core::trainer::Metric;

use crate::terminal::output::remark;
use crate::terminal::progress;
use crate::terminal::signal::Stop;
use reenact_audit::Failure;

/// Says how a training under record ended.
pub(crate) enum Trained {
    /// Every step is taken; with what the final model achieves, and what looks
    /// broken though it is recorded faithfully.
    Done(Commitment, Vec<Metric>, Vec<Symptom>),
    /// It was asked to stop before.
    Stopped(Stopped),
}

/// Trains to the end, watched or as a part of something that is; none if it was asked to stop
/// before.
pub(crate) fn train(
    recorder: Recorder<'_>,
    spec: &Spec,
    watched: bool,
) -> Result<Option<(Commitment, Vec<Metric>)>, Failure> {
    match train_or_stop(recorder, spec, watched, &mut |_| (), &|| ())? {
        Trained::Done(commitment, metrics, _) => Ok(Some((commitment, metrics))),
        Trained::Stopped(_) => Ok(None),
    }
}

/// Writes figures as a person follows them.
fn short(figures: &Figures) -> String {
    let short = |figure: &Figure| match figure.value() {
        value if value == 0.0 || (1e-3..1e6).contains(&value.abs()) => {
            format!("{} {value:.4}", figure.name)
        }
        value => format!("{} {value:.3e}", figure.name),
    };
    figures.all().iter().map(short).collect::<Vec<_>>().join(", ")
}

/// Trains to the end, or until it is asked to stop. `seen` is told what looks
/// broken as soon as it does, and `done` hears of each step.
pub(crate) fn train_or_stop(
    mut recorder: Recorder<'_>,
    spec: &Spec,
    watched: bool,
    seen: &mut dyn FnMut(&Symptom),
    done: &dyn Fn(),
) -> Result<Trained, Failure> {
    let stop = Stop::listen()?;
    let bar = match watched {
        true => progress::bar("recording", "steps", spec.steps),
        false => ProgressBar::hidden(),
    };
    bar.set_position(recorder.next_step());
    bar.reset_eta();
    let mut told = [false; 2];
    while !recorder.is_done() {
        if stop.requested() {
            bar.abandon();
            return Ok(Trained::Stopped(recorder.interrupt()?));
        }
        let trace = recorder.advance()?;
        bar.inc(1);
        done();
        if trace.step.is_multiple_of(16) {
            bar.set_message(format!("loss {:.4}", trace.loss()));
        }
        if let Some(figures) = trace.validation.as_ref().filter(|_| watched) {
            bar.suspend(|| remark(format_args!("step {}: {}", trace.step, short(figures))));
        }
        let symptoms = recorder.symptoms();
        for (told, symptom) in told.iter_mut().zip([symptoms.loss(), symptoms.rate()]) {
            if let Some(symptom) = symptom.filter(|_| !*told) {
                *told = true;
                bar.suspend(|| seen(&symptom));
            }
        }
    }
    bar.finish_and_clear();
    let symptoms = recorder.symptoms().finish();
    let (commitment, metrics) = recorder.finish()?;
    Ok(Trained::Done(commitment, metrics, symptoms))
}
