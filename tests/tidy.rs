//! The house rules that a machine can check. Limits only ever go down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of the longest source file.
const FILE_LINES_MAX: usize = 430;
/// Lines of the longest function.
const FUNCTION_LINES_MAX: usize = 62;
/// Columns of the longest line; longer ones hold one long literal.
const COLUMNS_MAX: usize = 120;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every source file of ours, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["harness", "models", "tests", "benches"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn files_are_short_and_one_noun_each() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{}: {lines} lines", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !["utils", "util", "base", "helpers", "misc"].contains(&stem),
            "{}",
            path.display()
        );
    }
}

#[test]
fn functions_are_short() {
    for (path, text) in sources() {
        let mut start = None;
        for (number, line) in text.lines().enumerate() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            let begins = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn "];
            if start.is_none() && begins.iter().any(|begin| code.starts_with(begin)) {
                start = Some((number, indent));
            }
            let Some((first, depth)) = start else { continue };
            if code == "}" && indent == depth {
                let lines = number - first + 1;
                let place = format!("{}:{}", path.display(), first + 1);
                assert!(lines <= FUNCTION_LINES_MAX, "{place}: a function of {lines} lines");
                start = None;
            } else if code.ends_with(';') && indent == depth {
                start = None;
            }
        }
    }
}

#[test]
fn lines_fit_and_nothing_is_left_undone() {
    let undone =
        [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat()];
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            let literal = line.contains('"');
            assert!(line.chars().count() <= COLUMNS_MAX || literal, "{place}: too long");
            assert!(!undone.iter().any(|word| line.contains(word)), "{place}: {line}");
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} has no module doc", path.display());
    }
}

#[test]
fn bincode_is_known_to_one_module() {
    let outside = |path: &Path| {
        !path.ends_with("harness/core/src/codec.rs") && !path.ends_with("tests/tidy.rs")
    };
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = code.filter(|line| line.contains("bincode::")).count();
        assert!(named == 0 || !outside(&path), "{} uses bincode", path.display());
    }
}

#[test]
fn the_core_reads_no_clock_and_no_environment() {
    let banned =
        ["std::time", "SystemTime", "Instant::now", "std::env", "println!", "HashMap", "std::fs"];
    for (path, text) in sources() {
        let in_core = path.to_str().unwrap().contains("harness/core/src");
        for word in banned.iter().filter(|_| in_core) {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

/// What each crate of ours depends on, by folder; not for its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let workspace = manifest("");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members = members.iter().map(|member| member.as_str().unwrap());
    members.map(|folder| (folder.to_owned(), needed(&manifest(folder)))).collect()
}

fn manifest(folder: &str) -> toml::Table {
    let path = root().join(folder).join("Cargo.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// A target may have dependencies of its own.
fn needed(manifest: &toml::Table) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(toml::Table::values);
    let places = targets.filter_map(toml::Value::as_table).chain([manifest]);
    let kinds = ["dependencies", "build-dependencies"];
    let tables = places.flat_map(|place| kinds.into_iter().filter_map(|kind| place.get(kind)));
    tables.filter_map(toml::Value::as_table).flat_map(toml::Table::keys).cloned().collect()
}

#[test]
fn dependencies_point_one_way() {
    let all = dependencies();
    let ours = |folder: &str| -> Vec<&str> {
        let found = all[folder].iter().map(String::as_str);
        found.filter(|name| name.starts_with("reenact")).collect()
    };
    assert_eq!(ours("harness/core"), Vec::<&str>::new());
    assert_eq!(ours("harness/store"), ["reenact-core"]);
    assert_eq!(ours("harness/data"), ["reenact-core"]);
    assert_eq!(ours("harness/toy"), ["reenact-core"]);
    assert_eq!(ours("harness/page"), ["reenact-core"]);
    assert_eq!(ours("harness/audit"), ["reenact-core", "reenact-store"]);
    assert_eq!(ours("harness/fleet"), ["reenact-audit", "reenact-core", "reenact-store"]);
    assert_eq!(ours("harness/gate"), ["reenact-audit", "reenact-core", "reenact-store"]);
    assert_eq!(ours("harness/night"), ["reenact-audit", "reenact-core", "reenact-store"]);
    assert_eq!(ours("harness/burn"), ["reenact-core", "reenact-data"]);
    assert_eq!(ours("models"), ["reenact-burn", "reenact-core"]);
}

/// The rooms of the verifying side, each of which stands on those before it alone. What lies
/// in none of them, as several use it, is below all.
const ROOMS: [&str; 10] = [
    "compare",
    "trust",
    "sample",
    "examine",
    "replay",
    "cause",
    "segment",
    "tolerance",
    "memory",
    "report",
];

#[test]
fn the_rooms_of_the_verifying_side_form_no_circle() {
    let verify = root().join("harness/core/src/verify");
    let rank_of = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut room_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    collect(&verify, &mut found);
    let place = |path: &Path| {
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        (folder, path.file_stem().unwrap().to_str().unwrap().to_owned())
    };
    for (path, _) in &found {
        let (folder, stem) = place(path);
        if let Some(rank) = rank_of(&folder) {
            room_of.insert(if stem == "mod" { folder } else { stem }, rank);
        } else {
            assert!(
                ["mod", "advice", "finding", "date", "verdict"].contains(&&*stem),
                "{stem} has no room"
            );
        }
    }
    assert!(room_of.len() > 30, "the rooms were not found");
    for (path, text) in &found {
        let Some(own) = rank_of(&place(path).0) else { continue };
        // What tests use of a room above says nothing of the code.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for used in code.split("crate::verify::").skip(1) {
            let name: String =
                used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // By the names that the whole exports, a file's room would not be seen.
            let of_a_file = name.starts_with(|first: char| first.is_ascii_lowercase());
            assert!(of_a_file, "{} takes `{name}` past its room", path.display());
            let above = room_of.get(&name).filter(|rank| **rank > own);
            assert!(above.is_none(), "{} uses {name}", path.display());
        }
    }
}

/// The folders of a crate that a file uses, without its tests: `crate::a::...`, `crate::{a, b}`.
fn used_folders(text: &str, folders: &BTreeSet<String>) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let names = match group {
            Some(group) => group.split(',').map(str::trim).collect(),
            None => vec![rest],
        };
        let name =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        used.extend(names.into_iter().map(name));
    }
    used.intersection(folders).cloned().collect()
}

/// Whoever reads one folder of a crate need not know a second one that needs the first.
#[test]
fn folders_form_no_circle() {
    let crates = dependencies().into_keys().filter(|folder| folder.starts_with("harness/"));
    let mut arrows_seen = 0;
    for folder in crates {
        let source = root().join(&folder).join("src");
        let entries =
            fs::read_dir(&source).into_iter().flatten().map(|entry| entry.unwrap().path());
        let folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let names: BTreeSet<String> = folders.iter().map(name).collect();
        let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for path in &folders {
            let (own, mut files) = (name(path), Vec::new());
            collect(path, &mut files);
            let beside = source.join(format!("{own}.rs"));
            files.extend(fs::read_to_string(&beside).map(|text| (beside, text)));
            let of_tests = |path: &Path| path.components().any(|part| part.as_os_str() == "tests");
            let used =
                files.iter().filter(|(path, _)| !of_tests(path.strip_prefix(&source).unwrap()));
            let used: BTreeSet<String> = used
                .flat_map(|(_, text)| used_folders(text, &names))
                .filter(|used| *used != own)
                .collect();
            arrows_seen += used.len();
            arrows.insert(own, used);
        }
        // What nobody is left to use can be taken away, until nothing is left or a circle is.
        while let Some(free) =
            arrows.iter().find(|(_, used)| used.is_empty()).map(|(name, _)| name.clone())
        {
            arrows.remove(&free);
            arrows.values_mut().for_each(|used| {
                used.remove(&free);
            });
        }
        assert!(arrows.is_empty(), "{folder}: a circle among {arrows:?}");
    }
    assert!(arrows_seen > 20, "{arrows_seen} arrows: they were not found");
}

#[test]
fn only_the_command_knows_arguments_and_a_terminal() {
    let all = dependencies();
    let knows = |folder: &str, name: &str| all[folder].contains(name);
    for name in ["clap", "indicatif", "anstream"] {
        assert!(knows("harness/cli", name), "{name}: else this test could not fail");
        for folder in all.keys().filter(|folder| *folder != "harness/cli") {
            // What measures has options of its own, and nothing stands on it.
            let benches = folder == "benches" && name == "clap";
            assert!(benches || !knows(folder, name), "{folder} depends on {name}");
        }
    }
}

/// What to type is the command's business; the core says what is the case.
#[test]
fn the_core_knows_no_command_line() {
    let in_core = |path: &Path| path.to_str().unwrap().contains("harness/core/src");
    for (path, text) in sources().into_iter().filter(|(path, _)| in_core(path)) {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let typed = ["`reenact ", "`record ", "--resume", "--calibration", "--reason"];
            assert!(!typed.iter().any(|words| line.contains(words)), "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_readmes_commands_are_what_ci_runs() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    for command in ["cargo run --release -- demo", "cargo test --release --workspace"] {
        assert!(readme.contains(command) && ci.contains(command), "{command}");
    }
}
