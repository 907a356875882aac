//! Numbers that are rounded, limited or approximated otherwise than to nearest.

use proptest::prelude::*;

use super::{check, result, run};

const NAN: u64 = 0x7fff_ffff;

fn bits(number: f32) -> u64 {
    number.to_bits().into()
}

#[test]
fn a_nan_is_the_least_and_the_most_where_that_is_asked() {
    check(&[
        ("max.NaN.f32", "%f1", "0f7fc00000, 0fbf800000", NAN),
        ("min.NaN.f32", "%f1", "0fbf800000, 0fffc00001", NAN),
        ("max.NaN.f64", "%fd1", "0d7ff8000000000001, 0d0000000000000000", 0xfff8 << 48),
        ("max.NaN.f32", "%f1", "0fc0000000, 0fbf800000", bits(-1.0)),
        ("max.NaN.f32", "%f1", "0f80000000, 0f00000000", 0),
        ("min.NaN.f32", "%f1", "0f00000000, 0f80000000", 1 << 31),
        ("min.NaN.f32", "%f1", "0fff800000, 0f00000000", bits(f32::NEG_INFINITY)),
    ]);
}

#[test]
fn what_is_saturated_stays_in_its_range() {
    check(&[
        ("cvt.sat.f32.f32", "%f1", "0f3f000000", bits(0.5)),
        ("cvt.sat.f32.f32", "%f1", "0f3f800001", bits(1.0)),
        ("cvt.sat.f32.f32", "%f1", "0fff800000", 0),
        ("cvt.sat.f32.f32", "%f1", "0f80000000", 0),
        ("cvt.sat.f32.f32", "%f1", "0fffc00000", 0),
        ("cvt.rn.sat.f32.f64", "%f1", "0d3fe0000000000000", bits(0.5)),
        ("cvt.rn.sat.f32.s32", "%f1", "-3", 0),
        ("cvt.rzi.sat.s32.f32", "%r1", "0fc0200000", 2u64.wrapping_neg() & 0xffff_ffff),
        ("add.sat.f32", "%f1", "0f3f800000, 0f3f800000", bits(1.0)),
        ("fma.rn.sat.f32", "%f1", "0f3f800000, 0fbf800000, 0f00000000", 0),
        ("fma.rn.sat.f32", "%f1", "0f3f000000, 0f3f000000, 0f00000000", bits(0.25)),
        ("add.sat.s32", "%r1", "0x7fffffff, 1", 0x7fff_ffff),
        ("sub.sat.s32", "%r1", "0x80000000, 1", 0x8000_0000),
        ("add.sat.s32", "%r1", "-1, 3", 2),
        ("cvt.sat.u8.s32", "%r1", "-5", 0),
        ("cvt.sat.u8.u32", "%r1", "300", 255),
        ("cvt.sat.s8.s32", "%r1", "-300", 0xffff_ff80),
        ("cvt.sat.s64.u64", "%rd1", "-1", u64::MAX >> 1),
        ("cvt.sat.u64.s64", "%rd1", "-1", 0),
        ("cvt.sat.s16.u16", "%rs1", "0x8001", 0x7fff),
    ]);
}

#[test]
fn sums_are_rounded_as_the_name_says() {
    let (tiny, most) = ("0f00000001", "0f7f7fffff");
    let rows = [
        ("fma.rm.f32", "0f3f800000, 0f3f800000, 0f80000001", bits(1.0) - 1),
        ("fma.rp.f32", "0f3f800000, 0f3f800000, 0f00000001", bits(1.0) + 1),
        ("fma.rz.f32", "0fbf800000, 0f3f800000, 0f00000001", bits(-1.0) - 1),
        ("add.rm.f32", "0f3f800000, 0fbf800000", 1 << 31),
        ("add.rp.f32", "0f3f800000, 0fbf800000", 0),
        ("add.rm.f32", "0f00000000, 0f00000000", 0),
        ("sub.rm.f32", "0f00000000, 0f00000000", 1 << 31),
        ("mul.rm.f32", "0f80000001, 0f00000001", (1 << 31) + 1),
        ("mul.rp.f32", "0f80000001, 0f00000001", 1 << 31),
        ("mul.rz.f32", "0f80000000, 0f3f800000", 1 << 31),
        ("fma.rp.f32", "0f7f7fffff, 0f40000000, 0f00000000", bits(f32::INFINITY)),
        ("fma.rm.f32", "0f7f7fffff, 0f40000000, 0f00000000", bits(f32::MAX)),
        ("fma.rm.f32", "0f7f800000, 0f00000000, 0f00000000", NAN),
        ("fma.rm.f32", "0f7f800000, 0f3f800000, 0f00000000", bits(f32::INFINITY)),
        ("cvt.rm.f32.f64", "0dbff0000000000001", bits(-1.0) + 1),
        ("cvt.rz.f32.f64", "0dbff0000000000001", bits(-1.0)),
    ];
    for (instruction, operands, expected) in rows {
        check(&[(instruction, "%f1", operands, expected)]);
    }
    assert_eq!(result("add.rz.f32", "%f1", &format!("{most}, {most}")), bits(f32::MAX));
    assert_eq!(result("sub.rp.f32", "%f1", &format!("{tiny}, {most}")), bits(-f32::MAX) - 1);
}

/// An `f32` that is an integer, and that integer.
fn integer(shift_max: u32) -> impl Strategy<Value = (f32, i128)> {
    (-(1i128 << 24)..1 << 24, 0..shift_max).prop_map(|(whole, shift)| {
        let integer = whole << shift;
        (integer as f32, integer)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_number_lies_between_the_exact_and_the_rounded(
        (a, x) in integer(20), (b, y) in integer(20), (c, z) in integer(90),
    ) {
        let exact = x * y + z;
        prop_assume!(exact != 0);
        let operands = [a, b, c].map(|number| format!("0f{:08x}", number.to_bits())).join(", ");
        let of = |name: &str| f32::from_bits(result(name, "%f1", &operands) as u32);
        let (down, up) = (of("fma.rm.f32"), of("fma.rp.f32"));
        prop_assert!(down as i128 <= exact && exact <= up as i128);
        prop_assert!(down == up || down.next_up() == up);
        prop_assert_eq!(down == up, down as i128 == exact);
        prop_assert_eq!(of("fma.rz.f32"), if exact > 0 { down } else { up });
    }
}

#[test]
fn approximations_are_the_nearest_number() {
    check(&[
        ("ex2.approx.ftz.f32", "%f1", "0f40400000", bits(8.0)),
        ("ex2.approx.ftz.f32", "%f1", "0f3f000000", bits(2f32.sqrt())),
        ("ex2.approx.ftz.f32", "%f1", "0fc3000000", 0),
        ("ex2.approx.f32", "%f1", "0fc3000000", 1 << 21),
        ("ex2.approx.f32", "%f1", "0fff800000", 0),
        ("ex2.approx.f32", "%f1", "0fffc00000", NAN),
        ("rcp.approx.ftz.f32", "%f1", "0f40400000", bits(1.0 / 3.0)),
        ("rcp.approx.ftz.f32", "%f1", "0f80000001", bits(f32::NEG_INFINITY)),
        ("rcp.approx.ftz.f32", "%f1", "0fff7fffff", 1 << 31),
        ("lg2.approx.f32", "%f1", "0f41000000", bits(3.0)),
        ("sqrt.approx.f32", "%f1", "0f40000000", bits(2f32.sqrt())),
        ("rsqrt.approx.f32", "%f1", "0f40800000", bits(0.5)),
        ("sin.approx.f32", "%f1", "0f80000000", 1 << 31),
        ("cos.approx.f32", "%f1", "0f00000000", bits(1.0)),
        ("tanh.approx.f32", "%f1", "0f7f800000", bits(1.0)),
        ("div.full.f32", "%f1", "0f3f800000, 0f40400000", bits(1.0 / 3.0)),
        ("div.approx.ftz.f32", "%f1", "0f3f800000, 0f00000001", bits(f32::INFINITY)),
    ]);
}

#[test]
fn a_result_may_overwrite_its_operand() {
    let found = run("\tmov.b32 \t%f1, 0f40000000;\n\tadd.sat.f32 \t%f1, %f1, %f1;\n\
         \tcvt.sat.f32.f32 \t%f1, %f1;\n\tst.global.f32 \t[%out], %f1;");
    assert_eq!(found.unwrap()[0], bits(1.0));
}
