//! Kernels of burn's whose warps sum, as CubeCL and LLVM compile them, against what they compute.
//!
//! `product.ptx` and `reduced.ptx` are as a training launched them, but for the kernels' names.

use super::super::Module;
use super::Buffers;

/// Integers, so that sums do not depend on their order.
fn floats(words: impl IntoIterator<Item = i32>) -> Vec<u8> {
    words.into_iter().flat_map(|word| (word as f32).to_le_bytes()).collect()
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Lays out a matrix by rows.
fn matrix(rows: i32, columns: i32, of: impl Fn(i32, i32) -> i32) -> Vec<u8> {
    floats((0..rows * columns).map(|at| of(at / columns, at % columns)))
}

/// Launches the only kernel of a text on buffers and words, and returns a buffer.
fn launched(
    text: &str,
    buffers: Vec<Vec<u8>>,
    words: &[u32],
    [grid, block_y]: [u32; 2],
    result: usize,
) -> Vec<u8> {
    let mut memory = Buffers::default();
    let addresses = buffers.into_iter().map(|bytes| memory.add(bytes));
    let mut params: Vec<u8> = addresses.flat_map(u64::to_le_bytes).collect();
    params.extend(bytes_of(words));
    let module = Module::parse(text).unwrap();
    let kernel = module.kernel(module.kernels().next().unwrap()).unwrap();
    kernel.launch([grid, 1, 1], [32, block_y, 1], 0, &params, &memory).unwrap();
    memory.0[result].take()
}

#[test]
fn a_product_of_matrices_is_summed_by_warps() {
    let text = include_str!("../../../tests/data/product.ptx");
    let (rows, len, columns) = (3, 96, 6);
    let left = |row: i32, at: i32| (row * 7 + at * 3) % 11 - 5;
    let right = |at: i32, column: i32| (at * 5 + column) % 13 - 6;
    let product =
        |row: i32, column: i32| (0..len).map(|at| left(row, at) * right(at, column)).sum();
    let buffers = vec![
        matrix(rows, len, left),
        matrix(len, columns, right),
        matrix(rows, columns, |_, _| 99),
    ];
    // Strides of each matrix, the lengths, and how many cubes there are.
    let words = [96, 1, 6, 1, 6, 1, 3, 96, 0, 6, 0, 0, 3, 2, 0, 0, 0, 0];
    assert_eq!(launched(text, buffers, &words, [6, 4], 2), matrix(rows, columns, product));
}

/// Each row of a matrix is summed by a warp, less a number of its own and times factors.
#[test]
fn a_reduction_is_summed_by_warps() {
    let text = include_str!("../../../tests/data/reduced.ptx");
    let (rows, columns) = (20, 100);
    let value = |row: i32, column: i32| (row * 5 + column) % 17 - 8;
    let less = |row: i32| row % 7;
    let factor = |row: i32, column: i32| (row + column * 3) % 5 - 2;
    // Shapes and strides: of the matrix, of the result, of what is taken off, and of the factors.
    let shapes = [20, 100, 20, 1, 1, 1, 20, 1, 1, 0, 100, 1];
    let buffers = vec![
        matrix(rows, columns, value),
        matrix(rows, 1, |row, _| less(row)),
        matrix(rows, columns, factor),
        matrix(rows + 1, 1, |_, _| 99),
        bytes_of(&shapes),
    ];
    let mut words = [0; 22];
    // How many rows, along which axis, and where each pair stands.
    let given =
        [(24, 20), (52, 20), (32, 1), (64, 0), (68, 2), (84, 4), (60, 6), (76, 8), (80, 10)];
    given.into_iter().for_each(|(place, word)| words[place / 4] = word);
    let sum =
        |row: i32| (0..columns).map(|at| (value(row, at) - less(row)) * factor(row, at)).sum();
    let expected = floats((0..rows).map(sum).chain([99]));
    assert_eq!(launched(text, buffers, &words, [3, 8], 3), expected);
}
