//! Notes what the binary is built from: compiler and lock file.

mod lock;

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use lock::{Build, Found};

fn main() {
    println!("cargo::rustc-env=REENACT_RUSTC={}", rustc_version());
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // An empty file stands for a lock file that could not be told.
    let content = match lock::find(&build(&out_dir)) {
        Found::Lock(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            fs::read(&path).unwrap_or_default()
        }
        Found::Unknown(why) => {
            println!("cargo::warning=the environment will not name Cargo.lock: {why}");
            Vec::new()
        }
    };
    fs::write(out_dir.join("Cargo.lock"), content).expect("OUT_DIR is writable");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed={}", lock::VARIABLE);
}

/// Collects what there is to tell the lock file by.
fn build(out_dir: &std::path::Path) -> Build {
    let (arguments, folder) = caller().unwrap_or_default();
    Build {
        named: env::var_os(lock::VARIABLE).map(PathBuf::from),
        folder: folder.or_else(|| env::var_os("PWD").map(PathBuf::from)),
        arguments,
        manifest_dir: env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default(),
        out_dir: out_dir.to_owned(),
        package: env::var("CARGO_PKG_NAME").unwrap_or_default(),
        version: env::var("CARGO_PKG_VERSION").unwrap_or_default(),
    }
}

/// Returns the arguments of cargo, which calls this, and the folder that it was called in.
#[cfg(target_os = "linux")]
fn caller() -> Option<(Vec<String>, Option<PathBuf>)> {
    let place = PathBuf::from(format!("/proc/{}", std::os::unix::process::parent_id()));
    let line = fs::read(place.join("cmdline")).ok()?;
    let words = line.split(|&byte| byte == 0).filter(|word| !word.is_empty());
    let arguments = words.skip(1).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    Some((arguments, fs::read_link(place.join("cwd")).ok()))
}

/// Elsewhere there is only the shell's word for the folder.
#[cfg(not(target_os = "linux"))]
fn caller() -> Option<(Vec<String>, Option<PathBuf>)> {
    None
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
