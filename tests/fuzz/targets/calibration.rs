//! Any bytes as a calibration: what is read can be written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::Calibration;
use reenact_fuzz::seeds;

const SEED: &str = r#"
format = 1
program = "p"
subject = "0101010101010101010101010101010101010101010101010101010101010101"
segment_steps = 10
initial_state_agrees = true
segments = 120
margin = 2.0
runs = ["0202020202020202020202020202020202020202020202020202020202020202"]
false_alarms = { segment = 0.01, drift = 0.5 }
recorded = { device = "cpu" }
replayed = { device = "cuda" }
drift = [{ segments = 2, factor = 3.0 }, { segments = 6, factor = 2.5 }]
[[tensor]]
name = "w"
relative_l2_max = 2e-6
ulp_max = 7.5
noise_l2 = 4e-7
update_l2_usual = 0.1
ulp_usual = 6e-8
relative_l2_quantiles = [0.0, 3e-7, 8e-7, 1e-6, 1.2e-6]
ulp_quantiles = [0.0, 1.0, 2.0, 3.0, 3.5]
"#;

fuzz_target!(
    init: {
        assert!(Calibration::parse(SEED.as_bytes()).is_ok());
        seeds::write([SEED.as_bytes().to_vec()]);
    },
    |data: &[u8]| {
        if let Ok(found) = Calibration::parse(data) {
            let text = found.encode().expect("a small one stays small");
            assert_eq!(Calibration::parse(text.as_bytes()).ok(), Some(found));
        }
    }
);
