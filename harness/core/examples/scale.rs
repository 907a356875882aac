//! What recording and verifying a large training comes to, reckoned: nobody has run one here.
//!
//!     cargo run -p reenact-core --example scale                     the tables of docs/scale.md
//!     cargo run -p reenact-core --example scale -- parameters=13e9 tensors=363 gpu_hours=368640
//!
//! Every figure can be given as NAME=NUMBER: parameters, tensors, gpu_hours, steps, gpus,
//! checkpoint_every, bytes_a_parameter, recording, replay, hash_gb_a_second, usd_a_gb_month.

use std::collections::BTreeMap;
use std::process::ExitCode;

use reenact_core::verify::segments_for;

/// Holds a training and what is known of machines. Sources stand in docs/scale.md.
#[derive(Clone)]
struct Training {
    name: String,
    known: BTreeMap<&'static str, f64>,
}

const NAMES: [(&str, f64); 11] = [
    ("parameters", 6.74e9),
    ("tensors", 291.0),
    ("gpu_hours", 184_320.0),
    ("steps", 500_000.0),
    ("gpus", 1024.0),
    ("checkpoint_every", 1000.0),
    ("bytes_a_parameter", 12.0),
    ("recording", 1.03),
    ("replay", 1.05),
    ("hash_gb_a_second", 4.32),
    ("usd_a_gb_month", 0.023),
];
/// Fingerprints of a step are of 8 bytes: one a gradient, and one each for value and two moments.
const FINGERPRINT_BYTES: f64 = 8.0;
const FINGERPRINTS_A_TENSOR: f64 = 4.0;
/// What else a step's frame holds: head, chain, digests of samples and batch, rate, loss, norms.
const FRAME_BYTES: f64 = 200.0;
const TAMPERED: [u64; 3] = [1, 2, 5];
const CERTAINTIES: [f64; 3] = [0.5, 0.95, 0.99];

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let mut trainings = Vec::new();
    if given.is_empty() {
        trainings.extend(usual());
    } else {
        let mut training = Training::of("as given", &[]);
        for word in given {
            let pair = word.split_once('=').and_then(|(name, number)| {
                let known = NAMES.iter().find(|(known, _)| *known == name)?;
                Some((known.0, number.parse::<f64>().ok().filter(|number| *number > 0.0)?))
            });
            let Some((name, number)) = pair else {
                let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                eprintln!("`{word}`: write NAME=NUMBER; names are {}", names.join(", "));
                return ExitCode::from(64);
            };
            training.known.insert(name, number);
        }
        trainings.push(training);
    }
    trainings.iter().for_each(|training| print!("{}", training.text()));
    ExitCode::SUCCESS
}

/// The trainings of the tables.
fn usual() -> [Training; 2] {
    let large = [("parameters", 68.98e9), ("tensors", 723.0), ("gpu_hours", 1_720_320.0)];
    [Training::of("7 B", &[]), Training::of("70 B", &large)]
}

impl Training {
    fn of(name: &str, other: &[(&'static str, f64)]) -> Self {
        let known = NAMES.iter().chain(other).copied().collect();
        Self { name: name.into(), known }
    }

    fn get(&self, name: &str) -> f64 {
        self.known.get(name).copied().unwrap_or_default()
    }

    /// Bytes of a whole state.
    fn state(&self) -> f64 {
        self.get("parameters") * self.get("bytes_a_parameter")
    }

    fn segments(&self) -> u64 {
        (self.get("steps") / self.get("checkpoint_every")).ceil() as u64
    }

    fn step_bytes(&self) -> f64 {
        self.get("tensors") * FINGERPRINTS_A_TENSOR * FINGERPRINT_BYTES + FRAME_BYTES
    }

    fn step_seconds(&self, gpus: f64) -> f64 {
        self.get("gpu_hours") * 3600.0 / self.get("steps") / gpus
    }

    /// GPU hours that the replay of one segment takes.
    fn segment_hours(&self) -> f64 {
        self.get("gpu_hours") / self.segments() as f64 * self.get("replay")
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments<'_>| text += &format!("{words}\n");
        let (gigabyte, state, segments) = (1e9, self.state() / 1e9, self.segments());
        line(format_args!("{}: {:.1} GB a state, {segments} segments", self.name, state));
        line(format_args!(""));
        line(format_args!(
            "  {:>7} {:>12} {:>16} {:>14}",
            "GPUs", "a boundary", "journal a day", "days"
        ));
        for gpus in [8.0, 128.0, 1024.0, 10_000.0] {
            let day = 86_400.0 / self.step_seconds(gpus);
            let boundary = self.step_seconds(gpus) * self.get("checkpoint_every") / 3600.0;
            line(format_args!(
                "  {gpus:>7} {:>10.2} h {:>13.1} MB {:>14.1}",
                boundary,
                day * self.step_bytes() / 1e6,
                self.get("gpu_hours") / gpus / 24.0
            ));
        }
        let all = state * (segments + 1) as f64;
        let journal = self.get("steps") * self.step_bytes() / gigabyte;
        let kept = state * (10.0 + segments as f64 / 50.0);
        let month = |gigabytes: f64| gigabytes * self.get("usd_a_gb_month");
        line(format_args!(""));
        line(format_args!("  all states {:>12.0} GB  {:>10.0} USD a month", all, month(all)));
        line(format_args!("  pruned     {:>12.0} GB  {:>10.0} USD a month", kept, month(kept)));
        line(format_args!("  journal    {journal:>12.1} GB"));
        let hours = all / self.get("hash_gb_a_second") / 3600.0;
        line(format_args!("  hashing all of it once: {hours:.1} h on one processor"));
        let recording = self.get("gpu_hours") * (self.get("recording") - 1.0);
        line(format_args!(
            "  recording adds at most {recording:.0} GPU hours of {}",
            self.get("gpu_hours")
        ));
        line(format_args!(""));
        let heads = CERTAINTIES.map(|certainty| format!("{:.0} %", certainty * 100.0));
        line(format_args!(
            "  {:>9} {:>24} {:>24} {:>24}",
            "tampered", heads[0], heads[1], heads[2]
        ));
        for tampered in TAMPERED {
            let cell = |certainty| {
                let drawn = segments_for(segments, tampered, certainty);
                let hours = drawn as f64 * self.segment_hours();
                let share = 100.0 * hours / self.get("gpu_hours");
                format!("{drawn} ({hours:.0} h, {share:.0} %)")
            };
            let [low, middle, high] = CERTAINTIES.map(cell);
            line(format_args!("  {tampered:>9} {low:>24} {middle:>24} {high:>24}"));
        }
        line(format_args!(""));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_this_prints() {
        let page = include_str!("../../../docs/scale.md");
        let quoted: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        for training in usual() {
            for line in training.text().lines().filter(|line| !line.is_empty()) {
                assert!(quoted.contains(&line), "{line}");
            }
        }
    }
}
