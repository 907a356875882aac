//! What burn's CPU backend chose for this processor.
//!
//! macerator chooses the vectors of reductions and of what works on each element; gemm
//! chooses the kernels of matrix products, and cuts long sums into blocks whose depth
//! follows the first cache. macerator is asked; gemm does not tell, so that its rule
//! stands here once more, and a test compares it with what gemm computes.

use gemm_common::cache::kernel_params;
#[cfg(feature = "vectors")]
use macerator::{Arch, AutoArch, Scalar, Simd, WithSimd};

/// Says that nothing is chosen while it runs.
#[cfg(not(feature = "vectors"))]
pub(super) fn simd() -> String {
    "fixed when it was built".into()
}

/// The level of a build that takes what every processor has.
#[cfg(all(test, not(feature = "vectors")))]
pub(super) fn level() -> String {
    "portable".into()
}

/// Says which vectors, and how many numbers are in one.
#[cfg(feature = "vectors")]
pub(super) fn simd() -> String {
    let lanes = AutoArch::new().dispatch(Lanes);
    format!("{}, {lanes} numbers at once", level())
}

/// Names the level by the words that people know it by, where there are such.
#[cfg(feature = "vectors")]
pub(super) fn level() -> String {
    let level = format!("{:?}", Arch::detect());
    match level.strip_prefix('V') {
        Some(version) if cfg!(target_arch = "x86_64") => format!("x86-64-v{version}"),
        _ => level,
    }
}

/// Counts how many numbers are in a vector.
#[cfg(feature = "vectors")]
struct Lanes;

#[cfg(feature = "vectors")]
impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self) -> usize {
        f32::lanes::<S>()
    }
}

/// Says which kernels compute matrix products, and after how many terms they round a
/// sum to memory, for `f32` and `f64`.
pub(super) fn products() -> String {
    let family = Family::chosen();
    let [single, double] = [4, 8].map(|bytes| family.depth(bytes));
    format!("{}, blocks of {single} (f32) and {double} (f64)", family.name())
}

/// Names a family of gemm's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each architecture has some of them")]
pub(super) enum Family {
    Avx512,
    Fma,
    Neon,
    Scalar,
}

impl Family {
    /// Returns the family that gemm 0.19 takes, by the features that it looks at, in its
    /// order. AVX-512 counts because of its feature `x86-v4`, which `vectors` turns on.
    pub(super) fn chosen() -> Self {
        #[cfg(target_arch = "x86_64")]
        if cfg!(feature = "vectors") && std::arch::is_x86_feature_detected!("avx512f") {
            return Self::Avx512;
        } else if std::arch::is_x86_feature_detected!("fma") {
            return Self::Fma;
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return Self::Neon;
        }
        Self::Scalar
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "AVX-512",
            Self::Fma => "AVX and FMA",
            Self::Neon => "NEON",
            Self::Scalar => "no vectors",
        }
    }

    /// Returns rows and columns of a kernel's tile, for elements of so many bytes.
    fn tile(self, element_bytes: usize) -> (usize, usize) {
        match self {
            Self::Avx512 => (256 / element_bytes, 6),
            Self::Fma => (64 / element_bytes, 6),
            Self::Neon => (64 / element_bytes, 4),
            Self::Scalar => (2, 4),
        }
    }

    /// Returns the most terms that are summed before a sum goes to memory. It is the
    /// only thing that caches decide of a product's bits.
    pub(super) fn depth(self, element_bytes: usize) -> usize {
        // Sums are cut into equal blocks of at most so many: for an endless one, of just
        // so many.
        const ENDLESS: usize = 1 << 40;
        let (rows, columns) = self.tile(element_bytes);
        kernel_params(rows, columns, ENDLESS, rows, columns, element_bytes).kc
    }
}
