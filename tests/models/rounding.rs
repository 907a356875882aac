//! A process that does not round as usual records, replays and promises nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::common::binary;
use crate::run::{Run, short_spec};

/// What a library that is linked with -ffast-math does to the process that loads it:
/// GCC's `crtfastm.o` sets these two bits.
const FAST_MATH: &str = "#include <xmmintrin.h>\n\
    __attribute__((constructor)) static void fast(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }\n";

/// Rounds towards zero.
const TRUNCATING: &str = "#include <xmmintrin.h>\n\
    __attribute__((constructor)) static void cut(void) { _mm_setcsr(_mm_getcsr() | 0x6000); }\n";

/// Compiles a library; none on a machine where that cannot be done.
fn library(folder: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (file, library) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    std::fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    let built = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).output();
    let fits = cfg!(all(target_arch = "x86_64", target_os = "linux"));
    if fits && built.is_ok_and(|output| output.status.success()) {
        return Some(library);
    }
    assert!(!fits || std::env::var_os("CI").is_none(), "there is no C compiler");
    println!("SKIPPED: no library that sets the rounding state can be built here");
    None
}

fn reenact(library: &Path, arguments: &[&str]) -> Output {
    let mut command = binary();
    command.env("LD_PRELOAD", library).args(arguments).output().unwrap()
}

/// Fails with exit code 2, and says what and why.
fn refuses(output: &Output, what: &str) {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    // Lines are folded at some width.
    let text = String::from_utf8_lossy(&all).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(what) && text.contains("-ffast-math"), "{text}");
}

#[test]
fn flush_to_zero_is_refused_by_doctor_record_and_audit() {
    let folder = tempdir().unwrap();
    let Some(library) = library(folder.path(), "fast", FAST_MATH) else { return };
    let what = "numbers below 1.2e-38 are flushed to zero";
    refuses(&reenact(&library, &["doctor"]), what);
    let spec = short_spec(folder.path(), "digits-mlp", &[]);
    let out = folder.path().join("run");
    let record = ["record", spec.to_str().unwrap(), "--out", out.to_str().unwrap()];
    refuses(&reenact(&library, &record), what);
    assert!(!out.join("commitment").exists());

    let run = Run::record("digits-mlp", &[]);
    refuses(&reenact(&library, &["audit", run.path.to_str().unwrap()]), what);
    let honest = binary().arg("audit").arg(&run.path).output();
    assert_eq!(honest.unwrap().status.code(), Some(0));
}

#[test]
fn another_direction_is_refused_too() {
    let folder = tempdir().unwrap();
    let Some(library) = library(folder.path(), "cut", TRUNCATING) else { return };
    refuses(&reenact(&library, &["doctor"]), "results are rounded towards zero");
}
