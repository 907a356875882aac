//! Bringing many short vectors here with one download.

use burn::tensor::{DType, Tensor};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::table::{Table, before, find, upload};
use super::{Held, TENSORS_MAX, on_device_of};

/// Columns of the table: elements up to here, distance of neighbours.
const COLUMNS: usize = 2;
/// Elements that a cube copies.
const CUBE_ELEMENTS: usize = 256;

/// Downloads columns of `f32`, each `[rows, 1]`. None if there is none, or one that is no such
/// column.
pub(crate) fn gather(columns: &[Tensor<2>]) -> Option<Vec<Vec<f32>>> {
    let is_column = |column: &Tensor<2>| column.dtype() == DType::F32 && column.dims()[1] == 1;
    if columns.is_empty() || !columns.iter().all(is_column) {
        return None;
    }
    let lens: Vec<usize> = columns.iter().map(|column| column.dims()[0]).collect();
    let places: Vec<CubeTensor> =
        columns.iter().map(Held::new).collect::<Vec<_>>().into_iter().map(Held::place).collect();
    let gathered = on_device_of(&places[0], None, lens.iter().sum(), DType::F32);
    let mut first = 0;
    for group in places.chunks(TENSORS_MAX) {
        launch(group, &gathered, first);
        first += group.iter().map(len).sum::<usize>();
    }
    let bytes = gathered.client.read_one(gathered.handle.clone());
    let bytes = bytes.unwrap_or_else(|error| panic!("a download failed: {error}"));
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    let mut numbers = bytes.as_chunks().0.iter().map(number);
    Some(lens.iter().map(|&len| numbers.by_ref().take(len).collect()).collect())
}

fn len(column: &CubeTensor) -> usize {
    column.meta.shape()[0]
}

fn launch(columns: &[CubeTensor], gathered: &CubeTensor, first: usize) {
    let mut table = Table::<COLUMNS>::new();
    let mut tensors = SequenceArg::new();
    for column in columns {
        let stride = column.meta.strides()[0];
        table.push(len(column) as u32, [0, stride as u32]);
        tensors.push(spread(column, stride).into_buffer_arg());
    }
    let (work, one) = (table.work(), &columns[0]);
    let table = upload(&table.numbers(), one);
    gather_columns::launch(
        &one.client,
        CubeCount::new_1d(work.div_ceil(CUBE_ELEMENTS as u32)),
        CubeDim::new_1d(CUBE_ELEMENTS as u32),
        tensors,
        table.into_buffer_arg(),
        gathered.clone().into_buffer_arg(),
        work,
        first,
    );
}

/// Sees a column with what lies between its elements: a GPU pads rows.
fn spread(column: &CubeTensor, stride: usize) -> CubeTensor {
    let reach = (len(column) - 1) * stride + 1;
    let CubeTensor { client, handle, device, dtype, .. } = column.clone();
    CubeTensor::new_contiguous(client, device, [reach].into(), handle, dtype)
}

#[cube(launch)]
fn gather_columns(
    columns: &Sequence<Box<[f32]>>,
    table: &[u32],
    gathered: &mut [f32],
    work: u32,
    first: usize,
) {
    let place = ABSOLUTE_POS as u32;
    if place < work {
        let rows = columns.len();
        let column = find(table, place, rows, COLUMNS);
        let within = (place - before(table, column, COLUMNS)) * table[column * COLUMNS + 1];
        let mut element = 0f32;
        #[unroll]
        for index in 0..rows {
            if column == index {
                element = columns[index][within as usize];
            }
        }
        gathered[first + place as usize] = element;
    }
}

#[cfg(all(test, feature = "cubecl-cpu"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn columns_of_any_length_come_together() {
        let device = Device::cpu();
        let values = |len: usize| (0..len).map(|at| (at * len) as f32 + 0.5).collect::<Vec<_>>();
        // More than one launch, and columns that lie within wider rows.
        let lens: Vec<usize> = (0..TENSORS_MAX + 3).map(|at| 1 + at * 7 % 400).collect();
        let column = |(at, &len): (usize, &usize)| {
            let column = Tensor::<2>::from_data(TensorData::new(values(len), [len, 1]), &device);
            if at.is_multiple_of(2) {
                column.repeat_dim(1, 3).slice([0..len, 1..2])
            } else {
                column
            }
        };
        let columns: Vec<Tensor<2>> = lens.iter().enumerate().map(column).collect();
        let found = gather(&columns).unwrap();
        for (found, &len) in found.iter().zip(&lens) {
            assert_eq!(*found, values(len), "{len}");
        }
    }

    #[test]
    fn what_is_no_column_is_left_to_burn() {
        let device = Device::cpu();
        assert!(gather(&[]).is_none());
        assert!(gather(&[Tensor::zeros([3, 2], &device)]).is_none());
    }
}
