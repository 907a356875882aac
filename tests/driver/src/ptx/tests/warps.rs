//! Threads of a warp that wait for each other and exchange words.

use super::super::{Fault, Trap};
use super::{Buffers, launched, parsed};

/// Runs a body as so many threads, each of which has its number in `%r1`, and returns the `%r2`
/// that each of them leaves.
fn words(threads: u32, body: &str) -> Result<Vec<u32>, Trap> {
    let module = parsed(&format!(
        "\t.shared .align 4 .b8 words[256];\n\tmov.u32 \t%r1, %tid.x;\n\tmov.b32 \t%r2, 0;\n\
         \tmul.wide.u32 \t%rd9, %r1, 4;\n\tadd.s64 \t%rd9, %out, %rd9;\n{body}\n\
         \tst.global.b32 \t[%rd9], %r2;"
    ));
    let module = module.unwrap_or_else(|error| panic!("{error}"));
    let mut buffers = Buffers::default();
    buffers.add(vec![0xff; 4 * threads as usize]);
    launched(module.kernel("test").unwrap(), threads, &buffers)?;
    let bytes = buffers.0[0].borrow();
    Ok(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

#[test]
fn a_warp_sums_by_a_butterfly() {
    let mut body = "\tadd.s32 \t%r2, %r1, 0;\n".to_owned();
    for by in [1, 2, 4, 8, 16] {
        body += &format!(
            "\tactivemask.b32 \t%r3;\n\tshfl.sync.bfly.b32 \t%r4, %r2, {by}, 31, %r3;\n\
             \tadd.s32 \t%r2, %r2, %r4;\n"
        );
    }
    let expected: Vec<u32> =
        (0..96).map(|at| (0..32).map(|lane| at / 32 * 32 + lane).sum()).collect();
    assert_eq!(words(96, &body).unwrap(), expected);
}

/// Whence each lane reads, and whether it is in its own part of the warp.
fn shuffled(kind: &str, by: u32, division: u32) -> Vec<(u32, bool)> {
    let body = format!(
        "\tadd.s32 \t%r3, %r1, 100;\n\
         \tshfl.sync.{kind}.b32 \t%r2|%p1, %r3, {by}, {division}, 0xffffffff;\n\
         \tselp.b32 \t%r4, 1000, 0, %p1;\n\tadd.s32 \t%r2, %r2, %r4;"
    );
    let found = words(32, &body).unwrap();
    found.into_iter().map(|word| ((word - 100) % 1000, word >= 1000)).collect()
}

#[test]
fn a_shuffle_reads_within_its_part_of_the_warp() {
    let of = |place: &dyn Fn(i64) -> (i64, bool)| -> Vec<(u32, bool)> {
        (0..32).map(place).map(|(from, within)| (from as u32, within)).collect()
    };
    let choose = |lane, from, within| if within { (from, true) } else { (lane, false) };
    // Parts of eight lanes: the mask of the part, and the most of a lane in it.
    let (parts, parts_up) = (0x181f, 0x1800);
    assert_eq!(shuffled("down", 3, 31), of(&|lane| choose(lane, lane + 3, lane + 3 < 32)));
    assert_eq!(shuffled("down", 3, parts), of(&|lane| choose(lane, lane + 3, lane % 8 + 3 < 8)));
    assert_eq!(shuffled("up", 5, 0), of(&|lane| choose(lane, lane - 5, lane >= 5)));
    assert_eq!(shuffled("up", 5, parts_up), of(&|lane| choose(lane, lane - 5, lane % 8 >= 5)));
    assert_eq!(shuffled("bfly", 6, 31), of(&|lane| (lane ^ 6, true)));
    assert_eq!(shuffled("bfly", 6, 15), of(&|lane| choose(lane, lane ^ 6, lane < 16)));
    assert_eq!(shuffled("idx", 9, 31), of(&|_| (9, true)));
    assert_eq!(shuffled("idx", 5, parts), of(&|lane| (lane / 8 * 8 + 5, true)));
    assert_eq!(shuffled("idx", 40, 31), of(&|_| (8, true)));
    assert_eq!(shuffled("idx", 9, 7), of(&|lane| choose(lane, 9, false)));
}

#[test]
fn lanes_vote() {
    let vote = |name: &str, below: u32| {
        let body = format!(
            "\tsetp.lt.u32 \t%p1, %r1, {below};\n\tvote.sync.{name}.pred \t%p2, %p1, -1;\n\
             \tselp.b32 \t%r2, 1, 0, %p2;"
        );
        let found = words(40, &body).unwrap();
        assert!(found[..32].iter().all(|word| *word == found[0]), "{found:?}");
        assert!(found[32..].iter().all(|word| *word == found[32]), "{found:?}");
        (found[0], found[32])
    };
    assert_eq!((vote("all", 32), vote("all", 31), vote("all", 40)), ((1, 0), (0, 0), (1, 1)));
    assert_eq!((vote("any", 0), vote("any", 1), vote("any", 33)), ((0, 0), (1, 0), (1, 1)));
    assert_eq!((vote("uni", 0), vote("uni", 1), vote("uni", 33)), ((1, 1), (0, 1), (1, 0)));
    let body = "\tand.b32 \t%r3, %r1, 1;\n\tsetp.eq.b32 \t%p1, %r3, 1;\n\
         \tvote.sync.ballot.b32 \t%r2, %p1, -1;";
    let found = words(40, body).unwrap();
    assert_eq!((found[7], found[39]), (0xaaaa_aaaa, 0xaa));
}

#[test]
fn one_lane_of_a_mask_is_elected() {
    let body = "\tsetp.lt.u32 \t%p1, %r1, 4;\n\t@%p1 bra \t$L_end;\n\
         \telect.sync \t%r2|%p2, 0xfffffff0;\n\t@%p2 add.s32 \t%r2, %r2, 100;\n$L_end:";
    let found = words(32, body).unwrap();
    assert_eq!((&found[..4], found[4], &found[5..7]), (&[0; 4][..], 104, &[4, 4][..]));
}

/// Warp 0 sums what each warp has left in shared memory, as reductions of a block do.
#[test]
fn meetings_and_barriers_alternate() {
    let body = "\tshr.u32 \t%r5, %r1, 5;\n\tmul.wide.u32 \t%rd1, %r5, 4;\n\
         \tmov.b64 \t%rd2, words;\n\tadd.s64 \t%rd1, %rd2, %rd1;\n\
         \tsetp.gt.u32 \t%p1, %r1, 7;\n\tvote.sync.ballot.b32 \t%r3, %p1, -1;\n\
         \tpopc.b32 \t%r3, %r3;\n\tst.shared.b32 \t[%rd1], %r3;\n\tbar.sync \t0;\n\
         \tsetp.ne.b32 \t%p2, %r5, 0;\n\t@%p2 bra \t$L_end;\n\tmul.wide.u32 \t%rd1, %r1, 4;\n\
         \tadd.s64 \t%rd1, %rd2, %rd1;\n\tsetp.lt.u32 \t%p3, %r1, 3;\n\
         \t@%p3 ld.shared.b32 \t%r2, [%rd1];\n\tshfl.sync.bfly.b32 \t%r4, %r2, 1, 31, -1;\n\
         \tadd.s32 \t%r2, %r2, %r4;\n\tbar.warp.sync \t-1;\n\
         \tshfl.sync.bfly.b32 \t%r4, %r2, 2, 31, -1;\n\tadd.s32 \t%r2, %r2, %r4;\n\
         $L_end:\n\tbar.sync \t0;";
    let found = words(96, body).unwrap();
    assert_eq!((found[0], found[3], found[40]), (88, 88, 0));
}

#[test]
fn threads_of_a_warp_wait_for_what_others_store() {
    let body = "\tmul.wide.u32 \t%rd1, %r1, 4;\n\tmov.b64 \t%rd2, words;\n\
         \tadd.s64 \t%rd3, %rd2, %rd1;\n\tst.shared.b32 \t[%rd3], %r1;\n\
         \tbar.warp.sync \t0xffffffff;\n\tsub.s64 \t%rd3, %rd2, %rd1;\n\
         \tld.shared.b32 \t%r2, [%rd3+124];";
    assert_eq!(words(32, body).unwrap(), (0..32).rev().collect::<Vec<_>>());
}

#[test]
fn a_thread_that_ended_does_not_count() {
    let body = "\tsetp.eq.b32 \t%p1, %r1, 3;\n\t@%p1 exit;\n\tactivemask.b32 \t%r2;";
    let found = words(34, body).unwrap();
    assert_eq!((found[3], found[0], found[4], found[33]), (u32::MAX, !8, !8, 3));
}

#[test]
fn each_half_of_a_warp_exchanges_in_its_own_branch() {
    let body = "\tsetp.lt.u32 \t%p1, %r1, 16;\n\t@%p1 bra \t$L_low;\n\
         \tshfl.sync.idx.b32 \t%r2, %r1, 20, 31, 0xffff0000;\n\tbra.uni \t$L_end;\n\
         $L_low:\n\tshfl.sync.idx.b32 \t%r2, %r1, 2, 31, 0x0000ffff;\n$L_end:";
    let found = words(32, body).unwrap();
    assert_eq!((found[0], found[15], found[16], found[31]), (2, 2, 20, 20));
}

#[test]
fn those_who_never_come_are_noticed() {
    let apart = |there: &str, here: &str| {
        let body = format!(
            "\tsetp.eq.b32 \t%p1, %r1, 5;\n\t@%p1 bra \t$L_there;\n\t{here};\n\
             \tbra.uni \t$L_end;\n$L_there:\n\t{there};\n$L_end:"
        );
        words(32, &body).unwrap_err()
    };
    let trap = apart("bar.sync \t0", "activemask.b32 \t%r2");
    assert_eq!((trap.fault, trap.thread), (Fault::Warp, [0; 3]));
    assert!(trap.to_string().contains("never come"), "{trap}");
    let sum = "shfl.sync.bfly.b32 \t%r2, %r1, 1, 31, -1";
    assert_eq!(apart(sum, sum).fault, Fault::Warp);
    assert_eq!(apart("bar.sync \t0", "bar.warp.sync \t-1").fault, Fault::Warp);
    assert_eq!(apart("bar.warp.sync \t33", "bar.sync \t0").fault, Fault::Warp);
}

#[test]
fn a_lane_that_takes_no_part_gives_nothing() {
    let fault = |body: &str| words(32, body).unwrap_err().fault;
    assert_eq!(fault("\tbar.warp.sync \t0xfffffffe;"), Fault::Lane { lane: 0 });
    let body = "\tsetp.eq.b32 \t%p1, %r1, 3;\n\t@%p1 exit;\n\
         \tshfl.sync.idx.b32 \t%r2, %r1, 3, 31, -1;";
    assert_eq!(fault(body), Fault::Lane { lane: 3 });
}
