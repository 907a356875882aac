//! Texts that are not what they should be.

use proptest::prelude::*;

use super::super::Module;
use super::{Buffers, launched, parsed, text_of};

#[test]
fn an_unknown_instruction_is_named_with_its_line() {
    let first = text_of("").lines().position(|line| line.contains("cvta.to")).unwrap() + 2;
    for instruction in [
        "shfl.sync.bfly.b64 \t%rd1, %rd2, 16, 31, -1",
        "shfl.sync.bfly.b32 \t%r1, %r2, 16, 31",
        "shfl.bfly.b32 \t%r1, %r2, 16, 31",
        "vote.sync.all.b32 \t%r1, %p1, -1",
        "match.any.sync.b32 \t%r1, %r1, -1",
        "redux.sync.add.u32 \t%r1, %r1, -1",
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \t{%r1, %r2}, {%r1, %r2}",
        "atom.global.add.u32 \t%r1, [%out], 1",
        "add.rz.f64 \t%fd1, %fd1, %fd1",
        "add.ftz.f32 \t%f1, %f1, %f1",
        "add.sat.u32 \t%r1, %r1, %r1",
        "add.cc.s16 \t%rs1, %rs1, %rs1",
        "addc.cc.cc.u32 \t%r1, %r1, %r1",
        "ex2.approx.f64 \t%fd1, %fd1",
        "cvt.sat.rn.f32.f64 \t%f1, %fd1",
        "cvt.rna.tf32.f32 \t%r1, %f1",
        "cvt.rn.bf16.f32 \t%rs1, %f1",
        "bar.sync \t0, 64",
        "bar.warp.sync",
        "bar.red.popc.u32 \t%r1, 0, %p1",
        "fence.proxy.async",
        "ld.global.b128 \t%rd1, [%out]",
        "setp.frob.s32 \t%p1, %r1, %r2",
        "mul.s32 \t%r1, %r1, %r1",
        "call.uni \tvprintf",
    ] {
        let error = parsed(&format!("\tadd.s32 \t%r1, %r1, 1;\n\t{instruction};")).unwrap_err();
        let name = instruction.split_whitespace().next().unwrap();
        let named = error.contains("is not known") && error.contains(name);
        assert!(named, "{instruction}: {error}");
        assert!(error.starts_with(&format!("line {}:", first + 1)), "{error}");
    }
}

#[test]
fn what_is_not_declared_is_named() {
    for (statement, name) in [
        ("add.s32 \t%r1, %r99, 1;", "%r99"),
        ("add.s32 \t%nothing, %r1, 1;", "%nothing"),
        ("add.s32 \t5, %r1, 1;", "`5` is no register"),
        ("mov.u32 \t%tid.x, %r1;", "%tid.x"),
        ("bra \t$L_nowhere;", "$L_nowhere"),
        ("brx.idx \t%r1, $L_table;", "$L_table"),
        ("ld.param.b64 \t%rd1, [nothing];", "nothing"),
        ("mov.b64 \t%rd1, {%r1, %r2, %r3};", "mov.b64"),
        ("ld.global.v2.b32 \t%r1, [%out];", "as many registers"),
        (".shared .b8 big[99999999999];", "big"),
        (".reg .b7 \t%x;", ".b7"),
    ] {
        let error = parsed(&format!("\t{statement}")).unwrap_err();
        assert!(error.starts_with("line ") && error.contains(name), "{statement}: {error}");
    }
}

#[test]
fn lengths_are_bounded() {
    for text in [
        ".global .b8 a[18446744073709551615][18446744073709551615];",
        ".global .align 4096 .b64 a[2097153];",
        ".shared .b8 a[1048577];",
        ".global .align 3 .b8 a;",
        ".global .b8 a[];",
        ".global .b8 a; .global .b8 a;",
        ".global .b32 a = {1, 2};",
        ".entry k(.param .b8 a[32769]) { ret; }",
    ] {
        assert!(Module::parse(text).is_err(), "{text}");
    }
    let table = "$L_t: .branchtargets ".to_owned() + &vec!["$L"; 1000].join(",") + ";";
    let branches = |count| table.clone() + &"brx.idx %r1, $L_t;\n".repeat(count) + "$L:";
    assert!(parsed(&branches(65)).is_ok() && parsed(&branches(66)).is_err());
    // As many registers as are used take room, not as many as are declared.
    assert!(parsed("\t.reg .b32 \t%many<18446744073709551615>;\n\tmov.b32 %many7, 1;").is_ok());
}

#[test]
fn a_text_that_ends_early_is_refused() {
    let text = text_of("\t{ .reg .b32 tmp; mov.b32 tmp, 5; }\n$L_1:\n\tbra.uni \t$L_1;");
    let end = text.rfind('}').unwrap();
    let start = text.find(".entry").unwrap() + 1;
    for len in start..=end {
        assert!(Module::parse(&text[..len]).is_err(), "{len}");
    }
    assert!(Module::parse(&text).is_ok());
}

/// Words and signs of the language, in any order.
fn words() -> impl Strategy<Value = String> {
    let words = "ld .param .global .shared .b32 .b64 .u8 .s16 .pred .f32 .v2 .v4 mov add mul .wide \
        .lo .hi cvt .rn setp .lt .and selp bra bar .sync .reg .branchtargets %r1 %rd1 %p1 %f1 \
        %out %tid.x test_param_0 0 1 -1 0xffffffffffffffff 0f7fc00000 [ ] { } , ; : @ ! + - < > \
        = ( ) é /* // \" $L";
    let words: Vec<&str> = words.split(' ').chain([" ", "\n"]).collect();
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.concat())
}

/// Instructions that are mostly right, so that some of them run.
fn instructions() -> impl Strategy<Value = String> {
    let names = "add.s32 mul.wide.s32 mul.hi.u64 div.s64 rem.s32 shl.b64 shr.s16 bfe.s64 bfi.b32 \
        prmt.b32 shf.l.clamp.b32 lop3.b32 mov.b64 cvt.s8.s64 cvt.rni.s16.f32 cvt.rzi.u64.f64 \
        cvt.rn.f32.u8 fma.rn.f64 min.f32 neg.s64 abs.s64 clz.b64 setp.lt.s16 selp.b16 \
        ld.global.v2.b64 st.shared.b32 ld.s8 st.local.v4.b16 cvta.shared.u64 brx.idx bra bar.sync \
        brev.b8 popc.b8 not.b8 and.pred selp.pred neg.s8 mad.wide.s16 activemask.b32 bar.warp.sync \
        shfl.sync.up.b32 shfl.sync.idx.b32 vote.sync.ballot.b32 elect.sync fma.rm.f32 add.rp.f32 \
        ex2.approx.ftz.f32 cvt.sat.s8.u64 cvt.sat.f32.f32 max.NaN.f64 madc.hi.cc.s64 sub.cc.u32";
    let operands = "%r1|%rd1|%rs1|%p1|%f1|%fd1|%out|-1|64|0x8000000000000000|[%out+8]|[%rd1]|\
        [%r1+-9223372036854775807]|{%rd1, %rd2}|{%rs1, %rs2}|$L_end|$L_table|0f7f800000|_|%laneid";
    let name = prop::sample::select(names.split(' ').collect::<Vec<_>>());
    let operand = prop::sample::select(operands.split('|').collect::<Vec<_>>());
    let one = (name, prop::collection::vec(operand, 0..5), prop::bool::ANY);
    one.prop_map(|(name, operands, guarded)| {
        format!("\t{}{name} {};\n", if guarded { "@!%p1 " } else { "" }, operands.join(", "))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}") {
        let _ = Module::parse(&text);
        let _ = parsed(&text);
    }

    #[test]
    fn any_words_are_read_or_refused(text in words()) {
        let _ = Module::parse(&text);
        let _ = parsed(&text);
    }

    /// Each that is known is kept, as far as it can end.
    #[test]
    fn any_instructions_run_or_trap(list in prop::collection::vec(instructions(), 1..40)) {
        let around = |list: &str| format!(
            "\t.shared .align 8 .b8 s[16];\n\t.local .align 8 .b8 l[16];\n\
             $L_table: .branchtargets $L_end;\n{list}\n$L_end:"
        );
        let known: String = list.into_iter().filter(|one| parsed(&around(one)).is_ok()).collect();
        let module = parsed(&around(&known)).unwrap();
        let mut buffers = Buffers::default();
        buffers.add(vec![7; 32]);
        let _ = launched(module.kernel("test").unwrap(), 33, &buffers);
    }
}
