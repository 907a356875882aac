//! The example is what the guide says it is: short, and a whole command.

#![allow(unreachable_pub, missing_docs, reason = "what all examples share is a module here")]

#[path = "../../example.rs"]
mod example;

use example::Example;

const EXAMPLE: Example = Example {
    binary: env!("CARGO_BIN_EXE_own-loop"),
    spec: "ring",
    spec_text: include_str!("../ring.toml"),
    source: include_str!("../src/main.rs"),
};

#[test]
fn it_is_recorded_audited_and_drilled() {
    EXAMPLE.is_recorded_audited_and_drilled();
}

// The generator is updated after the critic, whose weights went astray before.
#[test]
fn a_sabotaged_training_is_caught_at_its_step() {
    EXAMPLE.is_caught_in("loss");
}

#[test]
fn it_has_a_gate_of_its_own() {
    EXAMPLE.has_a_gate();
}

#[test]
fn it_takes_less_than_sixty_lines() {
    EXAMPLE.takes_less_than_sixty_lines();
}
