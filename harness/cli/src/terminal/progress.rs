//! Progress on standard error: a bar in a terminal, now and then a line elsewhere.

use std::fmt::Write;
use std::io::{self, IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::manner;
use super::output::remark;

/// How often a log is told how far the work is; work that ends before leaves no line.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows steps done, rate and time left.
pub(crate) fn bar(what: &'static str, unit: &str, total: u64) -> ProgressBar {
    if manner::is_quiet() {
        return ProgressBar::hidden();
    }
    if !stderr().is_terminal() || manner::is_dumb() {
        let template =
            format!("{{prefix}}: {{pos}} of {{len}} {unit}, about {{eta}} left  {{msg}}");
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Log::new()), 1);
        let bar = ProgressBar::with_draw_target(Some(total), target);
        return bar.with_style(style(&template)).with_prefix(what);
    }
    let template = format!(
        "{{prefix:>10}} {{bar:24.cyan/dim}} {{pos}}/{{len}} {unit} {{rate:.dim}} {{eta:>4.dim}} left {{wide_msg}}"
    );
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        // A terminal that takes no text is nobody's loss.
        let _ = write!(out, "{:.1}/s", state.per_sec());
    };
    let style = style(&template).with_key("rate", rate);
    let bar = ProgressBar::new(total).with_style(style.progress_chars("━╸─")).with_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

/// What is drawn, as a line of a log. It needs no thread: who makes progress tells it.
#[derive(Debug)]
struct Log(Mutex<Told>);

#[derive(Debug)]
struct Told {
    at: Instant,
    drawn: String,
}

impl Log {
    fn new() -> Self {
        Self(Mutex::new(Told { at: Instant::now(), drawn: String::new() }))
    }
}

impl TermLike for Log {
    fn width(&self) -> u16 {
        120
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.trim().is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).drawn = text.trim().to_owned();
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.at.elapsed() >= LINE_EVERY && !told.drawn.is_empty() {
            remark(&told.drawn);
            *told = Told { at: Instant::now(), drawn: String::new() };
        }
        Ok(())
    }
}
