//! Says which LLVM compiles the kernels: it decides their bits.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// What the kernel compiler's build looks for; see `scripts/llvm`.
const VERSION: &str = "23.1.0-4";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUBECL").is_some() {
        println!("cargo:rustc-env=REENACT_LLVM={}", llvm());
    }
}

/// Names the version, and the build where it comes from the wheels.
fn llvm() -> String {
    let Some(place) = data_home().map(|home| home.join(format!("tracel/tracel-llvm-{VERSION}")))
    else {
        return "unknown".into();
    };
    println!("cargo:rerun-if-changed={}", place.join(".tracel-llvm-installed").display());
    let asked = Command::new(place.join("bin/llvm-config")).arg("--version").output();
    let version = asked.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.map_or("unknown".into(), |text| text.trim().to_owned());
    match fs::read_to_string(place.join("share/mlc-llvm-static/base.json")) {
        Ok(description) => format!("{version}, build {}", build_of(&description)),
        Err(_) => format!("{version}, tracel {VERSION}"),
    }
}

fn build_of(description: &str) -> String {
    let after = description.split_once("\"build_id\"").map_or("", |(_, after)| after);
    let id: String = after.chars().skip_while(|c| !c.is_ascii_hexdigit()).take(16).collect();
    if id.chars().all(|c| c.is_ascii_hexdigit()) { id } else { "unknown".into() }
}

fn data_home() -> Option<PathBuf> {
    let named = env::var_os("XDG_DATA_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
}
