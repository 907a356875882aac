//! What the pages promise: links lead somewhere, commands and options exist, words are told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{MATCH, Ran, USAGE, binary};

/// Lines of a usual terminal, tall rather than wide.
const SCREEN_LINES: usize = 60;
const COMMANDS: [&str; 22] = [
    "demo",
    "record",
    "audit",
    "drill",
    "gate",
    "nightly",
    "incident",
    "plan",
    "work",
    "collect",
    "calibrate",
    "data",
    "inspect",
    "push",
    "prune",
    "diff",
    "export",
    "keygen",
    "ledger",
    "doctor",
    "explain",
    "man",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Returns the README, the map, and every page of the handbook.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "benches/README.md"]
            .map(|name| root().join(name))
            .into();
    for folder in ["docs", "docs/ci", "docs/decisions"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|file| file.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    pages.sort();
    pages
}

/// Goes through a page without its blocks of code, or through these alone.
fn part(text: &str, of_code: bool) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !fence && is_code == of_code
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the targets of links and pictures.
fn links(text: &str) -> Vec<String> {
    let prose = part(text, false);
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let pictures = prose.split("src=\"").chain(prose.split("srcset=\"")).skip(1);
    let pictures = pictures.filter_map(|rest| rest.split('"').next());
    inline
        .chain(pictures)
        .map(str::to_owned)
        .filter(|link| !link.contains(char::is_whitespace))
        .collect()
}

/// Returns the anchors of a page's headings, as they are made from their words.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = part(text, false);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() && target.extension().is_some_and(|end| end == "md") {
                let target = fs::read_to_string(&target).unwrap();
                assert!(anchors(&target).contains(anchor), "{}: {link}", page.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 150, "{checked} links");
}

#[test]
fn the_summary_names_every_page() {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let named: BTreeSet<String> = links(&summary).into_iter().collect();
    for file in fs::read_dir(&docs).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(named.contains(&name), "{name}");
        }
    }
}

#[test]
fn the_front_door_and_the_map_are_short() {
    for (name, lines_max) in [("README.md", 150), ("ARCHITECTURE.md", 200)] {
        let lines = fs::read_to_string(root().join(name)).unwrap().lines().count();
        assert!(lines <= lines_max, "{name}: {lines} lines");
    }
}

/// Asks for the help of a command, and of its own subcommands.
fn help(command: &[&str]) -> Option<String> {
    let said = binary().args(command).arg("--help").output().unwrap();
    said.status.success().then(|| String::from_utf8(said.stdout).unwrap())
}

#[test]
fn what_the_pages_type_exists() {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for line in part(&text, true).replace("\\\n", " ").lines() {
            let line = line.trim_start_matches("$ ").split(" # ").next().unwrap();
            let Some(rest) = line.strip_prefix("reenact ") else { continue };
            let words: Vec<&str> = rest.split_whitespace().collect();
            let Some(name) =
                words.first().filter(|name| name.chars().all(|c| c.is_ascii_lowercase()))
            else {
                continue;
            };
            let of_two = words.get(1).filter(|word| word.chars().all(|c| c.is_ascii_lowercase()));
            let help = known.entry(format!("{name} {of_two:?}")).or_insert_with(|| {
                let all = help(&[name]).unwrap_or_else(|| panic!("{}: {line}", page.display()));
                let own = of_two.and_then(|second| help(&[name, second]));
                all + &own.unwrap_or_default()
            });
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap();
                assert!(help.contains(option), "{}: {option} in {line}", page.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 40, "{checked} options");
}

#[test]
fn help_begins_with_examples_and_fits_on_a_screen() {
    let mut long = Vec::new();
    for name in COMMANDS {
        let help = help(&[name]).unwrap();
        assert!(help.starts_with("Example"), "{name}: {help}");
        if help.lines().count() > SCREEN_LINES {
            long.push((name, help.lines().count()));
        }
    }
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn each_word_of_the_verdicts_is_told() {
    let page = fs::read_to_string(root().join("docs/words.md")).unwrap();
    let words: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let told = Ran::from(&binary().args(["explain", "--json"]).output().unwrap()).expect(MATCH);
    let told: Vec<String> = told
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["word"].as_str().unwrap().into())
        .collect();
    assert_eq!(told, words);
    let one = Ran::from(&binary().args(["explain", "chance", "of", "missing"]).output().unwrap());
    one.expect(MATCH).tells(&["chance of missing", "tampered segment"]);
    let other = Ran::from(&binary().args(["explain", "divergant"]).output().unwrap());
    other.expect(USAGE).says(&["did you mean `divergent`?"]);
}

#[test]
fn shells_and_manuals_are_served() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = binary().args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(script.stdout).unwrap();
        assert!(script.contains("reenact") && script.contains("nightly"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let made = binary().args(["man", "--out"]).arg(folder.path()).output().unwrap();
    Ran::from(&made).expect(MATCH);
    for (page, word) in [("reenact.1", "audit"), ("reenact-audit.1", "\\-\\-sample")] {
        assert!(fs::read_to_string(folder.path().join(page)).unwrap().contains(word), "{page}");
    }
    assert!(!folder.path().join("reenact-worker.1").exists(), "it is nobody's to start");
    let unknown = binary().args(["man", "nothing"]).output().unwrap();
    Ran::from(&unknown).expect(USAGE).says(&["no command `nothing`"]);
}

#[test]
fn colour_and_silence_are_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let spec = crate::common::toy_spec(folder.path(), &[]);
    let run = folder.path().join("run");
    let record = |more: &[&str]| {
        let _ = fs::remove_dir_all(&run);
        binary().arg("record").arg(&spec).arg("--out").arg(&run).args(more).output().unwrap()
    };
    let said = String::from_utf8(record(&[]).stderr).unwrap();
    assert!(said.contains("the recording will take"), "{said}");
    let quiet = record(&["--quiet"]);
    assert_eq!(String::from_utf8(quiet.stderr).unwrap(), "");
    assert!(String::from_utf8(quiet.stdout).unwrap().contains("Recorded"));
    let audit = |more: &[&str]| binary().arg("audit").arg(&run).args(more).output().unwrap().stdout;
    assert!(audit(&["--color", "always"]).contains(&0x1b));
    assert!(!audit(&["--color", "never"]).contains(&0x1b));
    assert!(!audit(&[]).contains(&0x1b), "it is no terminal");
}
