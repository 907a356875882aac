//! What one instruction computes.

use super::{check, run};

#[test]
fn integers_wrap_at_their_width() {
    check(&[
        ("add.s16", "%rs1", "32767, 1", 0x8000),
        ("add.s32", "%r1", "-1, 1", 0),
        ("add.s64", "%rd1", "-1, 3", 2),
        ("sub.s32", "%r1", "0, 1", 0xffff_ffff),
        ("sub.s64", "%rd1", "0, 1", u64::MAX),
        ("neg.s32", "%r1", "5", 0xffff_fffb),
        ("abs.s32", "%r1", "-5", 5),
        ("abs.s32", "%r1", "-2147483648", 0x8000_0000),
        ("min.s32", "%r1", "-5, 3", 0xffff_fffb),
        ("min.u32", "%r1", "-5, 3", 3),
        ("max.s64", "%rd1", "-5, 3", 3),
        ("max.u16", "%rs1", "-5, 3", 0xfffb),
    ]);
}

#[test]
fn products_are_low_high_or_wide() {
    check(&[
        ("mul.lo.s32", "%r1", "0x10000, 0x10001", 0x1_0000),
        ("mul.lo.s64", "%rd1", "-1, 7", 7u64.wrapping_neg()),
        ("mul.hi.u32", "%r1", "0xffffffff, 0xffffffff", 0xffff_fffe),
        ("mul.hi.s32", "%r1", "-1, -1", 0),
        ("mul.hi.s32", "%r1", "-2147483648, 2", 0xffff_ffff),
        ("mul.hi.u64", "%rd1", "0xffffffffffffffff, 0xffffffffffffffff", u64::MAX - 1),
        ("mul.hi.s64", "%rd1", "-1, 1", u64::MAX),
        ("mul.wide.u32", "%rd1", "0xffffffff, 0xffffffff", 0xffff_fffe_0000_0001),
        ("mul.wide.s32", "%rd1", "-1, 4", 4u64.wrapping_neg()),
        ("mul.wide.u16", "%r1", "-1, 0xffff", 0xfffe_0001),
        ("mul.wide.s16", "%r1", "-1, 3", 0xffff_fffd),
        ("mad.lo.s32", "%r1", "3, 4, -13", 0xffff_ffff),
        ("mad.hi.u32", "%r1", "0xffffffff, 0xffffffff, 3", 1),
        ("mad.wide.u32", "%rd1", "0xffffffff, 2, 5", 0x2_0000_0003),
        ("mad.wide.s32", "%rd1", "-3, 2, 5", u64::MAX),
        ("mad.lo.s64", "%rd1", "3, 4, 5", 17),
    ]);
}

/// As NVIDIA's hardware has it; the language leaves it open.
#[test]
fn division_by_zero_is_all_ones() {
    check(&[
        ("div.u32", "%r1", "7, 0", 0xffff_ffff),
        ("div.s64", "%rd1", "7, 0", u64::MAX),
        ("rem.u32", "%r1", "7, 0", 0xffff_ffff),
        ("rem.u64", "%rd1", "7, 0", u64::MAX),
        ("div.s32", "%r1", "-7, 2", 0xffff_fffd),
        ("rem.s32", "%r1", "-7, 2", 0xffff_ffff),
        ("div.u32", "%r1", "-7, 2", 0x7fff_fffc),
        ("div.s32", "%r1", "-2147483648, -1", 0x8000_0000),
        ("rem.s32", "%r1", "-2147483648, -1", 0),
        ("div.s64", "%rd1", "0x8000000000000000, -1", 1 << 63),
        ("div.u16", "%rs1", "-1, 2", 0x7fff),
    ]);
}

#[test]
fn shifts_beyond_the_width_leave_nothing_but_the_sign() {
    check(&[
        ("shl.b32", "%r1", "1, 31", 0x8000_0000),
        ("shl.b32", "%r1", "1, 32", 0),
        ("shl.b64", "%rd1", "1, 32", 1 << 32),
        ("shl.b64", "%rd1", "1, 64", 0),
        ("shl.b64", "%rd1", "1, -1", 0),
        ("shl.b16", "%rs1", "3, 15", 0x8000),
        ("shr.u32", "%r1", "-1, 4", 0x0fff_ffff),
        ("shr.b64", "%rd1", "-1, 63", 1),
        ("shr.u32", "%r1", "-1, 32", 0),
        ("shr.s32", "%r1", "-16, 2", 0xffff_fffc),
        ("shr.s32", "%r1", "-16, 99", 0xffff_ffff),
        ("shr.s64", "%rd1", "-16, 64", u64::MAX),
        ("shr.s16", "%rs1", "-16, 2", 0xfffc),
        ("shf.l.wrap.b32", "%r1", "0x80000001, 0x00000010, 33", 0x21),
        ("shf.r.clamp.b32", "%r1", "0x80000001, 0x00000010, 40", 0x10),
        ("shf.r.wrap.b32", "%r1", "0x80000001, 0x00000010, 4", 0x0800_0000),
    ]);
}

#[test]
fn bits_are_counted_moved_and_combined() {
    check(&[
        ("and.b32", "%r1", "12, 10", 8),
        ("or.b64", "%rd1", "12, 10", 14),
        ("xor.b16", "%rs1", "12, -1", 0xfff3),
        ("not.b32", "%r1", "0", 0xffff_ffff),
        ("popc.b64", "%r1", "-1", 64),
        ("popc.b32", "%r1", "-1", 32),
        ("clz.b32", "%r1", "1", 31),
        ("clz.b64", "%r1", "0", 64),
        ("brev.b32", "%r1", "1", 0x8000_0000),
        ("bfe.u32", "%r1", "0xabcd1234, 8, 12", 0xd12),
        ("bfe.s32", "%r1", "0xabcd1234, 28, 12", 0xffff_fffa),
        ("bfe.u64", "%rd1", "-1, 60, 99", 15),
        ("bfe.s32", "%r1", "0x80, 4, 4", 0xffff_fff8),
        ("bfe.u32", "%r1", "-1, 3, 0", 0),
        ("bfi.b32", "%r1", "0xff, 0, 28, 8", 0xf000_0000),
        ("bfi.b64", "%rd1", "5, -1, 32, 32", 0x5_ffff_ffff),
        ("bfi.b32", "%r1", "5, 7, 200, 8", 7),
        ("prmt.b32", "%r1", "0x33221100, 0x77665544, 0x7340", 0x7733_4400),
        ("prmt.b32", "%r1", "0x00008000, 0, 0x9999", 0xffff_ffff),
        ("lop3.b32", "%r1", "0xf0, 0xcc, 0xaa, 0x96", 0xf0 ^ 0xcc ^ 0xaa),
        ("lop3.b32", "%r1", "0xf0, 0xcc, 0xaa, 0x80", 0x80),
    ]);
}

#[test]
fn comparisons_follow_the_type() {
    check(&[
        ("setp.lt.s32", "%p1", "-1, 0", 1),
        ("setp.lt.u32", "%p1", "-1, 0", 0),
        ("setp.gt.u64", "%p1", "-1, 0", 1),
        ("setp.le.s64", "%p1", "3, 3", 1),
        ("setp.ge.u16", "%p1", "-1, 2", 1),
        ("setp.lo.u32", "%p1", "-1, 0", 0),
        ("setp.lo.u32", "%p1", "3, 3", 0),
        ("setp.ls.u32", "%p1", "3, 3", 1),
        ("setp.hi.u32", "%p1", "3, 3", 0),
        ("setp.hs.u32", "%p1", "3, 3", 1),
        ("setp.eq.b32", "%p1", "-1, 0xffffffff", 1),
        ("setp.ne.b64", "%p1", "-1, 0xffffffff", 1),
        ("setp.eq.f32", "%p1", "0f00000000, 0f80000000", 1),
        ("setp.ne.f32", "%p1", "0f7fc00000, 0f7fc00000", 0),
        ("setp.neu.f32", "%p1", "0f7fc00000, 0f7fc00000", 1),
        ("setp.ltu.f64", "%p1", "0d7ff8000000000000, 0d0000000000000000", 1),
        ("setp.lt.f64", "%p1", "0dbff0000000000000, 0d0000000000000000", 1),
        ("setp.nan.f32", "%p1", "0f7fc00000, 0f00000000", 1),
        ("setp.num.f32", "%p1", "0f3f800000, 0f00000000", 1),
    ]);
}

#[test]
fn predicates_combine() {
    let combined = |instruction: &str| {
        let body = format!(
            "\tsetp.eq.b32 \t%p2, 1, 1;\n\tmov.pred \t%p3, 0;\n\t{instruction}\n\
             \tselp.b64 \t%rd1, 7, 9, %p1;\n\tst.global.b64 \t[%out], %rd1;"
        );
        run(&body).unwrap()[0] == 7
    };
    assert!(combined("or.pred \t%p1, %p2, %p3;"));
    assert!(!combined("and.pred \t%p1, %p2, %p3;"));
    assert!(!combined("xor.pred \t%p1, %p2, %p2;"));
    assert!(combined("not.pred \t%p1, %p3;"));
    assert!(combined("mov.pred \t%p1, -1;"));
    assert!(!combined("setp.lt.and.s32 \t%p1, 1, 2, %p3;"));
    assert!(combined("setp.gt.or.s32 \t%p1, 1, 2, %p2;"));
}

#[test]
fn conversions_extend_the_sign_of_their_source() {
    let of = |conversion: &str, to: &str, from: &str, word: &str| {
        let (mov, st) = (if from.starts_with("%rd") { "b64" } else { "b32" }, &to[1..]);
        let st = if st.starts_with("rd") { "b64" } else { "b32" };
        let body = format!(
            "\tmov.{mov} \t{from}, {word};\n\t{conversion} \t{to}, {from};\n\
             \tst.global.{st} \t[%out], {to};"
        );
        run(&body).unwrap()[0]
    };
    assert_eq!(of("cvt.s64.s32", "%rd1", "%r1", "-5"), 5u64.wrapping_neg());
    assert_eq!(of("cvt.u64.u32", "%rd1", "%r1", "-5"), 0xffff_fffb);
    assert_eq!(of("cvt.u64.s32", "%rd1", "%r1", "-5"), 5u64.wrapping_neg());
    assert_eq!(of("cvt.u32.u64", "%r1", "%rd1", "-5"), 0xffff_fffb);
    assert_eq!(of("cvt.s32.s8", "%r1", "%r2", "0x1280"), 0xffff_ff80);
    assert_eq!(of("cvt.u32.u8", "%r1", "%r2", "0x1280"), 0x80);
    assert_eq!(of("cvt.s32.s16", "%r1", "%r2", "0x8000"), 0xffff_8000);
    assert_eq!(of("cvt.u32.u16", "%r1", "%r2", "0x18000"), 0x8000);
    // The register is wider than the type.
    assert_eq!(of("cvt.s16.s8", "%r1", "%r2", "0x80"), 0xffff_ff80);
    assert_eq!(of("cvt.u16.s8", "%r1", "%r2", "0x80"), 0xff80);
    assert_eq!(of("cvt.s8.s32", "%r1", "%r2", "0x180"), 0xffff_ff80);
    assert_eq!(of("cvt.u8.u32", "%r1", "%r2", "0x180"), 0x80);
}

fn f32_bits(number: f32) -> u64 {
    number.to_bits().into()
}

#[test]
fn floating_point_rounds_to_nearest() {
    let (a, b) = (f32::from_bits(0x3f80_0001), f32::from_bits(0x3f80_0003));
    let fused = a.mul_add(b, -1.0);
    assert_ne!(fused, a * b - 1.0, "else fusing could not be seen");
    check(&[
        ("add.rn.f32", "%f1", "0f3f800000, 0f40000000", f32_bits(3.0)),
        ("add.f32", "%f1", "0f7f800000, 0fff800000", 0x7fff_ffff),
        ("sub.f64", "%fd1", "0d3ff0000000000000, 0d4000000000000000", (-1f64).to_bits()),
        ("mul.rn.f32", "%f1", "0f3f800001, 0f3f800003", f32_bits(a * b)),
        ("fma.rn.f32", "%f1", "0f3f800001, 0f3f800003, 0fbf800000", f32_bits(fused)),
        ("div.rn.f32", "%f1", "0f3f800000, 0f40400000", f32_bits(1.0 / 3.0)),
        ("sqrt.rn.f32", "%f1", "0f40000000", f32_bits(2f32.sqrt())),
        ("rcp.rn.f64", "%fd1", "0d4008000000000000", (1f64 / 3.0).to_bits()),
        ("neg.f32", "%f1", "0f00000000", 0x8000_0000),
        ("abs.f64", "%fd1", "0dbff0000000000000", 1f64.to_bits()),
        ("min.f32", "%f1", "0f00000000, 0f80000000", 0x8000_0000),
        ("max.f32", "%f1", "0f7fc00000, 0fbf800000", f32_bits(-1.0)),
        ("max.f32", "%f1", "0fc0000000, 0fbf800000", f32_bits(-1.0)),
        ("selp.f32", "%f1", "0f3f800000, 0f40000000, 0", f32_bits(2.0)),
        ("cvt.rn.f32.u32", "%f1", "-1", f32_bits(4_294_967_296.0)),
        ("cvt.rn.f32.s32", "%f1", "-1", f32_bits(-1.0)),
        ("cvt.rn.f64.u64", "%fd1", "-1", (u64::MAX as f64).to_bits()),
        ("cvt.rzi.s32.f32", "%r1", "0fc0200000", 2u64.wrapping_neg() & 0xffff_ffff),
        ("cvt.rzi.u32.f32", "%r1", "0fc0200000", 0),
        ("cvt.rni.s64.f64", "%rd1", "0d4004000000000000", 2),
        ("cvt.rpi.s32.f32", "%r1", "0f40200000", 3),
        ("cvt.rzi.s32.f32", "%r1", "0f7f800000", 0x7fff_ffff),
        ("cvt.rzi.s32.f32", "%r1", "0f7fc00000", 0),
        ("cvt.rmi.f32.f32", "%f1", "0fbf000000", f32_bits(-1.0)),
        ("cvt.f64.f32", "%fd1", "0f3fc00000", 1.5f64.to_bits()),
        ("cvt.rn.f32.f64", "%f1", "0d3ff8000000000000", f32_bits(1.5)),
    ]);
}

#[test]
fn numbers_are_read_in_every_notation() {
    check(&[
        ("mov.b32", "%r1", "-1", 0xffff_ffff),
        ("mov.b64", "%rd1", "0x8000000000000001", (1 << 63) + 1),
        ("mov.b32", "%r1", "017", 15),
        ("mov.b32", "%r1", "0b101", 5),
        ("mov.u32", "%r1", "7U", 7),
        ("mov.b16", "%rs1", "-2", 0xfffe),
        ("mov.f32", "%f1", "0f3F800000", 0x3f80_0000),
        ("mov.f64", "%fd1", "0d3FF0000000000000", 0x3ff0_0000_0000_0000),
    ]);
}

#[test]
fn registers_are_packed_and_unpacked() {
    let found = run("\tmov.b64 \t%rd1, 0x1122334455667788;\n\
         \tmov.b64 \t{%r1, %r2}, %rd1;\n\
         \tmov.b64 \t%rd2, {%r2, %r1};\n\
         \tst.global.b64 \t[%out], %rd2;\n\
         \tmov.b32 \t{%rs1, %rs2}, %r1;\n\
         \tmov.b64 \t{_, %r3}, %rd1;\n\
         \tmov.b64 \t%rd3, {%rs1, %rs2, %rs2, %rs1};\n\
         \tst.global.b64 \t[%out+8], %rd3;\n\
         \t{ .reg .b32 tmp; mov.b64 {tmp, %r4}, %rd1; }\n\
         \t{ .reg .b16 tmp; mov.b32 {tmp, %rs3}, %r1; }\n\
         \tcvt.u64.u16 \t%rd4, %rs3;\n\
         \tst.global.v2.b32 \t[%out+16], {%r3, %r4};\n\
         \tst.global.b64 \t[%out+24], %rd4;")
    .unwrap();
    assert_eq!(found[0], 0x5566_7788_1122_3344);
    assert_eq!(found[1], 0x7788_5566_5566_7788);
    assert_eq!(found[2], 0x1122_3344_1122_3344);
    assert_eq!(found[3], 0x5566);
}
