//! Notes what the binary is built from: compiler and lock file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rustc-env=REENACT_RUSTC={}", rustc_version());
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let lock = find_lock(&out_dir);
    let content = lock.as_ref().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    fs::write(out_dir.join("Cargo.lock"), content).expect("OUT_DIR is writable");
    if let Some(lock) = lock {
        println!("cargo::rerun-if-changed={}", lock.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
}

/// The lock file of the workspace that is being built, which is a user's own
/// where reenact is a dependency: it lies above the build folder.
fn find_lock(out_dir: &Path) -> Option<PathBuf> {
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let mut folders = out_dir.ancestors().chain(manifest_dir.ancestors());
    folders.find_map(|folder| Some(folder.join("Cargo.lock")).filter(|lock| lock.is_file()))
}

fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let lines = text.unwrap_or_default();
    let mut facts = lines.lines().filter(|line| {
        line.starts_with("rustc ") || line.starts_with("host: ") || line.starts_with("LLVM ")
    });
    let first = facts.next().unwrap_or("unknown").to_owned();
    facts.fold(first, |all, fact| format!("{all}, {fact}"))
}
