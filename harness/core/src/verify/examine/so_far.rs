//! Opening what is complete so far of a run that still trains.

use crate::format::{History, Object, ReadRun, SoFar, Unconverted};
use crate::verify::examination::{Checked, read_history, stored_spec};
use crate::verify::finding::{Finding, Place};
use crate::verify::recording::Recording;

/// Reads a recording as far as this commitment goes. A recorder may have gone on since.
pub fn open_so_far(run: &dyn ReadRun, so_far: SoFar) -> Result<Recording<'_>, Box<Finding>> {
    let history = read_history(run, true, so_far.frames)?;
    let spec = stored_spec(run, history.spec, true)?;
    check_head_so_far(&history, &so_far)?;
    Ok(Recording { run, spec, history, commitment: so_far.digest(), so_far: Some(so_far) })
}

pub(in crate::verify) fn read_so_far(file: &[u8]) -> Checked<SoFar> {
    let (text, _) = SoFar::parts(file);
    SoFar::parse(text).map_err(|error| {
        let place = Place::object(Object::SoFar);
        let before = Unconverted::of(text);
        Box::new(match before.filter(|before| SoFar::parse(&before.text).is_ok()) {
            Some(before) => Finding::inconclusive(place, before.said),
            None => Finding::divergent(place, error),
        })
    })
}

/// What is committed to so far ends with a checkpoint.
fn check_head_so_far(history: &History, so_far: &SoFar) -> Checked<()> {
    let problem = if so_far.spec != history.spec {
        "it belongs to another spec than the commitment so far".to_owned()
    } else if history.frames < so_far.frames {
        format!(
            "it was cut: {} of {} frames are left that are committed to so far, the last after {} \
             steps (if this is a copy, copy it again)",
            history.frames,
            so_far.frames,
            history.step_count()
        )
    } else if history.head != so_far.head {
        "its head is not the one that is committed to so far; it was altered".to_owned()
    } else if history.finished
        || history.step_count() != so_far.step
        || history.checkpoints.last_key_value().map(|(&step, _)| step) != Some(so_far.step)
    {
        format!("what is committed to so far does not end at the boundary {}", so_far.step)
    } else {
        return Ok(());
    };
    Err(Box::new(Finding::divergent(Place::object(Object::Journal), problem)))
}
