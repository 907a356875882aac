//! Which kernels were chosen, and choosing them beforehand.
//!
//! CubeCL keeps its choices in a store: for each table (an operation on a device)
//! and key (shapes, types, layouts, and the list of candidates) the place of the
//! fastest candidate, with the times that were measured. The times differ from run
//! to run; a recording holds the place and the name.

use std::path::Path;
use std::time::SystemTime;

use ciborium::Value;
use cubecl::bundle::{self, Bundle, ExportOptions};
use cubecl::bytes::Bytes;
use cubecl::environment;
use reenact_core::format::KernelSelection;

/// The part of the store that holds selections.
const TABLES: &str = "autotune";

/// Puts selections into the store in force, as if they had been made on device
/// number `index`. One of another table is left out: nothing would read it.
pub(super) fn pin(pinned: &[KernelSelection], index: usize) -> Result<(), String> {
    let ours = pinned.iter().filter(|selection| in_tables(&selection.table));
    let ours: Vec<KernelSelection> = ours
        .map(|selection| KernelSelection {
            table: on_device(&selection.table, index),
            ..selection.clone()
        })
        .collect();
    if ours.is_empty() {
        return Ok(());
    }
    let report = bundle::import(&Pinned(&ours));
    if report.imported == ours.len() {
        return Ok(());
    }
    Err(format!("{} of {} kernel selections could be pinned", report.imported, ours.len()))
}

/// Tells one writing of the store from another: sizes and times of its two files.
pub(super) type Written = [Option<(u64, SystemTime)>; 2];

/// Looks at the store in force and at the log beside it, where new entries go.
pub(super) fn written() -> Written {
    let store = environment::path();
    let mut log = store.clone().into_os_string();
    log.push("-wal");
    [store.as_path(), Path::new(&log)].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.len(), found.modified().ok()?))
    })
}

/// Reads every selection out of the store in force. `folder` takes a copy of it
/// meanwhile.
pub(super) fn collect(folder: &Path) -> Result<Vec<KernelSelection>, String> {
    let store = environment::path();
    if !store.exists() {
        return Ok(Vec::new());
    }
    let copy = folder.join("selections");
    let options = ExportOptions { namespaces: vec![TABLES.into()], ..Default::default() };
    let _ = std::fs::remove_file(&copy);
    bundle::export(&[store], &copy, &options).map_err(|error| error.to_string())?;
    let exported = bundle::open(&copy).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    let mut unreadable = None;
    for table in exported.namespaces() {
        exported.scan(&table, &mut |key, value| match selection(&table, key, value) {
            Some(selection) => found.push(selection),
            None => unreadable = Some(table.clone()),
        });
    }
    match unreadable {
        Some(table) => Err(format!("a kernel selection in `{table}` cannot be read")),
        None => {
            found.sort();
            Ok(found)
        }
    }
}

/// Names the table of the same operation on another device of the same kind. CubeCL
/// numbers devices within a machine (`device-0-1-cuda`), and a recording made on the
/// second GPU is replayed on whichever there is.
fn on_device(table: &str, index: usize) -> String {
    let renumbered = |part: &str| {
        let fields: Vec<&str> = part.splitn(4, '-').collect();
        match fields[..] {
            ["device", kind, _, name] => format!("device-{kind}-{index}-{name}"),
            _ => part.to_owned(),
        }
    };
    table.split('/').map(renumbered).collect::<Vec<_>>().join("/")
}

fn in_tables(table: &str) -> bool {
    table.strip_prefix(TABLES).is_some_and(|rest| rest.starts_with('/'))
}

fn selection(table: &str, key: &[u8], value: &[u8]) -> Option<KernelSelection> {
    let value: Value = ciborium::from_reader(value).ok()?;
    let choice = usize::try_from(field(&value, "fastest_index")?.as_integer()?).ok()?;
    let results = field(&value, "results")?.as_array()?;
    Some(KernelSelection {
        table: on_device(table, 0),
        key: key.to_vec(),
        choice: u32::try_from(choice).ok()?,
        // A pinned selection is stored without what was measured.
        candidates: u32::try_from(results.len()).ok()?,
        kernel: results.iter().find_map(|result| name_of(result, choice)).unwrap_or_default(),
    })
}

/// Names a candidate, if it is the chosen one; they stand in the order of their
/// times.
fn name_of(result: &Value, choice: usize) -> Option<String> {
    let outcome = field(result, "outcome")?;
    let measured = field(outcome, "Ok")?;
    let index = usize::try_from(field(measured, "index")?.as_integer()?).ok()?;
    (index == choice).then(|| Some(field(measured, "name")?.as_text()?.to_owned()))?
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let entries = value.as_map()?;
    entries.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// Offers selections as CubeCL takes them in.
#[derive(Debug)]
struct Pinned<'a>(&'a [KernelSelection]);

impl Pinned<'_> {
    fn of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a KernelSelection> {
        self.0.iter().filter(move |selection| selection.table == table)
    }
}

impl Bundle for Pinned<'_> {
    fn get(&self, table: &str, key: &[u8]) -> Option<Bytes> {
        let found = self.of(table).find(|selection| selection.key == key)?;
        Some(Bytes::from_bytes_vec(stored(found)))
    }

    fn scan(&self, table: &str, visit: &mut dyn FnMut(&[u8], &[u8])) {
        self.of(table).for_each(|selection| visit(&selection.key, &stored(selection)));
    }

    fn namespaces(&self) -> Vec<String> {
        let mut tables: Vec<String> =
            self.0.iter().map(|selection| selection.table.clone()).collect();
        tables.dedup();
        tables
    }

    fn describe(&self) -> String {
        "the recording's kernel selections".into()
    }
}

/// Writes a selection as CubeCL does, with an outcome for each candidate that
/// says its name if it was chosen, and that it was left out if it was not: so
/// that reading it back gives the same.
fn stored(selection: &KernelSelection) -> Vec<u8> {
    let text = |text: &str| Value::Text(text.into());
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
    };
    let result = |candidate: u32| {
        let outcome = if candidate == selection.choice {
            let no_times = map(vec![
                ("mean", duration()),
                ("median", duration()),
                ("variance", duration()),
                ("min", duration()),
                ("max", duration()),
            ]);
            let chosen = map(vec![
                ("name", text(&selection.kernel)),
                ("index", Value::Integer(candidate.into())),
                ("computation", no_times),
            ]);
            map(vec![("Ok", chosen)])
        } else {
            let left_out = map(vec![("Skip", map(vec![("name", text(""))]))]);
            map(vec![("Err", left_out)])
        };
        map(vec![("outcome", outcome)])
    };
    let value = map(vec![
        ("fastest_index", Value::Integer(selection.choice.into())),
        ("results", Value::Array((0..selection.candidates).map(result).collect())),
    ]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).expect("a vector takes everything");
    bytes
}

/// No time, as serde writes it.
fn duration() -> Value {
    let text = |text: &str| Value::Text(text.into());
    Value::Map(vec![
        (text("secs"), Value::Integer(0.into())),
        (text("nanos"), Value::Integer(0.into())),
    ])
}
