//! What a spec declares, opened and compared with what is there.

use std::sync::Arc;

use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Engine, Program, Setting, TrainerError};

use crate::failure::Failure;
use crate::start;

/// Describes the engine, which has to be of the class that the spec declares.
pub fn engine(program: &dyn Program, spec: &Spec, setting: &Setting) -> Result<Engine, Failure> {
    let engine = program.platform().engine(setting)?;
    let class = engine.class.get(Engine::DEVICE).map_or("", String::as_str);
    let declared = spec.device.name();
    if class == declared {
        return Ok(engine);
    }
    let message = format!("the spec declares `device = \"{declared}\"`; this is `{class}`");
    Err(Failure::usage(message).hint("give a --device of that class, or change the spec"))
}

/// Opens the data set of a spec and checks that it is the declared one. The setting gets
/// the state that the spec starts from.
pub fn open_data(
    program: &dyn Program,
    spec: &Spec,
    setting: &mut Setting,
) -> Result<Arc<dyn DataSet>, Failure> {
    setting.start = start::final_state(spec, setting)?;
    let data = program.data(spec, setting)?;
    if data.len() != spec.data.samples {
        let message = format!(
            "data set `{}` has {} training samples; the spec declares {}",
            spec.data.name,
            data.len(),
            spec.data.samples
        );
        return Err(Failure::usage(message)
            .hint("correct `samples` under [data] in the spec; `data digest SPEC --write` does"));
    }
    // Without one, the samples lie in files whose pieces are checked as they are read.
    let Some(declared) = spec.data.digest else { return Ok(data) };
    let digest = data.digest().map_err(|problem| {
        Failure::from(TrainerError::Data { name: spec.data.name.clone(), problem: problem.0 })
    })?;
    if digest == declared {
        return Ok(data);
    }
    let message = format!(
        "data set `{}`: its digest is {digest}; the spec declares {declared}",
        spec.data.name
    );
    Err(Failure::usage(message).hint(
        "another version of the data, or a wrong `digest` under [data] in the spec; \
         `data digest SPEC --write` declares the data that are here",
    ))
}
