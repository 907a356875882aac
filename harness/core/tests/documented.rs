//! The examples of the formats' page that come from a training: it has to compute them.

use reenact_core::spec::Spec;
use reenact_core::state::Fingerprint;
use reenact_core::trainer::{Program, Request, Setting};
use reenact_toy::Toy;

const PAGE: &str = include_str!("../../../replay-specs/README.md");
const SPEC: &str = include_str!("../../../replay-specs/toy-plane.toml");

#[test]
fn the_payload_of_step_0_is_what_the_toy_records() {
    let (spec, setting) = (Spec::parse(SPEC).unwrap(), Setting::new("cpu", 1));
    let data = Toy.data(&spec, &setting).unwrap();
    let digest = data.digest().unwrap().short();
    let trace = Toy.start(&spec, data, &setting).unwrap().step(0, &Request::default()).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let prints = |prints: &[Fingerprint]| {
        prints.iter().map(|print| hex(&print.0.to_le_bytes())).collect::<Vec<_>>()
    };
    let mut parts = vec![
        trace.samples.to_string(),
        trace.batch.to_string(),
        hex(&trace.learning_rate_bits.to_le_bytes()),
        hex(&trace.loss_bits.to_le_bytes()),
    ];
    parts.extend([prints(&trace.gradient), prints(&trace.state)].concat());
    let example = PAGE.split("Example, the payload of step 0").nth(1).unwrap();
    let example = example.split("\n## ").next().unwrap();
    let mut words = example.split_whitespace();
    // In the order of the payload.
    for part in parts {
        assert!(words.any(|word| word == part), "{part}");
    }
    assert!(PAGE.contains(&format!("| `toy-points` | 64 | `{digest}` |")), "{digest}");
}
