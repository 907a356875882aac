//! Telling people: commands that are run with what happened on standard input.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::Tell;
use crate::messenger::send;
use crate::outcome::Outcome;
use crate::told::Change;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What tells of something that is not in order.
const OPENED: [Change; 4] = [Change::Opened, Change::Changed, Change::Reopened, Change::Again];

/// Holds what of the telling failed. It changes nothing that a night found.
#[derive(Debug, Default)]
pub struct Telling {
    /// In words.
    pub problems: Vec<String>,
    /// Changes that nobody was told of. The next night tells of them.
    pub untold: Vec<Change>,
}

/// Runs the commands that have something to be told.
pub fn tell(tell: &Tell, outcome: &Outcome, page: &str) -> Telling {
    let about = |which: &[Change]| -> Vec<Value> {
        let of = outcome.changes.iter().filter(|(change, _)| which.contains(change));
        of.map(|(change, incident)| json!({"change": change, "incident": incident})).collect()
    };
    let night = json!({
        "night": outcome.night, "sentence": outcome.sentence, "exit": u8::from(outcome.exit),
        "at_seconds": outcome.at_seconds, "ended_at_seconds": outcome.ended_at_seconds,
        "host": outcome.host, "page": page, "notes": outcome.notes,
    });
    let opened = about(&OPENED);
    let resolved = about(&[Change::Resolved]);
    let unjudged = json!(outcome.unjudged);
    let mut telling = Telling::default();
    let mut say = |name: &str, command: &[String], due: bool, facts: Value, of: &[Change]| {
        if let [program, arguments @ ..] = command
            && due
        {
            let message = json!({"event": name, "night": night, "facts": facts});
            if let Err(problem) = send(program, arguments, &message.to_string(), LIMIT) {
                telling.problems.push(format!("`{program}` was not told ({name}): {problem}"));
                telling.untold.extend(of);
            }
        }
    };
    say("opened", &tell.opened, !opened.is_empty(), json!(opened), &OPENED);
    say("resolved", &tell.resolved, !resolved.is_empty(), json!(resolved), &[Change::Resolved]);
    say("not-judged", &tell.not_judged, !outcome.unjudged.is_empty(), unjudged, &[]);
    say("finished", &tell.finished, true, json!({"spent": outcome.spent}), &[]);
    telling
}
