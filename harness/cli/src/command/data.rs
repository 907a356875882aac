//! `reenact data digest`: write down what a spec declares of its data, instead of typing it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reenact_audit::Failure;
use reenact_core::data::DataSet;
use reenact_core::digest::Digest;
use reenact_core::format::{COMMITMENT_BYTES_MAX, Commitment, Object, ReadRun};
use reenact_core::spec::SAMPLES_MAX;
use reenact_core::spec::{DataSpec, SPEC_BYTES_MAX, Spec};
use reenact_store::Directory;
use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, value};

use crate::app::App;
use crate::options::DeviceOptions;
use crate::terminal::{output, progress};
use crate::{exit, inputs};

const EXAMPLES: &str = "\
Examples:
  reenact data digest train.bin valid.bin        what [files] of a spec says, as `b3sum` prints it
  reenact data digest my-run.toml                the spec with its data declared, on standard output
  reenact data digest my-run.toml --write        the same, into the spec itself; comments stay
  reenact data digest my-run.toml --data-dir /data --write";

/// Declare data: digests of files and data sets, so that nobody types them
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Digest(DigestArguments),
}

/// Print digests of files as a spec declares them; or fill in a spec: `samples` and `digest` of its
/// data, [files], and the commitment of the recording that it starts from
#[derive(Args)]
#[command(before_help = EXAMPLES)]
struct DigestArguments {
    /// Files, or one spec (FILE.toml)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write it into the spec
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    device: DeviceOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says what a file is declared by.
#[derive(Serialize)]
struct Declared {
    name: String,
    digest: Digest,
    bytes: u64,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let Action::Digest(arguments) = &arguments.action;
    let is_spec = |path: &&PathBuf| path.extension().is_some_and(|end| end == "toml");
    match (arguments.files.iter().find(is_spec), arguments.files.as_slice()) {
        (Some(spec), [_]) => declare(app, spec, arguments),
        (Some(spec), _) => Err(Failure::usage(format!(
            "{} is a spec: name it alone, it names its files",
            spec.display()
        ))),
        (None, _) if arguments.write => {
            Err(Failure::usage("--write needs a spec (FILE.toml) to write into"))
        }
        (None, files) => list(files, arguments.json),
    }
}

fn list(files: &[PathBuf], json: bool) -> Result<u8, Failure> {
    let declared: Result<Vec<_>, _> = files.iter().map(|path| declared(path)).collect();
    let declared = declared?;
    if json {
        output::json(&declared);
        return Ok(exit::MATCH);
    }
    output::line("[files]");
    for Declared { name, digest, .. } in declared {
        output::line(format_args!("{name:?} = \"{digest}\""));
    }
    Ok(exit::MATCH)
}

fn declared(path: &Path) -> Result<Declared, Failure> {
    let refuse = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| refuse("it has no name that a spec can hold".into()))?;
    let (digest, bytes) = hash(path).map_err(|error| refuse(error.to_string()))?;
    Ok(Declared { name: name.into(), digest, bytes })
}

/// Returns the plain BLAKE3 hash of a file and its size.
fn hash(path: &Path) -> io::Result<(Digest, u64)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let bar = progress::bar("hashing", "B", metadata.len());
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut piece = vec![0; 1 << 20];
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    loop {
        match reader.read(&mut piece)? {
            0 => break,
            count => {
                hasher.update(&piece[..count]);
                bytes += count as u64;
                bar.set_position(bytes);
            }
        }
    }
    bar.finish_and_clear();
    Ok((Digest(*hasher.finalize().as_bytes()), bytes))
}

/// Fills in a spec.
fn declare(app: &App, path: &Path, arguments: &DigestArguments) -> Result<u8, Failure> {
    let refuse = |problem: String| Failure::usage(format!("spec {}: {problem}", path.display()));
    let text = inputs::limited_text(path, SPEC_BYTES_MAX).map_err(refuse)?;
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| refuse(error.to_string()))?;
    let folder = PathBuf::from(arguments.device.device().data_dir);
    declare_files(&mut document, &folder).map_err(|failure| failure.context(path.display()))?;
    declare_start(&mut document, &folder)?;
    place_holders(&mut document);
    let read = |document: &DocumentMut| {
        Spec::parse(&document.to_string())
            .map_err(|error| Failure::from(error).context(format!("spec {}", path.display())))
    };
    let spec = read(&document)?;
    let setting = arguments.device.device().setting(&spec, 1);
    let program = app.known().find(&spec.program.name)?;
    let data = program.data(&spec, &setting)?;
    fill(&mut document["data"], &spec.data, data.as_ref()).map_err(refuse)?;
    if let Some(validation) = &spec.validation {
        let data = program.validation_data(&spec, &setting)?;
        let table = &mut document["validation"]["data"];
        fill(table, &validation.data, data.as_ref()).map_err(refuse)?;
    }
    let spec = read(&document)?;
    if arguments.write {
        replace(path, &document.to_string()).map_err(|error| refuse(error.to_string()))?;
    }
    tell(&spec, &document, path, arguments);
    Ok(exit::MATCH)
}

/// Writes what a data set is into the table that declares it.
fn fill(table: &mut Item, declared: &DataSpec, data: &dyn DataSet) -> Result<(), String> {
    let table = table.as_table_like_mut().ok_or("its data are no table")?;
    table.insert("samples", value(data.len() as i64));
    if declared.digest.is_some() {
        let digest = data.digest().map_err(|error| error.to_string())?;
        table.insert("digest", value(digest.to_string()));
    }
    Ok(())
}

fn tell(spec: &Spec, document: &DocumentMut, path: &Path, arguments: &DigestArguments) {
    if arguments.json {
        return output::json(&(&spec.data, &spec.files, &spec.start));
    }
    if !arguments.write {
        return output::lines(document.to_string().trim_end());
    }
    let samples = spec.data.samples;
    output::line(format_args!("{} declares its data now: {samples} samples", path.display()));
    output::line(format_args!("next: record {} --out runs/{}", path.display(), spec.name));
}

/// Hashes each file that the spec declares, or that its data lie in.
fn declare_files(document: &mut DocumentMut, folder: &Path) -> Result<(), Failure> {
    let listed = document.get("data").and_then(|data| data.get("files"));
    let listed = listed.and_then(Item::as_array).into_iter().flatten();
    let mut names: Vec<String> =
        listed.filter_map(|name| Some(name.as_str()?.to_owned())).collect();
    let table = document.get("files").and_then(Item::as_table_like);
    names.extend(table.into_iter().flat_map(|table| table.iter()).map(|(name, _)| name.to_owned()));
    let first = document.get("format").and_then(Item::as_integer) == Some(1);
    for name in names {
        let path = folder.join(&name);
        let digest = match first {
            true => reenact_core::spec::digest_of_file(
                &fs::read(&path)
                    .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?,
            ),
            false => declared(&path)?.digest,
        };
        let files = document.entry("files").or_insert(Item::Table(Table::new()));
        if let Some(files) = files.as_table_like_mut() {
            files.insert(&name, value(digest.to_string()));
        }
    }
    Ok(())
}

/// Names the commitment of the recording that the spec starts from.
fn declare_start(document: &mut DocumentMut, folder: &Path) -> Result<(), Failure> {
    let Some(start) = document.get_mut("start").and_then(Item::as_table_like_mut) else {
        return Ok(());
    };
    let Some(name) = start.get("recording").and_then(Item::as_str) else { return Ok(()) };
    let place = folder.join(name);
    let hint = "record that run first, or name the folder that it lies in with --data-dir";
    let run = Directory::open(&place).map_err(|error| Failure::from(error).hint(hint))?;
    let text = run.read(Object::Commitment, COMMITMENT_BYTES_MAX);
    let text = text.map_err(|error| Failure::from(error).hint(hint))?;
    start.insert("commitment", value(Commitment::digest_of_text(&text).to_string()));
    Ok(())
}

/// Fills what is missing, so that the spec can be read and its program asked.
fn place_holders(document: &mut DocumentMut) {
    place_holder(document.get_mut("data"));
    place_holder(document.get_mut("validation").and_then(|table| table.get_mut("data")));
}

fn place_holder(data: Option<&mut Item>) {
    let Some(data) = data.and_then(Item::as_table_like_mut) else { return };
    if !data.contains_key("samples") {
        data.insert("samples", value(SAMPLES_MAX as i64));
    }
    if !data.contains_key("digest") && !data.contains_key("files") {
        data.insert("digest", value(Digest([0; 32]).to_string()));
    }
}

/// Replaces a file by a whole new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(())
}
