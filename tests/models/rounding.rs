//! A process that does not round as usual records, replays and promises nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::common::{Ran, USAGE, binary};
use crate::run::{Run, short_spec};

/// What a library that is linked with -ffast-math does to the process that loads it:
/// GCC's `crtfastm.o` sets these two bits.
const FAST_MATH: &str = "#include <xmmintrin.h>\n\
    __attribute__((constructor)) static void fast(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }\n";

/// Rounds towards zero.
const TRUNCATING: &str = "#include <xmmintrin.h>\n\
    __attribute__((constructor)) static void cut(void) { _mm_setcsr(_mm_getcsr() | 0x6000); }\n";

/// Flushes in the thread that computes only, from its beginning.
const IN_ONE_THREAD: &str = r#"#include <pthread.h>
    #include <string.h>
    #include <xmmintrin.h>
    int pthread_setname_np(pthread_t thread, const char *name) {
        (void)thread;
        if (strcmp(name, "burn") == 0) _mm_setcsr(_mm_getcsr() | 0x8040);
        return 0;
    }
"#;

/// Flushes in the thread that computes an exponential, once a file is there or after so
/// many, as a library may that is loaded late.
const ON_THE_WAY: &str = r#"#define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdlib.h>
    #include <unistd.h>
    #include <xmmintrin.h>
    float expf(float x) {
        static float (*real)(float);
        if (!real) real = (float (*)(float))dlsym(RTLD_NEXT, "expf");
        static long calls;
        const char *from = getenv("FLUSHED_FROM"), *after = getenv("FLUSHED_AFTER");
        if ((from && access(from, F_OK) == 0) || (after && calls++ == atol(after)))
            _mm_setcsr(_mm_getcsr() | 0x8040);
        return real(x);
    }
"#;

/// Compiles a library; none on a machine where that cannot be done.
fn library(folder: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (file, library) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    std::fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    let built = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).arg("-ldl");
    let built = built.output();
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
    refuses(&reenact(&library, &["doctor", "digits-mlp"]), what);
    let machine = reenact(&library, &["doctor", "--device", "cpu"]);
    assert!(String::from_utf8_lossy(&machine.stdout).contains("does not round as usual"));
    let spec = short_spec(folder.path(), "digits-mlp", &[]);
    let out = folder.path().join("run");
    let record = ["record", spec.to_str().unwrap(), "--out", out.to_str().unwrap()];
    refuses(&reenact(&library, &record), what);
    assert!(!out.exists());

    let run = Run::record("digits-mlp", &[]);
    refuses(&reenact(&library, &["audit", run.path.to_str().unwrap()]), what);
    let honest = binary().arg("audit").arg(&run.path).output();
    assert_eq!(honest.unwrap().status.code(), Some(0));
}

#[test]
fn another_direction_is_refused_too() {
    let folder = tempdir().unwrap();
    let Some(library) = library(folder.path(), "cut", TRUNCATING) else { return };
    let what = "results are rounded towards zero";
    refuses(&reenact(&library, &["doctor", "digits-mlp"]), what);
}

#[test]
fn a_thread_that_computes_and_flushes_is_refused() {
    let folder = tempdir().unwrap();
    let Some(library) = library(folder.path(), "thread", IN_ONE_THREAD) else { return };
    let what = "numbers below 1.2e-38 are flushed to zero";
    refuses(&reenact(&library, &["doctor", "digits-mlp"]), what);
    let spec = short_spec(folder.path(), "digits-mlp", &[]);
    let out = folder.path().join("run");
    let record = ["record", spec.to_str().unwrap(), "--out", out.to_str().unwrap()];
    refuses(&reenact(&library, &record), what);
    assert!(!out.exists());
}

#[test]
fn a_change_on_the_way_ends_a_recording_and_names_the_step() {
    let folder = tempdir().unwrap();
    let Some(library) = library(folder.path(), "late", ON_THE_WAY) else { return };
    let spec = short_spec(folder.path(), "digits-mlp", &[]);
    let out = folder.path().join("run");
    let mut record = binary();
    record.env("LD_PRELOAD", library).env("FLUSHED_FROM", out.join("journal"));
    let output = record.arg("record").arg(spec).arg("--out").arg(&out).output().unwrap();
    let ran = Ran::from(&output).expect(USAGE);
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let what = "mistake, in step 0: it does not round as usual any more: numbers below 1.2e-38";
    assert!(text.contains(what), "{text}");
    assert!(!out.join("commitment").exists());
}

#[test]
fn a_change_on_the_way_accuses_no_recording() {
    let folder = tempdir().unwrap();
    let Some(library) = library(folder.path(), "late", ON_THE_WAY) else { return };
    let run = Run::record("digits-mlp", &[]);
    // While the class is measured, and while a segment is replayed.
    for (after, place) in [("10000", ""), ("60000", "in step ")] {
        let mut audit = binary();
        audit.env("LD_PRELOAD", &library).env("FLUSHED_AFTER", after);
        let output = audit.arg("audit").arg(&run.path).output().unwrap();
        refuses(&output, place);
        refuses(&output, "it does not round as usual any more: numbers below 1.2e-38");
    }
}
