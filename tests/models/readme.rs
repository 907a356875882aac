//! What the README shows was printed by the product.

use std::path::Path;

use tempfile::tempdir;

use crate::common::binary;

const README: &str = include_str!("../../README.md");

/// Runs each command of its transcripts, in one folder, and compares what is printed, but for
/// what stands behind `...`.
#[test]
fn its_transcripts_are_what_is_printed() {
    let folder = tempdir().unwrap();
    let mut compared = 0;
    for block in README.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for part in block.split("$ ").skip(1) {
            let (command, shown) = part.split_once('\n').unwrap();
            let printed = run(folder.path(), command);
            let shown: Vec<&str> = shown.lines().take_while(|line| *line != "...").collect();
            let printed: Vec<&str> = printed.lines().take(shown.len()).collect();
            assert_eq!(printed, shown, "{command}");
            compared += shown.len();
        }
    }
    assert!(compared > 5, "{compared} lines");
}

fn run(folder: &Path, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let ran = binary().current_dir(folder).args(words).output().unwrap();
    String::from_utf8(ran.stdout).unwrap()
}
