//! Turns a kernel's statements into instructions: resolves names and writes out the functions that it calls.

use crate::ir::*;
use crate::ptx::{Function, Instruction, Module, Number, Operand, Space, Statement, Variable, type_bytes};
use std::collections::HashMap;

type Result<T> = std::result::Result<T, String>;

/// Calls within calls beyond this are taken for recursion, which writing out would never end.
const DEPTH: usize = 32;

#[derive(Clone, Copy, Debug)]
enum Symbol {
    Narrow(Reg),
    Wide(Reg),
    Pred(Reg),
    /// A variable's address.
    Address(u64),
    /// A kernel's parameter, by its offset.
    Param(usize),
}

struct Decoder<'a> {
    module: &'a Module,
    globals: &'a HashMap<String, u64>,
    kernel: Kernel,
    narrow_numbers: HashMap<u32, Reg>,
    wide_numbers: HashMap<u64, Reg>,
    specials: HashMap<String, Reg>,
    scopes: Vec<HashMap<String, Symbol>>,
    /// Where each function that is being written out has its labels, and the branches to them.
    calls: Vec<Call>,
    guard: Option<(Reg, bool)>,
    line: u32,
}

#[derive(Default)]
struct Call {
    labels: HashMap<String, usize>,
    branches: Vec<(usize, String)>,
    returns: Vec<usize>,
    /// Scopes of the caller, which the callee does not see.
    hidden: usize,
}

/// Makes a kernel of the function of this name. `globals` has the addresses of the module's variables.
pub(crate) fn kernel(module: &Module, globals: &HashMap<String, u64>, name: &str) -> Result<Kernel> {
    let function = module.functions.get(name).filter(|f| f.is_entry);
    let function = function.ok_or_else(|| format!("the module has no kernel `{name}`"))?;
    let kernel = Kernel {
        name: name.to_string(),
        code: Vec::new(),
        narrow: 0,
        wide: 0,
        predicates: 0,
        narrow_constants: Vec::new(),
        wide_constants: Vec::new(),
        specials: Vec::new(),
        params: Vec::new(),
        param_bytes: 0,
        shared_bytes: 0,
        local_bytes: 0,
        max_threads: function.max_threads.unwrap_or(1024),
        has_barrier: false,
    };
    let mut decoder = Decoder {
        module,
        globals,
        kernel,
        narrow_numbers: HashMap::new(),
        wide_numbers: HashMap::new(),
        specials: HashMap::new(),
        scopes: vec![HashMap::new()],
        calls: Vec::new(),
        guard: None,
        line: 0,
    };
    decoder.entry(function).map_err(|error| format!("kernel `{name}`, line {} of its PTX: {error}", decoder.line))?;
    Ok(decoder.kernel)
}

fn aligned(at: usize, align: usize) -> usize {
    at.next_multiple_of(align.max(1))
}

impl Decoder<'_> {
    fn entry(&mut self, function: &Function) -> Result<()> {
        let mut params = HashMap::new();
        for param in &function.params {
            let offset = aligned(self.kernel.param_bytes, param.align);
            self.kernel.params.push((offset, param.bytes));
            self.kernel.param_bytes = offset + param.bytes;
            params.insert(param.name.clone(), Symbol::Param(offset));
        }
        // the module's shared variables; those of open size, which the launch gives, share what is behind the others
        let module = self.module;
        let shared = || module.variables.iter().filter(|v| v.space == Space::Shared);
        for variable in shared().filter(|v| !v.is_open) {
            let address = self.place(variable);
            params.insert(variable.name.clone(), address);
        }
        self.scopes.push(params);
        self.body(function)?;
        let end = aligned(self.kernel.shared_bytes, 16);
        if shared().any(|v| v.is_open) {
            self.kernel.shared_bytes = end;
        }
        Ok(())
    }

    /// Gives a variable its memory.
    fn place(&mut self, variable: &Variable) -> Symbol {
        let (start, end) = match variable.space {
            Space::Shared => (SHARED, &mut self.kernel.shared_bytes),
            _ => (LOCAL, &mut self.kernel.local_bytes),
        };
        let offset = aligned(*end, variable.align);
        *end = offset + variable.bytes;
        Symbol::Address(start + offset as u64)
    }

    fn body(&mut self, function: &Function) -> Result<()> {
        let Some(body) = &function.body else {
            return Err(format!("`{}` is called and not defined", function.name));
        };
        if self.calls.len() >= DEPTH {
            return Err(format!("`{}` is called too deep: recursion is not supported", function.name));
        }
        self.calls.push(Call { hidden: self.scopes.len() - 1, ..Call::default() });
        for statement in body {
            match statement {
                Statement::Open => self.scopes.push(HashMap::new()),
                Statement::Close => drop(self.scopes.pop()),
                Statement::Label(name) => {
                    let here = self.kernel.code.len();
                    if let Some(call) = self.calls.last_mut() {
                        call.labels.insert(name.clone(), here);
                    }
                }
                Statement::Registers { ty, names } => self.registers(ty, names)?,
                Statement::Variable(variable) => {
                    let symbol = self.place(variable);
                    self.declare(variable.name.clone(), symbol);
                }
                Statement::Instruction(instruction) => {
                    self.line = instruction.line;
                    self.guard = None;
                    if let Some((name, negated)) = &instruction.guard {
                        self.guard = Some((self.pred(&Operand::Name(name.clone(), false))?, *negated));
                    }
                    self.instruction(instruction).map_err(|e| format!("`{}`: {e}", instruction.opcode.join(".")))?;
                }
            }
        }
        let Some(call) = self.calls.pop() else { return Ok(()) };
        self.guard = None;
        if self.calls.is_empty() {
            self.emit(Op::Exit);
        }
        let end = self.kernel.code.len();
        for (at, label) in call.branches {
            let to = *call.labels.get(&label).ok_or_else(|| format!("there is no label `{label}`"))?;
            self.kernel.code[at].op = Op::Branch { to };
        }
        for at in call.returns {
            self.kernel.code[at].op = Op::Branch { to: end };
        }
        Ok(())
    }

    fn declare(&mut self, name: String, symbol: Symbol) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, symbol);
        }
    }

    fn registers(&mut self, ty: &str, names: &[(String, Option<usize>)]) -> Result<()> {
        let bytes = if ty == "pred" { 0 } else { type_bytes(ty).ok_or_else(|| format!("no type is named `{ty}`"))? };
        for (name, count) in names {
            let numbered = count.map(|count| (0..count).map(|i| format!("{name}{i}")));
            let all: Vec<String> = numbered.map_or_else(|| vec![name.clone()], Iterator::collect);
            for name in all {
                let symbol = match bytes {
                    0 => Symbol::Pred(fresh(&mut self.kernel.predicates)?),
                    1..=4 => Symbol::Narrow(self.narrow()?),
                    8 => Symbol::Wide(self.wide()?),
                    _ => return Err(format!("registers of type `{ty}` are not supported")),
                };
                self.declare(name, symbol);
            }
        }
        Ok(())
    }

    fn narrow(&mut self) -> Result<Reg> {
        fresh(&mut self.kernel.narrow)
    }

    fn wide(&mut self) -> Result<Reg> {
        fresh(&mut self.kernel.wide)
    }

    fn emit(&mut self, op: Op) {
        self.kernel.code.push(Inst { guard: self.guard, op, line: self.line });
    }

    fn find(&self, name: &str) -> Option<Symbol> {
        let hidden = self.calls.last().map_or(0, |call| call.hidden);
        let seen = self.scopes[hidden..].iter().rev().chain(self.scopes.get(1).filter(|_| hidden > 0));
        seen.filter_map(|scope| scope.get(name)).next().copied().or_else(|| {
            let open = self.module.variables.iter().any(|v| v.name == name && v.is_open && v.space == Space::Shared);
            if open {
                // its own variables are placed before the first instruction uses them
                return Some(Symbol::Address(SHARED + aligned(self.kernel.shared_bytes, 16) as u64));
            }
            self.globals.get(name).map(|&address| Symbol::Address(address))
        })
    }

    fn number(&self, number: Number, ty: Ty) -> u64 {
        match (number, ty) {
            (Number::Integer(n), Ty::F32) => u64::from((n as f32).to_bits()),
            (Number::Integer(n), Ty::F64) => (n as f64).to_bits(),
            (Number::Integer(n), _) => n as u64,
            (Number::F32(bits), Ty::F64) => f64::from(f32::from_bits(bits)).to_bits(),
            (Number::F32(bits), _) => u64::from(bits),
            (Number::F64(bits), Ty::F32) => u64::from((f64::from_bits(bits) as f32).to_bits()),
            (Number::F64(bits), _) => bits,
        }
    }

    fn narrow_number(&mut self, value: u32) -> Result<Reg> {
        if let Some(&reg) = self.narrow_numbers.get(&value) {
            return Ok(reg);
        }
        let reg = self.narrow()?;
        self.kernel.narrow_constants.push((reg, value));
        self.narrow_numbers.insert(value, reg);
        Ok(reg)
    }

    fn wide_number(&mut self, value: u64) -> Result<Reg> {
        if let Some(&reg) = self.wide_numbers.get(&value) {
            return Ok(reg);
        }
        let reg = self.wide()?;
        self.kernel.wide_constants.push((reg, value));
        self.wide_numbers.insert(value, reg);
        Ok(reg)
    }

    fn special(&mut self, name: &str) -> Result<Option<Reg>> {
        if let Some(&reg) = self.specials.get(name) {
            return Ok(Some(reg));
        }
        let axis = |name: &str| match name {
            "x" => Some(0),
            "y" => Some(1),
            "z" => Some(2),
            _ => None,
        };
        let special = match name.split_once('.') {
            Some(("%tid", a)) => axis(a).map(Special::Tid),
            Some(("%ntid", a)) => axis(a).map(Special::Ntid),
            Some(("%ctaid", a)) => axis(a).map(Special::Ctaid),
            Some(("%nctaid", a)) => axis(a).map(Special::Nctaid),
            _ if name == "%laneid" => Some(Special::Lane),
            _ if name == "%warpid" => Some(Special::Warp),
            _ => None,
        };
        let Some(special) = special else { return Ok(None) };
        let reg = self.narrow()?;
        self.kernel.specials.push((reg, special));
        self.specials.insert(name.to_string(), reg);
        Ok(Some(reg))
    }

    /// A register of 32 bits that has the operand's value.
    fn a32(&mut self, operand: &Operand, ty: Ty) -> Result<Reg> {
        match operand {
            Operand::Number(n) => {
                let value = self.number(*n, ty) as u32;
                self.narrow_number(if ty.bytes() == 2 { value & 0xffff } else { value })
            }
            Operand::Name(name, false) => match self.find(name) {
                Some(Symbol::Narrow(reg)) => Ok(reg),
                Some(Symbol::Address(address)) => {
                    let address = u32::try_from(address).map_err(|_| format!("`{name}` has a 64-bit address"))?;
                    self.narrow_number(address)
                }
                Some(Symbol::Param(offset)) => self.narrow_number((PARAM + offset as u64) as u32),
                Some(_) => Err(format!("`{name}` is no 32-bit register")),
                None => self.special(name)?.ok_or_else(|| format!("`{name}` is not declared")),
            },
            other => Err(format!("the operand {other:?} is not supported here")),
        }
    }

    fn a64(&mut self, operand: &Operand, ty: Ty) -> Result<Reg> {
        match operand {
            Operand::Number(n) => {
                let value = self.number(*n, ty);
                self.wide_number(value)
            }
            Operand::Name(name, false) => match self.find(name) {
                Some(Symbol::Wide(reg)) => Ok(reg),
                Some(Symbol::Address(address)) => self.wide_number(address),
                Some(Symbol::Param(offset)) => self.wide_number(PARAM + offset as u64),
                Some(_) => Err(format!("`{name}` is no 64-bit register")),
                None => Err(format!("`{name}` is not declared")),
            },
            other => Err(format!("the operand {other:?} is not supported here")),
        }
    }

    fn any(&mut self, operand: &Operand, ty: Ty) -> Result<Reg> {
        if ty.is_wide() { self.a64(operand, ty) } else { self.a32(operand, ty) }
    }

    fn pred(&mut self, operand: &Operand) -> Result<Reg> {
        match operand {
            Operand::Name(name, false) => match self.find(name) {
                Some(Symbol::Pred(reg)) => Ok(reg),
                _ => Err(format!("`{name}` is no predicate")),
            },
            other => Err(format!("the operand {other:?} is no predicate")),
        }
    }

    /// A register by its name, whatever its width.
    fn either(&mut self, operand: &Operand, ty: Ty) -> Result<(Reg, bool)> {
        if let Operand::Name(name, false) = operand
            && let Some(Symbol::Wide(reg)) = self.find(name)
        {
            return Ok((reg, true));
        }
        Ok((self.any(operand, ty)?, ty.is_wide()))
    }

    /// A destination, or nothing for `_`.
    fn sink(&mut self, operand: &Operand, ty: Ty) -> Result<Option<(Reg, bool)>> {
        match operand {
            Operand::Name(name, _) if name == "_" => Ok(None),
            other => self.either(other, ty).map(Some),
        }
    }

    fn address(&mut self, operand: &Operand) -> Result<Address> {
        let Operand::Address(base, offset) = operand else { return Err("an address is expected".into()) };
        match &**base {
            Operand::Number(Number::Integer(n)) => {
                let base = self.wide_number((*n as u64).wrapping_add_signed(*offset))?;
                Ok(Address { base, is_wide: true, offset: 0 })
            }
            name => {
                let is_narrow =
                    matches!(name, Operand::Name(name, _) if matches!(self.find(name), Some(Symbol::Narrow(_))));
                let base = if is_narrow { self.a32(name, Ty::U32)? } else { self.a64(name, Ty::U64)? };
                Ok(Address { base, is_wide: !is_narrow, offset: *offset })
            }
        }
    }

    /// 16-bit integers as 32-bit ones of the same value.
    fn extended(&mut self, reg: Reg, ty: Ty) -> Result<Reg> {
        if ty != Ty::S16 {
            return Ok(reg);
        }
        let d = self.narrow()?;
        let (finish, to) = (Finish { round: Round::Near, flush: false, saturate: false }, Ty::S32);
        self.emit(Op::Convert { to, from: Ty::S16, integral: false, finish, d, d_wide: false, a: reg });
        Ok(d)
    }

    /// Makes the register hold 16 bits again.
    fn narrowed(&mut self, d: Reg, ty: Ty) -> Result<()> {
        if ty.bytes() == 2 {
            let b = self.narrow_number(0xffff)?;
            self.emit(Op::Int2 { op: Int2::And, wide: false, d, a: d, b });
        }
        Ok(())
    }

    fn call(&mut self, i: &Instruction) -> Result<()> {
        if self.guard.is_some() {
            return Err("a call under a predicate is not supported".into());
        }
        let (returned, name, given) = match &i.operands[..] {
            [Operand::Many(returned), Operand::Name(name, _), Operand::Many(given)] => {
                (&returned[..], name, &given[..])
            }
            [Operand::Many(returned), Operand::Name(name, _)] => (&returned[..], name, &[][..]),
            [Operand::Name(name, _), Operand::Many(given)] => (&[][..], name, &given[..]),
            [Operand::Name(name, _)] => (&[][..], name, &[][..]),
            _ => return Err("calls through pointers are not supported".into()),
        };
        if name == "__assertfail" {
            self.emit(Op::Trap { cause: "an `assert` of the kernel failed".into() });
            return Ok(());
        }
        let module = self.module;
        let function = module.functions.get(name).ok_or_else(|| format!("`{name}` is not declared"))?;
        if (returned.len(), given.len()) != (function.returns.len(), function.params.len()) {
            return Err(format!("`{name}` is called with another number of values than it takes"));
        }
        let mut scope = HashMap::new();
        let values = returned.iter().zip(&function.returns).chain(given.iter().zip(&function.params));
        for (value, variable) in values {
            let Operand::Name(from, _) = value else { return Err(format!("`{name}` is called with a number")) };
            let symbol = self.find(from).ok_or_else(|| format!("`{from}` is not declared"))?;
            scope.insert(variable.name.clone(), symbol);
        }
        self.scopes.push(scope);
        let line = self.line;
        self.body(function)?;
        self.line = line;
        self.scopes.pop();
        Ok(())
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each instruction")]
    fn instruction(&mut self, i: &Instruction) -> Result<()> {
        let parts: Vec<&str> = i.opcode.iter().map(String::as_str).collect();
        let (name, has) = (parts[0], |part: &str| parts[1..].contains(&part));
        let types: Vec<Ty> = parts[1..].iter().filter_map(|part| Ty::named(part)).collect();
        let ty = types.last().copied();
        let typed = || ty.ok_or_else(|| "it has no type that is supported".to_string());
        let round = match () {
            () if has("rz") || has("rzi") => Round::Zero,
            () if has("rm") || has("rmi") => Round::Down,
            () if has("rp") || has("rpi") => Round::Up,
            () => Round::Near,
        };
        let finish = Finish { round, flush: has("ftz"), saturate: has("sat") };
        let o = &i.operands;
        let want = |n: usize| {
            if o.len() == n { Ok(()) } else { Err(format!("it has {} operands, not {n}", o.len())) }
        };
        match name {
            "mov" => {
                want(2)?;
                let ty = typed()?;
                match (&o[0], &o[1]) {
                    (Operand::Many(parts), a) if parts.len() == 2 => {
                        if ty.is_wide() {
                            let a = self.a64(a, ty)?;
                            let (low, high) = (self.sink(&parts[0], Ty::U32)?, self.sink(&parts[1], Ty::U32)?);
                            self.emit(Op::Split { low: low.map(|r| r.0), high: high.map(|r| r.0), a });
                        } else {
                            let a = self.a32(a, ty)?;
                            let (low, high) = (self.sink(&parts[0], Ty::U16)?, self.sink(&parts[1], Ty::U16)?);
                            self.emit(Op::SplitHalves { low: low.map(|r| r.0), high: high.map(|r| r.0), a });
                        }
                    }
                    (d, Operand::Many(parts)) if parts.len() == 2 => {
                        if ty.is_wide() {
                            let (low, high) = (self.a32(&parts[0], Ty::U32)?, self.a32(&parts[1], Ty::U32)?);
                            let d = self.a64(d, ty)?;
                            self.emit(Op::Join { d, low, high });
                        } else {
                            let (low, high) = (self.a32(&parts[0], Ty::U16)?, self.a32(&parts[1], Ty::U16)?);
                            let d = self.a32(d, ty)?;
                            self.emit(Op::JoinHalves { d, low, high });
                        }
                    }
                    (d, Operand::Number(Number::Integer(n))) if ty == Ty::Pred => {
                        let (d, zero) = (self.pred(d)?, self.narrow_number(0)?);
                        let compare = if *n == 0 { Compare::Ne } else { Compare::Eq };
                        self.emit(Op::Set {
                            ty: Ty::U32,
                            compare,
                            unordered: false,
                            flush: false,
                            d: Some(d),
                            other: None,
                            a: zero,
                            b: zero,
                            with: None,
                        });
                    }
                    (d, a) if ty == Ty::Pred => {
                        let (d, a) = (self.pred(d)?, self.pred(a)?);
                        self.emit(Op::MovPred { d, a });
                    }
                    (d, a) => {
                        let (d, a) = (self.any(d, ty)?, self.any(a, ty)?);
                        self.emit(Op::Mov { wide: ty.is_wide(), d, a });
                    }
                }
            }
            // one address space holds all
            "cvta" => {
                want(2)?;
                let (d, a) = (self.a64(&o[0], Ty::U64)?, self.a64(&o[1], Ty::U64)?);
                self.emit(Op::Mov { wide: true, d, a });
            }
            "add" | "sub" | "mul" | "div" | "min" | "max" | "copysign" if typed()?.is_float() => {
                want(3)?;
                let ty = typed()?;
                let op = match name {
                    "add" => Float2::Add,
                    "sub" => Float2::Sub,
                    "mul" => Float2::Mul,
                    "div" => Float2::Div,
                    "min" => Float2::Min { nan: has("NaN") },
                    "max" => Float2::Max { nan: has("NaN") },
                    _ => Float2::CopySign,
                };
                let (d, a, b) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?, self.any(&o[2], ty)?);
                if round != Round::Near && (ty == Ty::F64 || op == Float2::Div) {
                    return Err("directed rounding of 64 bits and of quotients is not supported".into());
                }
                // copysign(a, b) is b with the sign of a
                let (a, b) = if op == Float2::CopySign { (b, a) } else { (a, b) };
                self.emit(Op::Float2 { op, wide: ty.is_wide(), finish, d, a, b });
            }
            "neg" | "abs" | "sqrt" | "rsqrt" | "rcp" | "ex2" | "lg2" | "sin" | "cos" | "tanh"
                if typed()?.is_float() =>
            {
                want(2)?;
                let ty = typed()?;
                if round != Round::Near {
                    return Err("directed rounding is not supported".into());
                }
                let op = match name {
                    "neg" => Float1::Neg,
                    "abs" => Float1::Abs,
                    "sqrt" => Float1::Sqrt,
                    "rsqrt" => Float1::Rsqrt,
                    "rcp" if ty == Ty::F64 && has("approx") => Float1::RcpCoarse,
                    "rcp" => Float1::Rcp,
                    "ex2" => Float1::Ex2,
                    "lg2" => Float1::Lg2,
                    "sin" => Float1::Sin,
                    "cos" => Float1::Cos,
                    _ => Float1::Tanh,
                };
                let (d, a) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?);
                self.emit(Op::Float1 { op, wide: ty.is_wide(), finish, d, a });
            }
            "fma" | "mad" if typed()?.is_float() => {
                want(4)?;
                let ty = typed()?;
                if ty == Ty::F64 && round != Round::Near {
                    return Err("directed rounding of 64 bits is not supported".into());
                }
                let (d, a) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?);
                let (b, c) = (self.any(&o[2], ty)?, self.any(&o[3], ty)?);
                self.emit(Op::Fma { wide: ty.is_wide(), finish, d, a, b, c });
            }
            "mul" | "mad" if has("wide") => {
                let ty = typed()?;
                if ty.bytes() != 4 {
                    return Err("products of 16 bits are not supported".into());
                }
                want(if name == "mad" { 4 } else { 3 })?;
                let (d, a, b) = (self.a64(&o[0], Ty::U64)?, self.a32(&o[1], ty)?, self.a32(&o[2], ty)?);
                let c = if name == "mad" { Some(self.a64(&o[3], Ty::U64)?) } else { None };
                self.emit(Op::MulWide { signed: ty.is_signed(), d, a, b, c });
            }
            "mad" | "madc" => {
                want(4)?;
                let ty = typed()?;
                let (d, a) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?);
                let (b, c) = (self.any(&o[2], ty)?, self.any(&o[3], ty)?);
                let high = has("hi").then_some(ty.is_signed());
                if name == "madc" || has("cc") {
                    if ty.is_wide() {
                        return Err("carries of 64 bits are not supported".into());
                    }
                    let product = self.narrow()?;
                    let op = high.map_or(Int2::Mul, |signed| Int2::MulHi { signed });
                    self.emit(Op::Int2 { op, wide: false, d: product, a, b });
                    self.emit(Op::Carry {
                        subtract: false,
                        take: name == "madc",
                        give: has("cc"),
                        d,
                        a: product,
                        b: c,
                    });
                } else {
                    self.emit(Op::Mad { wide: ty.is_wide(), high, d, a, b, c });
                    self.narrowed(d, ty)?;
                }
            }
            "addc" | "subc" => {
                want(3)?;
                let ty = typed()?;
                let (d, a, b) = (self.a32(&o[0], ty)?, self.a32(&o[1], ty)?, self.a32(&o[2], ty)?);
                self.emit(Op::Carry { subtract: name == "subc", take: true, give: has("cc"), d, a, b });
            }
            "add" | "sub" if has("cc") => {
                want(3)?;
                let ty = typed()?;
                let (d, a, b) = (self.a32(&o[0], ty)?, self.a32(&o[1], ty)?, self.a32(&o[2], ty)?);
                self.emit(Op::Carry { subtract: name == "sub", take: false, give: true, d, a, b });
            }
            "and" | "or" | "xor" if typed()? == Ty::Pred => {
                want(3)?;
                let op = match name {
                    "and" => Bool2::And,
                    "or" => Bool2::Or,
                    _ => Bool2::Xor,
                };
                let (d, a, b) = (self.pred(&o[0])?, self.pred(&o[1])?, self.pred(&o[2])?);
                self.emit(Op::Pred2 { op, d, a, b });
            }
            "not" if typed()? == Ty::Pred => {
                want(2)?;
                let (d, a) = (self.pred(&o[0])?, self.pred(&o[1])?);
                self.emit(Op::NotPred { d, a });
            }
            "add" | "sub" | "mul" | "div" | "rem" | "min" | "max" | "and" | "or" | "xor" | "shl" | "shr" => {
                want(3)?;
                if finish.saturate {
                    return Err("saturated integers are not supported".into());
                }
                let ty = typed()?;
                let signed = ty.is_signed();
                let is_shift = matches!(name, "shl" | "shr");
                let op = match name {
                    "add" => Int2::Add,
                    "sub" => Int2::Sub,
                    "mul" if has("hi") => Int2::MulHi { signed },
                    "mul" => Int2::Mul,
                    "div" => Int2::Div { signed },
                    "rem" => Int2::Rem { signed },
                    "min" => Int2::Min { signed },
                    "max" => Int2::Max { signed },
                    "and" => Int2::And,
                    "or" => Int2::Or,
                    "xor" => Int2::Xor,
                    "shl" => Int2::Shl,
                    _ => Int2::Shr { signed },
                };
                if ty.bytes() == 2 && matches!(op, Int2::MulHi { .. }) {
                    return Err("the upper half of a 16-bit product is not supported".into());
                }
                let (d, a) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?);
                let b = if is_shift { self.a32(&o[2], Ty::U32)? } else { self.any(&o[2], ty)? };
                let (a, b) = (self.extended(a, ty)?, if is_shift { b } else { self.extended(b, ty)? });
                self.emit(Op::Int2 { op, wide: ty.is_wide(), d, a, b });
                self.narrowed(d, ty)?;
            }
            "not" | "neg" | "abs" | "clz" | "popc" | "brev" => {
                want(2)?;
                let ty = typed()?;
                let op = match name {
                    "not" => Int1::Not,
                    "neg" => Int1::Neg,
                    "abs" => Int1::Abs,
                    "clz" => Int1::Clz,
                    "popc" => Int1::Popc,
                    _ => Int1::Brev,
                };
                let counts = matches!(op, Int1::Clz | Int1::Popc);
                let d = if counts { self.a32(&o[0], Ty::U32)? } else { self.any(&o[0], ty)? };
                let a = self.any(&o[1], ty)?;
                let a = self.extended(a, ty)?;
                self.emit(Op::Int1 { op, wide: ty.is_wide(), d, a });
                self.narrowed(d, ty)?;
            }
            "bfi" => {
                want(5)?;
                let ty = typed()?;
                let (d, a, b) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?, self.any(&o[2], ty)?);
                let (c, e) = (self.a32(&o[3], Ty::U32)?, self.a32(&o[4], Ty::U32)?);
                self.emit(Op::BitInsert { wide: ty.is_wide(), d, a, b, c, e });
            }
            "bfe" => {
                want(4)?;
                let ty = typed()?;
                let (d, a) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?);
                let (b, c) = (self.a32(&o[2], Ty::U32)?, self.a32(&o[3], Ty::U32)?);
                self.emit(Op::BitExtract { wide: ty.is_wide(), signed: ty.is_signed(), d, a, b, c });
            }
            "shf" => {
                want(4)?;
                let (d, a) = (self.a32(&o[0], Ty::U32)?, self.a32(&o[1], Ty::U32)?);
                let (b, c) = (self.a32(&o[2], Ty::U32)?, self.a32(&o[3], Ty::U32)?);
                self.emit(Op::Funnel { left: has("l"), clamp: has("clamp"), d, a, b, c });
            }
            "lop3" => {
                want(5)?;
                let (d, a) = (self.a32(&o[0], Ty::U32)?, self.a32(&o[1], Ty::U32)?);
                let (b, c) = (self.a32(&o[2], Ty::U32)?, self.a32(&o[3], Ty::U32)?);
                let Operand::Number(Number::Integer(table)) = o[4] else { return Err("its table is no number".into()) };
                self.emit(Op::Lop3 { table: table as u8, d, a, b, c });
            }
            "prmt" if parts.len() == 2 => {
                want(4)?;
                let (d, a) = (self.a32(&o[0], Ty::U32)?, self.a32(&o[1], Ty::U32)?);
                let (b, c) = (self.a32(&o[2], Ty::U32)?, self.a32(&o[3], Ty::U32)?);
                self.emit(Op::Permute { d, a, b, c });
            }
            "setp" => {
                let ty = typed()?;
                let compares = parts[1..].iter().find_map(|part| compare(part, ty));
                let (compare, unordered) = compares.ok_or("its comparison is not supported")?;
                let bool2 = match () {
                    () if has("and") => Some(Bool2::And),
                    () if has("or") => Some(Bool2::Or),
                    () if has("xor") => Some(Bool2::Xor),
                    () => None,
                };
                want(if bool2.is_some() { 4 } else { 3 })?;
                let sink = |this: &mut Self, p: &Operand| match p {
                    Operand::Name(name, _) if name == "_" => Ok(None),
                    p => this.pred(p).map(Some),
                };
                let (d, other) = match &o[0] {
                    Operand::Pair(d, other) => (sink(self, d)?, sink(self, other)?),
                    d => (sink(self, d)?, None),
                };
                let (a, b) = (self.any(&o[1], ty)?, self.any(&o[2], ty)?);
                let (a, b) = (self.extended(a, ty)?, self.extended(b, ty)?);
                let with = match (bool2, o.get(3)) {
                    (Some(op), Some(Operand::Name(name, negated))) => {
                        Some((op, self.pred(&Operand::Name(name.clone(), false))?, *negated))
                    }
                    (None, None) => None,
                    _ => return Err("its last operand is no predicate".into()),
                };
                let ty = if ty == Ty::S16 { Ty::S32 } else { ty };
                self.emit(Op::Set { ty, compare, unordered, flush: has("ftz"), d, other, a, b, with });
            }
            "selp" => {
                want(4)?;
                let ty = typed()?;
                let (d, a, b) = (self.any(&o[0], ty)?, self.any(&o[1], ty)?, self.any(&o[2], ty)?);
                let p = self.pred(&o[3])?;
                self.emit(Op::Select { wide: ty.is_wide(), d, a, b, p });
            }
            "cvt" => {
                want(2)?;
                let [to, from] = types[..] else { return Err("its types are not supported".into()) };
                let (d, d_wide) = self.either(&o[0], to)?;
                let (a, a_wide) = self.either(&o[1], from)?;
                // a source may stand in a wider register
                let a = if a_wide && !from.is_wide() {
                    let low = self.narrow()?;
                    self.emit(Op::Truncate { d: low, a });
                    low
                } else {
                    a
                };
                let integral = parts[1..].iter().any(|p| matches!(*p, "rni" | "rzi" | "rmi" | "rpi"));
                match (to, from) {
                    (Ty::U64 | Ty::S64, Ty::U32 | Ty::S32) if !finish.saturate => {
                        self.emit(Op::Extend { signed: from.is_signed(), d, a });
                    }
                    (Ty::U32 | Ty::S32, Ty::U64 | Ty::S64) if !finish.saturate && !d_wide => {
                        self.emit(Op::Truncate { d, a });
                    }
                    _ => self.emit(Op::Convert { to, from, integral, finish, d, d_wide, a }),
                }
            }
            "ld" | "ldu" => {
                want(2)?;
                let ty = typed()?;
                let many = if let Operand::Many(many) = &o[0] { &many[..] } else { std::slice::from_ref(&o[0]) };
                let mut d = Vec::new();
                for operand in many {
                    d.push(self.sink(operand, ty)?);
                }
                let param = match &o[1] {
                    Operand::Address(base, offset) => match &**base {
                        Operand::Name(name, _) => match self.find(name) {
                            Some(Symbol::Param(at)) => Some(at.checked_add_signed(*offset as isize)),
                            _ => None,
                        },
                        _ => None,
                    },
                    _ => None,
                };
                if let Some(at) = param {
                    let mut offset = at.ok_or("it reads before the parameters")?;
                    for d in d {
                        if offset + ty.bytes() > self.kernel.param_bytes {
                            return Err("it reads behind the parameters".into());
                        }
                        if let Some((d, wide)) = d {
                            self.emit(Op::LoadParam { ty, wide, d, offset });
                        }
                        offset += ty.bytes();
                    }
                } else {
                    let at = self.address(&o[1])?;
                    let wide = d.iter().flatten().any(|d| d.1);
                    self.emit(Op::Load { ty, wide, d: d.into_iter().map(|d| d.map(|d| d.0)).collect(), at });
                }
            }
            "st" => {
                want(2)?;
                let ty = typed()?;
                let many = if let Operand::Many(many) = &o[1] { &many[..] } else { std::slice::from_ref(&o[1]) };
                let (mut a, mut wide) = (Vec::new(), false);
                for operand in many {
                    let (reg, is_wide) = self.either(operand, ty)?;
                    a.push(reg);
                    wide = is_wide;
                }
                let at = self.address(&o[0])?;
                self.emit(Op::Store { ty, wide, a, at });
            }
            "atom" | "red" => {
                let ty = typed()?;
                let op = parts[1..].iter().find_map(|part| match *part {
                    "add" => Some(Atomic::Add),
                    "min" => Some(Atomic::Min),
                    "max" => Some(Atomic::Max),
                    "and" => Some(Atomic::And),
                    "or" => Some(Atomic::Or),
                    "xor" => Some(Atomic::Xor),
                    "exch" => Some(Atomic::Exchange),
                    "cas" => Some(Atomic::CompareExchange),
                    "inc" => Some(Atomic::Increment),
                    "dec" => Some(Atomic::Decrement),
                    _ => None,
                });
                let op = op.ok_or("its operation is not supported")?;
                if ty.bytes() < 4 || ty.is_float() && !matches!(op, Atomic::Add | Atomic::Exchange) {
                    return Err("its type is not supported".into());
                }
                let (d, rest) = if name == "atom" { (Some(&o[0]), &o[1..]) } else { (None, &o[..]) };
                if rest.len() != if op == Atomic::CompareExchange { 3 } else { 2 } {
                    return Err("it has another number of operands".into());
                }
                let d = match d {
                    Some(d) => self.sink(d, ty)?.map(|d| d.0),
                    None => None,
                };
                let (at, b) = (self.address(&rest[0])?, self.any(&rest[1], ty)?);
                let c = if let Some(c) = rest.get(2) { self.any(c, ty)? } else { b };
                self.emit(Op::Atomic { op, ty, d, at, b, c });
            }
            "shfl" => {
                want(5)?;
                let mode = match () {
                    () if has("up") => Shuffle::Up,
                    () if has("down") => Shuffle::Down,
                    () if has("bfly") => Shuffle::Butterfly,
                    () => Shuffle::Index,
                };
                let (d, p) = match &o[0] {
                    Operand::Pair(d, p) => (self.a32(d, Ty::U32)?, Some(self.pred(p)?)),
                    d => (self.a32(d, Ty::U32)?, None),
                };
                let (a, b) = (self.a32(&o[1], Ty::U32)?, self.a32(&o[2], Ty::U32)?);
                let (c, members) = (self.a32(&o[3], Ty::U32)?, self.a32(&o[4], Ty::U32)?);
                self.emit(Op::Shuffle { mode, d, p, a, b, c, members });
            }
            "vote" => {
                want(3)?;
                let mode = match () {
                    () if has("all") => Vote::All,
                    () if has("any") => Vote::Any,
                    () if has("uni") => Vote::Uniform,
                    () if has("ballot") => Vote::Ballot,
                    () => return Err("its mode is not supported".into()),
                };
                let d = if mode == Vote::Ballot { self.a32(&o[0], Ty::U32)? } else { self.pred(&o[0])? };
                let Operand::Name(p, negated) = &o[1] else { return Err("it votes on no predicate".into()) };
                let (a, members) = (self.pred(&Operand::Name(p.clone(), false))?, self.a32(&o[2], Ty::U32)?);
                self.emit(Op::Vote { mode, d, a, negated: *negated, members });
            }
            "activemask" => {
                want(1)?;
                let d = self.a32(&o[0], Ty::U32)?;
                self.emit(Op::ActiveMask { d });
            }
            "bra" => {
                let [Operand::Name(label, _)] = &o[..] else { return Err("it has no label".into()) };
                let (at, label) = (self.kernel.code.len(), label.clone());
                self.emit(Op::Branch { to: usize::MAX });
                if let Some(call) = self.calls.last_mut() {
                    call.branches.push((at, label));
                }
            }
            "ret" if self.calls.len() > 1 => {
                let at = self.kernel.code.len();
                self.emit(Op::Branch { to: usize::MAX });
                if let Some(call) = self.calls.last_mut() {
                    call.returns.push(at);
                }
            }
            "ret" | "exit" => self.emit(Op::Exit),
            "trap" => self.emit(Op::Trap { cause: "it ran into a `trap`".into() }),
            "bar" | "barrier" if has("warp") => {
                want(1)?;
                let members = self.a32(&o[0], Ty::U32)?;
                self.emit(Op::WarpBarrier { members });
            }
            "bar" | "barrier" => {
                if !has("sync") || !matches!(o[..], [Operand::Number(Number::Integer(0))]) {
                    return Err("barriers other than `__syncthreads` are not supported".into());
                }
                self.kernel.has_barrier = true;
                self.emit(Op::Barrier);
            }
            // accesses happen in their order anyway
            "membar" | "fence" | "prefetch" | "prefetchu" | "discard" | "nanosleep" => {}
            "call" => self.call(i)?,
            _ => return Err("it is not supported".into()),
        }
        Ok(())
    }
}

fn fresh(count: &mut usize) -> Result<Reg> {
    let reg = Reg::try_from(*count).map_err(|_| "it has more than 65536 registers of a kind")?;
    *count += 1;
    Ok(reg)
}

/// The comparison, and whether it holds where an operand is no number.
fn compare(part: &str, ty: Ty) -> Option<(Compare, bool)> {
    let found = match part {
        "eq" => (Compare::Eq, false),
        "ne" => (Compare::Ne, false),
        "lt" | "lo" => (Compare::Lt, false),
        "le" | "ls" => (Compare::Le, false),
        "gt" | "hi" => (Compare::Gt, false),
        "ge" | "hs" => (Compare::Ge, false),
        "equ" => (Compare::Eq, true),
        "neu" => (Compare::Ne, true),
        "ltu" => (Compare::Lt, true),
        "leu" => (Compare::Le, true),
        "gtu" => (Compare::Gt, true),
        "geu" => (Compare::Ge, true),
        "num" => (Compare::Num, false),
        "nan" => (Compare::Nan, true),
        _ => return None,
    };
    (ty.is_float() || !found.1 && found.0 != Compare::Num).then_some(found)
}
