//! The recording that a run starts from.

use std::sync::Arc;

use reenact_core::format::{COMMITMENT_BYTES_MAX, Checkpoint, Commitment, Object, ReadRun};
use reenact_core::spec::Spec;
use reenact_core::state::State;
use reenact_core::trainer::Setting;
use reenact_store::Directory;

use crate::failure::Failure;

/// Limits the state that is taken over: it is held in memory.
const STATE_BYTES_MAX: u64 = 64 << 30;

/// Loads the final state of the recording that a spec starts from; none if it starts from
/// nothing. It is checked against the commitment that the spec names: a training that
/// is audited too binds the very weights that this one begins with.
pub(crate) fn final_state(spec: &Spec, setting: &Setting) -> Result<Option<Arc<State>>, Failure> {
    let Some(start) = &spec.start else { return Ok(None) };
    let folder = setting.data_dir.join(&start.recording);
    let refuse = |problem: String| {
        let message =
            format!("the recording that the spec starts from, {}: {problem}", folder.display());
        Failure::usage(message)
            .hint("put it there, or name its folder with --data-dir; `reenact inspect` says its commitment")
    };
    let run = Directory::open(&folder).map_err(|error| refuse(error.to_string()))?;
    let text = run.read(Object::Commitment, COMMITMENT_BYTES_MAX);
    let text = text.map_err(|error| refuse(error.to_string()))?;
    let found = Commitment::digest_of_text(&text);
    if found != start.commitment {
        return Err(refuse(format!(
            "its commitment is {found}; the spec declares {} under [start]",
            start.commitment
        )));
    }
    let commitment = Commitment::parse(&text).map_err(|error| refuse(error.to_string()))?;
    let Some(&(step, root)) = commitment.checkpoints.last() else {
        return Err(refuse("it holds no checkpoint".into()));
    };
    let source = run.open(Object::Checkpoint(root)).map_err(|error| refuse(error.to_string()))?;
    let load = || Checkpoint::open(source)?.load(STATE_BYTES_MAX);
    let state = load().map_err(|error| refuse(error.to_string()))?;
    if state.root() != root {
        return Err(refuse(format!("its checkpoint of step {step} was altered")));
    }
    Ok(Some(Arc::new(state)))
}
