//! Loads and stores, and what they may not reach.

use std::cell::Cell;

use super::super::{Fault, Memory, Module, Space};
use super::{Buffers, FIRST_ADDRESS, launched, parsed, run};

#[test]
fn loads_and_stores_are_as_wide_as_they_say() {
    let found = run("\tmov.b64 \t%rd1, 0x1122334455667788;\n\
         \tst.global.b64 \t[%out], %rd1;\n\
         \tst.global.b8 \t[%out+1], 0xff;\n\tst.global.u16 \t[%out+4], -2;\n\
         \tld.global.nc.s8 \t%r1, [%out+1];\n\tld.global.u8 \t%r2, [%out+1];\n\
         \tst.global.v2.b32 \t[%out+8], {%r1, %r2};\n\
         \tadd.s64 \t%rd2, %out, 24;\n\
         \tld.global.s16 \t%rd3, [%rd2+-20];\n\tst.global.b64 \t[%rd2+-8], %rd3;\n\
         \tld.b32 \t%r3, [%out];\n\tst.b32 \t[%rd2], %r3;")
    .unwrap();
    assert_eq!(found[0], 0x1122_fffe_5566_ff88);
    assert_eq!(found[1], 0xff_ffff_ffff);
    assert_eq!(found[2], 2u64.wrapping_neg());
    assert_eq!(found[3], 0x5566_ff88);
}

#[test]
fn a_vector_may_replace_its_address() {
    let found = run("\tst.global.v2.b64 \t[%out], {3, 4};\n\tmov.b64 \t%rd1, %out;\n\
         \tld.global.v2.b64 \t{%rd1, %rd2}, [%rd1];\n\
         \tst.global.v2.u64 \t[%out+16], {%rd2, %rd1};\n\
         \tld.volatile.global.v4.b32 \t{%r1, _, %r2, %r3}, [%out];\n\
         \tst.global.v4.b32 \t[%out+32], {%r1, %r2, %r3, %r1};")
    .unwrap();
    assert_eq!(found[..6], [3, 4, 4, 3, 3 | 4 << 32, 3 << 32]);
}

#[test]
fn parameters_are_laid_out_by_their_alignment() {
    let text = ".visible .entry sum(\n\t.param .u64 .ptr .global .align 4 sum_param_0,\n\
         \t.param .u32 sum_param_1,\n\t.param .align 8 .b8 sum_param_2[24],\n\
         \t.param .b16 sum_param_3\n)\n{\n\t.reg .b16 %rs<2>;\n\t.reg .b32 %r<9>;\n\
         \t.reg .b64 %rd<9>;\n\tld.param.b64 %rd1, [sum_param_0];\n\
         \tld.param.b32 %r1, [sum_param_1];\n\tld.param.v2.b64 {%rd2, %rd3}, [sum_param_2];\n\
         \tmov.b64 %rd4, sum_param_2;\n\tcvta.param.u64 %rd5, %rd4;\n\
         \tld.b64 %rd6, [%rd5+16];\n\tld.param.u16 %r2, [sum_param_3];\n\
         \tst.global.b64 [%rd1], %rd2;\n\tst.global.b64 [%rd1+8], %rd3;\n\
         \tst.global.b64 [%rd1+16], %rd6;\n\tst.global.v2.b32 [%rd1+24], {%r1, %r2};\n\tret;\n}\n";
    let module = Module::parse(text).unwrap();
    assert_eq!(module.kernels().collect::<Vec<_>>(), ["sum"]);
    let kernel = module.kernel("sum").unwrap();
    assert_eq!(kernel.param_sizes().collect::<Vec<_>>(), [8, 4, 24, 2]);
    let mut buffers = Buffers::default();
    let address = buffers.add(vec![0; 32]).to_le_bytes();
    let words: Vec<u8> = [5u64, 6, 7].iter().flat_map(|word| word.to_le_bytes()).collect();
    let values: [&[u8]; 4] = [&address, &[9, 0, 0, 0], &words, &[3, 1]];
    let params = kernel.pack(&values).unwrap();
    assert_eq!(params.len(), 42);
    kernel.launch([1; 3], [1; 3], 0, &params, &buffers).unwrap();
    assert_eq!(buffers.words(0), [5, 6, 7, 9 | 0x103 << 32]);
    assert!(kernel.pack(&values[..3]).is_none());
    assert!(kernel.pack(&[&address, &[9], &words, &[3, 1]]).is_none());
}

#[test]
fn what_a_pointer_points_to_does_not_align_the_pointer() {
    let text = ".entry k(\n\t.param .b16 a,\n\t.param .u64 .ptr .align 1 b,\n\
         \t.param .u32 .ptr .shared .align 64 c\n)\n{\n\tret;\n}\n";
    let module = Module::parse(text).unwrap();
    let params = module.kernel("k").unwrap().pack(&[&[1; 2], &[2; 8], &[3; 4]]).unwrap();
    assert_eq!(params, [[1, 1, 0, 0, 0, 0, 0, 0].as_slice(), &[2; 8], &[3; 4]].concat());
}

/// The second block finds nothing that the first left.
#[test]
fn shared_memory_begins_anew_in_every_block() {
    let module = Module::parse(
        ".extern .shared .align 32 .b8 dynamic[];\n.shared .align 4 .b8 own[20];\n\
         .visible .entry test(.param .u64 out)\n{\n\t.reg .b32 %r<9>;\n\t.reg .b64 %rd<9>;\n\
         \tld.param.b64 %rd1, [out];\n\tmov.u32 %r1, %ctaid.x;\n\
         \tmul.wide.u32 %rd2, %r1, 16;\n\tadd.s64 %rd3, %rd1, %rd2;\n\
         \tld.shared::cta.b32 %r2, [own+16];\n\tst.shared.v4.b32 [dynamic], {1, 2, 3, 4};\n\
         \tst.shared.b32 [own+16], 9;\n\tld.shared.b32 %r3, [dynamic];\n\
         \tmov.b32 %r4, dynamic;\n\tld.shared.b32 %r5, [own+16];\n\
         \tst.global.L1::no_allocate.v4.b32 [%rd3], {%r2, %r3, %r4, %r5};\n\tret;\n}",
    )
    .unwrap();
    let mut buffers = Buffers::default();
    let address = buffers.add(vec![0; 32]).to_le_bytes();
    let kernel = module.kernel("test").unwrap();
    kernel.launch([2, 1, 1], [1; 3], 16, &address, &buffers).unwrap();
    assert_eq!(buffers.words(0), [0x1_a5a5_a5a5, 32 | 9 << 32].repeat(2));
    // Without a length of the launch, there is none.
    let trap = kernel.launch([1; 3], [1; 3], 0, &address, &buffers).unwrap_err();
    assert_eq!(trap.fault, Fault::Store { space: Space::Shared, address: 32, byte_len: 4 });
}

#[test]
fn the_innermost_declaration_of_a_register_counts() {
    let found = run("\t.reg .b32 \ttmp;\n\tmov.b32 \ttmp, 5;\n\t{\n\t.reg .b64 \ttmp;\n\
         \tmov.b64 \ttmp, -1;\n\tst.global.b64 \t[%out], tmp;\n\t}\n\
         \tst.global.b32 \t[%out+8], tmp;")
    .unwrap();
    assert_eq!(found[..2], [u64::MAX, 5]);
}

#[test]
fn a_module_has_variables_and_a_thread_its_own() {
    let module = Module::parse(
        ".global .align 4 .b8 bytes[6] = {1, 2, 0xff, -1};\n\
         .const .align 8 .u32 numbers[2] = {7, 8};\n.global .u64 one = 5;\n\
         .visible .entry test(.param .u64 out)\n{\n\
         \t.local .align 8 .b8 \t__local_depot0[16];\n\t.reg .b64 \t%SP;\n\t.reg .b64 \t%SPL;\n\
         \t.reg .b32 %r<9>;\n\t.reg .b64 %rd<9>;\n\
         \tmov.b64 \t%SPL, __local_depot0;\n\tcvta.local.u64 \t%SP, %SPL;\n\
         \tld.param.b64 %rd1, [out];\n\tmov.u32 %r1, %tid.x;\n\
         \tst.local.b32 [%SPL+4], %r1;\n\tst.b32 [%SP], 4;\n\tbar.sync 0;\n\
         \tld.local.b64 %rd2, [%SPL];\n\tmul.wide.u32 %rd3, %r1, 8;\n\
         \tadd.s64 %rd4, %rd1, %rd3;\n\tst.global.b64 [%rd4], %rd2;\n\
         \tld.global.nc.b32 %r2, [bytes];\n\tld.const.b32 %r3, [numbers+4];\n\
         \tld.global.b64 %rd5, [one];\n\tst.global.v2.b32 [%rd1+16], {%r2, %r3};\n\
         \tst.global.b64 [%rd1+24], %rd5;\n\tret;\n}",
    )
    .unwrap();
    let mut buffers = Buffers::default();
    buffers.add(vec![0; 32]);
    launched(module.kernel("test").unwrap(), 2, &buffers).unwrap();
    assert_eq!(buffers.words(0), [4, 4 | 1 << 32, 0xffff_0201 | 8 << 32, 5]);
}

#[test]
fn an_access_outside_of_an_allocation_is_a_trap() {
    let module = parsed(
        "\tmov.u32 \t%r1, %tid.x;\n\tmul.wide.u32 \t%rd1, %r1, 8;\n\
         \tadd.s64 \t%rd2, %out, %rd1;\n\tst.global.b64 \t[%rd2], %rd1;",
    )
    .unwrap();
    let mut buffers = Buffers::default();
    buffers.add(vec![0; 10 * 8 + 4]);
    let trap = launched(module.kernel("test").unwrap(), 16, &buffers).unwrap_err();
    let address = FIRST_ADDRESS + 80;
    assert_eq!(trap.fault, Fault::Store { space: Space::Global, address, byte_len: 8 });
    assert_eq!((trap.thread, trap.kernel.as_str()), ([10, 0, 0], "test"));
    let line = super::text_of("").lines().position(|line| line.contains("cvta.to")).unwrap();
    assert_eq!(trap.line as usize, line + 1 + 4);
    let said = trap.to_string();
    assert!(
        said.contains("0x7f0000000050") && said.contains(&format!("line {}", trap.line)),
        "{said}"
    );
}

#[test]
fn no_space_reaches_beyond_its_end() {
    let fault = |body: &str| run(body).unwrap_err().fault;
    let outside = |space, address, byte_len| Fault::Load { space, address, byte_len };
    assert_eq!(fault("\tld.global.b32 \t%r1, [%rd1];"), outside(Space::Global, 0, 4));
    assert_eq!(
        fault(
            "\t.shared .align 8 .b8 a[12];\n\tmov.b64 \t%rd1, a;\n\tld.shared.b64 \t%rd2, [%rd1+8];"
        ),
        outside(Space::Shared, 8, 8)
    );
    assert_eq!(fault("\tld.param.b64 \t%rd1, [test_param_0+8];"), outside(Space::Param, 8, 8));
    assert_eq!(
        fault("\tmov.b64 \t%rd1, -8;\n\tld.local.b64 \t%rd1, [%rd1];"),
        outside(Space::Local, 8u64.wrapping_neg(), 8)
    );
    assert_eq!(
        fault("\tst.param.b64 \t[test_param_0], 5;"),
        Fault::Store { space: Space::Param, address: 0, byte_len: 8 }
    );
    assert_eq!(
        fault("\tadd.s64 \t%rd1, %out, 4;\n\tld.global.b64 \t%rd2, [%rd1];"),
        Fault::Misaligned { address: FIRST_ADDRESS + 4, align: 8 }
    );
    assert_eq!(
        fault("\tld.global.v2.b64 \t{%rd1, %rd2}, [%out+8];"),
        Fault::Misaligned { address: FIRST_ADDRESS + 8, align: 16 }
    );
}

/// Two allocations that lie side by side, whose bytes are handed out.
struct Open([Vec<Cell<u8>>; 2]);

impl Memory for Open {
    fn load(&self, _: u64, _: usize) -> Option<u64> {
        None
    }

    fn store(&self, _: u64, _: usize, _: u64) -> Option<()> {
        None
    }

    fn span(&self, address: u64) -> Option<(u64, &[Cell<u8>])> {
        let found = self.0.iter().zip([FIRST_ADDRESS, FIRST_ADDRESS + 32]);
        let found = found.map(|(bytes, start)| (start, &bytes[..]));
        found
            .into_iter()
            .find(|(start, bytes)| (*start..start + bytes.len() as u64).contains(&address))
    }
}

#[test]
fn bytes_that_are_handed_out_need_no_call() {
    let ran = |body: &str| {
        let memory = Open([32, 16].map(|len| vec![Cell::new(7); len]));
        let module = parsed(body).unwrap();
        let address = FIRST_ADDRESS.to_le_bytes();
        let kernel = module.kernel("test").unwrap();
        let ended = kernel.launch([1; 3], [1; 3], 0, &address, &memory);
        ended.map(|()| memory.0.map(|bytes| bytes.iter().map(Cell::get).collect::<Vec<_>>()))
    };
    // One register points to one allocation, to the other, and back.
    let body = "\tadd.s64 \t%rd1, %out, 32;\n\tmov.b64 \t%rd2, %out;\n\tmov.b32 \t%r1, 0;\n\
         $L_1:\n\tst.global.b8 \t[%rd2], 1;\n\tst.global.b16 \t[%rd2+2], 0x302;\n\
         \tld.global.b32 \t%r2, [%rd2];\n\tst.global.b32 \t[%rd2+4], %r2;\n\
         \tld.global.b64 \t%rd3, [%rd2];\n\tst.global.b64 \t[%rd2+8], %rd3;\n\
         \tld.global.u8 \t%r3, [%rd2+15];\n\tld.global.s16 \t%r4, [%rd2+6];\n\
         \tadd.s32 \t%r1, %r1, 1;\n\txor.b64 \t%rd2, %rd2, 32;\n\
         \tsetp.lt.u32 \t%p1, %r1, 3;\n\t@%p1 bra \t$L_1;\n\
         \tst.global.v2.b32 \t[%out+16], {%r3, %r4};";
    let [first, second] = ran(body).unwrap();
    assert_eq!(second, [1, 7, 2, 3].repeat(4));
    assert_eq!(first[..16], second);
    assert_eq!(first[16..], [3, 0, 0, 0, 2, 3, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7]);
    for (body, address) in [
        ("\tst.global.b8 \t[%out+31], 1;\n\tst.global.b8 \t[%out+48], 1;", FIRST_ADDRESS + 48),
        ("\tadd.s64 \t%rd1, %out, -4;\n\tst.global.b8 \t[%rd1], 1;", FIRST_ADDRESS - 4),
    ] {
        let fault = ran(body).unwrap_err().fault;
        assert_eq!(fault, Fault::Store { space: Space::Global, address, byte_len: 1 });
    }
    // What begins in one allocation does not end in the next.
    let memory = Open([30, 16].map(|len| vec![Cell::new(7); len]));
    let module = parsed("\tld.global.b32 \t%r1, [%out+28];").unwrap();
    let kernel = module.kernel("test").unwrap();
    let trap = kernel.launch([1; 3], [1; 3], 0, &FIRST_ADDRESS.to_le_bytes(), &memory).unwrap_err();
    assert!(matches!(trap.fault, Fault::Load { byte_len: 4, .. }), "{trap}");
}
