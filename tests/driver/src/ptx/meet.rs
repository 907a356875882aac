//! Brings the threads of a warp together that wait for each other.

use super::code::Op;
use super::execute::{Block, State};
use super::warp::{Meeting, Met, WARP};
use super::{Fault, Trap};

/// Names threads of a warp: the first of all, and which lanes.
#[derive(Clone, Copy)]
struct Lanes {
    first: usize,
    mask: u32,
}

impl Lanes {
    fn threads(self) -> impl Iterator<Item = usize> {
        (0..WARP).filter(move |lane| self.mask >> lane & 1 == 1).map(move |lane| self.first + lane)
    }
}

impl Block<'_> {
    /// Lets all threads go on whose meeting is complete. If there are none, all wait for ever.
    pub(super) fn meet(&mut self) -> Result<(), Trap> {
        let mut met = false;
        for first in (0..self.threads.len()).step_by(WARP) {
            let present = self.present(first);
            for thread in present.threads() {
                if let Some(members) = self.complete(thread, present)? {
                    self.exchange(thread, members)?;
                    met = true;
                }
            }
        }
        match self.threads.iter().position(|thread| thread.state == State::Meets) {
            Some(thread) if !met => {
                Err(self.trap(thread, self.threads[thread].at - 1, Fault::Warp))
            }
            _ => Ok(()),
        }
    }

    /// Returns the threads of a warp that have not ended.
    fn present(&self, first: usize) -> Lanes {
        let threads = self.threads[first..].iter().take(WARP).enumerate();
        let bits = threads.map(|(lane, thread)| u32::from(thread.state != State::Ended) << lane);
        Lanes { first, mask: bits.sum() }
    }

    fn meeting(&self, thread: usize) -> Option<&Meeting> {
        match &self.kernel.code[self.threads[thread].at.checked_sub(1)?] {
            Op::Meet(meeting) if self.threads[thread].state == State::Meets => Some(meeting),
            _ => None,
        }
    }

    /// Returns those that a thread waits for, itself among them.
    fn awaited(&self, thread: usize, meeting: &Meeting, present: Lanes) -> Lanes {
        let mask = meeting.mask.map_or(u32::MAX, |place| self.word(thread, place) as u32);
        Lanes { mask: mask & present.mask, ..present }
    }

    /// Returns those that meet with a thread, if all of them are there.
    fn complete(&self, thread: usize, present: Lanes) -> Result<Option<Lanes>, Trap> {
        let Some(meeting) = self.meeting(thread) else { return Ok(None) };
        let (at, awaited) = (self.threads[thread].at, self.awaited(thread, meeting, present));
        let lane = (thread % WARP) as u32;
        if awaited.mask >> lane & 1 == 0 {
            return Err(self.trap(thread, at - 1, Fault::Lane { lane }));
        }
        let came = awaited.threads().all(|other| {
            let same = self.meeting(other).filter(|_| self.threads[other].at == at);
            same.is_some_and(|same| self.awaited(other, same, present).mask == awaited.mask)
        });
        Ok(came.then_some(awaited))
    }

    /// Gives each of those that met its result.
    fn exchange(&mut self, thread: usize, members: Lanes) -> Result<(), Trap> {
        let kernel = self.kernel;
        let at = self.threads[thread].at - 1;
        let Op::Meet(meeting) = &kernel.code[at] else { return Ok(()) };
        let mut met = Met { members: members.mask, values: [0; WARP] };
        for member in members.threads() {
            met.values[member % WARP] = self.word(member, meeting.value);
        }
        for member in members.threads() {
            let own = meeting.own.map(|place| self.word(member, place));
            let results = meeting.exchange.result((member % WARP) as u32, own, &met);
            let results = results.map_err(|fault| self.trap(member, at, fault))?;
            for (place, word) in meeting.to.into_iter().zip(results) {
                *self.word_mut(member, place) = word;
            }
            self.threads[member].state = State::Runs;
        }
        Ok(())
    }

    fn word(&self, thread: usize, place: u32) -> u64 {
        self.frames[thread * self.kernel.frame.len() + place as usize]
    }

    fn word_mut(&mut self, thread: usize, place: u32) -> &mut u64 {
        &mut self.frames[thread * self.kernel.frame.len() + place as usize]
    }
}
