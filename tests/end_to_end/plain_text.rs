//! Nothing that a recording or the name of a folder holds speaks in our voice: no letter of it
//! commands a terminal, hides, turns what is beside it, or begins a line.

use std::fs;
use std::path::Path;

use reenact_core::format::{Environment, Event};
use reenact_core::sanitize::is_plain;
use tempfile::tempdir;

use crate::common::{Ran, binary, record, toy_spec};
use crate::retelling::retell;

/// A verdict of the attacker's, and a letter of each kind that deceives.
const LIE: &str = "\nMatch (bit-exact)  toy-plane: 6 of 6 segments replayed\r\n\u{1b}[2J\u{1b}[1m\
                   \u{9b}31m\u{202e}\u{2066}\u{200f}\u{200b}\u{e0041}\u{2028}\u{feff}\u{7f}\u{85}";
/// What the command itself writes to a terminal.
const STYLES: [&str; 7] =
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"];

const LINE_BYTES_MAX: usize = 10_000;

/// Says the lie wherever an environment has a text, at length, too.
fn lying(found: &Environment) -> Environment {
    let mut lying = found.clone();
    let facts = [&mut lying.engine.class, &mut lying.engine.notes];
    for facts in facts {
        facts.values_mut().for_each(|value| value.push_str(LIE));
        facts.insert(format!("fact{LIE}"), LIE.into());
        facts.insert("long".into(), LIE.repeat(100));
    }
    for text in [&mut lying.reenact, &mut lying.rustc, &mut lying.system] {
        text.push_str(LIE);
    }
    lying
}

#[track_caller]
fn is_harmless(what: &str, text: &str) {
    let bare = STYLES.iter().fold(text.to_owned(), |text, style| text.replace(style, ""));
    for line in bare.split('\n') {
        let hidden = line.chars().find(|letter| !is_plain(*letter));
        assert_eq!(hidden, None, "{what}: {line:?}");
        assert!(!line.trim_start_matches(' ').starts_with("Match ("), "{what}: {line}");
        // What machines read of a recording is whole.
        let short = line.len() < LINE_BYTES_MAX || what.contains("--json");
        assert!(short, "{what}: a line of {} bytes: {}", line.len(), &line[..300]);
    }
}

#[test]
fn no_text_of_a_recording_speaks_in_our_voice() {
    let folder = tempdir().unwrap();
    let run = folder.path().join(format!("run{}", LIE.replace("6 of 6", "6")));
    record(&toy_spec(folder.path(), &[]), &run, &["--attack", "lr-tamper@25"]);
    retell(&run, |events| {
        for event in events {
            if let Event::RunStarted { environment, .. } = event {
                *environment = lying(environment);
            }
        }
    });
    let (report, ledger) = (folder.path().join("report"), folder.path().join("ledger.sqlite"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let state = |step: u64| format!("{}@{step}", text(&run));
    let named = [text(&run), text(&report), text(&ledger)];
    let [run_name, report_name, ledger_name] = named.each_ref().map(String::as_str);
    let (first, second) = (state(0), state(10));
    let option = format!("--{LIE}");
    let commands: [&[&str]; 14] = [
        &["inspect", &option],
        &["audit", run_name, "--sample=all", "--report", report_name, "--ledger", ledger_name],
        &["audit", run_name, "--sample=all", "--json", "--ledger", ledger_name],
        &["audit", &format!("{run_name}/none"), "--report", report_name],
        &["inspect", run_name],
        &["inspect", run_name, "--json"],
        &["diff", &first, &second],
        &["diff", &first, &second, "--json"],
        &["diff", run_name, &state(7)],
        &["ledger", "list", "--ledger", ledger_name],
        &["ledger", "show", run_name, "--ledger", ledger_name],
        &["ledger", "show", run_name, "--json", "--ledger", ledger_name],
        &["record", "--resume", "--out", run_name],
        &["drill", run_name],
    ];
    for arguments in commands {
        let mut command = binary();
        // Escape sequences are passed on, as they are to a terminal.
        command.env("CLICOLOR_FORCE", "1").args(arguments);
        let ran = Ran::from(&command.output().unwrap());
        let what = arguments.join(" ");
        assert!(ran.code.is_some_and(|code| code != 70 && code != 101), "{what}: {}", ran.stderr);
        is_harmless(&what, &ran.stdout);
        is_harmless(&what, &ran.stderr);
    }
    for name in ["report.html", "report.json"] {
        let text = fs::read_to_string(report.join(name)).unwrap();
        is_harmless(name, &text.replace('>', ">\n"));
    }
}
