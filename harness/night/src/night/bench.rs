//! What audits need: devices, signers, orders, builds.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use reenact_audit::{Device, fresh_nonce};
use reenact_core::format::SIGNATURE_NAMESPACE;
use reenact_core::spec::Spec;
use reenact_core::verify::{AllowedSigners, Expected, TrustedBuilds};

use super::morning::Morning;
use super::{Night, NightError, place_of};
use crate::canary::{Aviary, Canary, Ground};
use crate::config::Runs;
use crate::found::{Found, Peek, State};

/// What audits need.
pub(super) struct Bench {
    pub(super) groups: Vec<Group>,
    pub(super) trusted: Option<TrustedBuilds>,
    pub(super) places: BTreeMap<String, usize>,
    pub(super) begun: u64,
}

/// What a group of runs is audited with.
pub(super) struct Group {
    pub(super) signers: Option<AllowedSigners>,
    pub(super) expected: Option<Expected>,
}

impl Night<'_> {
    pub(super) fn device(&self, group: usize) -> Device {
        let runs = &self.config.runs[group];
        let data_dir = runs.data.clone().unwrap_or_else(|| self.data_dir.clone());
        Device { device: runs.device.clone(), data_dir: data_dir.into() }
    }

    pub(super) fn groups(&self) -> Result<Vec<Group>, NightError> {
        let group = |runs: &Runs| {
            let named = runs.allowed_signers.as_ref().or(self.config.allowed_signers.as_ref());
            let signers = named.map(|path| {
                let parse = |text: &str| AllowedSigners::parse(text, SIGNATURE_NAMESPACE);
                parsed(path, parse)
            });
            let expected = runs.expect.as_ref().map(|path| {
                let from = path.display().to_string();
                parsed(path, Spec::parse).map(|spec| Expected { spec, from })
            });
            Ok(Group { signers: signers.transpose()?, expected: expected.transpose()? })
        };
        self.config.runs.iter().map(group).collect()
    }

    pub(super) fn trusted(&self) -> Result<Option<TrustedBuilds>, NightError> {
        let named = self.config.trusted_builds.as_ref();
        named.map(|path| parsed(path, str::parse)).transpose()
    }

    pub(super) fn canaries(&self, morning: &Morning) -> Result<Vec<Canary>, NightError> {
        // The smallest first: a copy of it is made.
        let mut runs: Vec<(&Found, &Peek)> =
            morning.found.iter().filter_map(|run| Some((run, run.peek.as_ref().ok()?))).collect();
        let agreed = |run: &Found| {
            let watched = morning.watched.get(&place_of(run));
            watched.and_then(|found| found.verdict.as_deref()) != Some("match")
        };
        runs.sort_by_key(|(run, peek)| (agreed(run), peek.bytes));
        let grounds: Vec<Ground<'_>> = runs
            .into_iter()
            .map(|(run, peek)| Ground {
                place: &run.place,
                device: self.device(run.group),
                segments: peek.segments(),
                every: peek.checkpoint_every,
                is_finished: peek.state != State::Trains,
            })
            .collect();
        let aviary = Aviary {
            programs: self.programs,
            executor: self.executor,
            observer: self.observer,
            nonce: fresh_nonce()?.to_string(),
            scratch: self.scratch.as_deref(),
        };
        Ok(aviary.plant(self.config.goal.canaries, &grounds))
    }
}

/// Reads a file that the config names. A night without it would judge otherwise than it was
/// told to.
fn parsed<T, E: Display>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, NightError> {
    let refuse = |problem: &dyn Display| NightError::Told(format!("{}: {problem}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| refuse(&error))?;
    parse(&text).map_err(|error| refuse(&error))
}
