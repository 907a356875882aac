//! The kernel that sums the blocks of a tensor.

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use reenact_core::state::FINGERPRINT_BLOCK_BYTES;

/// Words of 64 bits in a block.
const BLOCK_WORDS: usize = FINGERPRINT_BLOCK_BYTES / 8;
/// The 32-bit halves of these words, in which the device reads.
const BLOCK_HALVES: usize = 2 * BLOCK_WORDS;
/// A short block is padded with zeros to a multiple of this many halves.
const GROUP_HALVES: usize = 16;
/// Blocks that a cube sums side by side, where several units share one.
const CUBE_BLOCKS: usize = 8;

/// Tensors that one launch sums: a launch costs as much as some of these bytes.
pub(super) const TENSORS_MAX: usize = 3;

/// Runs the kernel with `units` a block, which have to divide the words of a block.
/// The tensors are of one shape and type. Their sums go to places from `first` on.
pub(super) fn launch(
    tensors: &[&CubeTensor],
    keys: &CubeTensor,
    sums: &CubeTensor,
    first: usize,
    units: usize,
) {
    let words: Vec<CubeTensor> = tensors.iter().map(|&tensor| as_halves(tensor.clone())).collect();
    let (Some(one), Some(last)) = (words.first(), words.last()) else { return };
    // Not the length of its buffer: a GPU pads the rows of a tensor, and what stands
    // there is left over from others.
    let len = one.meta.num_elements();
    let blocks = len.div_ceil(BLOCK_HALVES);
    let side_by_side = if units == 1 { 1 } else { CUBE_BLOCKS };
    let argument = |place: usize| words.get(place).unwrap_or(last).clone().into_buffer_arg();
    block_sums::launch(
        &one.client,
        CubeCount::new_2d(blocks.div_ceil(side_by_side) as u32, words.len() as u32),
        CubeDim::new_1d((side_by_side * units) as u32),
        argument(0),
        argument(1),
        argument(2),
        keys.clone().into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        len,
        first,
        units,
        side_by_side * units,
    );
}

/// Reads a tensor's bytes as 32-bit words, in canonical order.
fn as_halves(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    let halves = tensor.meta.num_elements() * tensor.dtype.size() / 4;
    let CubeTensor { client, handle, device, .. } = tensor;
    CubeTensor::new_contiguous(client, device, Shape::from([halves]), handle, DType::U32)
}

/// Sums the blocks of up to three tensors of `len` halves each: cubes in a row those
/// of one, the rows tensor by tensor.
#[cube(launch)]
fn block_sums(
    halves_1: &[u32],
    halves_2: &[u32],
    halves_3: &[u32],
    keys: &[u64],
    sums: &mut [u64],
    len: usize,
    first: usize,
    #[comptime] units: usize,
    #[comptime] cube_units: usize,
) {
    let unit = CUBE_POS_X as usize * cube_units + UNIT_POS as usize;
    let block = unit / units;
    let lane = unit % units;
    let tensor = CUBE_POS_Y as usize;
    let mut sum = 0u64;
    if tensor == 0 {
        sum += sum_of_unit(halves_1, len, keys, block, lane, units);
    } else if tensor == 1 {
        sum += sum_of_unit(halves_2, len, keys, block, lane, units);
    } else {
        sum += sum_of_unit(halves_3, len, keys, block, lane, units);
    }
    if comptime![units > 1] {
        sum = sum_of_units(sum, lane, units, cube_units);
    }
    let blocks = len.div_ceil(BLOCK_HALVES);
    if lane == 0 && block < blocks {
        sums[first + tensor * blocks + block] = sum;
    }
}

/// Sums every `units`th word of a block.
#[cube]
fn sum_of_unit(
    halves: &[u32],
    len: usize,
    keys: &[u64],
    block: usize,
    lane: usize,
    #[comptime] units: usize,
) -> u64 {
    let padded = len.div_ceil(GROUP_HALVES) * GROUP_HALVES;
    let mut sum = 0u64;
    for turn in 0..BLOCK_WORDS / units {
        let word = turn * units + lane;
        let place = block * BLOCK_HALVES + 2 * word;
        if place < padded {
            let low = half(halves, len, place);
            let high = half(halves, len, place + 1);
            let keyed = (low | (high << 32u64)) + keys[word];
            sum += (keyed & 0xffff_ffffu64) * (keyed >> 32u64);
        }
    }
    sum
}

/// Adds up what the units of a block have; the first of them gets it all.
#[cube]
fn sum_of_units(
    part: u64,
    lane: usize,
    #[comptime] units: usize,
    #[comptime] cube_units: usize,
) -> u64 {
    let mut shared = Shared::<[u64]>::new_slice(cube_units);
    let unit = UNIT_POS as usize;
    let mut sum = part;
    shared[unit] = sum;
    sync_cube();
    let mut width = (units / 2).runtime();
    while width > 0 {
        if lane < width {
            sum += shared[unit + width];
            shared[unit] = sum;
        }
        sync_cube();
        width /= 2;
    }
    sum
}

/// Reads a half of a word; the padding after the tensor is zero.
#[cube]
fn half(halves: &[u32], len: usize, place: usize) -> u64 {
    let mut value = 0u64;
    if place < len {
        value = halves[place] as u64;
    }
    value
}

#[cfg(all(test, feature = "cubecl-cpu"))]
pub(super) mod tests {
    use burn::backend::ops::{FloatTensorOps, IntTensorOps};
    use burn::tensor::TensorData;
    use burn_cubecl::ops::into_data_sync;
    use burn_cubecl::{CubeBackend, CubeDevice};
    use reenact_core::state::{Fingerprint, fingerprint, fingerprint_keys, fingerprint_of_sums};

    use super::*;

    /// Every bit pattern may come, so also numbers that are none.
    pub(crate) fn pattern(count: usize) -> Vec<f32> {
        (0..count as u32).map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761) ^ i)).collect()
    }

    pub(crate) fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Lets `units` units sum each block, as on a GPU.
    fn summed_by(units: usize, values: &[f32]) -> Fingerprint {
        summed_within(units, values, 0)
    }

    /// Lets them sum a tensor whose buffer goes on for `spare` elements.
    fn summed_within(units: usize, values: &[f32], spare: usize) -> Fingerprint {
        let device = CubeDevice::cpu().unwrap();
        let buffer = [values, &pattern(spare)].concat();
        let buffer = TensorData::new(buffer, [values.len() + spare]);
        let CubeTensor { client, handle, dtype, .. } =
            CubeBackend::float_from_data(buffer, &device);
        let shape = Shape::from([values.len()]);
        let tensor = CubeTensor::new_contiguous(client, device.clone(), shape, handle, dtype);
        let keys = TensorData::new(fingerprint_keys().to_vec(), [BLOCK_WORDS]);
        let keys = CubeBackend::int_from_data(keys, &device);
        let byte_len = (4 * values.len()) as u64;
        let blocks = values.len().div_ceil(BLOCK_HALVES);
        let room = TensorData::new(vec![7u64; blocks + 2], [blocks + 2]);
        let sums = CubeBackend::int_from_data(room, &device);
        launch(&[&tensor], &keys, &sums, 1, units);
        let sums: Vec<u64> = into_data_sync(sums).try_to_vec().unwrap();
        let (last, sums) = sums.split_last().unwrap();
        assert_eq!((sums[0], *last), (7, 7), "the neighbours' places are left alone");
        fingerprint_of_sums(byte_len, sums[1..].iter().copied())
    }

    #[test]
    fn any_number_of_units_sums_like_the_processor() {
        let counts = [1, 2, 15, 16, 17, 1023, 1024, 1025, 9 * 1024 + 3];
        let alone = counts.map(|count| (1, count));
        // The processor runs a thread a unit and lets them wait by turns, so not all.
        for (units, count) in alone.into_iter().chain([(2, 17), (2, 9 * 1024 + 3), (4, 1025)]) {
            let values = pattern(count);
            let found = summed_by(units, &values);
            assert_eq!(found, fingerprint(&bytes(&values)), "{count} elements, {units} units");
        }
    }

    /// A GPU gives 16 places to 10 elements.
    #[test]
    fn what_follows_a_tensor_in_its_buffer_is_not_summed() {
        for (count, spare) in [(10, 6), (192, 64), (1000, 24), (1024, 1024), (1500, 548)] {
            let values = pattern(count);
            let found = summed_within(1, &values, spare);
            assert_eq!(found, fingerprint(&bytes(&values)), "{count} and {spare} elements");
        }
    }
}

/// What becomes of the kernel in NVIDIA's instructions; no GPU is needed to see that.
#[cfg(all(test, feature = "cuda"))]
mod ptx {
    use std::sync::Arc;

    use cubecl::ir::features::Features;
    use cubecl::ir::nvidia::SmArch;
    use cubecl::ir::{DeviceIdentity, HardwareProperties, MemoryDeviceProperties};
    use cubecl::prelude::*;
    use cubecl_llvm::nvptx::ptx_version::PtxVersion;
    use cubecl_llvm::{LlvmTarget, PlironArtifact, PlironCompiler, PlironOptions};

    use super::block_sums;

    /// As of an H100, as far as compiling asks.
    fn hardware() -> HardwareProperties {
        HardwareProperties {
            load_width: 128,
            vector_register_count: None,
            plane_size_min: 32,
            plane_size_max: 32,
            max_bindings: 32,
            max_shared_memory_size: 232_448,
            max_cube_count: (i32::MAX as u32, u16::MAX.into(), u16::MAX.into()),
            max_units_per_cube: 1024,
            max_cube_dim: (1024, 1024, 64),
            num_streaming_multiprocessors: Some(132),
            num_tensor_cores: None,
            min_tensor_cores_dim: None,
            num_cpu_cores: None,
            last_level_cache_size: None,
            max_vector_size: VectorSize::MAX,
            cube_mma_reserved_shared_memory: 0,
        }
    }

    fn compiled(units: usize, cube_units: usize) -> String {
        let identity = DeviceIdentity {
            name: "offline".into(),
            fingerprint: "offline".into(),
            physical: None,
        };
        let memory = MemoryDeviceProperties::new(u64::MAX, 256);
        let timing = cubecl::profile::TimingMethod::Device;
        let device =
            DeviceProperties::new(Features::default(), memory, hardware(), timing, identity);
        let cube = CubeDim::new_1d(cube_units as u32);
        let settings = KernelSettings::new(*cube, ExecutionMode::Checked, AddressType::U32);
        let buffer = || BufferCompilationArg { inplace: None };
        let kernel = block_sums::BlockSums::new(
            settings,
            Arc::new(device),
            Arc::new(TargetProperties::default()),
            buffer(),
            buffer(),
            buffer(),
            buffer(),
            buffer(),
            (),
            (),
            units,
            cube_units,
        );
        let options = PlironOptions {
            sm_arch: Some(SmArch::new(90, true)),
            ptx_version: PtxVersion::for_driver(13_000),
            ..Default::default()
        };
        let mut compiler = PlironCompiler { target: LlvmTarget::Nvptx };
        let artifact = cubecl::Compiler::compile(&mut compiler, kernel.define(), &options);
        let PlironArtifact::NvptxCode(module) = artifact.unwrap() else {
            unreachable!("the target has one kind of artifact")
        };
        module.ptx.iter().map(|&letter| letter as u8 as char).collect()
    }

    #[test]
    fn compiles_for_an_nvidia_gpu() {
        let ptx = compiled(32, 256);
        assert!(ptx.contains(".target sm_90a"), "{ptx}");
        assert!(ptx.contains("bar.sync"), "units wait for each other:\n{ptx}");
        assert!(ptx.contains("ld.global.nc.b32"), "words are read through the cache:\n{ptx}");
        assert!(!ptx.contains(".local"), "sums stay in registers:\n{ptx}");
    }
}
