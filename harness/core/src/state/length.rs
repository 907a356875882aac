//! How long the difference of two tensors is, against one of them.

use super::DType;
use super::dtype::element_bits;

/// Sums squares of what differs and of what is replayed.
#[derive(Default)]
pub(super) struct Lengths {
    difference: f64,
    replayed: f64,
    absolute_max: f64,
}

impl Lengths {
    /// Adds the next whole elements.
    pub(super) fn add(&mut self, dtype: DType, recorded: &[u8], replayed: &[u8]) {
        let size = dtype.size() as usize;
        for (a, b) in recorded.chunks_exact(size).zip(replayed.chunks_exact(size)) {
            let ours = number(dtype, b);
            self.replayed += ours * ours;
            if a != b {
                let apart = number(dtype, a) - ours;
                self.difference += apart * apart;
                self.absolute_max = wider(self.absolute_max, apart.abs());
            }
        }
    }

    /// Returns the largest absolute difference of two elements.
    pub(super) fn absolute_max(&self) -> f64 {
        self.absolute_max
    }

    /// Returns the quotient of the two L2 norms; none if it is no number.
    pub(super) fn relative(&self) -> Option<f64> {
        Some((self.difference / self.replayed).sqrt()).filter(|relative| relative.is_finite())
    }
}

/// Returns the larger number, or the NaN of two.
pub(crate) fn wider(a: f64, b: f64) -> f64 {
    if a.is_nan() || b <= a { a } else { b }
}

fn number(dtype: DType, bytes: &[u8]) -> f64 {
    let wide = element_bits(bytes);
    match dtype {
        DType::I8 => (wide as i8).into(),
        DType::I16 => (wide as i16).into(),
        DType::I32 => (wide as i32).into(),
        DType::I64 => wide as i64 as f64,
        DType::Bool | DType::U8 | DType::U16 | DType::U32 | DType::U64 => wide as f64,
        DType::F16 | DType::Bf16 | DType::F32 | DType::F64 => {
            dtype.float(bytes).unwrap_or(f64::NAN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(recorded: f32, replayed: f32) -> Option<f64> {
        let mut lengths = Lengths::default();
        lengths.add(DType::F32, &recorded.to_le_bytes(), &replayed.to_le_bytes());
        lengths.relative()
    }

    #[test]
    fn a_length_against_the_replay() {
        assert_eq!(relative(3.0, 2.0), Some(0.5));
        assert_eq!(relative(-2.0, 2.0), Some(2.0));
        for (recorded, replayed) in [(1.0, 0.0), (f32::NAN, 1.0), (1.0, f32::INFINITY)] {
            assert_eq!(relative(recorded, replayed), None);
        }
    }

    #[test]
    fn the_largest_difference_is_kept_and_no_nan_is_lost() {
        let of = |pairs: &[(f32, f32)]| {
            let mut lengths = Lengths::default();
            for (a, b) in pairs {
                lengths.add(DType::F32, &a.to_le_bytes(), &b.to_le_bytes());
            }
            lengths.absolute_max()
        };
        assert_eq!(of(&[(1.0, 1.0)]), 0.0);
        assert_eq!(of(&[(1.0, 1.5), (-2.0, 1.0), (4.0, 4.25)]), 3.0);
        assert!(of(&[(1.0, 1.5), (f32::NAN, 1.0), (4.0, 4.25)]).is_nan());
        assert_eq!(of(&[(f32::INFINITY, 1.0), (2.0, 1.0)]), f64::INFINITY);
    }

    #[test]
    fn integers_have_lengths_too() {
        let mut lengths = Lengths::default();
        lengths.add(DType::I8, &[0xfe], &[4]);
        assert_eq!(lengths.relative(), Some(1.5));
    }
}
