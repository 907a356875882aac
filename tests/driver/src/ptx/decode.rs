//! Turns the instructions of a kernel's text into those that are executed.

use super::arithmetic::{self, Binary, Quaternary, Ternary, Unary};
use super::carry::carrying;
use super::code::{CARRY, NEXT_CARRY, Op, Place, SCRATCH};
use super::convert::conversion;
use super::float;
use super::lex::Token;
use super::names::Names;
use super::operand::{Opcode, Operand, access, operands};
use super::space::Space;
use super::types::{Kind, Type, number};
use super::warp::Meeting;

/// Collects the code of a kernel.
pub(super) struct Decoder {
    pub(super) names: Names,
    pub(super) code: Vec<Op>,
    /// By instruction, the line that it comes from.
    pub(super) lines: Vec<u32>,
}

/// Computes a result from so many operands.
enum Function {
    Unary(Unary),
    Binary(Binary),
    Ternary(Ternary),
    Quaternary(Quaternary),
}

impl Function {
    fn of(name: &str, of: Type, operands: usize) -> Option<Self> {
        match operands {
            1 => arithmetic::unary(name, of).map(Self::Unary),
            2 => arithmetic::binary(name, of).map(Self::Binary),
            3 => arithmetic::ternary(name, of).map(Self::Ternary),
            4 => arithmetic::quaternary(name, of).map(Self::Quaternary),
            _ => None,
        }
    }

    fn op(self, to: Place, from: &[Place]) -> Option<Op> {
        Some(match (self, from) {
            (Self::Unary(apply), &[a]) => Op::Unary { apply, to, a },
            (Self::Binary(apply), &[a, b]) => Op::Binary { apply, to, a, b },
            (Self::Ternary(apply), &[a, b, c]) => Op::Ternary { apply, to, a, b, c },
            (Self::Quaternary(apply), &[a, b, c, d]) => {
                Op::Quaternary { apply, to, from: Box::new([a, b, c, d]) }
            }
            _ => return None,
        })
    }
}

/// None means that the instruction is not known, which the caller says with its name.
pub(super) type Decoded<T> = Result<Option<T>, String>;

impl Decoder {
    /// Decodes a statement that is an instruction. The error names it and its line.
    pub(super) fn instruction(&mut self, tokens: &[Token<'_>]) -> Result<(), String> {
        let Some(first) = tokens.first() else { return Ok(()) };
        let line = first.line;
        let before = self.code.len();
        let whole = || tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" ");
        let decoded = self.guarded(tokens);
        self.lines.resize(self.lines.len() + self.code.len() - before, line);
        match decoded {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(format!("line {line}: the instruction `{}` is not known", whole())),
            Err(error) => Err(format!("line {line}: {error} in `{}`", whole())),
        }
    }

    /// Skips the instruction where its predicate says so; a branch looks at it itself.
    fn guarded(&mut self, tokens: &[Token<'_>]) -> Decoded<()> {
        if tokens[0].text != "@" {
            return self.plain(tokens, None);
        }
        let holds = tokens.get(1).is_none_or(|token| token.text != "!");
        let at = if holds { 1 } else { 2 };
        let name = tokens.get(at).map_or("", |token| token.text);
        let predicate = self.names.target(name)?.0;
        let rest = tokens.get(at + 1..).unwrap_or_default();
        if rest.first().is_some_and(|token| token.text.split('.').next() == Some("bra")) {
            return self.plain(rest, Some((predicate, holds)));
        }
        let after = self.names.new_label();
        self.code.push(Op::BranchIf { predicate, holds: !holds, target: after });
        let decoded = self.plain(rest, None)?;
        self.names.place_label(after, self.code.len())?;
        Ok(decoded)
    }

    fn plain(&mut self, tokens: &[Token<'_>], guard: Option<(Place, bool)>) -> Decoded<()> {
        let Some((first, rest)) = tokens.split_first() else { return Ok(None) };
        let opcode = Opcode::read(first.text);
        let Some(operands) = operands(rest) else { return Ok(None) };
        match opcode.name {
            "bra" => self.branch(&operands, guard),
            "brx" => self.switch(&opcode, &operands),
            "ret" | "exit" => Ok(self.alone(&opcode, &operands, Op::End)),
            "trap" => Ok(self.alone(&opcode, &operands, Op::Trap)),
            "bar" if opcode.modifiers.contains(&"warp") => self.meet(&opcode, &operands),
            "activemask" | "elect" | "shfl" | "vote" => self.meet(&opcode, &operands),
            "bar" | "barrier" => self.barrier(&opcode, &operands),
            // One thread runs at a time, and sees what all before it wrote.
            "fence" | "membar" => Ok(opcode.is_plain_fence().then_some(())),
            "mov" => self.copy(&opcode, &operands),
            "ld" | "ldu" => self.load(&opcode, &operands),
            "st" => self.store(&opcode, &operands),
            "cvta" => self.convert_address(&opcode, &operands),
            "cvt" => self.convert(&opcode, &operands),
            "setp" => self.compare(&opcode, &operands),
            "addc" | "subc" | "madc" => self.carry(&opcode, &operands),
            _ if opcode.modifiers.contains(&"cc") => self.carry(&opcode, &operands),
            _ => self.compute(&opcode, &operands),
        }
    }

    fn alone(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>], op: Op) -> Option<()> {
        let alone = operands.is_empty() && opcode.types.is_empty();
        let plain = opcode.modifiers.iter().all(|modifier| *modifier == "uni");
        (alone && plain).then(|| self.code.push(op))
    }

    fn branch(&mut self, operands: &[Operand<'_>], guard: Option<(Place, bool)>) -> Decoded<()> {
        let [Operand::Word { text, negative: false }] = operands else { return Ok(None) };
        let target = self.names.label(text);
        self.code.push(match guard {
            Some((predicate, holds)) => Op::BranchIf { predicate, holds, target },
            None => Op::Branch { target },
        });
        Ok(Some(()))
    }

    fn switch(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let [index, Operand::Word { text, negative: false }] = operands else { return Ok(None) };
        if !matches!(opcode.modifiers[..], ["idx"] | ["idx", "uni"]) {
            return Ok(None);
        }
        let index = self.source(index)?;
        let targets = self.names.table(text)?;
        self.code.push(Op::Switch { index, targets });
        Ok(Some(()))
    }

    /// All threads of a block wait; those for some of them are not known here.
    fn barrier(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let names = ["sync", "cta", "aligned"];
        let known = opcode.modifiers.iter().all(|modifier| names.contains(modifier));
        let ([id], true, true) = (operands, known, opcode.modifiers.contains(&"sync")) else {
            return Ok(None);
        };
        let id = self.source(id)?;
        self.code.push(Op::Barrier { id });
        Ok(Some(()))
    }

    fn meet(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let meeting = Meeting::read(opcode, operands, self)?;
        Ok(meeting.map(|meeting| self.code.push(Op::Meet(Box::new(meeting)))))
    }

    pub(super) fn source(&mut self, operand: &Operand<'_>) -> Result<Place, String> {
        match operand {
            Operand::Word { text, negative: false } => self.names.source(text),
            Operand::Word { text, negative: true } => {
                let word = number(text).ok_or_else(|| format!("`{text}` is no number"))?;
                Ok(self.names.constant(word.wrapping_neg()))
            }
            Operand::Address { .. } | Operand::List(_) | Operand::Pair(..) => {
                Err("an operand is no word".to_owned())
            }
        }
    }

    fn target(&mut self, operand: &Operand<'_>) -> Result<(Place, Type), String> {
        match operand {
            Operand::Word { text, negative: false } => self.names.target(text),
            _ => Err("the result goes to no register".to_owned()),
        }
    }

    /// Returns the place of a register by its name.
    pub(super) fn target_of(&mut self, name: &str) -> Result<Place, String> {
        self.names.target(name).map(|(place, _)| place)
    }

    fn unary(&mut self, apply: Unary, to: Place, a: Place) {
        self.code.push(Op::Unary { apply, to, a });
    }

    fn copy(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let (Some(of), []) = (opcode.only_type(), &opcode.modifiers[..]) else { return Ok(None) };
        match operands {
            [Operand::List(to), from] => self.unpack(of, to, from),
            [to, Operand::List(from)] => self.pack(of, to, from),
            [to, from] => {
                let fits = match from {
                    Operand::Word { text, negative: false } => self.names.fits(text, of.bits),
                    _ => false,
                };
                let (from, to) = (self.source(from)?, self.target(to)?.0);
                let Some(apply) = arithmetic::kept(of.bits) else { return Ok(None) };
                // A constant may be wider, as -1 is.
                self.code.push(match fits {
                    true => Op::Copy { to, from },
                    false => Op::Unary { apply, to, a: from },
                });
                Ok(Some(()))
            }
            _ => Ok(None),
        }
    }

    fn unpack(&mut self, of: Type, to: &[Operand<'_>], from: &Operand<'_>) -> Decoded<()> {
        let Some(width) = width_of_part(of, to.len()) else { return Ok(None) };
        let from = self.source(from)?;
        let len = self.names.constant(width);
        for (at, to) in to.iter().enumerate() {
            let (to, place) = (self.target(to)?.0, self.names.constant(at as u64 * width));
            let apply = arithmetic::extract::<false, 64>;
            self.code.push(Op::Ternary { apply, to, a: from, b: place, c: len });
        }
        Ok(Some(()))
    }

    fn pack(&mut self, of: Type, to: &Operand<'_>, from: &[Operand<'_>]) -> Decoded<()> {
        let Some(width) = width_of_part(of, from.len()) else { return Ok(None) };
        let (to, mut so_far, len) =
            (self.target(to)?.0, self.names.constant(0), self.names.constant(width));
        for (at, part) in from.iter().enumerate() {
            let (part, place) = (self.source(part)?, self.names.constant(at as u64 * width));
            let to = if at + 1 == from.len() { to } else { SCRATCH };
            let from = Box::new([part, so_far, place, len]);
            self.code.push(Op::Quaternary { apply: arithmetic::insert::<64>, to, from });
            so_far = SCRATCH;
        }
        Ok(Some(()))
    }

    fn compute(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let (Some(of), [to, from @ ..]) = (opcode.only_type(), operands) else { return Ok(None) };
        let key = opcode.key();
        let saturated = key.strip_suffix(".sat").filter(|_| of.is_float() && of.bits == 32);
        let name = saturated.unwrap_or(&key);
        let Some(function) = Function::of(name, of, from.len()) else { return Ok(None) };
        let from = from.iter().map(|from| self.source(from)).collect::<Result<Vec<_>, _>>()?;
        let (to, to_type) = self.target(to)?;
        // Of a wide product and such, the result is wider than the operands, but no predicate.
        if (to_type.kind == Kind::Predicate) != (of.kind == Kind::Predicate) {
            return Err("the result is of another type".to_owned());
        }
        let Some(op) = function.op(to, &from) else { return Ok(None) };
        self.code.push(op);
        if saturated.is_some() {
            self.unary(float::saturated(of), to, to);
        }
        Ok(Some(()))
    }

    /// Decodes what reads the carry, with a `c` after its name, or hands one on, `.cc`.
    fn carry(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let (Some(of), [to, from @ ..]) = (opcode.only_type(), operands) else { return Ok(None) };
        let key = opcode.key();
        let (key, hands_on) = key.strip_suffix(".cc").map_or((&*key, false), |key| (key, true));
        let name = key.replacen("addc", "add", 1).replacen("subc", "sub", 1);
        let name = name.replacen("madc", "mad", 1);
        let Some(functions) = carrying(&name, of, from.len()) else { return Ok(None) };
        let zero = self.names.constant(0);
        let mut places = [zero, zero, zero, if name == key { zero } else { CARRY }];
        for (place, from) in places.iter_mut().zip(from) {
            *place = self.source(from)?;
        }
        let (to, from) = (self.target(to)?.0, Box::new(places));
        if hands_on {
            let (apply, from) = (functions.carry, from.clone());
            self.code.push(Op::Quaternary { apply, to: NEXT_CARRY, from });
        }
        self.code.push(Op::Quaternary { apply: functions.result, to, from });
        if hands_on {
            self.code.push(Op::Copy { to: CARRY, from: NEXT_CARRY });
        }
        Ok(Some(()))
    }

    fn compare(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let Some(of) = opcode.only_type() else { return Ok(None) };
        let (with, comparison) = match opcode.modifiers[..] {
            [comparison] => (None, comparison),
            [comparison, with @ ("and" | "or" | "xor")] => (Some(with), comparison),
            _ => return Ok(None),
        };
        let Some(apply) = arithmetic::comparison(comparison, of) else { return Ok(None) };
        let [to, a, b, other @ ..] = operands else { return Ok(None) };
        let (a, b, to) = (self.source(a)?, self.source(b)?, self.target(to)?.0);
        match (with, other) {
            (None, []) => self.code.push(Op::Binary { apply, to, a, b }),
            (Some(with), [other]) => {
                let other = self.source(other)?;
                self.code.push(Op::Binary { apply, to: SCRATCH, a, b });
                let predicate = Type { kind: Kind::Predicate, bits: 1 };
                let Some(apply) = arithmetic::binary(with, predicate) else { return Ok(None) };
                self.code.push(Op::Binary { apply, to, a: SCRATCH, b: other });
            }
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    fn convert_address(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let [to, from] = operands else { return Ok(None) };
        let (from, to) = (self.source(from)?, self.target(to)?.0);
        let (back, space) = match opcode.modifiers[..] {
            ["to", space] => (true, space),
            [space] => (false, space),
            _ => return Ok(None),
        };
        let Some(space) = Space::of(space) else { return Ok(None) };
        let window = self.names.window(space);
        let apply = if back { arithmetic::sub::<false, 64> } else { arithmetic::add::<false, 64> };
        self.code.push(match space {
            Space::Global => Op::Copy { to, from },
            _ => Op::Binary { apply, to, a: from, b: window },
        });
        Ok(Some(()))
    }

    fn convert(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let ([to, from], [to_type, from_type]) = (operands, &opcode.types[..]) else {
            return Ok(None);
        };
        let (mut a, (to, register)) = (self.source(from)?, self.target(to)?);
        let rounding = opcode.modifiers.join(".");
        let Some(steps) = conversion(&rounding, *from_type, *to_type, register) else {
            return Ok(None);
        };
        for apply in steps {
            self.unary(apply, to, a);
            a = to;
        }
        Ok(Some(()))
    }

    fn load(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let ([to, Operand::Address { base, offset }], Some(of)) = (operands, opcode.only_type())
        else {
            return Ok(None);
        };
        let Some((space, parts)) = opcode.place_of_access() else { return Ok(None) };
        let to = to.list(parts).ok_or("as many registers as the vector has parts")?;
        let base = self.names.source(base)?;
        let mut found = Vec::new();
        for (at, to) in to.iter().enumerate() {
            let access = access((space, of), (base, *offset), (at, parts));
            found.push((self.target(to)?, access));
        }
        // The register of the address is overwritten last.
        found.sort_by_key(|((to, _), _)| *to == base);
        for ((to, register), access) in found {
            self.code.push(Op::Load { to, access });
            if of.is_signed() && of.bits < register.bits {
                let Some(steps) = conversion("", of, of, register) else { return Ok(None) };
                steps.into_iter().for_each(|apply| self.unary(apply, to, to));
            }
        }
        Ok(Some(()))
    }

    fn store(&mut self, opcode: &Opcode<'_>, operands: &[Operand<'_>]) -> Decoded<()> {
        let ([Operand::Address { base, offset }, from], Some(of)) = (operands, opcode.only_type())
        else {
            return Ok(None);
        };
        let Some((space, parts)) = opcode.place_of_access() else { return Ok(None) };
        let from = from.list(parts).ok_or("as many registers as the vector has parts")?;
        let base = self.names.source(base)?;
        for (at, part) in from.iter().enumerate() {
            let access = access((space, of), (base, *offset), (at, parts));
            let from = self.source(part)?;
            self.code.push(Op::Store { from, access });
        }
        Ok(Some(()))
    }
}

/// The bits of each part when a register is packed of so many.
fn width_of_part(of: Type, parts: usize) -> Option<u64> {
    let width = of.bits.checked_div(parts as u32)?;
    ([2, 4].contains(&parts) && width >= 8).then_some(u64::from(width))
}
