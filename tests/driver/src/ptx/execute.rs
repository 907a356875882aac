//! Runs a kernel: its blocks one after the other, the threads of a block by turns.

use super::code::{Op, SPECIAL};
use super::reach::{Spaces, Spans};
use super::space::SHARED_BYTES_MAX;
use super::warp::WARP;
use super::{Fault, Kernel, Memory, Trap};

/// Threads of a block, at most, as on NVIDIA's hardware.
const THREADS_MAX: u64 = 1024;
/// Branches back that the threads of a block take together, at most.
const TURNS_MAX: u64 = 1 << 23;
/// What stands in shared memory when a block begins: nothing that a kernel could mean.
const SHARED_PATTERN: u8 = 0xa5;

/// Says what a thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Runs,
    /// At the barrier of this number.
    Waits(u64),
    /// After an instruction that it executes together with others of its warp.
    Meets,
    Ended,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    /// The next instruction.
    pub(super) at: usize,
    pub(super) state: State,
}

/// Holds a block while it runs.
pub(super) struct Block<'a> {
    pub(super) kernel: &'a Kernel,
    params: &'a [u8],
    memory: Spans<'a>,
    /// How many blocks and threads, and which block this is.
    grid: [u32; 3],
    block: [u32; 3],
    index: [u32; 3],
    pub(super) threads: Vec<Thread>,
    /// Branches back so far.
    turns: u64,
    /// One after the other.
    pub(super) frames: Vec<u64>,
    shared: Vec<u8>,
    local: Vec<u8>,
}

/// Launches a kernel of so many blocks and threads a block.
pub(super) fn launch(
    kernel: &Kernel,
    [grid, block]: [[u32; 3]; 2],
    shared_byte_len: u32,
    params: &[u8],
    memory: &dyn Memory,
) -> Result<(), Trap> {
    let refused = |fault| trap(kernel, kernel.code.len() - 1, [[0; 3]; 2], fault);
    let expected = kernel.params_byte_len();
    if params.len() != expected {
        return Err(refused(Fault::Params { found: params.len(), expected }));
    }
    let threads = block.iter().fold(1u64, |all, side| all.saturating_mul(u64::from(*side)));
    let fits = (1..=THREADS_MAX).contains(&threads) && !grid.contains(&0);
    if !fits || u64::from(shared_byte_len) > SHARED_BYTES_MAX {
        return Err(refused(Fault::Shape));
    }
    let threads = threads as usize;
    let shared = match shared_byte_len {
        0 => kernel.shared_byte_len,
        dynamic => kernel.dynamic_start + dynamic as usize,
    };
    let mut running = Block {
        kernel,
        params,
        memory: Spans::new(memory),
        grid,
        block,
        index: [0; 3],
        threads: vec![Thread { at: 0, state: State::Runs }; threads],
        turns: 0,
        frames: vec![0; threads * kernel.frame.len()],
        shared: vec![0; shared],
        local: vec![0; threads * kernel.local_byte_len],
    };
    for z in 0..grid[2] {
        for y in 0..grid[1] {
            for x in 0..grid[0] {
                running.begin([x, y, z]);
                running.run()?;
            }
        }
    }
    Ok(())
}

fn trap(kernel: &Kernel, at: usize, [block, thread]: [[u32; 3]; 2], fault: Fault) -> Trap {
    let line = kernel.lines.get(at).copied().unwrap_or_default();
    Trap { kernel: kernel.name.clone(), line, block, thread, fault }
}

impl Block<'_> {
    /// Makes all threads stand before the first instruction.
    fn begin(&mut self, index: [u32; 3]) {
        self.index = index;
        self.threads.fill(Thread { at: 0, state: State::Runs });
        self.turns = 0;
        self.shared.fill(SHARED_PATTERN);
        for thread in 0..self.threads.len() {
            let len = self.kernel.frame.len();
            let place = self.place_of(thread);
            let frame = &mut self.frames[thread * len..][..len];
            frame.copy_from_slice(&self.kernel.frame);
            let sides = [place, self.block, self.index, self.grid].concat();
            let special = sides.into_iter().chain([(thread % WARP) as u32]);
            for (place, value) in frame[..SPECIAL.len()].iter_mut().zip(special) {
                *place = u64::from(value);
            }
        }
    }

    fn place_of(&self, thread: usize) -> [u32; 3] {
        let [x, y, _] = self.block;
        let thread = thread as u32;
        [thread % x, thread / x % y, thread / x / y]
    }

    /// Runs all threads to their end, from barrier to barrier, and within from meeting to meeting.
    fn run(&mut self) -> Result<(), Trap> {
        loop {
            for thread in 0..self.threads.len() {
                self.run_thread(thread)?;
            }
            let meets = |thread: &Thread| thread.state == State::Meets;
            if self.threads.iter().any(meets) {
                self.meet()?;
            } else if !self.pass_barrier()? {
                return Ok(());
            }
        }
    }

    /// Lets the threads at a barrier go on; says whether there are any.
    fn pass_barrier(&mut self) -> Result<bool, Trap> {
        let mut waiting = self.threads.iter().enumerate().filter_map(|(at, thread)| {
            if let State::Waits(barrier) = thread.state { Some((at, barrier)) } else { None }
        });
        let Some((_, first)) = waiting.next() else { return Ok(false) };
        // A thread that ended keeps nobody waiting.
        if let Some((other, _)) = waiting.find(|(_, barrier)| *barrier != first) {
            return Err(self.trap(other, self.threads[other].at - 1, Fault::Barrier));
        }
        for thread in &mut self.threads {
            if thread.state != State::Ended {
                thread.state = State::Runs;
            }
        }
        Ok(true)
    }

    pub(super) fn trap(&self, thread: usize, at: usize, fault: Fault) -> Trap {
        trap(self.kernel, at, [self.index, self.place_of(thread)], fault)
    }

    /// Runs a thread to its next barrier or its end.
    fn run_thread(&mut self, thread: usize) -> Result<(), Trap> {
        let Thread { mut at, state } = self.threads[thread];
        if state != State::Runs {
            return Ok(());
        }
        let (len, local_len) = (self.kernel.frame.len(), self.kernel.local_byte_len);
        let frame = &mut self.frames[thread * len..][..len];
        let mut spaces = Spaces {
            memory: &mut self.memory,
            data: &self.kernel.data,
            params: self.params,
            shared: &mut self.shared,
            local: &mut self.local[thread * local_len..][..local_len],
        };
        let ran = run(&self.kernel.code, &mut at, &mut self.turns, frame, &mut spaces);
        let state = ran.map_err(|fault| self.trap(thread, at - 1, fault))?;
        self.threads[thread] = Thread { at, state };
        Ok(())
    }
}

/// Says what comes after an instruction.
enum Next {
    Following,
    At(u32),
    Not(State),
}

/// Runs instructions from `at` on until the thread waits or ends. Afterwards `at` is after the
/// last one, also after one at fault.
fn run(
    code: &[Op],
    at: &mut usize,
    turns: &mut u64,
    frame: &mut [u64],
    spaces: &mut Spaces<'_, '_>,
) -> Result<State, Fault> {
    loop {
        let op = &code[*at];
        *at += 1;
        match step(op, frame, spaces)? {
            Next::Following => {}
            Next::At(target) => {
                *turns += u64::from((target as usize) < *at);
                if *turns > TURNS_MAX {
                    return Err(Fault::Endless);
                }
                *at = target as usize;
            }
            Next::Not(state) => return Ok(state),
        }
    }
}

/// Runs one instruction. A part of the loop: a call for each would cost as much as the rest.
#[inline(always)]
fn step(op: &Op, frame: &mut [u64], spaces: &mut Spaces<'_, '_>) -> Result<Next, Fault> {
    match *op {
        Op::Copy { to, from } => frame[to as usize] = frame[from as usize],
        Op::Unary { apply, to, a } => frame[to as usize] = apply(frame[a as usize]),
        Op::Binary { apply, to, a, b } => {
            frame[to as usize] = apply(frame[a as usize], frame[b as usize]);
        }
        Op::Ternary { apply, to, a, b, c } => {
            let value = apply(frame[a as usize], frame[b as usize], frame[c as usize]);
            frame[to as usize] = value;
        }
        Op::Quaternary { apply, to, ref from } => {
            let [a, b, c, d] = from.map(|place| frame[place as usize]);
            frame[to as usize] = apply(a, b, c, d);
        }
        Op::Load { to, ref access } => {
            frame[to as usize] = spaces.load(access, frame[access.base as usize])?;
        }
        Op::Store { from, ref access } => {
            spaces.store(access, frame[access.base as usize], frame[from as usize])?;
        }
        Op::Branch { target } => return Ok(Next::At(target)),
        Op::BranchIf { predicate, holds, target } => {
            if (frame[predicate as usize] & 1 == 1) == holds {
                return Ok(Next::At(target));
            }
        }
        Op::Switch { index, ref targets } => {
            let index = frame[index as usize];
            let target = usize::try_from(index).ok().and_then(|index| targets.get(index));
            return target.copied().map(Next::At).ok_or(Fault::Switch { index });
        }
        Op::Barrier { id } => return Ok(Next::Not(State::Waits(frame[id as usize]))),
        Op::Meet(_) => return Ok(Next::Not(State::Meets)),
        Op::Trap => return Err(Fault::Asked),
        Op::End => return Ok(Next::Not(State::Ended)),
    }
    Ok(Next::Following)
}
