//! Element types.

use std::fmt::{Display, LowerExp};

use serde::{Deserialize, Serialize};

/// Names the type of a tensor's elements, spelled as safetensors spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DType {
    /// One byte, 0 or 1.
    #[serde(rename = "BOOL")]
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an `F32`.
    #[serde(rename = "BF16")]
    Bf16,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 32 bits.
    U32,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 64 bits.
    U64,
}

impl DType {
    /// Returns the size of one element in bytes.
    pub const fn size(self) -> u64 {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Returns the name that safetensors uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::U8 => "U8",
            Self::I8 => "I8",
            Self::I16 => "I16",
            Self::U16 => "U16",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::I32 => "I32",
            Self::U32 => "U32",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::U64 => "U64",
        }
    }

    /// Returns the bits of the mantissa of a float; none for any other type.
    pub(crate) const fn mantissa_bits(self) -> Option<i32> {
        match self {
            Self::F16 => Some(10),
            Self::Bf16 => Some(7),
            Self::F32 => Some(23),
            Self::F64 => Some(52),
            _ => None,
        }
    }

    /// Returns the value of a float; none for any other type.
    pub(crate) fn float(self, bytes: &[u8]) -> Option<f64> {
        let wide = element_bits(bytes);
        match self {
            Self::F16 => Some(half_to_f64(wide as u16)),
            Self::Bf16 => Some(f32::from_bits((wide as u32) << 16).into()),
            Self::F32 => Some(f32::from_bits(wide as u32).into()),
            Self::F64 => Some(f64::from_bits(wide)),
            _ => None,
        }
    }

    /// Shows the element at `bytes` as a person would read it.
    pub fn show(self, bytes: &[u8]) -> String {
        let wide = element_bits(bytes);
        match self {
            Self::Bool => show_flag(wide),
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => wide.to_string(),
            Self::I8 => (wide as i8).to_string(),
            Self::I16 => (wide as i16).to_string(),
            Self::I32 => (wide as i32).to_string(),
            Self::I64 => (wide as i64).to_string(),
            Self::F16 => show_float(half_to_f64(wide as u16), bytes),
            Self::Bf16 => show_float(f32::from_bits((wide as u32) << 16), bytes),
            Self::F32 => show_float(f32::from_bits(wide as u32), bytes),
            Self::F64 => show_float(f64::from_bits(wide), bytes),
        }
    }
}

/// Shows a flag, and the byte where it is neither 0 nor 1: two flags that are both
/// true can differ.
fn show_flag(byte: u64) -> String {
    match byte {
        0 => "false".to_owned(),
        1 => "true".to_owned(),
        odd => format!("true (byte 0x{odd:02x})"),
    }
}

/// Shows a float, and the bits of a NaN: there are many, and two can differ.
fn show_float<T: Into<f64> + Display + LowerExp + Copy>(value: T, bytes: &[u8]) -> String {
    let wide: f64 = value.into();
    if wide.is_nan() {
        let (bits, digits) = (element_bits(bytes), 2 * bytes.len());
        format!("NaN (bits 0x{bits:0digits$x})")
    } else if wide != 0.0 && wide.is_finite() && !(1e-4..1e7).contains(&wide.abs()) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// Reads the bits of one element of at most eight bytes.
pub(crate) fn element_bits(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(wide)
}

fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    match exponent {
        0 => sign * fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1.0 + fraction) * 2f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read() {
        assert_eq!(DType::F16.show(&0x3c00u16.to_le_bytes()), "1");
        assert_eq!(DType::F16.show(&0xc000u16.to_le_bytes()), "-2");
        assert_eq!(DType::F16.show(&0x7c00u16.to_le_bytes()), "inf");
    }

    #[test]
    fn what_differs_is_not_shown_as_the_same() {
        let flags = [0, 1, 2, 255].map(|byte| DType::Bool.show(&[byte]));
        assert_eq!(flags, ["false", "true", "true (byte 0x02)", "true (byte 0xff)"]);
        let nans = [0x7fc0_0000u32, 0xffc0_0001].map(|bits| DType::F32.show(&bits.to_le_bytes()));
        assert_eq!(nans, ["NaN (bits 0x7fc00000)", "NaN (bits 0xffc00001)"]);
        assert_eq!(DType::F16.show(&0x7e01u16.to_le_bytes()), "NaN (bits 0x7e01)");
        assert_eq!(DType::Bf16.show(&0x7fc1u16.to_le_bytes()), "NaN (bits 0x7fc1)");
        assert_eq!(
            DType::F64.show(&0x7ff8_0000_0000_0001u64.to_le_bytes()),
            "NaN (bits 0x7ff8000000000001)"
        );
        assert_eq!(DType::U64.show(&u64::MAX.to_le_bytes()), "18446744073709551615");
        assert_eq!(DType::F64.show(&1e-300f64.to_le_bytes()), "1e-300");
        assert_eq!(DType::Bf16.show(&0x0001u16.to_le_bytes()), "9.1835e-41");
    }

    #[test]
    fn signed_values_keep_their_sign() {
        assert_eq!(DType::I32.show(&(-5i32).to_le_bytes()), "-5");
        assert_eq!(DType::F32.show(&(-0.0f32).to_le_bytes()), "-0");
    }
}
