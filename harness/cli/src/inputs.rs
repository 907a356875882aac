//! Reading what a command is given: a spec, as a file or by name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use reenact_audit::Failure;
use reenact_core::spec::{SPEC_BYTES_MAX, Spec, SpecError};
use reenact_core::verify::Expected;

use crate::app::App;

/// How alike a word has to be to be meant.
const ALIKE_MIN: f64 = 0.75;

/// Returns which known word is meant by an unknown one, if one is.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |word: &str| strsim::jaro_winkler(given, word);
    known.max_by(|a, b| alike(a).total_cmp(&alike(b))).filter(|word| alike(word) >= ALIKE_MIN)
}

/// Reads a spec from a file, or by the name of one that comes with the binary.
pub(crate) fn spec(app: &App, name: &str) -> Result<Spec, Failure> {
    let path = Path::new(name);
    let text = match app.embedded_spec(name).filter(|_| !path.exists()) {
        Some(text) => text.to_owned(),
        None => spec_text(app, path)?,
    };
    let refuse = |error: SpecError| {
        let said = error.to_string();
        let undeclared = ["data.digest", "missing field `samples`"];
        let failure = Failure::from(error).context(format!("spec {name}"));
        match undeclared.iter().any(|part| said.contains(part)) {
            true => failure.hint(format!("`data digest {name} --write` declares the data")),
            false => failure,
        }
    };
    let spec = Spec::parse(&text).map_err(refuse)?;
    spec.stored().map_err(refuse)?;
    Ok(spec)
}

/// Reads the spec that was ordered, as [`spec`] does.
pub(crate) fn expected(app: &App, name: &str) -> Result<Expected, Failure> {
    let spec = spec(app, name)?;
    let from = match Path::new(name).exists() {
        true => name.to_owned(),
        false => format!("`{name}`, which comes with this build"),
    };
    Ok(Expected { spec, from })
}

fn spec_text(app: &App, path: &Path) -> Result<String, Failure> {
    let refuse = |problem: String| {
        let names = app.spec_names();
        let failure = Failure::usage(format!("spec {}: {problem}", path.display()));
        if names.is_empty() {
            return failure;
        }
        let given = path.to_string_lossy();
        let nearest = nearest(&given, names.iter().copied());
        match nearest.filter(|_| !given.contains(['/', '.'])) {
            Some(name) => failure.hint(format!("did you mean `{name}`?")),
            None => failure.hint(format!("give a TOML file, or one of {}", names.join(", "))),
        }
    };
    let text = limited_text(path, SPEC_BYTES_MAX).map_err(refuse)?;
    match text.len() {
        0..=SPEC_BYTES_MAX => Ok(text),
        _ => Err(refuse(format!("it has more than {SPEC_BYTES_MAX} bytes, which no spec has"))),
    }
}

/// Reads a text, and no more of it than shows that it is too large. Says what is wrong.
pub(crate) fn limited_text(path: &Path, bytes_max: usize) -> Result<String, String> {
    let mut bytes = Vec::new();
    // It may be a pipe, of which nobody knows the length, or a device without an end.
    let limit = bytes_max as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    // A letter that is cut at the limit is not what is wrong.
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if error.as_bytes().len() > bytes_max => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        Err(_) => Err("it is no UTF-8 text".into()),
    }
}
