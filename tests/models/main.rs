//! Real models through the real binary: honest runs, and every attack with the
//! place where it must be caught.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod dependencies;
mod gate;
mod honest;
mod hostile;
mod readme;
mod rounding;
mod run;
