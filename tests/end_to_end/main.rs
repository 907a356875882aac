//! The whole command on the toy program: fast, and without burn.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod beacon;
mod bit_flip;
#[cfg(target_os = "linux")]
mod changed;
mod commands;
mod doctor;
mod drill;
mod honest;
#[cfg(unix)]
mod hostile;
mod independence;
mod insider;
#[cfg(unix)]
mod kept_elsewhere;
mod killed;
mod ledger;
#[cfg(target_os = "linux")]
mod memory;
mod page;
mod rehearsal;
mod selections;
mod signed;
mod tolerance;
mod while_recorded;
#[cfg(target_os = "linux")]
mod workers;
