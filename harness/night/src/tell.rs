//! Telling people: commands that are run with what happened on standard input.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::config::Tell;
use crate::outcome::Outcome;
use crate::told::Change;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is asked whether it is done.
const PAUSE: Duration = Duration::from_millis(20);
/// How much of what it says is kept.
const WORDS_BYTES_MAX: u64 = 300;

/// Runs the commands that have something to be told. What of it failed is returned, in words:
/// it changes nothing that a night found.
pub fn tell(tell: &Tell, outcome: &Outcome, page: &str) -> Vec<String> {
    let about = |which: &[Change]| -> Vec<Value> {
        let of = outcome.changes.iter().filter(|(change, _)| which.contains(change));
        of.map(|(change, incident)| json!({"change": change, "incident": incident})).collect()
    };
    let night = json!({
        "night": outcome.night, "sentence": outcome.sentence, "exit": u8::from(outcome.exit),
        "at_seconds": outcome.at_seconds, "ended_at_seconds": outcome.ended_at_seconds,
        "host": outcome.host, "page": page, "notes": outcome.notes,
    });
    let opened = about(&[Change::Opened, Change::Changed, Change::Reopened, Change::Again]);
    let resolved = about(&[Change::Resolved]);
    let unjudged = json!(outcome.unjudged);
    let mut failed = Vec::new();
    let mut say = |name: &str, command: &[String], due: bool, facts: Value| {
        if let [program, arguments @ ..] = command
            && due
        {
            let message = json!({"event": name, "night": night, "facts": facts});
            if let Err(problem) = run(program, arguments, &message.to_string()) {
                failed.push(format!("`{program}` was not told ({name}): {problem}"));
            }
        }
    };
    say("opened", &tell.opened, !opened.is_empty(), json!(opened));
    say("resolved", &tell.resolved, !resolved.is_empty(), json!(resolved));
    say("not-judged", &tell.not_judged, !outcome.unjudged.is_empty(), unjudged);
    say("finished", &tell.finished, true, json!({"spent": outcome.spent}));
    failed
}

fn run(program: &str, arguments: &[String], message: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    // One that does not listen says so by its exit code.
    let input = child.stdin.take();
    let message = message.to_owned();
    let writer = std::thread::spawn(move || {
        let _ = input.map(|mut input| input.write_all(message.as_bytes()));
    });
    let ended = wait(&mut child);
    if ended.is_ok() {
        let _ = writer.join();
    }
    let mut words = String::new();
    if let (Ok(Some(_)), Some(stderr)) = (child.try_wait(), child.stderr.take()) {
        let _ = stderr.take(WORDS_BYTES_MAX).read_to_string(&mut words);
    }
    ended.map_err(|problem| format!("{problem} {}", reenact_core::plain::plain(words.trim())))
}

fn wait(child: &mut Child) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it ended with {status}:")),
            Ok(None) => std::thread::sleep(PAUSE),
            Err(error) => return Err(error.to_string()),
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("it took longer than {} seconds", LIMIT.as_secs()))
}
