//! Sums of several words, by their carries.

use proptest::prelude::*;

use super::run;

/// Loads the words of two numbers of 128 bits, computes, and returns the first words left.
fn computed(a: u128, b: u128, body: &str) -> Vec<u64> {
    let mut text = String::new();
    for (first, number) in [(0, a), (4, b)] {
        for word in 0..4 {
            let value = (number >> (32 * word)) as u32;
            text += &format!("\tmov.b32 \t%r{}, {value:#x};\n", first + word);
        }
        text += &format!("\tmov.b64 \t%rd{}, {:#x};\n", first, number as u64);
        text += &format!("\tmov.b64 \t%rd{}, {:#x};\n", first + 1, (number >> 64) as u64);
    }
    run(&(text + body)).unwrap()
}

fn joined(words: &[u64]) -> u128 {
    u128::from(words[0]) | u128::from(words[1]) << 64
}

const STORED: &str = "\tst.global.v4.b32 \t[%out], {%r0, %r1, %r2, %r3};\n";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn four_words_add_and_subtract_as_one(a: u128, b: u128) {
        for (name, expected) in [("add", a.wrapping_add(b)), ("sub", a.wrapping_sub(b))] {
            let body = format!(
                "\t{name}.cc.u32 \t%r0, %r0, %r4;\n\t{name}c.cc.u32 \t%r1, %r1, %r5;\n\
                 \t{name}c.cc.s32 \t%r2, %r2, %r6;\n\t{name}c.u32 \t%r3, %r3, %r7;\n{STORED}"
            );
            prop_assert_eq!(joined(&computed(a, b, &body)), expected);
            let body = format!(
                "\t{name}.cc.u64 \t%rd0, %rd0, %rd4;\n\t{name}c.u64 \t%rd1, %rd1, %rd5;\n\
                 \tst.global.v2.b64 \t[%out], {{%rd0, %rd1}};"
            );
            prop_assert_eq!(joined(&computed(a, b, &body)), expected);
        }
    }

    #[test]
    fn words_multiply_with_their_carries(a: u64, b: u32, c: u128) {
        // The product of two words and one, added to a sum of three.
        let body = format!(
            "\tmad.lo.cc.u32 \t%r4, %r0, %r2, %r4;\n\tmadc.hi.cc.u32 \t%r5, %r0, %r2, %r5;\n\
             \taddc.u32 \t%r6, %r6, 0;\n\tmad.lo.cc.u32 \t%r5, %r1, %r2, %r5;\n\
             \tmadc.hi.u32 \t%r6, %r1, %r2, %r6;\n\tmov.b32 \t%r0, %r4;\n\
             \tmov.b32 \t%r1, %r5;\n\tmov.b32 \t%r2, %r6;\n\tmov.b32 \t%r3, 0;\n{STORED}"
        );
        let found = computed(u128::from(a) | u128::from(b) << 64, c, &body);
        let mask = (1 << 96) - 1;
        let product = u128::from(a) * u128::from(b);
        prop_assert_eq!(joined(&found), product.wrapping_add(c & mask) & mask);
    }
}

/// As LLVM leaves it where CubeCL asks for the two words of a product.
#[test]
fn a_product_and_a_sum_have_two_words() {
    let body = "\t{\n\tmad.lo.cc.u32   %r9, %r0, %r1, %r2;\n\tmadc.hi.u32     %r2, %r0, %r1,  0;\n\
         \t}\n\tst.global.v2.b32 \t[%out], {%r9, %r2};";
    let words = u128::from(u32::MAX);
    let found = computed(words | words << 32 | words << 64, 0, body);
    assert_eq!(found[0], u64::from(u32::MAX) * u64::from(u32::MAX) + u64::from(u32::MAX));
}

#[test]
fn the_high_word_of_a_signed_product_is_signed() {
    let body = "\tadd.cc.u32 \t%r9, %r0, %r0;\n\tmadc.hi.s32 \t%r9, %r0, %r1, 5;\n\
         \tst.global.b32 \t[%out], %r9;";
    // -1 times 1 is -1, whose high word is -1; the carry is one.
    assert_eq!(computed(0x1_ffff_ffff, 0, body)[0], 5);
}

#[test]
fn a_carry_remains_until_the_next_is_handed_on() {
    let body = "\tadd.cc.u32 \t_, %r0, 1;\n\tadd.s32 \t%r1, 1, 1;\n\taddc.u32 \t%r1, 0, 0;\n\
         \taddc.u32 \t%r2, 0, 0;\n\tst.global.v2.b32 \t[%out], {%r1, %r2};";
    assert_eq!(computed(u128::from(u32::MAX), 0, body)[0], 0x1_0000_0001);
}
