//! Which kernel an engine computes with, where it chooses among several.
//!
//! An engine on a GPU times its kernels and takes the fastest. They round
//! otherwise, so the choice decides the bits, and the clock decides the choice.
//! So choices are recorded, and a replay is given them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Limits the selections of one event.
pub(super) const EVENT_SELECTIONS_MAX: usize = 1 << 16;
/// Limits the selections of a run.
pub const RUN_SELECTIONS_MAX: usize = 1 << 16;
/// Limits the tables, keys and kernels of a run's selections together: a reader
/// holds all of them.
pub const RUN_SELECTION_BYTES_MAX: usize = 1 << 24;

const TABLE_BYTES_MAX: usize = 512;
const KEY_BYTES_MAX: usize = 4096;
const KERNEL_BYTES_MAX: usize = 512;
const CANDIDATES_MAX: u32 = 10_000;

/// Says which kernel was chosen for one problem.
///
/// It is ordered by what it answers, then by the answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KernelSelection {
    /// Which operation, on which device.
    pub table: String,
    /// The problem: shapes, types and whatever else the engine tells apart.
    pub key: Vec<u8>,
    /// Number of the chosen kernel among the candidates; the first is 0.
    pub choice: u32,
    /// How many kernels there were to choose from.
    pub candidates: u32,
    /// Name of the chosen kernel, for people.
    pub kernel: String,
}

/// How CubeCL's key of a product says that the left factor is of `f32`; and any key of one.
const LEFT_FACTOR: &[u8] = b"elem_lhs";
const LEFT_FACTOR_F32: &[u8] = b"elem_lhs\xa1eFloatcF32";

impl KernelSelection {
    /// Says whether the chosen kernel multiplies numbers of `f32` in TF32, with ten bits of
    /// mantissa: an NVIDIA GPU's tensor cores multiply no `f32` (PTX ISA, "Alternate
    /// floating-point data formats"). CubeCL names the kernels that use them `mma` or `cmma`.
    pub fn is_tf32(&self) -> bool {
        let holds = |part: &[u8]| self.key.windows(part.len()).any(|window| window == part);
        let uses_tensor_cores = self.kernel.split('_').any(|word| word.ends_with("mma"));
        let is_f32 = match holds(LEFT_FACTOR) {
            true => holds(LEFT_FACTOR_F32),
            false => holds(b"F32"),
        };
        self.table.contains("-cuda/") && uses_tensor_cores && is_f32
    }
}

/// Names the kernels that multiply in TF32, each once.
pub fn tf32_kernels<'a>(selections: impl Iterator<Item = &'a KernelSelection>) -> Vec<String> {
    let names = selections.filter(|found| found.is_tf32()).map(|found| found.kernel.clone());
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Says why selections cannot be recorded, or were not recorded by anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// An event selects nothing, or too much.
    #[error("{0} kernel selections in one frame; 1 to {EVENT_SELECTIONS_MAX} are allowed")]
    Count(usize),
    /// A field is too long, or holds what it must not.
    #[error("kernel selection {place}: {problem}")]
    Field {
        /// Place in the list; the first is 0.
        place: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Selections are not in strictly ascending order.
    #[error("kernel selection {0} does not come after the one before it")]
    Order(usize),
    /// A problem has two selections.
    #[error("a kernel of `{table}` is selected twice for the same key")]
    Twice {
        /// The table.
        table: String,
    },
    /// A run has too many selections.
    #[error(
        "the kernel selections are more than {RUN_SELECTIONS_MAX}, or take more than \
         {RUN_SELECTION_BYTES_MAX} bytes"
    )]
    TooMany,
}

impl KernelSelection {
    fn problem(&self) -> (&str, &[u8]) {
        (&self.table, &self.key)
    }

    fn byte_len(&self) -> usize {
        self.table.len() + self.key.len() + self.kernel.len()
    }

    fn check(&self) -> Result<(), &'static str> {
        let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if self.table.is_empty() || self.table.len() > TABLE_BYTES_MAX || !printable(&self.table) {
            Err("its table is not 1 to 512 bytes of printable ASCII")
        } else if self.key.len() > KEY_BYTES_MAX {
            Err("its key has more than 4096 bytes")
        } else if self.kernel.len() > KERNEL_BYTES_MAX || !printable(&self.kernel) {
            Err("its kernel is not at most 512 bytes of printable ASCII")
        } else if self.candidates > CANDIDATES_MAX {
            Err("it has more than 10000 candidates")
        } else if self.choice >= self.candidates {
            Err("its choice is none of its candidates")
        } else {
            Ok(())
        }
    }
}

/// Checks the list of one event, before it is written and after it is read.
pub(super) fn check(selections: &[KernelSelection]) -> Result<(), SelectionError> {
    if !(1..=EVENT_SELECTIONS_MAX).contains(&selections.len()) {
        return Err(SelectionError::Count(selections.len()));
    }
    for (place, selection) in selections.iter().enumerate() {
        selection.check().map_err(|problem| SelectionError::Field { place, problem })?;
    }
    let pairs = selections.windows(2);
    match pairs.into_iter().position(|pair| pair[0].problem() >= pair[1].problem()) {
        Some(place) => Err(SelectionError::Order(place + 1)),
        None => Ok(()),
    }
}

/// Holds the selections of a run, one for each problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selections {
    by_table: BTreeMap<String, BTreeMap<Vec<u8>, KernelSelection>>,
    count: usize,
    byte_len: usize,
}

impl Selections {
    /// Adds the selection for a problem that has none.
    pub fn add(&mut self, selection: KernelSelection) -> Result<(), SelectionError> {
        if self.get(&selection).is_some() {
            return Err(SelectionError::Twice { table: selection.table });
        }
        self.count += 1;
        self.byte_len += selection.byte_len();
        if self.count > RUN_SELECTIONS_MAX || self.byte_len > RUN_SELECTION_BYTES_MAX {
            return Err(SelectionError::TooMany);
        }
        let table = self.by_table.entry(selection.table.clone()).or_default();
        table.insert(selection.key.clone(), selection);
        Ok(())
    }

    /// Returns what is selected for the same problem.
    pub fn get(&self, like: &KernelSelection) -> Option<&KernelSelection> {
        self.by_table.get(&like.table)?.get(&like.key)
    }

    /// Returns the number of selections.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Says whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Lists the selections, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &KernelSelection> {
        self.by_table.values().flat_map(BTreeMap::values)
    }

    /// Copies the selections, ascending, as a setting pins them.
    pub fn to_vec(&self) -> Vec<KernelSelection> {
        self.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Event, JournalWriter};

    fn selection(table: &str, key: &[u8], choice: u32) -> KernelSelection {
        let (table, kernel) = (table.to_owned(), "tiled".to_owned());
        KernelSelection { table, key: key.to_vec(), choice, candidates: 3, kernel }
    }

    #[test]
    fn tensor_cores_multiply_no_f32() {
        let key = |kind: &str| [b"\xa1helem_lhs\xa1eFloat".as_slice(), kind.as_bytes()].concat();
        let found = |table: &str, kind: &str, kernel: &str| KernelSelection {
            kernel: kernel.into(),
            ..selection(table, &key(kind), 0)
        };
        let gpu = "autotune/0.11.3/device-0-0-cuda/burn_cubecl-kernel-matmul-tune-base";
        let chosen = [
            found(gpu, "cF32", "matmul_simple_cyclic_mma_multi_rows"),
            found(gpu, "cF32", "matmul_simple_cyclic_cmma"),
            found(gpu, "cF16", "matmul_simple_cyclic_cmma"),
            found(gpu, "cF32", "matmul_simple_unit_max_tile_size"),
            found("autotune/0.11.3/device-0-0-cpu/matmul", "cF32", "matmul_simple_cyclic_cmma"),
        ];
        let expected = ["matmul_simple_cyclic_cmma", "matmul_simple_cyclic_mma_multi_rows"];
        assert_eq!(tf32_kernels(chosen.iter()), expected);
        assert_eq!(chosen.map(|found| found.is_tf32()), [true, true, false, false, false]);
    }

    #[test]
    fn golden_bytes() {
        let events =
            Event::KernelSelections(vec![selection("a", &[], 0), selection("mm", &[7, 255], 2)]);
        let (mut writer, _) = JournalWriter::start();
        let frame = writer.frame(&events).unwrap();
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let golden = concat!(
            "57000000",         // length
            "0700",             // kind
            "0000000000000000", // sequence
            "0200000000000000", // selections
            "0100000000000000",
            "61",               // table
            "0000000000000000", // key
            "00000000",
            "03000000", // choice, candidates
            "0500000000000000",
            "74696c6564", // kernel
            "0200000000000000",
            "6d6d",
            "0200000000000000",
            "07ff",
            "02000000",
            "03000000",
            "0500000000000000",
            "74696c6564",
            "baa55ee8c1b5dc2c545cccfb88654f66d41e47a273df33110c255dcf3e202f7f",
        );
        assert_eq!(hex, golden);
    }

    #[test]
    fn fields_have_limits() {
        let refused = |change: fn(&mut KernelSelection)| {
            let mut changed = selection("t", b"k", 2);
            change(&mut changed);
            matches!(check(&[changed]), Err(SelectionError::Field { place: 0, .. }))
        };
        assert!(check(&[selection("t", b"k", 2)]).is_ok());
        assert!(refused(|s| s.table.clear()));
        assert!(refused(|s| s.table = "t".repeat(513)));
        assert!(refused(|s| s.table = "\u{1b}[2J".into()));
        assert!(refused(|s| s.table = "ä".into()));
        assert!(refused(|s| s.key = vec![0; 4097]));
        assert!(refused(|s| s.kernel = "k".repeat(513)));
        assert!(refused(|s| s.kernel = "a\nb".into()));
        assert!(refused(|s| s.choice = 3));
        assert!(refused(|s| (s.choice, s.candidates) = (0, 0)));
        assert!(refused(|s| s.candidates = 10_001));
        let largest = KernelSelection {
            table: "t".repeat(512),
            key: vec![0; 4096],
            choice: 9_999,
            candidates: 10_000,
            kernel: String::new(),
        };
        assert!(check(&[largest]).is_ok());
    }

    #[test]
    fn lists_ascend_and_hold_something() {
        let list = |names: &[(&str, &[u8])]| {
            check(&names.iter().map(|(table, key)| selection(table, key, 0)).collect::<Vec<_>>())
        };
        assert_eq!(list(&[]), Err(SelectionError::Count(0)));
        assert_eq!(list(&[("a", b""), ("a", b"\0"), ("a", b"b"), ("b", b"")]), Ok(()));
        assert_eq!(list(&[("a", b"1"), ("b", b""), ("b", b"")]), Err(SelectionError::Order(2)));
        assert_eq!(list(&[("b", b""), ("a", b"1")]), Err(SelectionError::Order(1)));
        // Another choice for the same problem is no other problem.
        let twice = [selection("a", b"", 0), selection("a", b"", 1)];
        assert_eq!(check(&twice), Err(SelectionError::Order(1)));
        let many: Vec<_> = (0..=EVENT_SELECTIONS_MAX as u32)
            .map(|n| selection("a", &n.to_be_bytes(), 0))
            .collect();
        assert_eq!(check(&many), Err(SelectionError::Count(EVENT_SELECTIONS_MAX + 1)));
        assert_eq!(check(&many[1..]), Ok(()));
    }

    #[test]
    fn a_run_has_one_selection_a_problem_and_not_too_many() {
        let mut selections = Selections::default();
        selections.add(selection("b", b"", 0)).unwrap();
        selections.add(selection("a", b"1", 1)).unwrap();
        let twice = selections.add(selection("b", b"", 1));
        assert_eq!(twice, Err(SelectionError::Twice { table: "b".into() }));
        assert_eq!(selections.get(&selection("b", b"", 2)), Some(&selection("b", b"", 0)));
        assert_eq!(selections.to_vec(), [selection("a", b"1", 1), selection("b", b"", 0)]);
        let mut count = Selections::default();
        for number in 0..RUN_SELECTIONS_MAX as u32 {
            count.add(selection("a", &number.to_be_bytes(), 0)).unwrap();
        }
        assert_eq!(count.add(selection("b", b"", 0)), Err(SelectionError::TooMany));
        let mut bytes = Selections::default();
        let large = |number: u32| [&number.to_be_bytes()[..], &[0; 4092]].concat();
        let added = (0..).find(|&number| bytes.add(selection("a", &large(number), 0)).is_err());
        assert_eq!(added, Some((RUN_SELECTION_BYTES_MAX / (1 + 4096 + 5)) as u32));
    }
}
