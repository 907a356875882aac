//! The table that tells a kernel which of its tensors a unit works on.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::on_device_of;

/// Holds a row a tensor; the first column counts the units of work of all tensors up to it.
pub(super) struct Table<const COLUMNS: usize> {
    rows: Vec<[u32; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// Starts an empty table.
    pub(super) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds the row of a tensor with so many units of work.
    pub(super) fn push(&mut self, work: u32, mut row: [u32; COLUMNS]) {
        row[0] = self.work() + work;
        self.rows.push(row);
    }

    /// Returns the units of work of all tensors.
    pub(super) fn work(&self) -> u32 {
        self.rows.last().map_or(0, |row| row[0])
    }

    /// Returns its numbers, row by row.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.rows.concat()
    }
}

/// Takes a table's numbers to the device of a tensor.
pub(super) fn upload(numbers: &[u32], one: &CubeTensor) -> CubeTensor {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    on_device_of(one, Some(&bytes), numbers.len(), DType::U32)
}

/// Finds the row with the first count above `work`.
#[cube]
pub(super) fn find(
    table: &[u32],
    work: u32,
    #[comptime] rows: usize,
    #[comptime] columns: usize,
) -> usize {
    let mut low = (0usize).runtime();
    let mut high = (rows - 1).runtime();
    while low < high {
        let middle = (low + high) / 2;
        if table[middle * columns] <= work {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Returns how many units of work come before a row.
#[cube]
pub(super) fn before(table: &[u32], row: usize, #[comptime] columns: usize) -> u32 {
    let mut count = 0u32;
    if row > 0 {
        count = table[(row - 1) * columns];
    }
    count
}
