//! Progress on standard error: a bar in a terminal, now and then a line elsewhere.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle, WeakProgressBar};

use super::manner;
use super::output::remark;

/// How often a log is told how far the work is; work that ends before leaves no line.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows steps done, rate and time left.
pub(crate) fn bar(what: &'static str, unit: &'static str, total: u64) -> ProgressBar {
    if manner::is_quiet() {
        return ProgressBar::hidden();
    }
    if !stderr().is_terminal() || manner::is_dumb() {
        let bar = ProgressBar::hidden();
        bar.set_length(total);
        let weak = bar.downgrade();
        std::thread::spawn(move || tell_a_log(&weak, what, unit));
        return bar;
    }
    let template = format!(
        "{{prefix:>10}} {{bar:24.cyan/dim}} {{pos}}/{{len}} {unit} {{rate:.dim}} {{eta:>4.dim}} left {{wide_msg}}"
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

/// Until the work is done, or whoever did it has dropped its bar.
fn tell_a_log(bar: &WeakProgressBar, what: &str, unit: &str) {
    loop {
        std::thread::sleep(LINE_EVERY);
        let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) else { return };
        let (done, total) = (bar.position(), bar.length().unwrap_or_default());
        let left = bar.eta().as_secs();
        remark(format_args!("{what}: {done} of {total} {unit}, about {left} s left"));
    }
}
