//! The burn-free crates stay burn-free.

use std::path::Path;
use std::process::Command;

use crate::common::files;

fn tree(package: &str, more: &[&str]) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "-p", package])
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn names_an_engine(tree: &str) -> bool {
    let engine = |line: &str| line.starts_with("burn") || line.starts_with("cubecl");
    tree.lines().any(engine)
}

#[test]
fn all_but_the_engine_and_the_models_do_without_burn() {
    let burn_free = ["core", "store", "toy", "audit", "page", "gate"];
    for package in burn_free.map(|name| format!("reenact-{name}")) {
        let package = package.as_str();
        assert!(!names_an_engine(&tree(package, &[])), "{package}");
    }
    assert!(!names_an_engine(&tree("reenact", &["--no-default-features"])));
    assert!(names_an_engine(&tree("reenact", &[])), "else this test could not fail");
}

#[test]
fn verifying_and_recording_side_do_not_know_each_other() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src");
    for (side, other) in
        [("verify", "record"), ("record", "verify"), ("format", "verify"), ("format", "record")]
    {
        let files = files(Path::new(&format!("{source}/{side}")));
        for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
            let text = std::fs::read_to_string(path).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap();
            for import in [format!("crate::{other}"), format!("super::super::{other}")] {
                assert!(!shipped.contains(&import), "{} uses {import}", path.display());
            }
        }
    }
}
