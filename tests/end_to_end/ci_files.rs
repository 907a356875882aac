//! The workflows that people paste: their shell lines, run here.
//!
//! Two builds of the toy stand in the place of `cargo build`; everything else is what the
//! files say.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use crate::common::gate::{MOVED, accept, changed, honest};
use crate::common::{MATCH, toy_spec};

const GITHUB: &str = include_str!("../../docs/ci/github-actions.yml");
const GITLAB: &str = include_str!("../../docs/ci/gitlab-ci.yml");

/// Returns the shell lines of a step that begins with `run:`, or of a list below `script:`.
fn lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<usize> = None;
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        match block {
            Some(outer) if indent > outer => {
                found.push(code.strip_prefix("- ").unwrap_or(code).to_owned());
                continue;
            }
            _ => block = None,
        }
        match code.strip_prefix("run: ").or(code.strip_prefix("script:")) {
            Some("|" | "") => block = Some(indent),
            Some(command) => found.push(command.to_owned()),
            None => {}
        }
    }
    found
}

/// Puts finished builds in the place of `cargo build`: the head's, and the base's. A build
/// says by its file's name how it computes, so a script calls it by that.
fn replaced(line: &str, head: &Path, base: &Path) -> String {
    let copy = |build: &Path, to: &str| {
        let (at, build) = (format!("{to}/release"), build.display());
        format!(
            "mkdir -p {at}; printf '#!/bin/sh\\nexec \"{build}\" \"$@\"\\n' > {at}/reenact; \
             chmod +x {at}/reenact"
        )
    };
    match (line.starts_with("cargo build"), line.contains("--target-dir ../base/target")) {
        (true, true) => copy(base, "../base/target"),
        (true, false) => copy(head, "target"),
        (false, _) => line.to_owned(),
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]);
    let ran = command.args(arguments).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

#[test]
fn the_workflows_lines_find_a_changed_build_and_pass_an_unchanged_one() {
    if Command::new("git").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "there is no git");
        eprintln!("not tried: there is no git");
        return;
    }
    for text in [GITHUB, GITLAB] {
        let commands = lines(text);
        assert!(commands.len() >= 4 && commands.iter().any(|line| line.contains(" gate --base ")));
        let folder = tempdir().unwrap();
        let edited = changed(folder.path(), "in-run-edit@17");
        for (head, code) in [(Path::new(honest()), MATCH), (edited.as_path(), MOVED)] {
            let place = folder.path().join(format!("at-{code}"));
            let repository = place.join("repository");
            fs::create_dir_all(&repository).unwrap();
            accept(&toy_spec(&repository, &[]), &[]).expect(MATCH);
            git(&repository, &["init", "--quiet"]);
            git(&repository, &["add", "."]);
            git(&repository, &["commit", "--quiet", "-m", "base"]);
            git(&repository, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
            let base = git(&repository, &["rev-parse", "HEAD"]);
            let script: Vec<String> =
                commands.iter().map(|line| replaced(line, head, Path::new(honest()))).collect();
            let mut shell = Command::new("sh");
            shell.args(["-ec", &script.join("\n")]).current_dir(&repository);
            shell.env("BASE_BRANCH", "main").env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base);
            let ran = shell.env("CI", "true").env_remove("GITHUB_ACTIONS").output().unwrap();
            assert_eq!(
                ran.status.code(),
                Some(code),
                "{}{}",
                String::from_utf8_lossy(&ran.stdout),
                String::from_utf8_lossy(&ran.stderr)
            );
            assert!(repository.join("report/gate.json").exists());
            assert!(
                fs::read_to_string(repository.join("gate.xml")).unwrap().contains("<testsuite")
            );
        }
    }
}
