//! A file that is said to be a model may be anything.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{DIVERGENT, Ran, USAGE, binary};
use crate::model_file::{Exported, audit_model};

/// What a hostile name has to command a terminal.
const CLEAR_SCREEN: &str = "\u{1b}[2J";

/// Limits the address space of an audit of hostile files, beside the binary's own size, in KiB.
const MEMORY_KIB_MAX: u64 = 256 << 10;

/// Makes a file with this header.
fn with_header(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 64]].concat()
}

fn tensor(name: &str, dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
}

fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let header = |header: &str| with_header(header);
    let one = |name: &str, dtype, shape, offsets| header(&tensor(name, dtype, shape, offsets));
    vec![
        ("empty", Vec::new()),
        ("noise", vec![0xa5; 4096]),
        ("a pickle", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}".to_vec()),
        ("a header beyond the file", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("deeply nested", header(&"[".repeat(100_000))),
        (
            "deeply nested metadata",
            header(&format!(r#"{{"__metadata__":{}"#, r#"{"a":"#.repeat(50_000))),
        ),
        ("a million dimensions", one("a", "F32", &format!("[1{}]", ",1".repeat(1 << 20)), "[0,4]")),
        ("a size that overflows", one("a", "F32", "[4294967296,4294967296]", "[0,0]")),
        ("offsets beyond the file", one("a", "F32", "[1]", "[1099511627776,1099511627780]")),
        ("offsets backwards", one("a", "F32", "[0]", "[8,4]")),
        ("a size that is not the shape's", one("a", "F32", "[4]", "[0,4]")),
        ("no type", one("a", "F31\\u001b[2J", "[1]", "[0,4]")),
        ("a name that commands a terminal", one("a\\u001b[2J", "F32", "[1]", "[0,4]")),
        ("a name of 32 MiB", one(&"a".repeat(32 << 20), "F32", "[1]", "[0,4]")),
        (
            "an unknown key",
            header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#),
        ),
        (
            "a tensor twice",
            header(&format!(
                "{},{}",
                tensor("a", "F32", "[1]", "[0,4]").trim_end_matches('}').to_owned() + "}",
                &tensor("a", "F32", "[1]", "[0,4]")[1..]
            )),
        ),
    ]
}

/// Audits with a file in an address space that is bounded.
fn limited(run: &Path, file: &Path) -> Ran {
    let program = binary().get_program().to_owned();
    // It maps itself to hash itself, and is large where it was built for debugging.
    let limit = MEMORY_KIB_MAX + (fs::metadata(&program).unwrap().len() >> 10);
    let line = format!("ulimit -v {limit} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).arg(program).env("REENACT_LEDGER", "");
    command.env("CLICOLOR_FORCE", "1").arg("audit").arg(run).args(["--jobs", "1", "--model"]);
    Ran::from(&command.arg(file).output().unwrap())
}

#[track_caller]
fn is_quiet(ran: &Ran, name: &str) {
    assert!(ran.stdout.len() + ran.stderr.len() < 1 << 16, "{name}: it says too much");
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(CLEAR_SCREEN) && !text.contains("panicked"), "{name}: {text}");
    }
}

#[test]
fn hostile_files_are_refused() {
    let place = Exported::new();
    let file = place.path("hostile.safetensors");
    for (name, bytes) in malformed() {
        fs::write(&file, bytes).unwrap();
        let ran = limited(&place.run, &file);
        is_quiet(&ran, name);
        assert_eq!(ran.code, Some(USAGE), "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("give a safetensors file"), "{name}: {}", ran.stderr);
    }
    // What is no plain file is not waited for, nor read without end.
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    for path in [&file, Path::new("/dev/zero"), place.folder.path(), &place.path("missing")] {
        let ran = limited(&place.run, path).expect(USAGE);
        is_quiet(&ran, "no plain file");
    }
}

#[test]
fn hostile_files_that_are_well_formed_are_compared_in_bounded_memory() {
    let place = Exported::new();
    let file = place.path("hostile.safetensors");
    // A hole of a tebibyte behind one tensor, under a name of the model's and another type.
    let size = 1u64 << 40;
    let header = tensor("weight", "U8", &format!("[{size}]"), &format!("[0,{size}]"));
    fs::write(&file, with_header(&header)).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_len((1 << 40) + 4096).unwrap();
    let ran = limited(&place.run, &file).expect(DIVERGENT);
    is_quiet(&ran, "a tebibyte");
    assert!(ran.stdout.contains("1 tensor differs, 1 tensor missing"), "{}", ran.stdout);
    // As many tensors as are read, all of which lie at one place.
    let entry = |i: u32| tensor(&format!("t{i}"), "F32", "[4]", "[0,16]");
    let entries: Vec<_> =
        (0..100_000).map(|i| entry(i).trim_matches(['{', '}']).to_owned() + "}").collect();
    fs::write(&file, with_header(&format!("{{{}}}", entries.join(",")))).unwrap();
    let ran = limited(&place.run, &file).expect(DIVERGENT);
    is_quiet(&ran, "100,000 tensors");
    assert!(
        ran.stdout.contains("100000 tensors that the run's model does not have"),
        "{}",
        ran.stdout
    );
    let report = audit_model(&place.run, &file).expect(DIVERGENT).json();
    assert_eq!(report["model_file"]["differences"].as_array().unwrap().len(), 100);
}
