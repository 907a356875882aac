//! Branches, loops, barriers, and launches of many threads.

use super::super::{Fault, Module};
use super::{Buffers, FIRST_ADDRESS, launched, parsed, run};

#[test]
fn a_loop_runs_to_its_condition() {
    let found = run("\tmov.b64 \t%rd1, 0;\n\tmov.b32 \t%r1, 0;\n\
         $L__BB0_1:                              // %loop\n\
         \t.pragma \"nounroll\";\n\
         \tmul.wide.u32 \t%rd2, %r1, %r1;\n\
         \tadd.s64 \t%rd1, %rd1, %rd2;\n\
         \tadd.s32 \t%r1, %r1, 1;\n\
         \tsetp.ne.b32 \t%p1, %r1, 100;\n\
         \t@%p1 bra \t$L__BB0_1;\n\
         \tbra.uni \t$L__BB0_3;\n\
         $L__BB0_2:\n\tmov.b64 \t%rd1, 1;\n\
         $L__BB0_3:\n\tst.global.b64 \t[%out], %rd1;")
    .unwrap();
    assert_eq!(found[0], (0..100).map(|at| at * at).sum::<u64>());
}

#[test]
fn a_predicate_guards_any_instruction() {
    let found = run("\tsetp.eq.b32 \t%p1, 1, 1;\n\tmov.b64 \t%rd1, 1;\n\
         \t@%p1 mov.b64 \t%rd1, 2;\n\t@!%p1 mov.b64 \t%rd1, 3;\n\
         \tst.global.b64 \t[%out], %rd1;\n\t@%p1 ret;\n\tst.global.b64 \t[%out], 4;")
    .unwrap();
    assert_eq!(found[0], 2);
}

#[test]
fn a_table_of_branches_is_one_instruction() {
    let body = |index: u32| {
        format!(
            "\tmov.b32 \t%r1, {index};\n$L_brx_0: .branchtargets\n\t$L__BB0_1,\n\t$L__BB0_2;\n\
             \tbrx.idx \t%r1, $L_brx_0;\n\
             $L__BB0_1:\n\tst.global.b64 \t[%out], 10;\n\tret;\n\
             $L__BB0_2:\n\tst.global.b64 \t[%out], 20;\n"
        )
    };
    assert_eq!(run(&body(0)).unwrap()[0], 10);
    assert_eq!(run(&body(1)).unwrap()[0], 20);
    assert_eq!(run(&body(2)).unwrap_err().fault, Fault::Switch { index: 2 });
}

#[test]
fn threads_and_blocks_know_their_places() {
    let module = parsed(
        "\tmov.u32 \t%r1, %ctaid.x;\n\tmov.u32 \t%r2, %ntid.x;\n\tmov.u32 \t%r3, %tid.x;\n\
         \tmad.lo.s32 \t%r4, %r1, %r2, %r3;\n\tmov.u32 \t%r5, %ctaid.y;\n\
         \tmov.u32 \t%r6, %nctaid.x;\n\tmul.lo.s32 \t%r7, %r5, %r6;\n\
         \tmad.lo.s32 \t%r8, %r7, %r2, %r4;\n\tmul.wide.u32 \t%rd1, %r8, 4;\n\
         \tadd.s64 \t%rd2, %out, %rd1;\n\tst.global.u32 \t[%rd2], %r8;",
    )
    .unwrap();
    let mut buffers = Buffers::default();
    buffers.add(vec![0xff; 4 * 3 * 2 * 40]);
    let kernel = module.kernel("test").unwrap();
    kernel.launch([3, 2, 1], [40, 1, 1], 0, &FIRST_ADDRESS.to_le_bytes(), &buffers).unwrap();
    let expected: Vec<u8> = (0..240u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(*buffers.0[0].borrow(), expected);
}

/// Sums the squares of 256 thread numbers by halves; the array is static, or as a launch says.
fn tree(shared: &str) -> String {
    format!(
        "{shared}\n.visible .entry tree(\n\t.param .u64 tree_param_0\n)\n.maxntid 256\n{{\n\
         \t.reg .pred \t%p<4>;\n\t.reg .b32 \t%r<9>;\n\t.reg .b64 \t%rd<12>;\n\
         \tld.param.b64 \t%rd1, [tree_param_0];\n\tmov.u32 \t%r1, %tid.x;\n\
         \tmul.wide.u32 \t%rd2, %r1, 8;\n\tmov.b64 \t%rd3, cube_shared;\n\
         \tcvta.shared.u64 \t%rd11, %rd3;\n\tadd.s64 \t%rd4, %rd3, %rd2;\n\
         \tadd.s64 \t%rd10, %rd11, %rd2;\n\tmul.wide.u32 \t%rd5, %r1, %r1;\n\
         \tst.b64 \t[%rd10], %rd5;\n\tbar.sync \t0;\n\tmov.b32 \t%r2, 128;\n\
         $L__BB0_1:\n\tsetp.ge.u32 \t%p1, %r1, %r2;\n\t@%p1 bra \t$L__BB0_3;\n\
         \tmul.wide.u32 \t%rd6, %r2, 8;\n\tadd.s64 \t%rd7, %rd4, %rd6;\n\
         \tld.shared.b64 \t%rd8, [%rd7];\n\tadd.s64 \t%rd5, %rd5, %rd8;\n\
         \tst.shared.b64 \t[%rd4], %rd5;\n\
         $L__BB0_3:\n\tfence.acq_rel.gpu;\n\tbarrier.sync \t0;\n\tshr.u32 \t%r2, %r2, 1;\n\
         \tsetp.ne.b32 \t%p2, %r2, 0;\n\t@%p2 bra \t$L__BB0_1;\n\
         \tsetp.ne.b32 \t%p3, %r1, 0;\n\t@%p3 ret;\n\
         \tst.global.b64 \t[%rd1], %rd5;\n\tret;\n}}\n"
    )
}

#[test]
fn threads_sum_as_a_tree_over_barriers() {
    let shared = [
        (".shared .align 8 .b8 cube_shared[2048];", 0),
        (".extern .shared .align 16 .b8 cube_shared[];", 2048),
    ];
    for (shared, dynamic_byte_len) in shared {
        let module = Module::parse(&tree(shared)).unwrap();
        let mut buffers = Buffers::default();
        buffers.add(vec![0; 8]);
        let kernel = module.kernel("tree").unwrap();
        let address = FIRST_ADDRESS.to_le_bytes();
        kernel.launch([2, 1, 1], [256, 1, 1], dynamic_byte_len, &address, &buffers).unwrap();
        assert_eq!(buffers.words(0), [(0..256).map(|at| at * at).sum::<u64>()]);
    }
}

#[test]
fn a_thread_that_ended_keeps_nobody_waiting() {
    let module = parsed(
        "\tmov.u32 \t%r1, %tid.x;\n\tsetp.eq.b32 \t%p1, %r1, 0;\n\t@%p1 exit;\n\
         \tbar.sync \t0;\n\tbar.sync \t0;\n\tmul.wide.u32 \t%rd1, %r1, 8;\n\
         \tadd.s64 \t%rd2, %out, %rd1;\n\tst.global.b64 \t[%rd2], 5;",
    )
    .unwrap();
    let mut buffers = Buffers::default();
    buffers.add(vec![0; 8 * 4]);
    launched(module.kernel("test").unwrap(), 4, &buffers).unwrap();
    assert_eq!(buffers.words(0), [0, 5, 5, 5]);
}

#[test]
fn a_loop_without_an_end_is_a_trap() {
    for body in ["$L_1:\n\tbra.uni \t$L_1;", "$L_1:\n\tbar.sync \t0;\n\tbra.uni \t$L_1;"] {
        assert_eq!(run(body).unwrap_err().fault, Fault::Endless);
    }
}

#[test]
fn threads_at_different_barriers_wait_for_ever() {
    let module = parsed(
        "\tmov.u32 \t%r1, %tid.x;\n\tsetp.eq.b32 \t%p1, %r1, 3;\n\t@%p1 bra \t$L__BB0_2;\n\
         \tbar.sync \t0;\n\tret;\n$L__BB0_2:\n\tbar.sync \t1;",
    )
    .unwrap();
    let mut buffers = Buffers::default();
    buffers.add(vec![0; 8]);
    let trap = launched(module.kernel("test").unwrap(), 64, &buffers).unwrap_err();
    assert_eq!((trap.fault, trap.thread), (Fault::Barrier, [3, 0, 0]));
    assert!(trap.to_string().contains("wait at different barriers"), "{trap}");
}

#[test]
fn a_trap_of_the_kernels_own_ends_it() {
    assert_eq!(run("\ttrap;\n\texit;").unwrap_err().fault, Fault::Asked);
}

#[test]
fn what_cannot_be_launched_is_refused() {
    let module = parsed("").unwrap();
    let kernel = module.kernel("test").unwrap();
    let buffers = Buffers::default();
    for (grid, block) in [([0, 1, 1], [1; 3]), ([1; 3], [0, 1, 1]), ([1; 3], [1025, 1, 1])] {
        let refused = kernel.launch(grid, block, 0, &[0; 8], &buffers).unwrap_err();
        assert_eq!(refused.fault, Fault::Shape);
    }
    let refused = kernel.launch([1; 3], [1; 3], 0, &[0; 7], &buffers).unwrap_err();
    assert_eq!(refused.fault, Fault::Params { found: 7, expected: 8 });
}
