//! The whole command on the toy program: fast, and without burn.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod beacon;
mod bit_flip;
mod commands;
mod doctor;
mod drill;
#[cfg(unix)]
mod evasion;
mod honest;
#[cfg(unix)]
mod hostile;
mod independence;
mod insider;
mod killed;
#[cfg(unix)]
mod ledger;
#[cfg(target_os = "linux")]
mod memory;
mod page;
#[cfg(unix)]
mod proven;
mod rehearsal;
mod selections;
mod signed;
mod tolerance;
#[cfg(target_os = "linux")]
mod workers;
