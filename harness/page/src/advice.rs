//! What to type next.

use reenact_core::plain::quoted;
use reenact_core::verify::{Advice, Report};

/// Says what can be done about a report, each as a command or what to do before one.
pub fn next(report: &Report) -> Vec<String> {
    report.advice.iter().map(|advice| words(advice, &report.run)).collect()
}

/// Says what a piece of advice comes to for the recording at this place.
pub fn words(advice: &Advice, run: &str) -> String {
    match advice {
        Advice::Resume => format!("reenact record --resume --out {}", quoted(run)),
        Advice::SoFar => format!(
            "reenact audit {0} --so-far; once its recorder has stopped for good: reenact record \
             --resume --out {0}",
            quoted(run)
        ),
        Advice::Close { id } => format!("reenact ledger close {} --reason TEXT", quoted(id)),
        Advice::Forget => {
            format!("only if it is knowingly another run: reenact ledger forget {}", quoted(run))
        }
        Advice::OtherMachine => "audit on such a machine with such a build; or measure how far \
                                 honest runs end apart: reenact calibrate, then reenact audit \
                                 --calibration FILE"
            .into(),
        Advice::TrustedBuild => format!(
            "build reenact from source separately (scripts/reproducible-build), and with that \
             build: reenact audit {} --trusted-builds FILE",
            quoted(run)
        ),
        Advice::Repeat => format!("reenact doctor {}", quoted(&format!("{run}/spec.toml"))),
    }
}
