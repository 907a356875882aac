//! The difference of two tensors, as a thing of its own.

use crate::state::{DType, State};

/// Columns and rows of a matrix whose rank is looked for.
const SIDE_MAX: u64 = 4096;
/// Ranks above this are not told apart.
const RANK_MAX: usize = 8;
/// What is left of a column, against the largest one, to count as something.
const REST_MIN: f64 = 1e-4;
/// Tensors that are described.
const DESCRIBED_MAX: usize = 3;

/// Describes by what one tensor was changed.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::verify) struct Delta {
    name: String,
    changed: usize,
    elements: usize,
    index_first: usize,
    norm: f64,
    norm_before: f64,
    /// Rank of a matrix, if it is low enough to say something.
    rank: Option<usize>,
}

impl Delta {
    /// Compares a tensor of floats; none if it is none, or the same.
    pub(in crate::verify) fn between(honest: &State, other: &State, name: &str) -> Option<Self> {
        let ((spec, a), (other_spec, b)) = (honest.tensor(name)?, other.tensor(name)?);
        if spec != other_spec || spec.dtype != DType::F32 {
            return None;
        }
        let float = |four: &[u8; 4]| f64::from(f32::from_le_bytes(*four));
        let before: Vec<f64> = a.as_chunks().0.iter().map(float).collect();
        let after = b.as_chunks().0.iter().map(float);
        let delta: Vec<f64> = before.iter().zip(after).map(|(a, b)| b - a).collect();
        let differs = |index: &usize| a.as_chunks::<4>().0[*index] != b.as_chunks::<4>().0[*index];
        let changed: Vec<usize> = (0..delta.len()).filter(differs).collect();
        Some(Self {
            name: name.to_owned(),
            index_first: *changed.first()?,
            changed: changed.len(),
            elements: delta.len(),
            norm: norm(&delta),
            norm_before: norm(&before),
            rank: rank(&delta, &spec.shape),
        })
    }

    /// Lists a few deltas in words.
    pub(in crate::verify) fn describe(deltas: &[Self]) -> String {
        let mut words: Vec<String> = deltas.iter().take(DESCRIBED_MAX).map(Self::words).collect();
        if let Some(more @ 1..) = deltas.len().checked_sub(DESCRIBED_MAX) {
            let plural = if more == 1 { "" } else { "s" };
            words.push(format!("and {more} more tensor{plural}"));
        }
        words.join(", ")
    }

    fn words(&self) -> String {
        let Self { name, changed, elements, index_first, norm, norm_before, .. } = self;
        let rank = match self.rank {
            Some(rank) if *changed > 1 => format!(", of rank {rank}"),
            _ => String::new(),
        };
        format!(
            "{changed} of {elements} elements of `{name}`, the first [{index_first}], by a delta \
             of L2 norm {norm:.3e} against {norm_before:.3e} of the tensor{rank}"
        )
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Finds the numerical rank of a matrix by Gram-Schmidt with pivoting (Golub and
/// Van Loan, Matrix Computations, 5.4.2); none above [`RANK_MAX`].
fn rank(values: &[f64], shape: &[u64]) -> Option<usize> {
    let &[rows, columns] = shape else { return None };
    if rows.max(columns) > SIDE_MAX || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // The rows serve as well as the columns.
    let mut left: Vec<Vec<f64>> =
        values.chunks_exact(columns.max(1) as usize).map(<[f64]>::to_vec).collect();
    let largest = left.iter().map(|row| norm(row)).fold(0.0, f64::max);
    for rank in 0..=RANK_MAX {
        let norms = left.iter().map(|row| norm(row)).enumerate();
        let (pivot, length) = norms.max_by(|a, b| a.1.total_cmp(&b.1))?;
        if length <= REST_MIN * largest {
            return Some(rank);
        }
        let direction: Vec<f64> = left[pivot].iter().map(|value| value / length).collect();
        for row in &mut left {
            let share: f64 = row.iter().zip(&direction).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(&direction).for_each(|(value, d)| *value -= share * d);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_small_matrices() {
        let outer: Vec<f64> = (0..6).flat_map(|i| (0..4).map(move |j| f64::from(i * j))).collect();
        assert_eq!(rank(&outer, &[6, 4]), Some(1));
        let two: Vec<f64> = outer.iter().enumerate().map(|(k, x)| x + f64::from(k < 4)).collect();
        assert_eq!(rank(&two, &[6, 4]), Some(2));
        let identity: Vec<f64> = (0..144).map(|k| f64::from(k / 12 == k % 12)).collect();
        assert_eq!(rank(&identity, &[12, 12]), None);
        assert_eq!(rank(&[0.0; 4], &[2, 2]), Some(0));
        assert_eq!(rank(&outer, &[24]), None);
    }
}
