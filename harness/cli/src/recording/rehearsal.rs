//! Taking the first steps of a training several times, before it is recorded.
//!
//! A program that computes other bits each time would be recorded without a
//! complaint, and its first audit would call an honest run divergent. So whoever
//! records is told before. The steps are taken a second time with the state restored
//! on the way, as a replay begins, and once more in a process of its own with one
//! thread, as a replay runs.

use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use reenact_audit::{Device, Executor, Failure, Message, Processes, Rehearse, Task};
use reenact_core::data::DataSet;
use reenact_core::format::KernelSelection;
use reenact_core::record::{Forecast, Tensors};
use reenact_core::spec::{DeviceClass, Spec};
use reenact_core::trainer::{Program, Setting, TrainerError};
use reenact_core::verify::{Departure, Part, Rehearsal, middle, rehearse};
use serde::Serialize;

use crate::terminal::output::{UNSURE, note, styled};
use crate::terminal::progress;

/// Steps that are taken each time.
const STEPS: u64 = 2;
/// Silence after which the other process is taken for hanging.
const STALL: Duration = Duration::from_secs(900);

/// Says whether the first steps of a training repeat.
#[derive(Serialize)]
pub(crate) struct Rehearsed {
    /// Number of steps that were taken each time.
    steps: u64,
    /// Whether all their bits agree.
    reproducible: bool,
    /// Where they differ first.
    first: Option<Departure>,
    /// What was otherwise the time that they differed.
    when: Option<When>,
    /// Why they were not taken in another process.
    #[serde(skip_serializing_if = "Option::is_none")]
    untried: Option<String>,
    /// Kernels that were chosen on the way, and need not be chosen again.
    #[serde(skip)]
    pub(crate) selections: Vec<KernelSelection>,
    /// What the recording will take, by the tensors that were seen on the way.
    #[serde(skip)]
    pub(crate) forecast: Forecast,
}

/// Says what was otherwise when the same steps gave other bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    /// Nothing.
    Again,
    /// The state was captured and restored.
    Restored,
    /// They were taken in another process and another folder.
    OtherProcess,
    /// They were taken with one thread.
    OneThread,
}

/// Takes the first steps of a training, without an attack.
struct Stage<'a> {
    program: &'a dyn Program,
    spec: &'a Spec,
    data: &'a Arc<dyn DataSet>,
    setting: &'a Setting,
    steps: u64,
    bar: &'a ProgressBar,
}

impl Rehearsed {
    /// Takes the first steps with the kernels that are known, and again with those of
    /// the first time.
    pub(crate) fn of(
        program: &dyn Program,
        spec: &Spec,
        data: &Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Self, Failure> {
        let steps = STEPS.min(spec.steps);
        let bar = progress::bar("rehearsing", "steps", 3 * steps);
        let stage = Stage { program, spec, data, setting, steps, bar: &bar };
        let first = stage.take(&setting.selections, None)?;
        let second = stage.take(&first.selections, Some(middle(steps)))?;
        let mut untried = None;
        let mut found = match Departure::between(&first, &second) {
            Some(departure) => Some(stage.blame(&first, departure)?),
            None => None,
        };
        // A second process may find no room on a GPU, and builds its kernels anew.
        if found.is_none() && spec.device == DeviceClass::Cpu {
            match stage.depart_elsewhere(&first) {
                Ok(departed) => found = departed,
                Err(failure) => untried = Some(failure.message),
            }
        }
        bar.finish_and_clear();
        let (first, when) = found.unzip();
        let forecast = forecast(spec, &second);
        let (selections, reproducible) = (second.selections, first.is_none());
        Ok(Self { steps, reproducible, first, when, untried, forecast, selections })
    }

    /// Refuses what every audit would call divergent, and warns of what may be.
    pub(crate) fn object(&self, spec: &Spec, setting: &Setting) -> Result<(), Failure> {
        if let Some(problem) = &self.untried {
            let warning = styled(UNSURE, "warning:");
            note(format_args!("{warning} nobody knows yet whether it repeats: {problem}"));
        }
        let (Some(first), Some(when)) = (&self.first, self.when) else { return Ok(()) };
        let (Self { steps, .. }, Setting { device, threads, .. }) = (self, setting);
        if when == When::OneThread {
            let problem = format!(
                "--threads {threads}: {} computes other bits than with one thread, which every \
                 audit uses; first: {first}",
                spec.name
            );
            return Err(Failure::usage(problem).hint("record it without --threads"));
        }
        note(format_args!(
            "{} {} does not repeat on {device}: its first {steps} steps differ {}; first: {first}",
            styled(UNSURE, "warning:"),
            spec.name,
            when.words(),
        ));
        if when == When::OtherProcess && first.part == Part::InitialWeights {
            note(
                "  its initial weights depend on more than the spec; where that is a file, put it \
                 into the data folder and declare it under [files]",
            );
        }
        note(format_args!(
            "  an audit of this recording will not be able to match it, although nobody \
             touched it; `reenact doctor` with the same spec says more"
        ));
        Ok(())
    }
}

impl When {
    fn words(self) -> &'static str {
        match self {
            Self::Again => "when they are taken twice",
            Self::Restored => "after the state was captured and restored",
            Self::OtherProcess => "in another process, started in another folder",
            Self::OneThread => "with one thread",
        }
    }
}

impl Stage<'_> {
    fn take(
        &self,
        pinned: &[KernelSelection],
        restored_step: Option<u64>,
    ) -> Result<Rehearsal, TrainerError> {
        let mut start = |pinned: &[KernelSelection]| {
            let setting = Setting { selections: Arc::new(pinned.to_vec()), ..self.setting.clone() };
            self.program.start(self.spec, self.data.clone(), &setting)
        };
        rehearse(&mut start, pinned, self.steps, restored_step, &mut |_| self.bar.inc(1))
    }

    /// Tells what restoring loses from what does not repeat at all.
    fn blame(
        &self,
        first: &Rehearsal,
        restored: Departure,
    ) -> Result<(Departure, When), TrainerError> {
        let again = self.take(&first.selections, None)?;
        Ok(match Departure::between(first, &again) {
            Some(departure) => (departure, When::Again),
            None => (restored, When::Restored),
        })
    }

    /// Compares with another process that has one thread; if they differ, also with
    /// one that has as many as asked for.
    fn depart_elsewhere(&self, first: &Rehearsal) -> Result<Option<(Departure, When)>, Failure> {
        let threads = self.setting.threads;
        let alone = self.elsewhere(first, 1)?;
        let Some(departure) = Departure::between(first, &alone) else { return Ok(None) };
        if threads > 1 {
            let same = self.elsewhere(first, threads)?;
            if Departure::between(first, &same).is_none() {
                return Ok(Some((departure, When::OneThread)));
            }
        }
        Ok(Some((departure, When::OtherProcess)))
    }

    /// Takes the steps in a process that is started in an empty folder.
    fn elsewhere(&self, first: &Rehearsal, threads: usize) -> Result<Rehearsal, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::inconclusive)?;
        let data_dir =
            std::path::absolute(&self.setting.data_dir).map_err(Failure::inconclusive)?;
        let task = Task::Rehearse(Rehearse {
            spec: self.spec.canonical(),
            device: Device { device: Some(self.setting.device.clone()), data_dir: data_dir.into() },
            threads,
            steps: self.steps,
            times: 1,
            restored_step: None,
            selections: first.selections.clone(),
        });
        let folder = Some(folder.path().into());
        let processes = Processes { stall: STALL, folder, ..Processes::new(1) };
        let failed = |problem| Failure::inconclusive(format!("the other process: {problem}"));
        match processes.execute(&task, &|| self.bar.inc(1)).map_err(failed)? {
            Message::Rehearsed(mut found) => found.pop().ok_or_else(|| failed("no answer".into())),
            Message::Refused { problem, .. } => Err(failed(problem)),
            _ => Err(failed("it wrote nonsense".into())),
        }
    }
}

fn forecast(spec: &Spec, rehearsal: &Rehearsal) -> Forecast {
    let opening = &rehearsal.opening.layout;
    let gradient = rehearsal.layouts.last().map_or(opening, |(_, layouts)| &layouts.gradient);
    Forecast::of(spec, 0, &Tensors { opening, later: &rehearsal.closing.layout, gradient })
}
