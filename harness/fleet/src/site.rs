//! What this machine is, for the run of a unit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use reenact_audit::{Failure, Programs, engine, environment_of};
use reenact_core::digest::Digest;
use reenact_core::format::{Environment, ReadRun, SoFar};
use reenact_core::verify::{Recording, Witness, open_recording, open_so_far};
use reenact_store::open_run;

use crate::unit::Unit;

/// Holds what computes a unit here.
pub(crate) struct Site {
    pub(crate) environment: Environment,
    pub(crate) by: Witness,
}

/// A run, what it is committed to, and a device.
type Asked = (String, Digest, Option<String>);

/// Holds the sites of the runs that were asked for: a journal is read once.
pub(crate) struct Sites<'a> {
    programs: &'a Programs,
    known: Mutex<BTreeMap<Asked, Arc<Site>>>,
}

impl<'a> Sites<'a> {
    pub(crate) fn new(programs: &'a Programs) -> Self {
        Self { programs, known: Mutex::default() }
    }

    /// Returns what computes a unit here.
    pub(crate) fn of(&self, unit: &Unit) -> Result<Arc<Site>, Failure> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (unit.run.clone(), unit.commitment, unit.device.clone());
        if let Some(site) = known.get(&key) {
            return Ok(site.clone());
        }
        let site = Arc::new(Site::of(self.programs, unit)?);
        known.insert(key, site.clone());
        Ok(site)
    }
}

impl Site {
    /// Opens the recording of a unit, and asks the engine what it computes on.
    ///
    /// # Errors
    /// [`Failure::usage`] if the recording is not the one that the plan was made for.
    fn of(programs: &Programs, unit: &Unit) -> Result<Self, Failure> {
        let store = open_run(Path::new(&unit.run))?;
        let recording = opened(store.as_ref(), unit)?;
        let program = programs.find(&recording.spec.program.name)?;
        let setting = unit.on().setting(&recording.spec, 1);
        let environment = environment_of(engine(program, &recording.spec, &setting)?)?;
        let by = reenact_audit::witness(&environment, &setting.device);
        Ok(Self { environment, by })
    }
}

fn opened<'a>(store: &'a dyn ReadRun, unit: &Unit) -> Result<Recording<'a>, Failure> {
    let so_far = unit.so_far.as_ref().map(|text| SoFar::parse(text.as_bytes())).transpose();
    let so_far = so_far.map_err(Failure::usage)?;
    let opened = match so_far {
        Some(so_far) => open_so_far(store, so_far),
        None => open_recording(store),
    };
    let stale = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {problem}", unit.run))
            .hint("the plan is stale: `reenact collect` says what it still holds, then plan anew")
    };
    let recording = opened.map_err(|found| stale(&found))?;
    match recording.commitment == unit.commitment {
        true => Ok(recording),
        false => Err(stale(&"it is committed to otherwise than when the plan was made")),
    }
}
