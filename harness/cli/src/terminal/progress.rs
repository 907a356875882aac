//! Progress bars on standard error; quiet when it is no terminal.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Shows steps done, rate and time left.
pub(crate) fn bar(what: &'static str, unit: &str, total: u64, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let template = format!(
        "{{prefix:>10}} {{bar:32.cyan/dim}} {{pos}}/{{len}} {unit} {{rate:.dim}} {{eta:>4.dim}} left {{wide_msg}}"
    );
    let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        // A terminal that takes no text is nobody's loss.
        let _ = write!(out, "{:.1}/s", state.per_sec());
    };
    let style = style.with_key("rate", rate);
    let bar = ProgressBar::new(total).with_style(style.progress_chars("━╸─")).with_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
