//! What to type next.

use maud::{Markup, html};
use reenact_core::sanitize::quoted;
use reenact_core::verify::{Advice, Report};

use super::figure;

/// Says what can be done about a report, each as a command or what to do before one.
pub fn next(report: &Report) -> Vec<String> {
    report.advice.iter().map(|advice| words(advice, &report.run)).collect()
}

/// Shows what to do next: what is a command, as one, and the words before it as words.
pub(super) fn show(next: &str) -> Markup {
    if next.contains('`') {
        return html! { p { strong { "Next: " } (figure::prose(next)) } };
    }
    let command = next.find("reenact ").unwrap_or(next.len());
    let (words, command) = next.split_at(command);
    html! {
        p { strong { "Next: " } (words) @if !command.is_empty() { code { (command) } } }
    }
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
        Advice::Close { id } => format!("reenact incident close {} --reason TEXT", quoted(id)),
        Advice::Forget => {
            format!("only if it is knowingly another run: reenact ledger forget {}", quoted(run))
        }
        Advice::Order => {
            "correct the spec that --expect names, if the order has changed; else ask who \
                          declared the run otherwise"
                .into()
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
        Advice::Again { segment } => format!(
            "keep the recording as it is; on another machine of this class: reenact audit {} \
             --segment {segment}",
            quoted(run)
        ),
        Advice::Repeat => format!("reenact doctor {}", quoted(&format!("{run}/spec.toml"))),
    }
}
