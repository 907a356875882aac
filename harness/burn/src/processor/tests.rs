//! The class is true: what it says is chosen is what computes, and what is computed are
//! known bits.

use std::process::Command;

use burn::tensor::{Device, Tensor, TensorData};

use reenact_core::state::Fingerprint;

use super::chosen::{Family, level, simd};
use super::probe;

/// Known bits of one choice of vectors and kernels.
struct Known {
    level: &'static str,
    family: Family,
    functions: &'static str,
    products: &'static str,
    reductions: &'static str,
}

/// The first is of a build without vectors of its own, the second of a processor, the others
/// are of emulated ones: Haswell, EPYC Milan and
/// Skylake agree; Haswell without `lzcnt`, which has kernels of one level and vectors of
/// another; and Nehalem.
const KNOWN: [Known; 5] = [
    Known {
        level: "portable",
        family: Family::Fma,
        functions: "a801504bec380ef7",
        products: "839b666ad5ff4e67",
        reductions: "f14953ee7250a15f",
    },
    Known {
        level: "x86-64-v4",
        family: Family::Avx512,
        functions: "a801504bec380ef7",
        products: "66c9599d4b5f0e8e",
        reductions: "2d059e72308ad61d",
    },
    Known {
        level: "x86-64-v3",
        family: Family::Fma,
        functions: "a801504bec380ef7",
        products: "839b666ad5ff4e67",
        reductions: "f7fbed5945367d9b",
    },
    Known {
        level: "x86-64-v2",
        family: Family::Fma,
        functions: "a801504bec380ef7",
        products: "839b666ad5ff4e67",
        reductions: "c6167d4eefc9ad94",
    },
    Known {
        level: "x86-64-v2",
        family: Family::Scalar,
        functions: "a801504bec380ef7",
        products: "683fcccd2f273f0f",
        reductions: "58c614b2e48ec959",
    },
];

/// Functions that no version of the GNU library has rounded otherwise so far. Others do
/// since 2.41; the class is another one there.
const STEADY: [&str; 14] = [
    "exp",
    "log",
    "sqrt",
    "recip",
    "sin",
    "cos",
    "erf",
    "sigmoid",
    "gelu",
    "powf 0.37",
    "powf 2.5",
    "powi 3",
    "powi -2",
    "powf",
];

/// Returns the digests that [`KNOWN`] holds. How deep blocks are depends on the caches,
/// so the product that shows it is left to a test of its own.
fn digests() -> [String; 3] {
    let steady = |(name, _): &(&str, Fingerprint)| STEADY.contains(name);
    let shallow = |(name, _): &(&str, Fingerprint)| !name.starts_with("blocks");
    let functions = probe::functions().into_iter().filter(steady).collect();
    let products = probe::products().into_iter().filter(shallow).collect();
    [functions, products, probe::reductions()].map(|prints| probe::digest(&prints).to_string())
}

/// Writes everything, to see what differs between two machines.
fn everything() -> String {
    let all = [probe::functions(), probe::products(), probe::reductions()].concat();
    all.iter().map(|(name, print)| format!("{print} {name}\n")).collect()
}

#[test]
fn known_bits() {
    let (level, family) = (level(), Family::chosen());
    let [functions, products, reductions] = digests();
    let here = format!(
        "Known {{ level: \"{level}\", family: Family::{family:?}, functions: \"{functions}\", \
         products: \"{products}\", reductions: \"{reductions}\" }}"
    );
    let known = KNOWN.iter().find(|known| known.level == level && known.family == family);
    let Some(known) = known else {
        println!("NOT COMPARED: no bits are known of {level}. Here they are {here}");
        return;
    };
    let all = everything();
    println!("{here}\n{all}");
    assert_eq!(reductions, known.reductions, "{all}");
    assert_eq!(products, known.products, "{all}");
    if cfg!(target_env = "gnu") {
        assert_eq!(functions, known.functions, "{all}");
    } else {
        println!("NOT COMPARED: functions of another library than GNU's");
    }
}

#[test]
fn every_thread_and_process_computes_the_same() {
    let here = format!("{:?}", probe::measure());
    for threads in [1, 2, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let there = pool.install(|| {
            let all = [probe::functions(), probe::products(), probe::reductions()];
            (all, rayon::broadcast(|_| probe::products()))
        });
        assert!(there.1.iter().all(|found| *found == there.0[1]), "{threads} threads");
        assert_eq!(there.0, [probe::functions(), probe::products(), probe::reductions()]);
    }
    for _ in 0..2 {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "processor::tests::child", "--ignored", "--nocapture"]);
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(&here), "{here} is not in {text}");
    }
}

#[test]
#[ignore = "a process of its own for the test above"]
fn child() {
    println!("{:?}", probe::measure());
}

/// gemm keeps its choices to itself, so that they stand in `chosen` once more. Here is
/// what it computes by them: each sum is one chain of fused steps a block, and the blocks
/// are as deep as the class says.
#[test]
fn products_are_computed_as_the_class_says() {
    let family = Family::chosen();
    let depth = family.depth(4);
    for terms in [65, 700, 1025, 1500, 2100] {
        let (rows, columns) = (70, 66);
        let left = numbers(rows * terms, 17);
        let right = numbers(terms * columns, 31);
        let device = Device::flex();
        let a = Tensor::<2>::from_data(TensorData::new(left.clone(), [rows, terms]), &device);
        let b = Tensor::<2>::from_data(TensorData::new(right.clone(), [terms, columns]), &device);
        let product = a.matmul(b).into_data().try_to_vec::<f32>().unwrap();
        for (place, found) in product.iter().enumerate() {
            let (row, column) = (place / columns, place % columns);
            let pairs = (0..terms).map(|k| (left[row * terms + k], right[k * columns + column]));
            let expected = sum(pairs.collect(), depth, family != Family::Scalar);
            assert_eq!(found.to_bits(), expected.to_bits(), "{terms} terms at {row}, {column}");
        }
    }
}

/// Sums products as a kernel of tiles does: in blocks of equal length.
fn sum(pairs: Vec<(f32, f32)>, depth: usize, fused: bool) -> f32 {
    let blocks = pairs.len().div_ceil(depth);
    let block = pairs.len().div_ceil(blocks);
    let step = |sum: f32, &(x, y): &(f32, f32)| {
        if fused { x.mul_add(y, sum) } else { x * y + sum }
    };
    let sums = pairs.chunks(block).map(|pairs| pairs.iter().fold(0.0, step));
    sums.reduce(|total, sum| total + sum).unwrap()
}

fn numbers(count: usize, factor: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 * factor + 13) % 2003) as f32 / 1001.5 - 1.0).collect()
}

#[cfg(feature = "portable")]
#[test]
fn a_portable_build_chooses_nothing_but_the_products() {
    assert_eq!(simd(), "fixed when it was built");
    assert!(Family::chosen() != Family::Avx512);
}

#[cfg(feature = "vectors")]
#[test]
fn the_level_is_the_one_whose_features_are_all_there() {
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! all {
            ($($feature:tt)*) => { true $(&& std::arch::is_x86_feature_detected!($feature))* };
        }
        let v2 = all!("sse" "sse2" "fxsr" "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt");
        let v3 = v2 && all!("avx" "avx2" "bmi1" "bmi2" "fma" "lzcnt" "f16c");
        let v4 = v3 && all!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
        let expected = match (v2, v3, v4) {
            (_, _, true) => "x86-64-v4, 16 numbers at once",
            (_, true, _) => "x86-64-v3, 8 numbers at once",
            (true, ..) => "x86-64-v2, 4 numbers at once",
            _ => "Scalar, 2 numbers at once",
        };
        assert_eq!(simd(), expected);
    }
    assert!(!simd().is_empty());
}
