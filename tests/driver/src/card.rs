//! The GPUs that there can be.

/// Describes a GPU, as far as the driver is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its marketing name.
    pub name: &'static str,
    /// Its memory, in bytes.
    pub memory_byte_len: u64,
}

/// Threads in a block, at most; also those along x and y.
pub const THREADS_MAX: u32 = 1024;
/// Threads along z, at most.
pub const THREADS_Z_MAX: u32 = 64;
/// Blocks in a grid along x, y and z, at most.
pub const BLOCKS_MAX: [u32; 3] = [i32::MAX as u32, 65_535, 65_535];
/// Shared memory that a block can ask for, in bytes.
pub const SHARED_BYTES_MAX: u32 = 232_448;

impl Card {
    /// Finds a GPU by a short name.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "h100" => Some(Self { name: "NVIDIA H100 80GB HBM3", memory_byte_len: 85_017_755_648 }),
            "h200" => Some(Self { name: "NVIDIA H200", memory_byte_len: 150_754_820_096 }),
            _ => None,
        }
    }

    /// Returns an attribute by its number in `cuda.h`, of compute capability 9.0: limits as in
    /// the CUDA programming guide's table of technical specifications. Zero if it is not known
    /// here, which means "cannot".
    pub fn attribute(self, number: i32) -> i32 {
        match number {
            1..=3 => THREADS_MAX as i32,
            4 => THREADS_Z_MAX as i32,
            5 => BLOCKS_MAX[0] as i32,
            6 | 7 => BLOCKS_MAX[1] as i32,
            8 => 49_152,
            9 | 12 => 65_536,
            10 => 32,
            13 => 1_980_000,
            16 => 132,
            39 => 2048,
            75 => 9,
            76 => 0,
            81 => 233_472,
            97 => SHARED_BYTES_MAX as i32,
            115 => 1,
            _ => 0,
        }
    }
}
