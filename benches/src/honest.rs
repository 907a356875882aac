//! Honest recordings of random programs, each audited as a whole.

use std::sync::Arc;

use reenact_burn::Burn;
use reenact_core::data::DataSet;
use reenact_core::digest::Digest;
use reenact_core::format::{Environment, ReadRun};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting, Trainer};
use reenact_core::verify::{
    Evidence, Examination, Recording, Report, SegmentOutcome, SegmentReport, Verdict, Weight,
    examine, examine_data, replay,
};

use crate::random::{Dice, Random, random_spec};

/// Holds one honest training.
pub struct Case {
    spec: Spec,
    program: Burn<Random>,
    data: Arc<dyn DataSet>,
    threads: usize,
    /// Steps before which the recorder is killed, ascending.
    kills: Vec<u64>,
    /// Step before which an audit looks at it.
    watched_step: Option<u64>,
}

impl Case {
    /// Draws a case; the same number gives the same one.
    pub fn draw(number: u64) -> Self {
        let mut dice = Dice::of_case(number);
        let spec = random_spec(number, &mut dice);
        let program = Burn::new(Random);
        let threads = dice.number(1, 8) as usize;
        let data = program.data(&spec, &Setting::new("cpu", threads)).expect("the data are made");
        let mut kills: Vec<u64> =
            (0..dice.number(0, 2)).map(|_| dice.number(0, spec.steps - 1)).collect();
        kills.sort_unstable();
        let watched_step = dice.coin().then(|| dice.number(0, spec.steps - 1));
        Self { spec, program, data, threads, kills, watched_step }
    }

    /// Records it and audits it; the error is what an audit holds against it.
    pub fn accusation(&self) -> Result<(), String> {
        let run = self.record()?;
        let report = self.audit(&run);
        match report.verdict {
            Verdict::Match { .. } => Ok(()),
            verdict => Err(format!("{verdict}: {}", report.reasons.join("; "))),
        }
    }

    fn record(&self) -> Result<MemoryRun, String> {
        let mut run = MemoryRun::default();
        let mut kills = self.kills.iter().copied();
        let (mut killed_step, mut resumed) = (kills.next(), false);
        loop {
            let (spec, trainer) = (self.spec.clone(), self.start(self.threads));
            let environment = self.environment();
            let mut recorder = match resumed {
                false => Recorder::start(&mut run, spec, trainer, environment),
                true => Recorder::resume(&mut run, spec, trainer, environment),
            }
            .map_err(|error| format!("it cannot be recorded: {error}"))?;
            let mut watched = false;
            while !recorder.is_done() {
                let step = recorder.next_step();
                if killed_step.is_some_and(|killed| killed <= step) {
                    break;
                }
                watched |= self.watched_step == Some(step);
                recorder.advance().map_err(|error| error.to_string())?;
            }
            if recorder.is_done() {
                recorder.finish().map_err(|error| error.to_string())?;
                return Ok(run);
            }
            drop(recorder);
            (killed_step, resumed) = (kills.next(), true);
            if watched {
                self.watch(&run)?;
            }
        }
    }

    /// Audits what is not finished.
    fn watch(&self, run: &MemoryRun) -> Result<(), String> {
        let findings = examine(run, &mut |_, _| ()).findings;
        let accusing = findings.iter().find(|finding| finding.weight == Weight::Divergent);
        accusing.map_or(Ok(()), |finding| Err(format!("while it was written: {finding}")))
    }

    fn audit(&self, run: &MemoryRun) -> Report {
        let Examination { mut findings, recording, vouched, .. } = examine(run, &mut |_, _| ());
        let mut reports = Vec::new();
        if let Some(recording) = &recording {
            findings.extend(examine_data(recording, self.data.as_ref(), &mut |_| ()));
            let indices = 0..recording.segment_count();
            reports = indices.map(|index| self.replay(recording, index)).collect();
        }
        Report::conclude(Evidence {
            recording: recording.as_ref(),
            findings,
            segments: reports,
            ..Evidence::new(run.place(), vouched, self.environment())
        })
    }

    /// Replays a segment as a worker does.
    fn replay(&self, recording: &Recording<'_>, index: u64) -> SegmentReport {
        let segment = recording.segment(index);
        let mut trainer = self.start(1);
        let outcome = match replay(recording, trainer.as_mut(), segment, &mut |_| ()) {
            Ok(replay) => SegmentOutcome::Replayed { replay: Box::new(replay) },
            Err(error) => SegmentOutcome::Refused { problem: error.to_string() },
        };
        SegmentReport::new(segment, outcome)
    }

    fn start(&self, threads: usize) -> Box<dyn Trainer> {
        let setting = Setting::new("cpu", threads);
        let started = self.program.start(&self.spec, self.data.clone(), &setting);
        started.expect("a random program starts")
    }

    fn environment(&self) -> Environment {
        let engine = self.program.platform().engine(&Setting::new("cpu", 1));
        Environment {
            engine: engine.expect("there is a processor"),
            reenact: env!("CARGO_PKG_VERSION").into(),
            rustc: String::new(),
            lock: Digest::default(),
            binary: Digest::default(),
            system: std::env::consts::OS.into(),
        }
    }
}
