//! The whole command on the toy program: fast, and without burn.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod batches;
mod beacon;
mod bit_flip;
#[cfg(target_os = "linux")]
mod changed;
#[cfg(unix)]
mod ci_files;
mod commands;
mod coverage;
mod doctor;
mod drill;
#[cfg(unix)]
mod evasion;
#[cfg(unix)]
mod fleet;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(unix)]
mod gate;
#[cfg(unix)]
mod gate_files;
#[cfg(unix)]
mod gate_words;
mod handbook;
mod honest;
#[cfg(unix)]
mod hostile;
mod independence;
mod insider;
#[cfg(unix)]
mod kept_elsewhere;
mod killed;
#[cfg(unix)]
mod ledger;
#[cfg(unix)]
mod machine_claims;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod model_file;
#[cfg(unix)]
mod model_hostile;
mod nightly;
mod nightly_killed;
#[cfg(unix)]
mod nightly_told;
mod page;
#[cfg(unix)]
mod plain_text;
#[cfg(unix)]
mod plan;
#[cfg(unix)]
mod proven;
#[cfg(unix)]
mod prune;
mod recording;
mod rehearsal;
#[cfg(unix)]
mod retelling;
mod sample;
#[cfg(unix)]
mod second_format;
mod selections;
mod signed;
#[cfg(unix)]
mod so_far;
mod stopped;
mod tolerance;
#[cfg(unix)]
mod trusted_builds;
mod validated;
mod weak_policy;
mod while_recorded;
mod words;
#[cfg(target_os = "linux")]
mod workers;
