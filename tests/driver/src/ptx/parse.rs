//! Reads a module: its variables and its kernels.

use std::sync::Arc;

use super::code::Op;
use super::decode::Decoder;
use super::lex::Cursor;
use super::names::Names;
use super::space::{Declared, Space, Variables};
use super::{Kernel, Module, Param};

/// Reads a module from its text.
pub(super) fn module(text: &str) -> Result<Module, String> {
    let mut parser =
        Parser { cursor: Cursor::new(text), variables: Variables::default(), kernels: Vec::new() };
    while !parser.cursor.peek().is_empty() {
        parser.item()?;
    }
    let data: Arc<[u8]> = parser.variables.data.into();
    let mut kernels = parser.kernels;
    kernels.iter_mut().for_each(|kernel| kernel.data = data.clone());
    Ok(Module { kernels })
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    /// Of the module.
    variables: Variables,
    kernels: Vec<Kernel>,
}

impl<'t> Parser<'t> {
    fn item(&mut self) -> Result<(), String> {
        match self.cursor.peek() {
            ".address_size" => {
                self.cursor.word()?;
                self.cursor.expect("64")
            }
            ".version" | ".target" | ".file" | ".loc" => {
                self.cursor.skip_line();
                Ok(())
            }
            ".visible" | ".extern" | ".weak" | ".common" => self.cursor.word().map(|_| ()),
            ".section" | ".func" | ".pragma" | ".alias" => self.cursor.skip_body(),
            ".entry" => self.kernel(),
            ".global" | ".const" | ".shared" => {
                declare(&mut self.cursor, &mut self.variables).map(|_| ())
            }
            _ => Err(self.cursor.error("this is not known")),
        }
    }

    fn kernel(&mut self) -> Result<(), String> {
        let line = self.cursor.line();
        self.cursor.expect(".entry")?;
        let name = self.cursor.word()?;
        let mut names = Names::new(self.variables.of_kernel());
        let params = self.params(&mut names.variables)?;
        while self.cursor.peek() != "{" {
            self.launch_bound()?;
        }
        self.cursor.expect("{")?;
        let mut decoder = Decoder { names, code: Vec::new(), lines: Vec::new() };
        while self.statement(&mut decoder)? {}
        let Decoder { names, mut code, mut lines } = decoder;
        code.push(Op::End);
        lines.push(line);
        let dynamic_start = names.variables.dynamic_start() as usize;
        let shared_byte_len = names.variables.shared_byte_len as usize;
        let local_byte_len = names.variables.local_byte_len as usize;
        let frame = names.finish(&mut code, &lines)?;
        let (name, data) = (name.to_owned(), Arc::default());
        self.kernels.push(Kernel {
            name,
            params,
            code,
            lines,
            frame,
            shared_byte_len,
            dynamic_start,
            local_byte_len,
            data,
        });
        Ok(())
    }

    fn params(&mut self, variables: &mut Variables) -> Result<Vec<Param>, String> {
        let mut found = Vec::new();
        if !self.cursor.pass("(") || self.cursor.pass(")") {
            return Ok(found);
        }
        loop {
            self.cursor.expect(".param")?;
            let declared = Declared::read(&mut self.cursor)?;
            let place = variables.declare(Space::Param, &declared);
            let (start, byte_len) = place.map_err(|error| self.located(error))?;
            found.push(Param { start: start as usize, byte_len: byte_len as usize });
            if !self.cursor.pass(",") {
                self.cursor.expect(")")?;
                return Ok(found);
            }
        }
    }

    fn located(&self, error: String) -> String {
        format!("line {}: {error}", self.cursor.line())
    }

    /// Passes a directive between the parameters and the body, as `.reqntid 256, 1, 1`.
    fn launch_bound(&mut self) -> Result<(), String> {
        let known = [".maxntid", ".reqntid", ".minnctapersm", ".maxnctapersm", ".maxnreg"];
        if self.cursor.peek() == ".pragma" {
            return self.cursor.skip_body();
        }
        if !known.contains(&self.cursor.peek()) {
            return Err(self.cursor.error("expected the kernel's body"));
        }
        self.cursor.word()?;
        loop {
            self.cursor.word()?;
            if !self.cursor.pass(",") {
                return Ok(());
            }
        }
    }

    /// Reads a statement of a body; false after the body's end.
    fn statement(&mut self, decoder: &mut Decoder) -> Result<bool, String> {
        let cursor = &mut self.cursor;
        match cursor.peek() {
            "" => return Err(cursor.error("expected `}`")),
            "{" => decoder.names.open(),
            "}" => {
                cursor.pass("}");
                return Ok(decoder.names.close());
            }
            ".reg" => {
                cursor.word()?;
                return decoder.names.declare_registers(cursor).map(|()| true);
            }
            ".shared" | ".local" => {
                return declare(cursor, &mut decoder.names.variables).map(|()| true);
            }
            ".loc" | ".file" => {
                cursor.skip_line();
                return Ok(true);
            }
            ".pragma" => return cursor.skip_body().map(|()| true),
            word if word.starts_with('.') => return Err(cursor.error("this is not known")),
            _ if cursor.peek_second() == ":" => return self.label(decoder).map(|()| true),
            _ => {
                let tokens = cursor.statement()?;
                return decoder.instruction(&tokens).map(|()| true);
            }
        }
        cursor.pass("{");
        Ok(true)
    }

    /// Reads a label, or the table of labels that it names.
    fn label(&mut self, decoder: &mut Decoder) -> Result<(), String> {
        let name = self.cursor.word()?;
        self.cursor.expect(":")?;
        if !self.cursor.pass(".branchtargets") {
            let label = decoder.names.label(name);
            let placed = decoder.names.place_label(label, decoder.code.len());
            return placed.map_err(|error| self.located(format!("`{name}`: {error}")));
        }
        let mut labels = Vec::new();
        loop {
            labels.push(self.cursor.word()?.to_owned());
            if !self.cursor.pass(",") {
                break;
            }
        }
        decoder.names.add_table(name, labels);
        self.cursor.expect(";")
    }
}

/// Reads declarations of variables of one space, up to their `;`.
fn declare(cursor: &mut Cursor<'_>, variables: &mut Variables) -> Result<(), String> {
    let space = Space::of(&cursor.word()?[1..]);
    let space = space.ok_or_else(|| cursor.error("no space before this"))?;
    let declared = Declared::read(cursor)?;
    let place = variables.declare(space, &declared);
    let (start, byte_len) = place.map_err(|error| format!("line {}: {error}", cursor.line()))?;
    if space == Space::Global {
        variables.initialize(cursor, &declared, start, byte_len)?;
    }
    cursor.expect(";")
}
