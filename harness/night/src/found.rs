//! Which runs there are, and how far each has come. Nothing is verified here: a plan may be
//! wrong about a hostile run, the audit is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use reenact_core::digest::Digest;
use reenact_core::format::{
    COMMITMENT_BYTES_MAX, Commitment, Object, ReadRun, SO_FAR_BYTES_MAX, SoFar, StoreError,
};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_store::{Objects, ObjectsError, is_bucket, open_objects, open_run};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// Limits what is listed of a bucket.
const OBJECTS_MAX: usize = 1_000_000;

/// Holds a run that a pattern of the config names.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its folder, with every link followed.
    pub place: PathBuf,
    /// Number of its group in the config.
    pub group: usize,
    /// What it says of itself, or why that cannot be read.
    pub peek: Result<Peek, String>,
}

/// Holds what a run says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peek {
    /// Name of the run.
    pub name: String,
    /// Digest of its spec.
    pub spec: Digest,
    /// Device class that it declares, by its first device.
    pub device: String,
    /// Declared steps.
    pub steps_declared: u64,
    /// Steps that are committed to.
    pub steps: u64,
    /// Steps of a segment.
    pub checkpoint_every: u64,
    /// Whether it still trains.
    pub state: State,
    /// What it is committed to; none before the first boundary.
    pub head: Option<Head>,
    /// Bytes of its checkpoints and journal, as its first checkpoint lets expect.
    pub bytes: u64,
}

/// Names what a run is committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Digest of the commitment, of either kind.
    pub commitment: Digest,
    /// Number of frames that it commits to.
    pub frames: u64,
    /// Whether it is the last one.
    pub is_whole: bool,
}

/// Says whether a run has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has no commitment yet.
    Trains,
    /// It has.
    Finished,
    /// It has, to fewer steps than declared.
    EndedEarly,
}

impl Peek {
    /// Reads what the run in a folder says of itself.
    pub fn at(place: &Path) -> Result<Self, String> {
        peek(place)
    }

    /// Returns the number of segments that are committed to.
    pub fn segments(&self) -> u64 {
        self.steps.div_ceil(self.checkpoint_every.max(1))
    }
}

/// Finds the runs that a config names, each once, in the order of their places. A folder
/// belongs to the first group that names it.
pub fn look(config: &Config) -> Vec<Found> {
    let mut groups: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut unlisted = Vec::new();
    for (group, runs) in config.runs.iter().enumerate() {
        let excluded: Vec<glob::Pattern> =
            runs.exclude.iter().filter_map(|pattern| glob::Pattern::new(pattern).ok()).collect();
        for pattern in runs.patterns() {
            let folders: Vec<PathBuf> = match is_bucket(pattern) {
                true => in_bucket(pattern).unwrap_or_else(|problem| {
                    unlisted.push(Found { place: pattern.into(), group, peek: Err(problem) });
                    Vec::new()
                }),
                false => glob::glob(pattern).into_iter().flatten().flatten().collect(),
            };
            for folder in folders {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let leaves_out = |pattern: &glob::Pattern| {
                    pattern.matches(&name) || pattern.matches_path(&folder)
                };
                let is_far = folder.to_str().is_some_and(is_bucket);
                if excluded.iter().any(leaves_out) || !(is_far || is_recording(&folder)) {
                    continue;
                }
                let place = if is_far { folder } else { folder.canonicalize().unwrap_or(folder) };
                groups.entry(place).or_insert(group);
            }
        }
    }
    let found = groups.into_iter().map(|(place, group)| (peek(&place), place, group));
    let found = found.map(|(peek, place, group)| Found { place, group, peek });
    found.chain(unlisted).collect()
}

/// Returns the recordings of a bucket whose names fit the last part of a pattern. A bucket that
/// cannot be listed is one that cannot be read: its runs have not vanished for that.
fn in_bucket(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let (place, names) = pattern.rsplit_once('/').unwrap_or((pattern, "*"));
    let listed = open_objects(place).and_then(|objects| runs_in(objects.as_ref()));
    let runs = listed.map_err(|error| reenact_core::sanitize::plain(&error.to_string()))?;
    let names = glob::Pattern::new(names).map_err(|error| error.to_string())?;
    let fits = runs.into_iter().filter(|name| names.matches(name));
    Ok(fits.map(|name| PathBuf::from(format!("{place}/{name}"))).collect())
}

/// Returns the folders that hold a journal or a commitment.
fn runs_in(objects: &dyn Objects) -> Result<BTreeSet<String>, ObjectsError> {
    let listed = objects.list("", OBJECTS_MAX)?;
    let run = |name: &str| {
        let (run, object) = name.split_once('/')?;
        (object == "journal/00000000" || object == "commitment").then(|| run.to_owned())
    };
    Ok(listed.iter().filter_map(|found| run(&found.name)).collect())
}

/// Says whether a run of a bucket is one of a pattern that could not be listed.
pub(crate) fn is_unlisted(place: &str, found: &[Found]) -> bool {
    is_bucket(place)
        && found.iter().filter(|found| found.peek.is_err()).any(|found| {
            let pattern = found.place.display().to_string();
            glob::Pattern::new(&pattern).is_ok_and(|pattern| pattern.matches(place))
        })
}

/// A folder without a journal is no recording, or not one yet.
fn is_recording(folder: &Path) -> bool {
    folder.join(Object::Journal.to_string()).symlink_metadata().is_ok()
}

fn peek(place: &Path) -> Result<Peek, String> {
    let read = || -> Result<Peek, StoreError> {
        let run = open_run(place)?;
        let run = run.as_ref();
        let text = run.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
        let unreadable = |problem: String| StoreError::NoRecording {
            path: place.display().to_string(),
            problem,
        };
        let spec = Spec::parse(&String::from_utf8_lossy(&text));
        let spec = spec.map_err(|error| unreadable(format!("spec.toml: {error}")))?;
        let (steps, state, head) = reached(run, &spec).map_err(unreadable)?;
        Ok(Peek {
            name: spec.name.clone(),
            spec: Spec::digest_of_text(&text),
            device: spec.device.first_device().to_owned(),
            steps_declared: spec.steps,
            steps,
            checkpoint_every: spec.checkpoint_every,
            state,
            head,
            bytes: bytes(place, steps.div_ceil(spec.checkpoint_every) + 1),
        })
    };
    read().map_err(|error| reenact_core::sanitize::plain(&error.to_string()))
}

fn reached(run: &dyn ReadRun, spec: &Spec) -> Result<(u64, State, Option<Head>), String> {
    match run.read(Object::Commitment, COMMITMENT_BYTES_MAX) {
        Ok(text) => {
            let commitment = Commitment::parse(&text).map_err(|error| error.to_string())?;
            let steps = commitment.checkpoints.last().map_or(0, |(step, _)| *step).min(spec.steps);
            let state = if steps < spec.steps { State::EndedEarly } else { State::Finished };
            let (frames, is_whole) = (commitment.frames, true);
            let commitment = Commitment::digest_of_text(&text);
            Ok((steps, state, Some(Head { commitment, frames, is_whole })))
        }
        Err(StoreError::Missing { .. }) => match run.read(Object::SoFar, SO_FAR_BYTES_MAX) {
            Ok(file) => {
                let so_far = SoFar::parse(SoFar::parts(&file).0).map_err(|e| e.to_string())?;
                let (commitment, frames, is_whole) = (so_far.digest(), so_far.frames, false);
                let head = Head { commitment, frames, is_whole };
                Ok((so_far.step.min(spec.steps), State::Trains, Some(head)))
            }
            Err(StoreError::Missing { .. }) => Ok((0, State::Trains, None)),
            Err(error) => Err(error.to_string()),
        },
        Err(error) => Err(error.to_string()),
    }
}

/// Estimates the bytes of a run: its states are about alike, and a fleet has millions of them.
fn bytes(place: &Path, boundaries: u64) -> u64 {
    if let Some(bucket) = place.to_str().filter(|place| is_bucket(place)) {
        let listed = open_objects(bucket).and_then(|objects| objects.list("", OBJECTS_MAX));
        return listed.map_or(0, |found| found.iter().map(|object| object.bytes).sum());
    }
    let size = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len());
    let first = fs::read_dir(place.join("checkpoints")).ok().and_then(|mut all| all.next());
    let state = first.and_then(Result::ok).map_or(0, |entry| size(entry.path()));
    size(place.join("journal")).saturating_add(state.saturating_mul(boundaries))
}
