//! What becomes of the kernel in NVIDIA's instructions; no GPU is needed to see that.

use std::sync::Arc;

use cubecl::ir::features::Features;
use cubecl::ir::nvidia::SmArch;
use cubecl::ir::{DeviceIdentity, HardwareProperties, MemoryDeviceProperties};
use cubecl::prelude::*;
use cubecl_llvm::nvptx::ptx_version::PtxVersion;
use cubecl_llvm::{LlvmTarget, PlironArtifact, PlironCompiler, PlironOptions};

use super::kernel::block_sums;

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
    let identity =
        DeviceIdentity { name: "offline".into(), fingerprint: "offline".into(), physical: None };
    let memory = MemoryDeviceProperties::new(u64::MAX, 256);
    let timing = cubecl::profile::TimingMethod::Device;
    let device = DeviceProperties::new(Features::default(), memory, hardware(), timing, identity);
    let cube = CubeDim::new_1d(cube_units as u32);
    let settings = KernelSettings::new(*cube, ExecutionMode::Checked, AddressType::U32);
    let buffer = || BufferCompilationArg { inplace: None };
    let tensors = SequenceCompilationArg { values: (0..3).map(|_| buffer()).collect() };
    let kernel = block_sums::BlockSums::new(
        settings,
        Arc::new(device),
        Arc::new(TargetProperties::default()),
        tensors,
        buffer(),
        buffer(),
        buffer(),
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
