//! Telling people: commands that are run with what happened on standard input.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::Tell;
use crate::messenger::send;
use crate::outcome::Outcome;
use crate::told::Change;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(60);

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
            if let Err(problem) = send(program, arguments, &message.to_string(), LIMIT) {
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
